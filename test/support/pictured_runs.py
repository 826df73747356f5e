"""Tiny runs on real picture files and a CNN of their mean colour, so that a new picture can be embedded too."""

import functools
import pathlib
import shutil

import numpy as np
import tiny_runs
from coloured_pictures import mean_colour
from PIL import Image
from tiny_workspaces import make_workspace

from cmr.workspace.captions import images_of, read_captions
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from data_prep.extract import extraction
from data_prep.extract.extraction import Pictures

FEATURES = "mean_colour"


@functools.cache
def workspace(root: pathlib.Path) -> Workspace:
    """The tiny data set with plain pictures in images/ and their features."""
    made = make_workspace(root)
    images = images_of(read_captions(made.captions_csv))
    folder = made.dataset_dir / "images"
    folder.mkdir()
    paths = [folder / name for name in images["file_name"]]
    for number, path in enumerate(paths):
        colour = tuple(np.random.default_rng(number).integers(256, size=3).tolist())
        Image.new("RGB", (20, 10), colour).save(path)
    pictures = Pictures(images["image_id"].tolist(), paths)
    extraction.extract(mean_colour(), pictures, made.features_dir(FEATURES), 1, 32, "refuse")
    return made


@functools.cache
def trained(root: pathlib.Path, model: str = "vse", *flags: str) -> Run:
    """A finished run on the pictures' features; `fusion` takes W_img of a captioner that is trained for it.

    Args:
      root: of the workspace.
      model: which one.
      flags: further ones of cmr.train.
    """
    made = workspace(root)
    features = (f"--vgg_features={FEATURES}", f"--image_features={FEATURES}")
    if model == "fusion":
        captioner = tiny_runs.call_command(
            "cmr.pretrain",
            *tiny_runs.place(made),
            features[1],
            "--text_space_dim=4",
            "--lstm_units=8",
            "--pretrain_epochs=1",
        )
        assert captioner.returncode == 0, captioner.stderr
    ended = tiny_runs.call_command(
        "cmr.train", *tiny_runs.place(made), *tiny_runs.TINY, f"--model={model}", *features, *flags
    )
    assert ended.returncode == 0, ended.stderr
    return Run(tiny_runs.run_path(ended))


@functools.cache
def packed(root: pathlib.Path) -> pathlib.Path:
    """The model of the `vse` run in one file."""
    path = root.parent / "packed" / "tiny.cmr"
    ended = tiny_runs.call_command("cmr.pack", f"--run_dir={trained(root).path}", f"--to={path}")
    assert ended.returncode == 0, ended.stderr
    return path


@functools.cache
def indexed(root: pathlib.Path) -> pathlib.Path:
    """A folder of eight plain pictures, a copy, and a damaged one, indexed with that model."""
    folder = root.parent / "photos"
    folder.mkdir()
    for number in range(8):
        colour = tuple(np.random.default_rng(number).integers(256, size=3).tolist())
        Image.new("RGB", (30, 20), colour).save(folder / f"{number}.png")
    shutil.copy(folder / "0.png", folder / "copy.png")
    (folder / "bad.jpg").write_bytes(b"no picture")
    ended = tiny_runs.call_command("cmr.index", folder, f"--model={packed(root)}")
    assert ended.returncode == 0, ended.stderr
    assert f"skipped: {folder / 'bad.jpg'} is not a picture of a format that is read" in ended.stderr
    assert "8 pictures computed" in ended.stdout
    return folder
