"""What a person gives wrong to cmr.pack, cmr.index, cmr.search and cmr.export ends in one sentence that mends it."""

import json
import pathlib
import shutil

import pictured_runs
import pytest
import tiny_runs

# What is wrong -> command, what is given, and what the sentence says. {empty} is a new folder, {photos} an indexed one,
# {model} its packed model, {run} the model's run, {unfinished} a copy of it without its results, {cut} a copy of the
# model without its end, {damaged} and {strange} galleries whose JSON files are no JSON, or say what can't be.
MISTAKES = {
    "no run to pack": ("pack", ["--to={empty}/a.cmr"], "--run_dir is missing"),
    "no file to pack to": ("pack", ["--run_dir={run}"], "--to is missing"),
    "a run that is none": ("pack", ["--run_dir={empty}", "--to={empty}/a.cmr"], "holds no run"),
    "a run that has not ended": ("pack", ["--run_dir={unfinished}", "--to={empty}/a.cmr"], "metrics.json"),
    "a folder to pack to": ("pack", ["--run_dir={run}", "--to={empty}"], "is a folder; give the name of a file"),
    "a place that can't be written": ("pack", ["--run_dir={run}", "--to=/proc/none/a.cmr"], "/proc/none"),
    "weights of another kind": ("pack", ["--run_dir={run}", "--to={empty}/a.cmr", "--weights_dtype=int8"], "float16"),
    "two folders to index": ("index", ["{photos}", "{photos}"], "one folder at a time"),
    "no folder to index": ("index", ["--model={model}"], "name the folder of pictures"),
    "another model to index": ("index", ["{photos}", "--model={run}"], "was indexed with another model"),
    "a folder that can't be written to index": (
        "index",
        ["{empty}", "--model={model}", "--gallery_dir=/proc/none"],
        "choose another --gallery_dir",
    ),
    "pictures to index that are a file": ("index", ["{photos}/0.png", "--model={model}"], "is no folder"),
    "a cut-off model to index with": (
        "index",
        ["{empty}", "--model={cut}"],
        "cut off, damaged or no model of cmr.pack",
    ),
    "a damaged gallery to index": ("index", ["{damaged}", "--model={model}"], "gallery.json is not JSON"),
    "rows of another kind": ("index", ["{empty}", "--model={model}", "--rows_dtype=int8"], "float16"),
    "no query": ("search", [], "say what to look for: python -m cmr.search"),
    "nothing behind a sign": ("search", ["a dog", "+"], "nothing behind it"),
    "two signs": ("search", ["a dog", "+", "-", "a cat"], "nothing behind it"),
    "no such picture": ("search", ["./missing.jpg"], "./missing.jpg is no picture file"),
    "a folder for a picture": ("search", ["/"], "/ is no picture file"),
    "an unreadable picture": ("search", ["{photos}/bad.jpg"], "bad.jpg is not a picture of a format that is read"),
    "unknown words alone": ("search", ["corgi zebra"], "none of the words of 'corgi zebra' is among the model's"),
    "no word at all": ("search", ["?!"], "none of the words of '?!' is among the model's"),
    "parts that cancel out": ("search", ["a dog", "-", "a dog"], "cancel each other out"),
    "no results wanted": ("search", ["a dog", "--top=0"], "--top"),
    "a folder without an index": ("search", ["a dog", "--pictures={empty}"], "has no index; run: python -m cmr.index"),
    "no folder": (
        "search",
        ["a dog", "--pictures={empty}/none"],
        "does not exist; give the folder that holds the pictures",
    ),
    "a file for a folder": ("search", ["a dog", "--pictures={photos}/0.png"], "is no folder"),
    "a gallery without one": ("search", ["a dog", "--gallery_dir={empty}"], "holds no index; give the folder that"),
    "pictures for a gallery": (
        "search",
        ["a dog", "--gallery_dir={photos}"],
        "of pictures with an index of its own, so give --pictures=",
    ),
    "no such model": ("search", ["a dog", "--model={empty}/none.cmr"], "none.cmr does not exist"),
    "a picture for a model": ("search", ["a dog", "--model={photos}/0.png"], "no model of cmr.pack"),
    "a full folder to copy to": ("search", ["a dog", "--copy_to={photos}"], "is not empty"),
    "a sheet of another kind": ("search", ["a dog", "--sheet={empty}/a.pdf"], "is no name of a PNG file"),
    "json and paths": ("search", ["a dog", "--json", "--paths_only"], "json"),
    "sentences as files": ("search", ["a dog", "--sentences", "--paths_only"], "leave --paths_only out"),
    "no such sentences": ("search", ["a dog", "--sentences_file={empty}/none.txt"], "none.txt can't be read"),
    "sentences in a picture": ("search", ["a dog", "--sentences_file={photos}/0.png"], "is no text in UTF-8"),
    "a flag that is none": ("search", ["a dog", "--topp=3"], "topp"),
    "a damaged gallery": ("search", ["a dog", "--pictures={damaged}"], "gallery.json is not JSON"),
    "a gallery of rows of no size": ("search", ["a dog", "--pictures={strange}"], "dim is 0, not a whole number of at"),
    "no folder to export to": ("export", ["--model={model}"], "--to is missing"),
    "a model to export that is not there": ("export", ["--model={empty}/a.cmr", "--to={empty}/1"], "does not exist"),
    "a picture to export": ("export", ["--model={photos}/0.png", "--to={empty}/1"], "no model of cmr.pack"),
    "a cut-off model to export": ("export", ["--model={cut}", "--to={empty}/1"], "cut off, damaged or no model"),
    "a folder to export to that is there": ("export", ["--model={model}", "--to={photos}"], "exists already"),
    "a folder to export to below a file": ("export", ["--model={model}", "--to={photos}/0.png/1"], "is no folder"),
    "an unknown form": ("export", ["--model={model}", "--to={empty}/1", "--format=tflite"], "savedmodel"),
    "a word too many": ("export", ["--model={model}", "--to={empty}/1", "now"], "'now' is not a flag"),
}


@pytest.fixture(scope="module")
def places(pictured_root, tmp_path_factory) -> dict[str, pathlib.Path]:
    """What the mistakes name, but for the empty folder."""
    folder, run = tmp_path_factory.mktemp("mistaken"), pictured_runs.trained(pictured_root).path
    model, photos = pictured_runs.packed(pictured_root), pictured_runs.indexed(pictured_root)
    unfinished = shutil.copytree(run, folder / "unfinished")
    (unfinished / "metrics.json").unlink()
    (folder / "cut.cmr").write_bytes(model.read_bytes()[:-1000])
    damaged, strange = (shutil.copytree(photos, folder / name) for name in ("damaged", "strange"))
    (damaged / ".cmr" / "gallery.json").write_text("damaged", encoding="utf-8")
    index_json = strange / ".cmr" / "index-1" / "index.json"
    index_json.write_text(json.dumps({**tiny_runs.read_json(index_json), "dim": 0}), encoding="utf-8")
    return {
        "run": run,
        "model": model,
        "photos": photos,
        "unfinished": unfinished,
        "cut": folder / "cut.cmr",
        "damaged": damaged,
        "strange": strange,
    }


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence(places, tmp_path, mistake):
    command, given, said = MISTAKES[mistake]
    arguments = [each.format(**places, empty=tmp_path) for each in given]
    if command == "search" and not any(each.startswith(("--pictures", "--gallery_dir")) for each in arguments):
        arguments.append(f"--pictures={places['photos']}")

    ended = tiny_runs.call_command(f"cmr.{command}", *arguments)

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert said in line
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())
