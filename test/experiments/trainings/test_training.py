"""A training is known by the values of its flags, however they are spelled."""

import importlib
import pathlib

import pytest
from absl import flags
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tiny_runs import own_flags

from cmr.cli import training_flags
from cmr.cli.flagfiles import find_flagfile, installed_folder
from cmr.errors import ConfigError
from experiments.tables import paper
from experiments.trainings import train_flags
from experiments.trainings.training import Training

ROWS = [
    path
    for dataset in paper.DATASETS.values()
    for path in sorted((installed_folder() / dataset).glob("*.flags"))
    # A second phase has the flags that it does not name from its first one.
    if path.stem != "finetuned"
]

FLAGFILE = "# A row.\n--dataset=scenes\n--model=vse\n--margin=0.2\n"


@pytest.fixture
def flagfile(tmp_path):
    path = tmp_path / "row.flags"
    path.write_text(FLAGFILE)
    return path


def training(path, *flags, seed=0, name="row"):
    return Training(name, (path,), flags, seed)


# Of every kind of flag: values other than row.flags's and the defaults, in spellings that mean the same.
SPELLINGS = {
    "margin": [("--margin=0.5", "--margin=.50", "--margin=5e-1"), ("--margin=1", "--margin=1.0")],
    "learning_rate": [("--learning_rate=2e-4", "--learning_rate=0.0002", "-learning_rate=2E-4")],
    "gru_units": [("--gru_units=8", "--gru_units=08")],
    "negatives": [("--negatives=batch",), ("--negatives=hardest",)],
    "image_norm_in_loss": [("--noimage_norm_in_loss", "--image_norm_in_loss=false", "--image_norm_in_loss=0")],
    "bidirectional": [("--bidirectional", "--bidirectional=true", "--bidirectional=True")],
    "image_embedding": [("--image_embedding=raw",)],
    "crops": [("--crops=10",)],
    "captioner": [("--captioner=folder",)],
}
# What row.flags and the defaults of the scenes come to, written out or not.
AS_IT_IS = {
    "margin": ("", "--margin=0.20"),
    "learning_rate": ("", "--learning_rate=0.001", "--learning_rate=1e-3"),
    "gru_units": ("", "--gru_units=256"),
    "negatives": ("", "--negatives=epoch"),
    "image_norm_in_loss": ("", "--image_norm_in_loss", "--image_norm_in_loss=true"),
    "bidirectional": ("", "--nobidirectional", "--bidirectional=false"),
    "image_embedding": ("",),
    "crops": ("", "--crops=1"),
    "captioner": ("", "--captioner="),
}


@st.composite
def meanings(draw):
    """What is meant by each flag: the place of its value in `SPELLINGS`, None for the value that it has anyway."""
    return {name: draw(st.sampled_from([None, *range(len(values))])) for name, values in SPELLINGS.items()}


@st.composite
def spelled(draw, meaning):
    """The flags that mean it, in any order and spelling, flags that do not count among them."""
    of_flags = [
        draw(st.sampled_from(AS_IT_IS[name] if place is None else SPELLINGS[name][place]))
        for name, place in meaning.items()
    ]
    unimportant = draw(
        st.lists(st.sampled_from(["--checkpoint_steps=7", "--workspace_dir=elsewhere", "--strategy=mirrored"]))
    )
    return draw(st.permutations([flag for flag in (*of_flags, *unimportant) if flag]))


@pytest.fixture(scope="module")
def bare_row(tmp_path_factory):
    path = tmp_path_factory.mktemp("row") / "row.flags"
    path.write_text(FLAGFILE)
    return path


@settings(deadline=None)
@given(st.data())
def test_two_spellings_of_the_same_values_are_one_run(bare_row, data):
    meaning = data.draw(meanings())
    first, second = (data.draw(spelled(meaning)) for _ in range(2))

    assert training(bare_row, *first).run_name == training(bare_row, *second).run_name


@settings(deadline=None)
@given(st.data())
def test_any_changed_value_is_another_run(bare_row, data):
    one, other = data.draw(meanings()), data.draw(meanings())
    assume(one != other)

    names = {training(bare_row, *data.draw(spelled(meaning))).run_name for meaning in (one, other)}

    assert len(names) == 2


def test_a_value_in_the_flagfile_and_one_behind_it_are_the_same_run(flagfile, tmp_path):
    turned = tmp_path / "turned.flags"
    turned.write_text("--margin=0.9\n\n--model=vse\n--dataset=scenes\n")

    assert training(turned, "--margin=0.2").run_name == training(flagfile).run_name


def test_every_flag_of_cmr_train_counts_but_for_those_without_effect(flagfile):
    with own_flags() as values:
        before = set(values)
        for define in importlib.import_module("cmr.train").GROUPS:
            define()
        of_train = set(values) - before

    one_phase = training(flagfile).values
    without_effect = train_flags.WITHOUT_EFFECT | training_flags.without_effect(one_phase)
    assert of_train - set(train_flags.counting(one_phase)) <= without_effect
    all_phases = training(
        flagfile,
        *("--finetune_cnn", "--finetune_from=before", "--sentences_of=mscoco", "--train_images=9"),
        *("--teachers=others", "--loss=softmax"),
    ).values
    without_effect = train_flags.WITHOUT_EFFECT | training_flags.without_effect(all_phases)
    assert of_train - set(train_flags.counting(all_phases)) <= without_effect


def test_a_run_of_one_phase_has_the_name_that_it_had_before_there_were_others(flagfile):
    of_others = "--finetune_blocks=0", "--max_pixels=9", "--sentence_epochs=9", "--train_images=0"
    names = {training(flagfile, given).run_name for given in (*of_others, "--distillation_weight=0.9")}

    assert names == {training(flagfile).run_name}
    assert training(flagfile, "--finetune_cnn", "--finetune_from=before").run_name not in names
    assert training(flagfile, "--sentences_of=mscoco").run_name not in names
    assert training(flagfile, "--train_images=9").run_name not in names
    taught = training(flagfile, "--loss=softmax", "--teachers=others").run_name
    assert taught not in (*names, training(flagfile, "--loss=softmax").run_name)


@pytest.mark.parametrize(
    "flag",
    [
        "--worker_timeout=5",
        "--strategy=mirrored",
        "--logical_cpus=2",
        "--checkpoint_steps=3",
        "--sentences_from=before",
    ],
)
def test_how_and_where_it_is_trained_leaves_a_runs_name(flagfile, flag):
    of_two_phases = "--sentences_of=mscoco"

    assert training(flagfile, of_two_phases, flag).run_name == training(flagfile, of_two_phases).run_name


def test_a_flagfile_that_is_edited_later_changes_neither_the_run_nor_its_name(flagfile, tmp_path):
    planned = training(flagfile, "--margin=0.2", "--noimage_norm_in_loss")
    name, before = planned.run_name, dict(train_flags.counting(planned.values))
    flagfile.write_text("--model=vse\n--dataset=scenes\n--gru_units=999\n--margin=0.9\n")

    arguments = planned.planned_arguments(tmp_path)

    assert f"--run_name={name}" in arguments
    assert not any(argument.startswith("--flagfile") for argument in arguments)
    assert train_flags.counting(train_flags.read([], arguments)) == before


def test_teachers_need_a_loss_with_targets(flagfile):
    with pytest.raises(ConfigError, match="--teachers teach by --loss=softmax"):
        _ = training(flagfile, "--teachers=others").values


def test_a_second_phase_needs_the_run_that_it_begins_with(flagfile):
    with pytest.raises(ConfigError, match="give --finetune_cnn and --finetune_from"):
        _ = training(flagfile, "--finetune_cnn").values


def test_the_last_of_equal_flags_counts(flagfile, tmp_path):
    overlay = tmp_path / "overlay.flags"
    overlay.write_text("--margin=0.5\n--gru_units=8\n")

    values = Training("row", (flagfile, overlay), ("--gru_units=9",), 4).values

    assert (values.model, values.margin, values.gru_units, values.seed) == ("vse", 0.5, 9, 4)


def test_the_flags_of_the_running_command_stay_as_they_are(flagfile):
    with own_flags() as values:
        flags.DEFINE_string("margin", "wide", "Of a page.")
        values(["command"])

        assert training(flagfile).values.margin == 0.2
        assert values.margin == "wide"


def test_the_flags_a_flagfile_sets_are_listed_by_name(flagfile):
    assert train_flags.given(flagfile) == ("--dataset=scenes", "--margin=0.2", "--model=vse")


@settings(deadline=None)
@given(st.lists(st.integers(0, 999), min_size=2, max_size=5, unique=True))
def test_every_seed_is_a_run_of_its_own(seeds):
    path = find_flagfile("scenes/vse_paper")

    assert len({training(path, seed=seed).run_name for seed in seeds}) == len(seeds)


def test_flagfiles_are_found_by_path_and_by_name_in_the_package(flagfile):
    assert find_flagfile(str(flagfile)) == flagfile
    assert find_flagfile("laptop") == installed_folder() / "laptop.flags"
    with pytest.raises(ConfigError, match="nowhere is no flagfile"):
        find_flagfile("nowhere")


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("margin=0.2", "margin"),
        ("--margin 0.2", "margin"),
        ("--marign=0.2", "marign"),
        ("--margin=7", "margin"),
        ("--nomargin", "nomargin"),
        ("--noimage_norm_in_loss=1", "noimage_norm_in_loss"),
    ],
)
def test_a_flag_that_cmr_train_would_refuse_is_named_with_its_file(flagfile, tmp_path, line, flag):
    path = tmp_path / "bad.flags"
    path.write_text(f"--gru_units=9\n{line}\n")

    with pytest.raises(ConfigError, match=rf"cmr\.train refuses .*bad\.flags: .*{flag}"):
        _ = Training("row", (flagfile, path)).values


def test_flags_that_cannot_go_together_are_refused_only_where_no_later_one_mends_them(flagfile, tmp_path):
    path = tmp_path / "warm.flags"
    path.write_text("--warm_up_epochs=4\n")

    assert training(path, "--dataset=scenes", "--negatives=hardest").values.warm_up_epochs == 4
    with pytest.raises(
        ConfigError, match=r"refuses .*row\.flags, .*warm\.flags.* together: .*give --negatives=hardest"
    ):
        _ = Training("row", (flagfile, path)).values


def test_a_row_without_a_data_set_is_refused(tmp_path):
    path = tmp_path / "bare.flags"
    path.write_text("--model=vse\n")

    with pytest.raises(ConfigError, match=r"names a --dataset; put it into .*bare\.flags"):
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
        settings = {flag[2:].partition("=")[0] for flag in train_flags.given(path)}
        values = training(path).values
        for name in ("model", "word_dim", "gru_units", "gru_reset_after", "normalize_features", "dropout"):
            assert name in settings, (path, name)
        # The softmax loss knows no margin.
        assert ("margin" in settings) == (values.loss != "softmax"), path
        for name in ("negatives", "reduction", "image_norm_in_loss", "batch_size", "learning_rate"):
            assert name in settings, (path, name)
        assert ("image_embedding" in settings) == (values.model != "vse"), path
        # The name of features says their CNN, layer and crops.
        if not settings & {"vgg_features", "image_features"}:
            assert "crops" in settings, path
            assert ("vgg_layer" in settings) == (values.model != "single"), path


def test_a_flagfile_with_a_missing_nested_one_is_an_error_of_ours(tmp_path):
    path = tmp_path / "row.flags"
    path.write_text("--flagfile=missing.flags\n")

    with pytest.raises(ConfigError, match=r"row\.flags: .*missing\.flags"):
        _ = training(path).values


def test_a_training_on_own_data_says_the_sizes_that_its_name_hashes(tmp_path):
    path = tmp_path / "own.flags"
    path.write_text("--dataset=custom\n--gru_units=64\n")

    arguments = training(path).arguments(tmp_path)

    assert [a for a in arguments if a.startswith(("--gru_units", "--word_dim"))] == [
        "--word_dim=1024",
        "--gru_units=64",
    ]
