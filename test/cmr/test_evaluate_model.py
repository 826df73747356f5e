"""cmr.evaluate --model: a model on the pictures and sentences of a prepared data set, which may be any."""

import re
import shutil

import numpy as np
import pictured_runs
import pytest
import tiny_runs
from PIL import Image

from cmr.serving import packed_model, packing
from cmr.trained import hub_correction, other_data
from cmr.trained.hub_correction import HubCorrection
from cmr.workspace import captions, json_files
from cmr.workspace.paths import Workspace


def evaluate(workspace, *arguments):
    return tiny_runs.call_command("cmr.evaluate", *tiny_runs.place(workspace), *arguments)


@pytest.fixture(scope="module")
def run(pictured_root):
    return pictured_runs.trained(pictured_root)


@pytest.fixture
def workspace(run, tmp_path):
    """The data set alone, as nobody has trained on it."""
    root = run.path.parents[2]
    copied = Workspace(tmp_path / "workspace", "scenes")
    shutil.copytree(root, copied.root, ignore=shutil.ignore_patterns("runs", "features"))
    return copied


def numbers(printed: str) -> list[float]:
    (line,) = re.findall(r"^.*\(measured here\) (.*)$", printed, re.MULTILINE)
    return [float(number) for number in re.findall(r"[\d.]+", line)]


def test_of_the_runs_own_data_set_it_is_the_runs_own_table(run, workspace):
    own = tiny_runs.call_command("cmr.evaluate", f"--run_dir={run.path}")

    ended = evaluate(workspace, f"--model={run.path}")

    assert ended.returncode == 0, ended.stderr
    assert "pictures: 100%" in ended.stderr
    assert numbers(ended.stdout) == numbers(own.stdout)
    assert "Words of the sentences that the model does not know: 0.0%." in ended.stdout


def test_a_packed_model_also_has_what_a_search_finds(run, workspace, tmp_path, monkeypatch):
    chosen = HubCorrection(scale=10.0, mean=0.25)
    monkeypatch.setattr(hub_correction, "choose", lambda val, split, bank: chosen)
    packed = tmp_path / "model-0.2.cmr"
    packing.pack(run.path, packed, "float32", None, lambda done, total: None)

    ended = evaluate(workspace, f"--model={packed}", "--split=val")

    retriever = packed_model.load(str(packed))
    split = other_data.read(retriever, workspace).split("val")
    pictures = retriever.embed_pictures([workspace.images_dir / name for name in split.file_names])
    scores = retriever.embed_sentences(split.captions) @ pictures.T
    scores += chosen.of(pictures, hub_correction.bank_of(retriever.sentences.rows))
    own = scores[np.arange(len(scores)), split.image_of_caption]
    found_first = 100.0 * np.mean(own == scores.max(axis=1))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("model-0.2 on scenes, val split")
    printed = " ".join(ended.stdout.split())
    assert f"in common with all sentences: R@1/5/10 {found_first:.1f} " in printed


def test_a_model_with_the_name_of_one_of_the_papers_is_not_taken_for_it(run, tmp_path, workspace):
    flickr8k = Workspace(workspace.root, "flickr8k")
    workspace.dataset_dir.rename(flickr8k.dataset_dir)
    packed = tmp_path / "fusion.cmr"
    packing.pack(run.path, packed, "float32", None, lambda done, total: None)

    ended = evaluate(flickr8k, f"--model={packed}")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("fusion on Flickr8K, test split")
    assert "as printed" not in ended.stdout


def test_a_split_in_folds_is_measured_in_them(run, workspace):
    whole = evaluate(workspace, f"--model={run.path}")
    description = {**tiny_runs.read_json(workspace.dataset_json), "test_folds": 3}
    json_files.write_json(workspace.dataset_json, description)

    ended = evaluate(workspace, f"--model={run.path}")

    assert ended.returncode == 0, ended.stderr
    assert "Means over 3 equal parts of the split" in " ".join(ended.stdout.split())
    mean_rank = 4
    assert numbers(ended.stdout)[mean_rank] < numbers(whole.stdout)[mean_rank]


def test_words_that_the_model_does_not_know_are_counted(run, workspace):
    table = captions.read_captions(workspace.captions_csv)
    captions.write_captions(workspace.captions_csv, table.assign(caption="a giraffe"))

    ended = evaluate(workspace, f"--model={run.path}")

    assert "does not know: 50.0%." in ended.stdout, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda folder: (folder / "test3.png").unlink(),
            "1 of the split's 12 pictures are missing, such as .*test3.png;",
        ),
        (lambda folder: (folder / "test3.png").write_bytes(b"no picture"), "test3.png"),
        (lambda folder: (folder.parent / "dataset.json").unlink(), "run: python -m data_prep.prepare"),
    ],
)
def test_what_is_missing_or_damaged_is_one_line(run, workspace, damage, said):
    damage(workspace.images_dir)

    ended = evaluate(workspace, f"--model={run.path}")

    assert (ended.returncode, ended.stdout) == (1, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    # The folder bears the name of this test.
    assert re.search(said, last.replace(str(workspace.root), ""))
    assert "Traceback" not in ended.stderr


def test_a_picture_of_more_pixels_than_allowed_is_refused_and_can_be_allowed(run, workspace):
    refused, allowed = (evaluate(workspace, f"--model={run.path}", f"--max_pixels={most}") for most in (199, 200))

    assert "has 20 x 10 pixels, more than --max_pixels=199" in refused.stderr
    assert (refused.returncode, allowed.returncode) == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either --run_dir"),
        (["--model=pretrained", "--run_dir=runs/vse"], "give either --run_dir"),
        (["--model=pretrained", "--query_bank=train"], "--query_bank says nothing of --model"),
        (["--run_dir=runs/vse", "--split=val"], "--split says nothing of --run_dir"),
        (["--model=none.cmr", "--dataset=scenes"], "none.cmr"),
    ],
)
def test_flags_that_cannot_go_together_are_one_line(arguments, said):
    ended = tiny_runs.call_command("cmr.evaluate", *arguments)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"error: .*\n", ended.stderr)
    assert said in ended.stderr


def test_pictures_may_have_any_size(run, workspace):
    for path in workspace.images_dir.glob("test*"):
        with Image.open(path) as picture:
            resized = picture.convert("RGB").resize((7, 31))
        resized.save(path)

    assert evaluate(workspace, f"--model={run.path}").returncode == 0
