"""The command data_prep.prepare: what it writes and prints, what it refuses, and what a kill leaves."""

import errno
import json
import signal
import subprocess
import sys
import types
from unittest import mock

import pandas as pd
import pytest
import tiny_flickr8k
import tiny_runs
from commands import ROOT, run_command
from tiny_flickr8k import GHOST, MISSING, SPARE, TEST, TRAIN, VAL
from tiny_runs import call_command

from cmr.errors import DataError
from cmr.workspace import captions, json_files, vocabulary
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import Vocabulary
from data_prep.datasets import tfds


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory) -> dict[str, str]:
    """An environment in which importing TensorFlow or Keras fails, so that a command which succeeds did not."""
    folder = tmp_path_factory.mktemp("no_tensorflow")
    for module in ("tensorflow", "keras"):
        (folder / f"{module}.py").write_text("raise AssertionError('imported')")
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
def data_dir(tmp_path):
    return tiny_flickr8k.make_flickr8k(tmp_path / "raw")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace", "flickr8k")


@pytest.fixture
def prepare(data_dir, workspace):
    def run(*arguments):
        place = "--dataset=flickr8k", f"--workspace_dir={workspace.root}", f"--data_dir={data_dir}"
        return call_command("data_prep.prepare", *place, *arguments)

    return run


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, without_tensorflow):
    """A data set that was prepared once, its raw folder, and what the command printed."""
    folder = tmp_path_factory.mktemp("prepared")
    workspace, raw = Workspace(folder / "workspace", "flickr8k"), tiny_flickr8k.make_flickr8k(folder / "raw")
    place = "--dataset=flickr8k", f"--workspace_dir={workspace.root}", f"--data_dir={raw}"
    return workspace, raw, run_command("data_prep.prepare", *place, **without_tensorflow)


def written(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in workspace.dataset_dir.iterdir()}


def test_counts_flaws_and_the_next_command_are_printed(prepared):
    workspace, _, ended = prepared

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        f"{workspace.dataset_dir}",
        "  train       2 images        4 sentences",
        "  val         1 images        2 sentences",
        "  test        1 images        2 sentences",
        "  splits: the official split lists",
        "  vocabulary of 15 words and <pad> <unk> <end>",
        "  unknown words: 55.6% of val, 75.0% of test",
        f"dropped: images of a split without a picture (1): {MISSING}",
        f"dropped: images with sentences but neither picture nor split (1): {GHOST}",
        f"dropped: pictures in no split (1): {SPARE}",
        "warning: many words of val and test are not in the vocabulary; words are cut at spaces and punctuation, "
        "so put spaces between the words of a language written without (Chinese, Japanese, Thai)",
        f"next: python -m data_prep.extract --dataset=flickr8k --workspace_dir={workspace.root}",
    ]


def test_the_workspace_holds_captions_vocabulary_and_description(prepared):
    workspace, data_dir, _ = prepared

    rows = captions.read_captions(workspace.captions_csv)
    assert sorted(written(workspace)) == ["captions.csv", "dataset.json", "vocabulary.txt"]
    assert captions.images_of(rows)["image_id"].tolist() == [*TRAIN, *VAL, *TEST]
    assert rows["caption"].tolist() == [
        text for name in (*TRAIN, *VAL, *TEST) for text in tiny_flickr8k.SENTENCES[name]
    ]
    description = workspace.read_description()
    assert set(description.pop("sources")) == {tiny_flickr8k.TOKENS, *tiny_flickr8k.SPLIT_LISTS}
    assert description == {
        "format": 1,
        "dataset": "flickr8k",
        "image_dir": str((data_dir / "Flicker8k_Dataset").resolve()),
        "splits": {
            "train": {"images": 2, "captions": 4},
            "val": {"images": 1, "captions": 2},
            "test": {"images": 1, "captions": 2},
        },
        "protocol": "the official split lists",
        "test_folds": 1,
        "vocabulary_size": 18,
        "min_word_count": 1,
        "words_of": [],
        "flaws": [
            {"kind": "images of a split without a picture", "count": 1, "names": [MISSING]},
            {"kind": "images with sentences but neither picture nor split", "count": 1, "names": [GHOST]},
            {"kind": "pictures in no split", "count": 1, "names": [SPARE]},
        ],
        "flags": [f"--data_dir={data_dir}"],
    }


def test_the_vocabulary_knows_the_words_of_training_images_only(prepared):
    words = Vocabulary.read(prepared[0].vocabulary_txt)

    assert words.counts[words.ids["dog"]] == 3
    # Of a validation image, of a test image, of an image in no split, and of one without a picture.
    assert not {"surfer", "zebra", "lorry", "swims"} & set(words.words)


def test_many_flawed_names_are_printed_in_part_and_written_in_full(prepare, workspace, data_dir):
    names = [f"8_{number:02d}.jpg" for number in range(11)]
    for name in names:
        (data_dir / "Flicker8k_Dataset" / name).touch()

    ended = prepare()

    shown = f"{SPARE}, {names[0]}, {names[1]}, ... (all in {workspace.dataset_json})"
    assert f"dropped: pictures in no split (12): {shown}" in ended.stdout.splitlines()
    assert workspace.read_description()["flaws"][-1]["names"] == [SPARE, *names]


def test_preparing_again_renews_every_file(prepare, workspace):
    prepare()

    prepare("--min_word_count=2")

    kept = Vocabulary.read(workspace.vocabulary_txt)
    assert set(kept.words) == {*vocabulary.SPECIAL, "dog", "a", "children"}
    assert kept.counts[vocabulary.UNK_ID] == 12
    description = workspace.read_description()
    assert (description["min_word_count"], description["vocabulary_size"]) == (2, len(kept))


def say(workspace: Workspace, *sentences: tuple[str, str]) -> None:
    """Prepares flickr30k beside a data set, of images' ids and their sentences."""
    other = Workspace(workspace.root, "flickr30k")
    rows = [(name, name, "train", f"{name}#{n}", text) for n, (name, text) in enumerate(sentences)]
    other.dataset_dir.mkdir(parents=True)
    captions.write_captions(other.captions_csv, pd.DataFrame(rows, columns=list(captions.COLUMNS)))
    json_files.write_json(other.dataset_json, {"format": 1, "dataset": "flickr30k", "image_dir": "images"})


def test_words_of_other_data_sets_are_taken_in_where_they_are_said_often_enough(prepare, workspace):
    # "brown" is in one training sentence here, "surfer" in one of a validation image.
    said = (
        ("10.jpg", "A giraffe eats ."),
        ("11.jpg", "A brown giraffe ."),
        ("12.jpg", "A surfer ."),
        (VAL[0], "Surfer ."),
    )
    say(workspace, *said)

    ended = prepare("--words_of=flickr30k", "--words_of_min_count=2", "--min_word_count=2")

    assert ended.returncode == 0, ended.stderr
    words = Vocabulary.read(workspace.vocabulary_txt)
    assert set(words.words) == {*vocabulary.SPECIAL, "dog", "a", "children", "brown", "giraffe"}
    assert (words.counts[words.ids["brown"]], words.counts[words.ids["giraffe"]]) == (1, 0)
    assert "  vocabulary of 5 words (1 of them of flickr30k alone) and <pad> <unk> <end>" in ended.stdout.splitlines()
    description = workspace.read_description()
    assert description["words_of"] == ["flickr30k"]
    assert set(description["flags"][1:]) == {"--words_of=flickr30k", "--words_of_min_count=2", "--min_word_count=2"}


def test_a_home_folder_may_be_written_as_a_tilde(workspace, data_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(data_dir.parent))
    place = "--dataset=flickr8k", f"--workspace_dir={workspace.root}", "--data_dir=~/raw"

    ended = call_command("data_prep.prepare", *place)

    assert ended.returncode == 0, ended.stderr


def test_flaws_are_refused_where_asked_for(prepare, workspace):
    ended = prepare("--on_flaw=refuse")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"error: the data set has flaws: images of a split without a picture (1): {MISSING}; images with sentences "
        f"but neither picture nor split (1): {GHOST}; pictures in no split (1): {SPARE}. Mend them, or give "
        "--on_flaw=drop\n"
    )
    assert not workspace.root.exists()


def test_a_data_set_without_flaws_is_not_refused(prepare, workspace, data_dir):
    texts = data_dir / "Flickr8k_text"
    (data_dir / "Flicker8k_Dataset" / SPARE).unlink()
    tiny_flickr8k.write_lines(texts / "Flickr_8k.trainImages.txt", TRAIN)
    lines = [line for line in (texts / tiny_flickr8k.TOKENS).read_text().splitlines() if line[0] in "1234"]
    tiny_flickr8k.write_lines(texts / tiny_flickr8k.TOKENS, lines)

    ended = prepare("--on_flaw=refuse")

    assert ended.returncode == 0, ended.stderr
    assert "dropped" not in ended.stdout
    assert workspace.read_description()["flaws"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data_dir="], "--dataset=flickr8k needs --data_dir=FOLDER"),
        (["--data_dir=none"], "--data_dir=none is not a folder"),
        (["--dataset=scenes"], "reads no --data_dir; leave it out"),
        (["--min_word_count=1000"], "--min_word_count=1000 leaves no word"),
        (["--min_word_count=0"], "--min_word_count=0"),
        (["--on_flaw=keep"], "--on_flaw=keep"),
        (["--words_of=flickr30k"], "--words_of=flickr30k: "),
        (["--words_of=flickr8k"], "leave it out of --words_of"),
        (["--words_of=nothing"], "name each data set once"),
        (["--dataset=scenes", "--data_dir=", "--words_of=flickr30k"], "leave --words_of out"),
        (["flickr8k"], "'flickr8k' is not a flag"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_before_anything_is_written(prepare, workspace, arguments, said):
    ended = prepare(*arguments)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not workspace.root.exists()


def test_a_refused_command_leaves_what_was_prepared_before(prepare, workspace):
    prepare()
    before = written(workspace)

    refused = [prepare("--min_word_count=1000"), prepare("--on_flaw=refuse")]

    assert [ended.returncode for ended in refused] == [1, 1]
    assert written(workspace) == before


_KILLED = """
import os, signal, sys
from cmr.cli import command
from cmr.workspace.vocabulary import Vocabulary
from data_prep import prepare

Vocabulary.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
command.run(prepare.main, prepare.__doc__, prepare.GROUPS, uses_tensorflow=False)
"""


def test_killed_while_it_writes_it_leaves_what_was_prepared_before(prepare, workspace, data_dir):
    prepare()
    before = written(workspace)
    place = "--dataset=flickr8k", f"--workspace_dir={workspace.root}", f"--data_dir={data_dir}"

    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, *place], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert {name: content for name, content in written(workspace).items() if name in before} == before
    assert prepare().returncode == 0
    assert sorted(written(workspace)) == ["captions.csv", "dataset.json", "vocabulary.txt"]


# Failures, in this process


def files_below(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def prepare_custom(tmp_path, rows, *arguments):
    """`--dataset=custom` with rows of image, caption and split, whose pictures are all there."""
    (tmp_path / "pictures").mkdir(exist_ok=True)
    for row in rows:
        (tmp_path / "pictures" / row["image"]).touch()
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "pictures" / "captions.jsonl").write_text("\n".join(lines))
    place = "--dataset=custom", f"--workspace_dir={tmp_path / 'workspace'}", f"--data_dir={tmp_path / 'pictures'}"
    return tiny_runs.call_command("data_prep.prepare", *place, *arguments)


def rows_of(*sentences):
    return [
        {"image": f"{split}.jpg", "caption": sentence, "split": split}
        for sentence in sentences
        for split in ("train", "val", "test")
    ]


def test_a_sentence_that_cannot_be_written_is_refused_with_its_line_and_the_old_data_set_stays(tmp_path):
    prepare_custom(tmp_path, rows_of("a dog runs"))
    before = files_below(tmp_path / "workspace")

    ended = prepare_custom(tmp_path, rows_of("a dog runs", "a dog \ud83d runs"))

    assert ended.returncode == 1
    assert "captions.jsonl, line 4 is not UTF-8 text" in ended.stderr
    assert files_below(tmp_path / "workspace") == before


@pytest.mark.parametrize("failing", ["write_captions", "write_json"])
def test_a_full_disk_leaves_the_old_data_set(tmp_path, monkeypatch, failing):
    prepare_custom(tmp_path, rows_of("a dog runs"))
    before = files_below(tmp_path / "workspace")

    def fail(path, *_, **__):
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(captions if failing == "write_captions" else json_files, failing, fail)
    ended = prepare_custom(tmp_path, rows_of("a cat sleeps"))

    assert (ended.returncode, "no space left" in ended.stderr) == (1, True)
    assert files_below(tmp_path / "workspace") == before


@pytest.mark.parametrize("name", ["captions.csv", "vocabulary.txt", "dataset.json"])
def test_a_folder_in_the_place_of_a_file_is_named_and_nothing_is_changed(tmp_path, name):
    prepare_custom(tmp_path, rows_of("a dog runs"))
    (tmp_path / "workspace/custom" / name).unlink()
    (tmp_path / "workspace/custom" / name).mkdir()
    before = files_below(tmp_path / "workspace")

    ended = prepare_custom(tmp_path, rows_of("a cat sleeps"))

    assert ended.returncode == 1
    assert ended.stderr.endswith(f"{name} is a folder, where a file belongs; remove it\n")
    assert files_below(tmp_path / "workspace") == before


def test_scenes_of_another_seed_replace_pictures_and_captions_together(tmp_path, monkeypatch):
    place = "--dataset=scenes", f"--workspace_dir={tmp_path}", "--num_scenes=12"
    tiny_runs.call_command("data_prep.prepare", *place)
    before = files_below(tmp_path)

    with monkeypatch.context() as patch:
        patch.setattr(
            captions, "write_captions", mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        )
        failed = tiny_runs.call_command("data_prep.prepare", *place, "--scenes_seed=1")
    after_failure = files_below(tmp_path)
    tiny_runs.call_command("data_prep.prepare", *place, "--scenes_seed=1")

    assert failed.returncode == 1
    assert after_failure == before
    rows = captions.read_captions(tmp_path / "scenes/captions.csv")
    assert {path.name for path in (tmp_path / "scenes/images").iterdir()} == set(rows["file_name"])
    assert sorted(path.name for path in (tmp_path / "scenes").iterdir()) == [
        "captions.csv",
        "dataset.json",
        "images",
        "scene_contents.json",
        "vocabulary.txt",
    ]


def prepare_tfds(tmp_path, monkeypatch, pictures):
    """`--dataset=tfds:tiny` of one picture a split; None stands for a text that is not UTF-8."""
    splits = {split: types.SimpleNamespace(num_examples=1) for split in ("train", "val", "test")}
    info = types.SimpleNamespace(full_name="tiny/1.0.0", splits=splits)
    monkeypatch.setattr(tfds, "load_builder", lambda *_: types.SimpleNamespace(info=info))

    def examples(_, split):
        if pictures[split] is None:
            raise DataError("the data set holds a text that is not UTF-8")
        yield tfds._Example(b"\xff\xd8" + pictures[split], f"{split}.jpg", ("A dog runs.",))

    monkeypatch.setattr(tfds, "_examples", examples)
    return tiny_runs.call_command("data_prep.prepare", "--dataset=tfds:tiny", f"--workspace_dir={tmp_path}")


def test_tfds_that_fails_leaves_the_old_data_set_while_its_pictures_are_the_same(tmp_path, monkeypatch):
    prepare_tfds(tmp_path, monkeypatch, {"train": b"a", "val": b"b", "test": b"c"})
    before = files_below(tmp_path)

    ended = prepare_tfds(tmp_path, monkeypatch, {"train": b"a", "val": b"b", "test": None})

    assert ended.stderr.endswith("error: the data set holds a text that is not UTF-8\n")
    assert files_below(tmp_path) == before


def test_tfds_that_fails_after_it_replaced_pictures_says_so(tmp_path, monkeypatch):
    prepare_tfds(tmp_path, monkeypatch, {"train": b"a", "val": b"b", "test": b"c"})

    ended = prepare_tfds(tmp_path, monkeypatch, {"train": b"another", "val": b"b", "test": None})

    assert ended.returncode == 1
    assert "some pictures of the data set prepared before are replaced already, prepare it again" in ended.stderr
    assert not (tmp_path / "tfds-tiny/dataset.json").exists()


def test_a_picture_whose_name_is_not_utf8_is_named_with_escapes(tmp_path):
    raw = tiny_flickr8k.make_flickr8k(tmp_path / "raw")
    (raw / "Flicker8k_Dataset" / b"caf\xe9.jpg".decode("utf-8", "surrogateescape")).touch()
    place = "--dataset=flickr8k", f"--workspace_dir={tmp_path}", f"--data_dir={raw}"

    ended = tiny_runs.call_command("data_prep.prepare", *place)

    assert ended.returncode == 0, ended.stderr
    assert rf"dropped: pictures in no split (2): {SPARE}, caf\udce9.jpg" in ended.stdout.splitlines()


# Words


@pytest.mark.parametrize(
    ("sentences", "share", "warned"),
    [
        (("a dog runs over the grass",), "0.0%", False),
        (("\u4e00\u53ea\u72d7\u5728\u8dd1",), "0.0%", False),
        (("a dog runs over {split}",), "20.0%", False),
        (("\u4e00\u53ea{split}\u72d7\u5728\u8dd1",), "100.0%", True),
    ],
)
def test_the_share_of_unknown_words_is_said_and_a_high_one_warned_of(tmp_path, sentences, share, warned):
    rows = [{**row, "caption": row["caption"].format(split=row["split"])} for row in rows_of(*sentences)]

    ended = prepare_custom(tmp_path, rows)

    assert f"  unknown words: {share} of val, {share} of test" in ended.stdout.splitlines()
    assert ("warning: many words of val and test" in ended.stdout) == warned


def test_help_lists_the_commands_own_flags_first(without_tensorflow):
    ended = run_command("data_prep.prepare", "--help", **without_tensorflow)

    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Data set and workspace:", "Raw data:", "Splits:", "Pipeline:", "Everywhere:"]
    for flag in ("dataset", "workspace_dir", "data_dir", "on_flaw", "min_word_count"):
        assert any(line.startswith(f"  --{flag}") for line in lines)


def test_a_users_own_pictures_are_split_by_a_draw_that_is_said(tmp_path):
    (tmp_path / "pictures").mkdir()
    lines = ["image,caption"]
    for number in range(20):
        (tmp_path / "pictures" / f"{number}.jpg").write_bytes(b"not looked into")
        lines += [f'pictures/{number}.jpg,"A dog, number {number}."', f"pictures/{number}.jpg,Another dog."]
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    place = "--dataset=custom", f"--workspace_dir={tmp_path / 'workspace'}", f"--data_dir={tmp_path}"

    ended = call_command("data_prep.prepare", *place)

    assert ended.returncode == 0, ended.stderr
    assert (
        "  splits: captions.csv names no splits: 2 test and 2 validation images are drawn with seed 0"
        in ended.stdout.splitlines()
    )
    rows = captions.read_captions(tmp_path / "workspace/custom/captions.csv")
    assert captions.images_of(rows)["split"].value_counts().to_dict() == {"train": 16, "val": 2, "test": 2}
    assert len(rows) == 40


def test_cocos_photographs_are_a_data_set_of_their_own_where_no_others_are(shared, tmp_path):
    place = "--dataset=mscoco", f"--workspace_dir={tmp_path}", f"--data_dir={shared / 'data/mscoco'}"

    ended = call_command("data_prep.prepare", *place)

    assert ended.returncode == 0, ended.stderr
    assert "as no image of val2017 has a picture here" in ended.stdout
    description = Workspace(tmp_path, "mscoco").read_description()
    assert [size["images"] for size in description["splits"].values()] == [48, 16, 16]
    assert [(flaw["count"]) for flaw in description["flaws"]] == [5000]
