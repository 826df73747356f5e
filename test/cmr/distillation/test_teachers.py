"""cmr.train --teachers from end to end: what a student keeps of its teachers, what it learns, and who can't teach."""

import dataclasses
import shlex
import shutil
import types

import numpy as np
import pytest
import tiny_runs
import tunable_runs

from cmr.config import (
    ComparatorRunConfig,
    ComparatorTrainConfig,
    DistillationConfig,
    FinetuneConfig,
    ModelConfig,
    RunConfig,
    TextPretrainingConfig,
    TrainConfig,
)
from cmr.data.teacher_rows import TeacherRows
from cmr.distillation import embedding, teachers
from cmr.distillation.teachers import Teachers
from cmr.errors import ConfigError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import SplitEmbedder
from cmr.retrieval.phase import Phase
from cmr.retrieval.setup import RunSetup
from cmr.trained import card, finished_run, made_by
from cmr.workspace import runs
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.runs import Run


def flags_of(root, *teachers, **changed):
    """The flags of the frozen run, and those of its teachers."""
    first = tunable_runs.frozen(root)
    kept = [flag for flag in first.flags_txt.read_text().splitlines() if not flag.startswith("--run_name")]
    names = ",".join(str(teacher.path) for teacher in teachers)
    return *kept, f"--teachers={names}", *(f"--{name}={value}" for name, value in changed.items())


def teacher_dir(run, teacher):
    return run.teacher_dir(teacher.path.name, runs.weights_sha256(teacher))


def teachers_of(root):
    """A run that tuned its CNN and the one that it went on from, in that order."""
    return tunable_runs.tuned(root), tunable_runs.frozen(root)


def features_of(run):
    config = run.read_config()
    return [name for name in (config.vgg_features, config.image_features) if name]


@pytest.fixture(scope="module")
def student(tunable_root):
    """A run with two teachers, and what its command printed."""
    flags = flags_of(tunable_root, *teachers_of(tunable_root), distillation_weight=0.25, run_name="student")
    ended = tiny_runs.call_command("cmr.train", *flags)
    assert ended.returncode == 0, ended.stderr
    return Run(tiny_runs.run_path(ended)), ended, flags


def test_a_student_keeps_what_each_teacher_says_of_the_training_split(tunable_root, student):
    run, ended, _ = student

    assert "it learns also from what" in ended.stdout
    for teacher in teachers_of(tunable_root):
        opened = finished_run.open_run(teacher.path)
        expected = encoding.embed_split(opened.model(), opened.inputs.split("train"))
        for side in ("images", "captions"):
            kept = np.load(teacher_dir(run, teacher) / f"{side}.npy")
            assert kept.dtype == np.float16
            np.testing.assert_allclose(kept, getattr(expected, side), atol=1e-3)


def test_its_settings_and_its_table_name_the_teachers_and_how_they_count(tunable_root, student):
    run, ended, _ = student
    names = [teacher.path.name for teacher in teachers_of(tunable_root)]

    distillation = run.read_config().distillation

    assert list(distillation.teachers) == sorted(names)
    assert (distillation.distillation_weight, distillation.distillation_temperature) == (0.25, 0.1)
    table = " ".join(ended.stdout.split())
    assert f"It learnt also how similar {', '.join(names)} find images and sentences of the training split" in table
    read = tuple(sorted({name for each in teachers_of(tunable_root) for name in features_of(each)}))
    assert distillation.features == read
    assert f"25% of the target, at the temperature 0.1; they have read {', '.join(read)}." in table


def test_the_same_command_prints_the_finished_students_table_again(student):
    _, ended, flags = student

    again = tiny_runs.call_command("cmr.train", *flags)

    assert (again.returncode, again.stderr) == (0, "")
    table = ended.stdout[ended.stdout.index("* test split") :]
    assert table in again.stdout


def test_teachers_count_by_their_weight(tunable_root, student):
    without = tunable_runs.frozen(tunable_root)
    ended = tiny_runs.call_command(
        "cmr.train", *flags_of(tunable_root, without, distillation_weight=0, max_epochs=1, run_name="weightless")
    )
    assert ended.returncode == 0, ended.stderr

    (weightless,) = Run(tiny_runs.run_path(ended)).read_history()

    first = without.read_history()[0]
    np.testing.assert_allclose(weightless["loss"], first["loss"], rtol=1e-6)
    assert not np.isclose(student[0].read_history()[0]["loss"], first["loss"], rtol=1e-4)


def test_the_card_begins_with_the_commands_of_all_that_it_stems_from(student):
    made_by = card.text(finished_run.open_run(student[0].path)).partition("## Made by\n\n")[2]

    words = shlex.split(made_by)
    names = [word.partition("=")[2] for word in words if word.startswith("--run_name=")]
    tuned, frozen = (path.rpartition("/")[2] for path in words[-1].partition("=")[2].split(","))

    assert names == [frozen, tuned]
    assert words.count("cmr.train") == 3
    assert words[-1] == f"--teachers=workspace/scenes/runs/{tuned},workspace/scenes/runs/{frozen}"
    assert f"--finetune_from=workspace/scenes/runs/{frozen}" in words
    assert str(student[0].path.parents[2]) not in made_by


def test_a_second_phase_can_have_teachers_too(tunable_root):
    teacher, first = teachers_of(tunable_root)
    flags = *tunable_runs.tuning_flags(first), f"--teachers={teacher.path}", "--max_epochs=1", "--run_name=both"

    ended = tiny_runs.call_command("cmr.train", *flags)

    assert ended.returncode == 0, ended.stderr
    kept = Run(tiny_runs.run_path(ended)).read_config()
    assert list(kept.distillation.teachers) == [teacher.path.name]
    assert (kept.finetune is not None, kept.finetune.taught_by) == (True, None)


def test_a_second_phase_of_a_student_has_no_teachers_of_its_own_and_says_who_taught_before(tunable_root, student):
    run, _, _ = student
    flags = *tunable_runs.tuning_flags(run), "--max_epochs=1", "--run_name=tuned_student"

    ended = tiny_runs.call_command("cmr.train", *flags)

    assert ended.returncode == 0, ended.stderr
    tuned = Run(tiny_runs.run_path(ended))
    assert tuned.read_config().distillation is None
    taught_by = run.read_config().distillation
    assert tuned.read_config().finetune.taught_by == taught_by
    names, read = ", ".join(taught_by.teachers), ", ".join(taught_by.features)
    said = f"The run that it went on from had learnt also from {names}; they have read {read}."
    assert said in " ".join(ended.stdout.split())
    assert [each.path.name for each in made_by.runs_behind(tuned)[0]][-1] == "student"


def opened_teachers(root, *teachers, allow_leak=False):
    given = [str(run.path) for run in teachers]
    values = types.SimpleNamespace(
        teachers=given, distillation_weight=0.5, distillation_temperature=0.1, allow_leak=allow_leak
    )
    return Teachers.from_flags(values)


def plain_phase(root, **changed):
    """What is to learn: the frozen run once more."""
    opened = finished_run.open_run(tunable_runs.frozen(root).path)
    run_config = dataclasses.replace(opened.config, **changed)
    return Phase(RunSetup(None, opened.inputs, run_config, None, None, None))


def changed_inputs(teachers, change):
    (teacher,) = teachers.runs
    return dataclasses.replace(teachers, runs=(dataclasses.replace(teacher, inputs=change(teacher.inputs)),))


def more_images(inputs):
    captions = inputs.captions.copy()
    captions.loc[captions["image_id"] == "val0.png", "split"] = "train"
    return dataclasses.replace(inputs, captions=captions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda inputs: dataclasses.replace(
                inputs, fingerprints={**inputs.fingerprints, "captions.csv": Fingerprint("0" * 64)}
            ),
            "has read other sentences",
        ),
        (lambda inputs: inputs.first_images(train=10), "has read 10 training images and this run reads 36"),
        (more_images, "has read 37 training images and this run reads 36"),
    ],
)
def test_who_has_not_read_the_same_pairs_can_not_teach_them(tunable_root, change, message):
    teachers = opened_teachers(tunable_root, tunable_runs.frozen(tunable_root))

    with pytest.raises(ConfigError, match=message):
        changed_inputs(teachers, change).teach(plain_phase(tunable_root))


@pytest.fixture
def leaky(tunable_root):
    """A run of which is said that it has seen what it is measured on."""
    first = tunable_runs.frozen(tunable_root)
    run = Run(first.path.with_name("leaky"))
    shutil.copytree(first.path, run.path)
    run.config_json.write_text(dataclasses.replace(run.read_config(), leak="It has seen some.").to_json())
    yield run
    shutil.rmtree(run.path)


def test_what_a_teacher_has_seen_of_the_measured_images_is_said_of_its_student(tunable_root, leaky):
    teachers = opened_teachers(tunable_root, leaky, allow_leak=True)

    plain = teachers.teach(plain_phase(tunable_root)).setup.run_config.leak
    of_own = teachers.teach(plain_phase(tunable_root, leak="So has it.")).setup.run_config.leak

    assert plain == "Of its teacher leaky: It has seen some."
    assert of_own == f"So has it. {plain}"


def test_who_has_seen_the_answers_teaches_as_a_deliberate_ablation_alone(tunable_root, leaky):
    with pytest.raises(ConfigError, match=r"leaky, of which is said: It has seen some\. Give one .*--allow_leak"):
        opened_teachers(tunable_root, leaky)


def rows_of(teacher, run):
    return embedding.teacher_rows({teacher_dir(run, teacher.run): teacher})


def same(one: TeacherRows, other: TeacherRows) -> bool:
    pairs = zip([*one.images, *one.captions], [*other.images, *other.captions], strict=True)
    return all(np.array_equal(first[:], second[:]) for first, second in pairs)


def test_a_stopped_embedding_goes_on_and_damaged_rows_are_made_again(tunable_root, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "_BLOCK", 20)
    teacher = finished_run.open_run(tunable_runs.frozen(tunable_root).path)
    whole = rows_of(teacher, Run(tmp_path / "whole"))
    embed, blocks = SplitEmbedder.embed_captions, []

    def embed_some(self, split, captions):
        blocks.append(captions[0])
        if len(blocks) == 4:
            raise KeyboardInterrupt
        return embed(self, split, captions)

    monkeypatch.setattr(SplitEmbedder, "embed_captions", embed_some)
    stopped = Run(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        rows_of(teacher, stopped)

    went_on = rows_of(teacher, stopped)

    assert same(went_on, whole)
    # Three blocks were safe.
    assert blocks[4:] == list(range(60, len(whole.captions[0]), 20))
    path = teacher_dir(stopped, teacher.run) / "captions.npy"
    path.write_bytes(path.read_bytes()[:-2])
    assert same(rows_of(teacher, stopped), whole)


def without(name):
    return lambda run: (run.path / name).unlink()


def make_a_comparators(run):
    before = run.read_config()
    course = ComparatorTrainConfig()
    config = ComparatorRunConfig("scenes", "cca", {}, course, before.vgg_features, "", before.checksums)
    run.config_json.write_text(config.to_json())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: shutil.rmtree(run.path), "holds no run"),
        (without("metrics.json"), "is not finished"),
        (without("best.weights.h5"), "missing or damaged"),
        (make_a_comparators, "is a run of cmr.compare"),
        (lambda run: run.best_weights.write_bytes(b"weights"), "missing or damaged"),
    ],
)
def test_who_can_not_teach_is_refused_before_anything_is_written(tunable_root, damage, message):
    first = tunable_runs.frozen(tunable_root)
    teacher = Run(first.path.with_name("damaged"))
    shutil.copytree(first.path, teacher.path)
    try:
        damage(teacher)
        ended = tiny_runs.call_command("cmr.train", *flags_of(tunable_root, teacher, run_name="refused"))
    finally:
        shutil.rmtree(teacher.path, ignore_errors=True)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert message in ended.stderr
    assert not first.path.with_name("refused").exists()


@pytest.mark.parametrize(
    ("times", "changed", "message"),
    [
        (2, {}, "twice; name each run once"),
        (1, {"loss": "hinge"}, "--teachers teach by --loss=softmax"),
        (1, {"distillation_weight": 1.5}, "distillation_weight"),
        (1, {"distillation_temperature": 0}, "distillation_temperature"),
    ],
)
def test_flags_that_do_not_fit_are_refused(tunable_root, times, changed, message):
    teachers = [tunable_runs.frozen(tunable_root)] * times

    ended = tiny_runs.call_command("cmr.train", *flags_of(tunable_root, *teachers, **changed, run_name="refused"))

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert message in ended.stderr


def test_what_a_student_knows_of_is_also_what_its_teachers_teachers_have_read():
    of_vgg, of_image = ("single", "", "image"), ("vse", "vgg", "")
    taught = DistillationConfig({"a": "1"}, features=("grid",), sentences_of=("mscoco",))
    tuned = FinetuneConfig("2", {}, 1, 0.1, 1, dataclasses.replace(taught, features=("older",), sentences_of=()))
    configs = [
        run_config(*of_vgg, text_pretraining=TextPretrainingConfig({"flickr30k": "3"}, 1)),
        run_config(*of_image, distillation=taught),
        # A second phase with teachers of its own, whose first one had others.
        run_config(*of_image, finetune=tuned, distillation=dataclasses.replace(taught, features=("own",))),
    ]

    read = teachers._learnt_from([types.SimpleNamespace(config=each) for each in configs])

    assert read == (("grid", "image", "older", "own", "vgg"), ("flickr30k", "mscoco"))


def run_config(model, vgg_features, image_features, **parts):
    sizes = ModelConfig(model, 1, 1, 9)
    return RunConfig("scenes", sizes, TrainConfig(), vgg_features, image_features, "", {}, **parts)
