"""What the flags of cmr.pretrain amount to: the opened workspace, the settings and, for the second phase, its CNN."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from absl import flags

from cmr import config
from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.captioner.looking import Looking
from cmr.captioner.model import IMAGE_WHITENING, captioner_model, model_config
from cmr.captioner.trainer import check_batches
from cmr.cli import datasets
from cmr.config import CaptionerConfig, CaptionerRunConfig, CaptionerTrainConfig
from cmr.data import input_names, whitening
from cmr.data.examples import Examples
from cmr.data.inputs import Inputs, read_inputs
from cmr.errors import ConfigError
from cmr.finetuning import cnn_in_training
from cmr.finetuning.cnn_in_training import TrainedCnn
from cmr.workspace import feature_names, runs
from cmr.workspace.captions import captioner_split, images_of, in_split
from cmr.workspace.paths import Workspace

# Folders of the second phases, by their flags.
_FOLDERS = {"finetune_cnn": "captioner_finetuned", "self_critical": "captioner_self_critical"}

# First rates by optimizer and phase, that of adam's first phase being the data set's; those of sgd, and how often its
# first phase halves the rate, are im2txt's.
_RATES = {
    ("sgd", ""): 2.0,
    ("sgd", "finetune_cnn"): 5e-4,
    ("adam", "finetune_cnn"): 1e-5,
    ("adam", "self_critical"): 1e-4,
}
_HALVE_EVERY = 8

# Enough for a mean norm.
_MEASURED_ROWS = 1000


@dataclasses.dataclass(frozen=True)
class CaptionerSetup:
    """All that a captioner's training needs.

    Attributes:
      path: the captioner's folder.
      inputs: the opened captions, vocabulary and features.
      run_config: the settings.
      begins_with: the captioner whose second phase this is; None in the first.
      trained_cnn: its CNN; None in the first phase.
    """

    path: pathlib.Path
    inputs: Inputs
    run_config: CaptionerRunConfig
    begins_with: Captioner | None
    trained_cnn: TrainedCnn | None

    def check_training(self) -> None:
        """Refuses what can't be trained, before anything of it is written.

        Raises:
          WorkspaceError: a split is too small.
          ConfigError: the batches don't fit the training split.
        """
        split = captioner_split(self.inputs.captions)
        self.inputs.check_splits((split, "val"))
        rows = in_split(self.inputs.captions, split)
        check_batches(self.run_config.train, rows["image_id"].nunique(), len(rows))

    def train_split(self) -> Examples:
        """What it learns from: the split for captioners where the data set has one, else the training split."""
        return self.inputs.split(captioner_split(self.inputs.captions))

    def model(self) -> keras.Model:
        """The captioner as training begins; the seed of the settings decides its weights."""
        keras.utils.set_random_seed(self.run_config.train.seed)
        if self.begins_with is not None:
            # Made anew: what dropout draws is decided when a layer is made, and a file's layers were before the seed.
            model = captioner_model(model_config(self.begins_with.model))
            model.set_weights(self.begins_with.model.get_weights())
            return model
        model = captioner_model(self.run_config.model)
        if self.run_config.model.whitened:
            train = self.train_split()
            features = train.features[input_names.IMAGE_FEATURES]
            moments = whitening.second_moments(features, train.num_images)
            kernel = whitening.whitening_map(moments, self.run_config.train.feature_whitening)
            model.get_layer(IMAGE_WHITENING).kernel.assign(kernel)
        return model

    def finished(self, model: keras.Model, val: Mapping[str, Any]) -> Captioner:
        """What is left of the training for others to use.

        Args:
          model: with the best weights.
          val: what history.json says of those on the validation split.
        """
        run_config = self.run_config
        train_ids = set(self.train_split().image_ids)
        if self.begins_with is not None:
            train_ids |= set(self.begins_with.train_image_ids)
        return Captioner(
            model=model,
            vocabulary=self.inputs.vocabulary,
            train_image_ids=tuple(sorted(train_ids)),
            dataset=run_config.dataset,
            features=runs.tuned_features_name(run_config.image_features)
            if run_config.trains_cnn
            else run_config.image_features,
            checksums={files.CAPTIONS: run_config.checksums["captions.csv"]},
            validation_perplexity=val["perplexity"],
            settings=dataclasses.asdict(run_config.train),
            seed=run_config.train.seed,
            # Older versions measured the perplexity alone.
            looking=Looking(**{field.name: val[field.name] for field in dataclasses.fields(Looking)})
            if "shuffled_perplexity" in val
            else None,
            # Those of a CNN that learnt too are extracted when it has.
            fingerprint=None if run_config.trains_cnn else self.inputs.fingerprints[run_config.image_features],
        )

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "CaptionerSetup":
        """Reads the workspace as the flags say.

        Args:
          values: the parsed flags, the data set's defaults applied.

        Raises:
          WorkspaceError: something is missing or does not fit.
          ConfigError: flags that can't work together.
        """
        workspace = Workspace(pathlib.Path(values.workspace_dir), values.dataset)
        name = values.image_features or feature_names.of_image(values.image_model, values.hub_module, int(values.crops))
        inputs = read_inputs(workspace, "", name)
        begins_with, trained_cnn, path = None, None, workspace.captioner_dir
        if phase := _second_phase(values):
            begins_with = _phase_1(values, workspace, inputs, name)
            model = model_config(begins_with.model)
            path = path.with_name(_FOLDERS[phase])
            trained_cnn = _trained_cnn(values, workspace, inputs, name) if values.finetune_cnn else None
        elif values.phase_1_captioner:
            raise ConfigError(
                "--phase_1_captioner is what --finetune_cnn and --self_critical begin with; give one of them too, or "
                "leave it out"
            )
        else:
            model = config.from_values(
                CaptionerConfig,
                values,
                feature_dim=inputs.feature_dim(input_names.IMAGE_FEATURES),
                vocabulary_size=len(inputs.vocabulary),
                embedding_dim=values.text_space_dim,
                dropout=values.caption_dropout,
                feature_scale=_feature_scale(inputs, values.feature_norm),
                forget_bias=values.lstm_forget_bias,
                whitened=values.feature_whitening > 0,
            )
        run_config = CaptionerRunConfig(
            dataset=values.dataset,
            model=model,
            train=_train_config(values),
            image_features=name,
            checksums=inputs.checksums
            | ({"cnn": cnn_in_training.checksum(workspace.features_dir(name))} if trained_cnn else {}),
            begins_with=begins_with.checksum() if begins_with else "",
        )
        return cls(
            pathlib.Path(values.captioner_dir) if values.captioner_dir else path,
            inputs,
            run_config,
            begins_with,
            trained_cnn,
        )


def _feature_scale(inputs: Inputs, norm: float) -> float:
    """The power of two that brings the rows' norm nearest to `norm`; 1 where that is 0."""
    if not norm:
        return 1.0
    features = inputs.features[input_names.IMAGE_FEATURES]
    images = images_of(in_split(inputs.captions, captioner_split(inputs.captions)))["image_id"].tolist()[
        :_MEASURED_ROWS
    ]
    rows = np.asarray(features.array[features.rows(images)], np.float64)
    measured = math.sqrt(float(np.mean(np.sum(np.square(rows), axis=1))))
    # Powers of two come back out of W_img without rounding.
    return 2.0 ** round(math.log2(norm / measured)) if measured else 1.0


def _second_phase(values: flags.FlagValues) -> str:
    """The flag that asks for a second phase; "" in the first."""
    return next((flag for flag in _FOLDERS if getattr(values, flag)), "")


def _phase_1(values: flags.FlagValues, workspace: Workspace, inputs: Inputs, name: str) -> Captioner:
    """The captioner that a second phase begins with."""
    path = pathlib.Path(values.phase_1_captioner) if values.phase_1_captioner else workspace.captioner_dir
    begins_with = files.read_captioner(path)
    if begins_with.features != name or begins_with.checksums[files.VOCABULARY] != inputs.checksums["vocabulary"]:
        raise ConfigError(
            f"{path} was trained on the features {begins_with.features} of {begins_with.dataset}, not on {name} of "
            f"{values.dataset} with this vocabulary; run the first phase on them (cmr.pretrain without --finetune_cnn "
            "and --self_critical)"
        )
    return begins_with


def _trained_cnn(values: flags.FlagValues, workspace: Workspace, inputs: Inputs, name: str) -> TrainedCnn:
    trained = cnn_in_training.read_trained_cnn(workspace.features_dir(name), inputs.image_dir, values.max_pixels)
    trained.encoder.model.trainable = True
    return trained


def _train_config(values: flags.FlagValues) -> CaptionerTrainConfig:
    rate = values.pretrain_learning_rate
    phase = _second_phase(values)
    if rate is None:
        kind = values.optimizer, phase
        rate = _RATES[kind] if kind in _RATES else datasets.captioner_rate(values.dataset)
    return config.from_values(
        CaptionerTrainConfig,
        values,
        batch_size=values.pretrain_batch_size,
        learning_rate=rate,
        halve_every=_HALVE_EVERY if values.optimizer == "sgd" and not phase else 0,
        clip_norm=values.pretrain_clip_norm,
        max_epochs=values.pretrain_epochs,
        # The second phase begins with W_img as the first one left it.
        feature_whitening=0.0 if phase else values.feature_whitening,
        samples_per_image=values.samples_per_image if values.self_critical else 0,
        # sgd has the decay that im2txt gives it.
        decay="none" if values.optimizer == "sgd" else values.pretrain_decay,
    )
