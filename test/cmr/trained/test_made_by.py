"""The commands that make a run again: of its features, of the runs that it stems from, and its own."""

import shlex

import pytest

from cmr.trained import made_by
from cmr.workspace import feature_names


def words(lines):
    # A shell drops a line's end behind a backslash, which shlex keeps.
    return shlex.split("\n".join(lines).replace("\\\n", " "))


def extractor(name, model, layer="", crops=1, weights="w.npz"):
    return {"name": name, "model": model, "layer": layer, "crops": crops, "weights": weights}


@pytest.mark.parametrize(
    ("described", "flags"),
    [
        (
            extractor("efficientnet_lite2-stages3-352px", "efficientnet_lite2", "stages3"),
            "--cnn=image --image_model=efficientnet_lite2 --stages=3 --input_size=352 --weights=w.npz",
        ),
        (
            extractor("inception_v3", "inception_v3", "pool", weights="imagenet"),
            "--cnn=image --image_model=inception_v3 --weights=imagenet",
        ),
        (
            extractor("vgg16-fc7-10crop", "vgg16", "fc7", 10),
            "--cnn=vgg --vgg_model=vgg16 --vgg_layer=fc7 --crops=10 --weights=w.npz",
        ),
        (
            extractor("vgg19-pool5_avg-448px", "vgg19", "pool5_avg"),
            "--cnn=vgg --vgg_model=vgg19 --vgg_layer=pool5_avg --input_size=448 --weights=w.npz",
        ),
        (
            extractor("vgg16-grid4x4", "vgg16", "grid4x4"),
            "--cnn=vgg --vgg_model=vgg16 --grid --grid_side=4 --weights=w.npz",
        ),
    ],
)
def test_features_are_extracted_again_by_the_flags_that_their_name_comes_from(described, flags):
    command = words(made_by.extraction(described, "flickr8k"))

    assert command == ["python", "-m", "data_prep.extract", "--dataset=flickr8k", *flags.split()]


@pytest.mark.parametrize(
    "described",
    [
        extractor("mine", "", crops=None, weights="imported"),
        extractor("vgg16-fc7", "", "fc7", crops=None, weights="imported"),
        extractor("scene_cnn-objects", "scene_cnn"),
        extractor("efficientnet_lite2-finetuned", "efficientnet_lite2", "pool", weights="w.npz, tuned"),
        extractor("hub-my_module", "hub"),
        {"name": "by_hand", "model": "vgg16", "stand_in": ""},
    ],
)
def test_features_that_no_command_extracts_have_none(described):
    assert made_by.extraction(described, "flickr8k") == []


@pytest.mark.parametrize("layer", ["grid", "grid4x4", "predictions", "stages3"])
def test_the_flags_of_a_layer_hold_all_that_its_name_says(layer):
    name = feature_names.of_image("efficientnet_lite2", layer=layer, size=352)

    assert feature_names.layer_and_size(name) == (layer, 352)
    assert (
        feature_names.layer_flags(layer)
        == {
            "grid": ("--grid",),
            "grid4x4": ("--grid", "--grid_side=4"),
            "predictions": ("--predictions",),
            "stages3": ("--stages=3",),
        }[layer]
    )


@pytest.fixture
def runs_dir(tmp_path):
    """Runs that stem from each other: `student` from `tuned` and `other`, `tuned` from `first`."""
    flags = {
        "first": ["--dataset=scenes", "--model=vse", "--word_vectors="],
        "other": ["--dataset=scenes", "--model=single"],
        "tuned": ["--dataset=scenes", "--model=vse", "--finetune_cnn", f"--finetune_from={tmp_path / 'first'}"],
        "student": ["--dataset=scenes", f"--teachers={tmp_path / 'tuned'},{tmp_path / 'other'}", "--run_name=student"],
    }
    for name, given in flags.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.txt").write_text("\n".join(given) + "\n")
    return tmp_path


def flags_of(runs_dir, name="student"):
    return (runs_dir / name / "flags.txt").read_text().splitlines()


def test_a_run_stems_from_its_teachers_and_from_what_those_stem_from_each_once(runs_dir):
    behind = made_by.runs_behind([*flags_of(runs_dir), f"--finetune_from={runs_dir / 'first'}"])

    assert [run.path.name for run in behind] == ["first", "tuned", "other"]


def test_every_command_comes_behind_those_that_it_needs_and_names_runs_where_a_reader_has_them(runs_dir):
    command = words(made_by.commands(flags_of(runs_dir), "scenes"))

    train = "python -m cmr.train"
    place = "workspace/scenes/runs"
    assert " ".join(command).split(f"{train} ")[1:] == [
        "--dataset=scenes --model=vse --run_name=first ",
        # What it has from the run before is not said again.
        f"--finetune_cnn --finetune_from={place}/first --run_name=tuned ",
        "--dataset=scenes --model=single --run_name=other ",
        f"--dataset=scenes --teachers={place}/tuned,{place}/other",
    ]


def test_of_a_run_that_was_removed_no_command_is_known(runs_dir):
    (runs_dir / "other" / "flags.txt").unlink()

    command = words(made_by.commands(flags_of(runs_dir), "scenes"))

    assert "--run_name=other" not in command
    assert command.count("cmr.train") == 3
