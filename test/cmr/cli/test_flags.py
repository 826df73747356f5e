"""Flags: defaults by data set, and flags.txt as a flagfile."""

import contextlib
import types

import pytest
import tiny_runs
from absl import flags

from cmr import config, train
from cmr.cli import command, datasets, training_flags
from cmr.config import TrainConfig
from cmr.workspace.paths import Workspace


def parsed(*arguments):
    """The flags of cmr.train by name, as the command sees them, and their text as a flagfile."""
    with tiny_runs.own_flags() as values:
        for define in train.GROUPS:
            define()
        values(["cmr.train", *arguments])
        datasets.apply_defaults(values)
        text = command.flagfile_text(values, train.GROUPS, training_flags.without_effect(values))
        return {name: values[name].value for name in command.flag_names(train.GROUPS)}, text


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


@contextlib.contextmanager
def of_own_data(tmp_path, dataset, images, *arguments):
    """cmr.train's flags for a prepared data set of this many training images, not yet set by default."""
    workspace = Workspace(tmp_path, dataset)
    splits = {"train": {"images": images, "captions": 5 * images}}
    workspace.write_description({"dataset": dataset, "image_dir": "images", "splits": splits})
    with tiny_runs.own_flags() as values:
        for define in train.GROUPS:
            define()
        values(["cmr.train", f"--dataset={dataset}", f"--workspace_dir={tmp_path}", *arguments])
        yield values


@pytest.mark.parametrize("dataset", ["custom", "tfds:my_pictures"])
@pytest.mark.parametrize(("images", "gru_units", "learning_rate"), [(2_999, 256, 1e-3), (3_000, 1024, 2e-4)])
def test_own_data_has_its_defaults_by_the_number_of_training_images(
    tmp_path, dataset, images, gru_units, learning_rate
):
    with of_own_data(tmp_path, dataset, images) as values:
        told = datasets.take_defaults(values)

        assert (values.gru_units, values.learning_rate, values.vgg_model) == (gru_units, learning_rate, "vgg16")
        assert told.startswith(f"defaults for {images:,} training images")
        assert f"--gru_units={gru_units}" in told


def test_a_size_that_was_given_is_neither_changed_nor_said(tmp_path):
    with of_own_data(tmp_path, "custom", 20, "--gru_units=7") as values:
        told = datasets.take_defaults(values)

        assert (values.gru_units, values.word_dim) == (7, 128)
        assert ("gru_units" in told, "--word_dim=128" in told) == (False, True)


def test_where_every_size_was_given_nothing_is_said(tmp_path):
    given = [f"--{name}=9" for name in datasets.OF_FEW_IMAGES if name not in ("lstm_units", "pretrain_epochs")]

    with of_own_data(tmp_path, "custom", 20, *given) as values:
        assert datasets.take_defaults(values) == ""


def test_the_papers_data_sets_keep_their_sizes_whatever_their_number_of_images(tmp_path):
    with of_own_data(tmp_path, "flickr8k", 20) as values:
        assert datasets.take_defaults(values) == ""
        assert values.gru_units == 1024


def test_own_data_that_is_not_prepared_has_no_line(tmp_path):
    with of_own_data(tmp_path, "custom", 20) as values:
        Workspace(tmp_path, "custom").dataset_json.unlink()

        assert datasets.take_defaults(values) == ""


def test_help_says_the_rule_of_own_data():
    told = datasets.defaults_of("gru_units")

    assert told.endswith("tfds 1024; custom and tfds with fewer than 3,000 training images 256.")
    assert "fewer" not in datasets.defaults_of("vgg_model")


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
