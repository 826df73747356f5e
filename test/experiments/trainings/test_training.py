"""A training is known by the hash of its flags."""

import importlib
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import own_flags

from cmr.errors import ConfigError
from experiments.tables import paper
from experiments.trainings.training import FLAGFILES, Training, find_flagfile

ROWS = [path for dataset in paper.DATASETS.values() for path in sorted((FLAGFILES / dataset).glob("*.flags"))]


@pytest.fixture
def flagfile(tmp_path):
    path = tmp_path / "row.flags"
    path.write_text("# A row.\n--dataset=scenes\n--model=vse\n--margin=0.2\n")
    return path


def training(path, *flags, seed=0, name="row"):
    return Training(name, (path,), flags, seed)


def test_the_last_of_equal_flags_counts(flagfile, tmp_path):
    overlay = tmp_path / "overlay.flags"
    overlay.write_text("--margin=0.5\n--gru_units=8\n")

    settings = Training("row", (flagfile, overlay), ("--gru_units=9",), 4).settings()

    assert settings == {"dataset": "scenes", "model": "vse", "margin": "0.5", "gru_units": "9", "seed": "4"}


@pytest.mark.parametrize("changed", ["--margin=0.3", "--negatives=hardest"])
def test_any_other_flag_is_another_run(flagfile, changed):
    assert training(flagfile).run_name != training(flagfile, changed).run_name


@pytest.mark.parametrize("unimportant", ["--margin=0.2", "--checkpoint_steps=7", "--workspace_dir=elsewhere"])
def test_what_does_not_change_the_numbers_does_not_change_the_run(flagfile, unimportant):
    assert training(flagfile).run_name == training(flagfile, unimportant).run_name


def test_the_order_of_flags_does_not_change_the_run(flagfile, tmp_path):
    turned = tmp_path / "turned.flags"
    turned.write_text("--margin=0.2\n\n--model=vse\n--dataset=scenes\n")

    assert training(turned).run_name == training(flagfile).run_name


@given(st.lists(st.integers(0, 999), min_size=2, max_size=5, unique=True))
def test_every_seed_is_a_run_of_its_own(seeds):
    path = find_flagfile("scenes/vse_paper")

    assert len({training(path, seed=seed).run_name for seed in seeds}) == len(seeds)


def test_flagfiles_are_found_by_path_and_by_name_in_the_package(flagfile):
    assert find_flagfile(str(flagfile)) == flagfile
    assert find_flagfile("laptop") == FLAGFILES / "laptop.flags"
    with pytest.raises(ConfigError, match="nowhere is no flagfile"):
        find_flagfile("nowhere")


@pytest.mark.parametrize("line", ["--noimage_norm_in_loss", "margin=0.2", "--margin 0.2"])
def test_a_line_that_is_not_name_and_value_is_refused(tmp_path, line):
    path = tmp_path / "bad.flags"
    path.write_text(f"--dataset=scenes\n{line}\n")

    with pytest.raises(ConfigError, match="is not --name=value"):
        training(path).settings()


def test_a_row_without_a_data_set_is_refused(tmp_path):
    path = tmp_path / "bare.flags"
    path.write_text("--model=vse\n")

    with pytest.raises(ConfigError, match=r"name no --dataset; put it into .*bare\.flags"):
        _ = training(path).dataset


@pytest.mark.parametrize("path", ROWS, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.parametrize("overlays", [(), ("stand_ins", "laptop")], ids=["as it is", "with overlays"])
def test_cmr_train_takes_every_row(path, overlays):
    files = (path, *map(find_flagfile, overlays))
    with own_flags() as values:
        for define in importlib.import_module("cmr.train").GROUPS:
            define()

        values(["cmr.train", *Training(path.stem, files).arguments(pathlib.Path("workspace"))])

        assert values.dataset == path.parent.name


def test_every_table_has_all_rows():
    rows = {(path.parent.name, path.stem) for path in ROWS}

    assert {(dataset, row) for dataset in paper.DATASETS.values() for row in paper.ROWS} <= rows


def test_no_setting_of_a_paper_row_is_left_to_a_default():
    """Whoever reads a flagfile sees every flag that decides the numbers of its kind of model."""
    for path in (path for path in ROWS if path.parent.name != "scenes"):
        settings = training(path).settings()
        for name in ("model", "crops", "word_dim", "gru_units", "gru_reset_after", "normalize_features", "dropout"):
            assert name in settings, (path, name)
        # The softmax loss knows no margin.
        assert ("margin" in settings) == (settings.get("loss") != "softmax"), path
        for name in ("negatives", "reduction", "image_norm_in_loss", "batch_size", "learning_rate"):
            assert name in settings, (path, name)
        assert ("image_embedding" in settings) == (settings["model"] != "vse"), path
        assert ("vgg_layer" in settings) == (settings["model"] != "single"), path


def test_a_flagfile_with_a_missing_nested_one_is_an_error_of_ours(tmp_path):
    path = tmp_path / "row.flags"
    path.write_text("--flagfile=missing.flags\n")

    with pytest.raises(ConfigError, match="can't be read as a flagfile"):
        training(path).settings()
