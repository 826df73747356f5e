"""Which settings of a run decide what its text encoder learns from sentences first."""

import dataclasses

import pytest

from cmr.config import DistillationConfig, ModelConfig, RunConfig, TextPretrainingConfig, TrainConfig
from cmr.text_pretraining import phase_settings

_RUN = RunConfig(
    dataset="scenes",
    model=ModelConfig(model="vse", vgg_dim=10, image_dim=0, vocabulary_size=40, num_ngrams=0),
    train=TrainConfig(),
    vgg_features="objects",
    image_features="",
    text_space="",
    checksums={"captions.csv": "a", "vocabulary": "b", "objects": "c"},
    text_pretraining=TextPretrainingConfig({"flickr30k": "d"}, 12),
)


def changed(**settings) -> RunConfig:
    """The run with other settings, those of its parts under their parts' names."""
    parts = {
        name: dataclasses.replace(getattr(_RUN, name), **value)
        for name, value in settings.items()
        if name in ("model", "train", "text_pretraining")
    }
    return dataclasses.replace(_RUN, **{**settings, **parts})


@pytest.mark.parametrize(
    "settings",
    [
        {"vgg_features": "layout", "checksums": {"captions.csv": "a", "vocabulary": "b", "layout": "e"}},
        {"model": {"vgg_dim": 14}},
        {"train": {"max_epochs": 3, "patience": 1, "decay_epochs": 2, "checkpoint_steps": 7}},
        {"train": {"negatives": "hardest", "warm_up_epochs": 2}},
        {"train": {"num_negatives": 9}},
        {"distillation": DistillationConfig({"stages-0": "f"}), "leak": "Its teacher has seen some."},
    ],
)
def test_what_only_images_are_learnt_from_with_leaves_it_as_it_is(settings):
    assert phase_settings.deciding(changed(**settings)) == phase_settings.deciding(_RUN)


@pytest.mark.parametrize(
    "settings",
    [
        {"checksums": {"captions.csv": "other", "vocabulary": "b", "objects": "c"}},
        {"checksums": {"captions.csv": "a", "vocabulary": "other", "objects": "c"}},
        {"model": {"model": "fusion"}},
        {"model": {"gru_units": 7}},
        {"model": {"dropout": 0.25}},
        {"train": {"seed": 1}},
        {"train": {"batch_size": 7}},
        {"train": {"learning_rate": 0.5}},
        {"train": {"loss": "softmax"}},
        {"train": {"precision": "mixed_bfloat16"}},
        {"train_images": 3},
        {"word_vectors": "glove"},
        {"ngrams": "f"},
        {"text_pretraining": {"sentence_epochs": 11}},
        {"text_pretraining": {"sentences_of": {"flickr30k": "other"}}},
        {"text_pretraining": {"sentences_of": {"flickr30k": "d", "mscoco": "d"}}},
    ],
)
def test_all_else_makes_another_phase_of_it(settings):
    assert phase_settings.deciding(changed(**settings)) != phase_settings.deciding(_RUN)


def test_it_goes_through_all_of_its_epochs_with_the_negatives_of_its_batches():
    train = phase_settings.train_config(changed(train={"patience": 1, "negatives": "hardest", "warm_up_epochs": 2}))

    assert (train.max_epochs, train.patience, train.negatives, train.warm_up_epochs) == (12, 12, "batch", 0)
