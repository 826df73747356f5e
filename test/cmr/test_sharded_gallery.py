"""cmr.index --shard and --merge as a person uses them, and what cmr.search says of shards."""

import json
import shutil

import pictured_runs
import pytest
import tiny_runs
from PIL import Image

from cmr.workspace.shards import Shard

COUNT = 3


@pytest.fixture(scope="module")
def model(pictured_root):
    return pictured_runs.packed(pictured_root)


@pytest.fixture(scope="module")
def photos(pictured_root):
    return pictured_runs.indexed(pictured_root)


@pytest.fixture
def folder(photos, tmp_path):
    """The same pictures, not indexed."""
    return shutil.copytree(photos, tmp_path / "photos", ignore=shutil.ignore_patterns(".cmr"))


def index(*arguments):
    return tiny_runs.call_command("cmr.index", *arguments)


def results(folder, *arguments):
    """Standard output with names for paths, and standard error."""
    ended = tiny_runs.call_command("cmr.search", "a red dog", f"--pictures={folder}", "--top=20", *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.replace(f"{folder}/", ""), ended.stderr


def test_shards_are_searched_and_merged_as_one_index(folder, photos, model):
    first = index(folder, "--shard=2/3", f"--model={model}")

    assert first.returncode == 0, first.stderr
    summary, following = first.stdout.splitlines()
    assert summary.startswith(f"{folder}, shard 2/3: ")
    making = f"for k in 1 3; do python -m cmr.index {folder} --model={model} --shard=$k/3; done"
    assert following == f"next: {making}"
    of_one, said = results(folder)
    assert "pictures in 1 of 3 shards searched" in said
    assert "The gallery lacks pictures: 2 of its 3 shards are not whole. Run: for k in 1 3; do" in said

    # The model is that of the other shards.
    for shard in ("1/3", "3/3"):
        last = index(folder, f"--shard={shard}")
        assert last.returncode == 0, last.stderr
    assert last.stdout.splitlines()[-1] == f"next: python -m cmr.index {folder} --merge"
    again = index(folder, "--shard=3/3")
    assert " 0 pictures computed, 0 recognised by their content, " in again.stdout
    expected, _ = results(photos)
    of_shards, said = results(folder)
    assert of_shards == expected != of_one
    assert "8 pictures in 3 of 3 shards searched" in said
    assert "lacks" not in said

    refused = index(folder)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"error: {folder / '.cmr'} holds shards that are not joined yet; run: python -m cmr.index {folder} --merge"
    )

    merged = index(folder, "--merge")
    assert merged.returncode == 0, merged.stderr
    assert merged.stdout.startswith(
        f"{folder}: 10 files of 3 shards, 10 of them new or changed in the index of the whole, 8 pictures added to it; "
    )
    of_merged, said = results(folder)
    assert of_merged == expected
    assert "8 pictures searched" in said
    # Only what changed since, with and without shards.
    assert (
        " 0 pictures computed, 0 recognised by their content, 9 unchanged, 0 gone, 1 unreadable" in index(folder).stdout
    )
    Image.new("RGB", (30, 20), (1, 2, 3)).save(folder / "new.png")
    assert ": 1 pictures computed" in index(folder).stdout
    computed = [f"{shard}/3" for shard in (1, 2, 3) if "1 pictures" in index(folder, f"--shard={shard}/3").stdout]
    assert computed == [str(shard) for shard in (Shard(k, 3) for k in (1, 2, 3)) if shard.holds(b"new.png")]
    assert " 11 files of 3 shards, 0 of them new or changed" in index(folder, "--merge").stdout


def test_the_sheet_and_the_json_of_shards_are_those_of_one_index(folder, photos, model, tmp_path):
    for shard in range(1, COUNT + 1):
        assert index(folder, f"--shard={shard}/{COUNT}", f"--model={model}").returncode == 0

    ended = tiny_runs.call_command(
        "cmr.search", folder / "3.png", f"--pictures={folder}", "--json", f"--sheet={tmp_path / 'sheet.png'}"
    )

    one = tiny_runs.call_command("cmr.search", photos / "3.png", f"--pictures={photos}", "--json")
    assert ended.returncode == one.returncode == 0
    of_shards, of_one = json.loads(ended.stdout), json.loads(one.stdout)
    assert of_shards["pictures"] == of_one["pictures"] == 8
    assert json.loads(ended.stdout.replace(str(folder), str(photos)))["results"] == of_one["results"]
    assert Image.open(tmp_path / "sheet.png").width > 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shard=0/16"], "flag --shard=0/16: '0/16' is no shard; they are 1/16 to 16/16 of 16, of 9999 at most"),
        (["--shard=17/16"], "'17/16' is no shard"),
        (["--shard=a/b"], "'a/b' is no shard"),
        (["--shard=1/2", "--merge"], "--merge joins all shards and --shard makes one; give one of them"),
        (["--shards=2"], "--shards is of --merge; one shard is made by --shard=1/16"),
        (["--merge", "--watch"], "--merge joins the shards that are there; leave --watch out"),
        (["--merge", "--dry_run"], "leave --dry_run out"),
        (["--merge"], "holds no shards; make them with --shard=1/16 and so on"),
        (["--merge", "--shards=4"], "holds no shards of 4; make them with --shard=1/4 and so on"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(tmp_path, arguments, said):
    ended = index(tmp_path, *arguments)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / ".cmr").exists()


def test_a_shard_that_is_done_again_with_another_model_is_refused(folder, model, pictured_root):
    index(folder, "--shard=2/3", f"--model={model}")

    ended = index(folder, "--shard=2/3", f"--model={pictured_runs.trained(pictured_root).path}")

    assert ended.returncode == 1
    assert "was indexed with another model" in ended.stderr
    assert f"python -m cmr.index {folder} --shard=2/3 --model=" in ended.stderr


def test_a_trial_says_what_a_shard_would_compute(folder, model):
    said = [index(folder, f"--shard={shard}/3", f"--model={model}", "--dry_run").stdout for shard in (1, 2, 3)]

    assert sum(int(text.split("would compute ")[1].split()[0]) for text in said) == 10
    assert not (folder / ".cmr").exists()
