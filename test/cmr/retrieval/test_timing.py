"""The benchmark's parts: each is there, takes time, and leaves nothing of the step out."""

import pytest
import tensorflow as tf

from cmr.config import ModelConfig, TrainConfig
from cmr.data.input_names import IMAGE_FEATURES, VGG_FEATURES
from cmr.retrieval import timing
from cmr.retrieval.model import retrieval_model


@pytest.fixture(scope="module")
def model_config(scenes_inputs):
    return ModelConfig(
        model="fusion",
        vgg_dim=scenes_inputs.feature_dim(VGG_FEATURES),
        image_dim=scenes_inputs.feature_dim(IMAGE_FEATURES),
        vocabulary_size=len(scenes_inputs.vocabulary),
        word_dim=3,
        gru_units=3,
        text_space_dim=3,
    )


def test_a_step_is_timed_by_its_parts(scenes_inputs, model_config):
    settings = TrainConfig(0.7, "sum", "epoch", 0, 8, 1e-3, 2.0, 1, 1, 500, 0)
    model = retrieval_model(model_config)

    parts = timing.time_parts(model, settings, tf.distribute.get_strategy(), scenes_inputs.split("train"), 2)

    assert list(parts) == ["input", "text encoder", "image encoder", "loss", "optimizer", timing.WHOLE]
    assert min(parts.values()) > 0


@pytest.mark.parametrize("negatives", ["epoch", "hardest"])
def test_a_workers_part_of_a_step_is_timed_beside_the_whole(scenes_inputs, model_config, negatives):
    settings = TrainConfig(0.7, "sum", negatives, 0, 8, 1e-3, 2.0, 1, 1, 500, 0)
    model = retrieval_model(model_config)

    timed = timing.time_workers(
        model, settings, tf.distribute.get_strategy(), scenes_inputs.split("train"), [2, 4], steps=1
    )

    assert list(timed) == [1, 2, 4]
    assert all(list(parts) == ["text encoder", "image encoder", "loss", "optimizer"] for parts in timed.values())
    assert min(min(parts.values()) for parts in timed.values()) > 0


FORMS = [
    "ours, reset before (Eq. 2)",
    "ours, reset after",
    "ours, reset before, bfloat16",
    "keras.layers.GRU(reset_after=False)",
    "keras.layers.GRU(reset_after=True)",
]


def test_the_forms_of_the_gru_are_timed_beside_each_other(scenes_inputs, model_config):
    forms = timing.time_text_encoders(model_config, scenes_inputs.split("train"), pairs=8, steps=2)

    assert list(forms) == FORMS
    assert min(forms.values()) > 0


def test_pytorch_is_timed_beside_them(scenes_inputs, model_config):
    pytest.importorskip("torch", reason="PyTorch (the extra peers) is not installed")

    forms = timing.time_text_encoders(model_config, scenes_inputs.split("train"), 8, 2, against_torch=True)

    assert list(forms) == [*FORMS, "PyTorch's packed nn.GRU", "PyTorch's packed nn.GRU, autocast"]
