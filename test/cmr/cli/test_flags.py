"""Flags: defaults by data set, and flags.txt as a flagfile."""

import types

import pytest
import tiny_runs
from absl import flags

from cmr import config, train
from cmr.cli import datasets
from cmr.cli import flags as cmr_flags
from cmr.config import TrainConfig


def parsed(*arguments):
    """The flags of cmr.train by name, as the command sees them, and their text as a flagfile."""
    with tiny_runs.own_flags() as values:
        for define in train.GROUPS:
            define()
        values(["cmr.train", *arguments])
        datasets.apply_defaults(values)
        named = {flag.name: flag.value for flag in values.flags_by_module_dict()[cmr_flags.__name__]}
        return named, cmr_flags.flagfile_text(values)


@pytest.mark.parametrize("dataset", datasets.NAMES)
def test_every_data_set_has_a_default_for_each_flag_left_open(dataset):
    values, _ = parsed(f"--dataset={dataset}")

    # Whether there is a captioner decides about the text space, not the data set.
    assert [name for name, value in values.items() if value is None] == ["image_embedding"]


@pytest.mark.parametrize(
    ("dataset", "batch_size"), [("flickr8k", 40), ("flickr30k", 100), ("mscoco", 100), ("tfds:coco_captions/2014", 100)]
)
def test_the_papers_setting_is_the_default_on_its_data_sets(dataset, batch_size):
    values, _ = parsed(f"--dataset={dataset}")

    expected = {
        "model": "fusion",
        "batch_size": batch_size,
        "margin": 0.7,
        "negatives": "epoch",
        "word_dim": 1024,
        "gru_units": 1024,
        "gru_reset_after": False,
        "text_space_dim": 512,
        "vgg_model": "vgg16",
        "vgg_layer": "fc7",
        "image_model": "inception_v3",
        "image_norm_in_loss": True,
    }
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("dataset", "settings"), [("flickr8k", TrainConfig()), ("mscoco", TrainConfig(batch_size=100))]
)
def test_settings_without_arguments_are_what_the_flags_give(dataset, settings):
    values, _ = parsed(f"--dataset={dataset}")

    assert config.from_values(TrainConfig, types.SimpleNamespace(**values)) == settings


def test_what_the_user_gave_is_kept():
    values, _ = parsed("--dataset=mscoco", "--batch_size=7", "--word_dim=3")

    assert (values["batch_size"], values["word_dim"], values["gru_units"]) == (7, 3, 1024)


@pytest.mark.parametrize("negatives", ["epoch", "batch"])
def test_a_warm_up_without_the_hardest_negatives_is_refused(negatives):
    with pytest.raises(flags.Error, match="give --negatives=hardest, or no --warm_up_epochs"):
        parsed(f"--negatives={negatives}", "--warm_up_epochs=2")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--dataset=mscoco", "--model=vse", "--margin=0.05", "--learning_rate=3e-05", "--seed=7"),
        ("--gru_reset_after", "--noimage_norm_in_loss", "--nonormalize_features", "--train_text_space"),
        ("--captioner=/my models/a=b #1 'x' \"y\" \u00e9.npz", "--workspace_dir=//share/ws"),
    ],
)
def test_flags_txt_read_back_as_a_flagfile_gives_every_flag_its_value(tmp_path, arguments):
    values, text = parsed(*arguments)
    path = tmp_path / "flags.txt"
    path.write_text(text, encoding="utf-8")

    assert parsed(f"--flagfile={path}") == (values, text)


def test_a_flag_behind_the_flagfile_wins(tmp_path):
    path = tmp_path / "flags.txt"
    path.write_text(parsed("--margin=0.2")[1])

    assert parsed(f"--flagfile={path}", "--margin=0.3")[0]["margin"] == 0.3


def test_a_temperature_without_unit_images_is_refused():
    with pytest.raises(flags.Error, match="needs unit images; leave --noimage_norm_in_loss out"):
        parsed("--loss=softmax", "--noimage_norm_in_loss")
