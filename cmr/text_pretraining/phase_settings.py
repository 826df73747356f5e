"""What the text encoder's own phase reads of a run's settings."""

import dataclasses

from cmr.config import RunConfig, TrainConfig


def train_config(run_config: RunConfig) -> TrainConfig:
    """The phase's training: the run's, but for negatives, which are the batch's, and for its course.

    It goes through all of its epochs: the run's patience may change while it goes on, and its weights must not.

    Args:
      run_config: of a run that has the phase.
    """
    epochs = run_config.text_pretraining.sentence_epochs
    return dataclasses.replace(
        run_config.train,
        max_epochs=epochs,
        patience=epochs,
        negatives="batch",
        num_negatives=0,
        warm_up_epochs=0,
        decay_epochs=0,
    )


def deciding(run_config: RunConfig) -> RunConfig:
    """The settings on which the phase's weights depend: the run's without its features and what comes behind the phase.

    What the text encoder draws does not depend on how many values an image's features have.

    Args:
      run_config: of a run that has the phase.
    """
    of_features = {run_config.vgg_features, run_config.image_features}
    return dataclasses.replace(
        run_config,
        model=dataclasses.replace(run_config.model, vgg_dim=0, image_dim=0),
        train=dataclasses.replace(train_config(run_config), checkpoint_steps=0),
        vgg_features="",
        image_features="",
        leak="",
        distillation=None,
        checksums={name: value for name, value in run_config.checksums.items() if name not in of_features},
    )
