"""The commands that train a run again: of its captioner, of the runs that it stems from, and its own."""

import dataclasses
import json
import pathlib
import shutil

import pytest
import tiny_captioners
from printed_commands import words

from cmr.config import DistillationConfig, FinetuneConfig, ModelConfig, RunConfig, TrainConfig
from cmr.trained import made_by
from cmr.workspace.runs import Run, weights_sha256


def write_run(path, flags, begins_with=None, teachers=()):
    """A run that says so much of itself, and its weights."""
    run = Run(path)
    path.mkdir(parents=True)
    run.best_weights.write_bytes(path.name.encode())
    config = RunConfig("scenes", ModelConfig("vse", 1, 0, 9), TrainConfig(), "objects", "", "", {})
    if begins_with:
        flags = *flags, f"--finetune_from={begins_with.path}"
        config = dataclasses.replace(config, finetune=FinetuneConfig(weights_sha256(begins_with), {}, 2, 0.1, 1))
    if teachers:
        flags = *flags, f"--teachers={','.join(str(teacher.path) for teacher in teachers)}"
        sums = {teacher.path.name: weights_sha256(teacher) for teacher in teachers}
        config = dataclasses.replace(config, distillation=DistillationConfig(sums))
    run.config_json.write_text(config.to_json())
    run.flags_txt.write_text("".join(f"{flag}\n" for flag in flags))
    return run


@pytest.fixture
def student(tmp_path):
    """A run with the teachers `tuned`, which went on from `first`, and `untuned`."""
    place = tmp_path / "runs"
    first = write_run(place / "first", ["--dataset=scenes", "--model=vse", "--word_vectors="])
    tuned = write_run(place / "tuned", ["--dataset=scenes", "--model=vse", "--finetune_cnn"], begins_with=first)
    other = write_run(place / "untuned", ["--dataset=scenes", "--model=single"])
    return write_run(place / "student", ["--dataset=scenes", "--run_name=student"], teachers=(tuned, other))


def commands_of(run):
    behind, _ = made_by.runs_behind(run)
    return words(made_by.commands(run, behind))


def names_behind(run):
    known, unknown = made_by.runs_behind(run)
    return [each.path.name for each in known], unknown


def test_a_run_stems_from_its_teachers_and_from_what_those_stem_from_each_once(student):
    first = Run(student.path.with_name("first"))
    of_both = write_run(student.path.with_name("last"), [], begins_with=first, teachers=(student,))

    assert names_behind(student) == (["first", "tuned", "untuned"], [])
    assert names_behind(of_both) == (["first", "tuned", "untuned", "student"], [])


def test_runs_that_were_moved_together_are_still_known(student, tmp_path):
    moved = Run(tmp_path / "elsewhere" / "student")
    student.path.parent.rename(moved.path.parent)

    assert names_behind(moved) == (["first", "tuned", "untuned"], [])


def test_a_run_that_is_told_in_two_ways_is_one(student, monkeypatch):
    monkeypatch.chdir(student.path.parent)
    first = Run(student.path.with_name("first"))
    relative = write_run(
        student.path.with_name("last"), [], begins_with=Run(pathlib.Path("first")), teachers=(student,)
    )

    known, _ = made_by.runs_behind(relative)

    assert [each.path for each in known].count(first.path.resolve()) == 1
    assert len(known) == 4


@pytest.mark.parametrize("take_away", ["remove", "replace"])
def test_a_run_that_was_removed_is_named_and_no_other_of_its_name_is_taken_for_it(student, take_away):
    tuned = Run(student.path.with_name("tuned"))
    if take_away == "remove":
        shutil.rmtree(tuned.path)
    else:
        tuned.best_weights.write_bytes(b"others")

    command = commands_of(student)

    assert names_behind(student) == (["untuned"], ["tuned"])
    assert command.count("cmr.train") == 2
    assert command[-1] == "--teachers=workspace/scenes/runs/tuned,workspace/scenes/runs/untuned"


def test_a_run_that_took_the_name_of_its_own_teacher_ends(tmp_path):
    teacher = write_run(tmp_path / "best", [])
    run = write_run(tmp_path / "next", ["--model=vse"], teachers=(teacher,))
    shutil.rmtree(teacher.path)
    run.path.rename(teacher.path)

    assert names_behind(Run(teacher.path)) == ([], ["best"])


def test_every_command_comes_behind_those_that_it_needs_and_names_runs_where_a_reader_has_them(student):
    command = commands_of(student)

    train, place = "python -m cmr.train", "workspace/scenes/runs"
    assert " ".join(command).split(f"{train} ")[1:] == [
        "--dataset=scenes --model=vse --run_name=first ",
        # What it has from the run before is not said again.
        f"--finetune_cnn --finetune_from={place}/first --run_name=tuned ",
        "--dataset=scenes --model=single --run_name=untuned ",
        f"--dataset=scenes --teachers={place}/tuned,{place}/untuned",
    ]


def test_a_run_that_went_on_from_one_with_a_comma_in_its_name_stems_from_it(tmp_path):
    first = write_run(tmp_path / "a, b", ["--model=vse"])
    tuned = write_run(tmp_path / "tuned", ["--finetune_cnn"], begins_with=first)

    assert names_behind(tuned) == (["a, b"], [])
    # A run's name is one that --run_name takes.
    assert "--run_name=a__b" in commands_of(tuned)
    assert commands_of(tuned)[-1] == "--finetune_from=workspace/scenes/runs/a__b"


def test_two_runs_of_one_name_in_different_places_have_two(tmp_path):
    one = write_run(tmp_path / "here" / "best", ["--seed=1"])
    student = write_run(tmp_path / "here" / "student", [], teachers=(one,))
    other = write_run(tmp_path / "there" / "best", ["--seed=2"])
    other.best_weights.write_bytes(b"others")
    last = write_run(tmp_path / "there" / "last", [], begins_with=student, teachers=(other,))

    command = " ".join(commands_of(last))

    place = "workspace/scenes/runs"
    assert f"--teachers={place}/best --run_name=student" in command
    assert "--seed=2 --run_name=best-2" in command
    assert command.endswith(f"--finetune_from={place}/student --teachers={place}/best-2")


def test_a_teacher_whose_name_holds_a_comma_is_one(tmp_path):
    teacher = write_run(tmp_path / "one, two", [])
    run = write_run(tmp_path / "student", [], teachers=(teacher,))
    run.flags_txt.write_text(f'--teachers="{teacher.path}",other\n')

    assert names_behind(run) == (["one, two"], [])
    assert commands_of(run)[-1] == "--teachers=workspace/scenes/runs/one__two,workspace/scenes/runs/other"


def test_a_second_phase_with_the_teachers_of_its_first_one_names_them_too(student):
    (tuned, other) = (Run(student.path.with_name(name)) for name in ("tuned", "untuned"))
    last = write_run(student.path.with_name("last"), ["--model=vse"], begins_with=student, teachers=(tuned, other))

    assert commands_of(last)[-2:] == [
        "--finetune_from=workspace/scenes/runs/student",
        "--teachers=workspace/scenes/runs/tuned,workspace/scenes/runs/untuned",
    ]


def test_a_captioners_command_comes_behind_that_of_its_first_phase(tmp_path):
    dataset_dir = tmp_path / "scenes"
    first = tiny_captioners.write(dataset_dir / "captioner", 0, ["--lstm_units=4", "--captioner_dir=", "--seed=0"])
    told = "--self_critical", f"--captioner_dir={dataset_dir / 'raised'}"
    tiny_captioners.write(dataset_dir / "raised", 1, told, first.checksum())

    commands = [words(lines)[2:] for lines in made_by.captioner_commands(dataset_dir / "raised")]

    assert commands == [
        ["cmr.pretrain", "--dataset=scenes", "--lstm_units=4", "--seed=0"],
        ["cmr.pretrain", "--dataset=scenes", "--self_critical", "--captioner_dir=workspace/scenes/raised"],
    ]


def test_a_captioner_that_tuned_its_cnn_has_the_commands_of_both_features(tmp_path):
    dataset_dir = tmp_path / "scenes"
    described = dataset_dir / "features" / "scene_cnn-layout" / "extractor.json"
    described.parent.mkdir(parents=True)
    extractor = {"name": "scene_cnn-layout", "model": "scene_cnn", "weights": "scenes, seed 0", "stand_in": ""}
    described.write_text(json.dumps(extractor))
    first = tiny_captioners.write(dataset_dir / "captioner", 0)
    tiny_captioners.write(dataset_dir / "captioner_finetuned", 1, ["--finetune_cnn"], first.checksum())

    commands = [words(lines)[2:] for lines in made_by.captioner_commands(dataset_dir / "captioner_finetuned")]

    extract = ["data_prep.extract", "--dataset=scenes"]
    assert commands == [
        extract,
        extract,
        ["cmr.pretrain", "--dataset=scenes"],
        ["cmr.pretrain", "--dataset=scenes", "--finetune_cnn"],
        [
            *extract,
            "--cnn=image",
            "--weights=workspace/scenes/captioner_finetuned/cnn.keras",
            "--features_name=scene_cnn-layout-finetuned",
        ],
    ]


def test_a_second_phase_names_its_captioner_where_a_reader_has_it(tmp_path):
    first = tiny_captioners.write(tmp_path / "flickr8k" / "other", 0)
    told = "--self_critical", f"--phase_1_captioner={tmp_path / 'flickr8k' / 'other'}"
    tiny_captioners.write(tmp_path / "flickr8k" / "raised", 1, told, first.checksum())

    assert words(made_by.captioner_commands(tmp_path / "flickr8k" / "raised")[-1])[-1] == (
        "--phase_1_captioner=workspace/flickr8k/other"
    )


def test_an_imported_captioner_has_no_command(tmp_path):
    tiny_captioners.write(tmp_path / "captioner", 0)
    Run(tmp_path / "captioner").config_json.unlink()

    assert made_by.captioner_commands(tmp_path / "captioner") == []


def test_a_run_names_its_captioner_where_a_reader_has_it(tmp_path):
    run = write_run(tmp_path / "single", ["--model=single", f"--captioner={tmp_path / 'scenes' / 'raised'}"])

    assert commands_of(run)[-1] == "--captioner=workspace/scenes/raised"
