"""A tiny prepared data set, made in a moment: images whose features tell their sentences."""

import pathlib
import shutil

import numpy as np
import pandas as pd

from cmr.workspace import captions, features, paths
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import Vocabulary

_COLOURS = ("red", "green", "blue", "white", "black", "brown")
_THINGS = ("dog", "cat", "ball", "car", "child", "horse")
_PLACES = ("on the grass", "near a wall", "in the snow", "at the beach", "by the long road", "inside")


def make_workspace(root: pathlib.Path, images: tuple[int, int, int] = (36, 9, 12)) -> Workspace:
    """A prepared data set named scenes: images whose features tell their sentences, with 3 to 5 sentences each.

    No two splits have equally many images, so that whoever reads the wrong one is told by the numbers.
    """
    workspace = Workspace(root, "scenes")
    random = np.random.default_rng(7)
    rows, ids, vectors = [], [], []
    for split, count in zip(paths.SPLITS, images, strict=True):
        for number in range(count):
            image_id = f"{split}{number}.png"
            picks = random.integers(6, size=3)
            words = _COLOURS[picks[0]], _THINGS[picks[1]], _PLACES[picks[2]]
            sentences = [
                f"A {words[0]} {words[1]} {words[2]}.",
                f"{words[2].capitalize()} there is a {words[1]} which is {words[0]}.",
                f"The {words[1]} is {words[0]}.",
                f"Look, {words[0]}!",
                f"Somebody saw one {words[1]} {words[2]}, one that is quite {words[0]} all over.",
            ][: 3 + number % 3]
            rows += [(image_id, image_id, split, f"{image_id}#{n}", text) for n, text in enumerate(sentences)]
            ids.append(image_id)
            vectors.append(np.eye(6)[picks].ravel())
    frame = pd.DataFrame(rows, columns=list(captions.COLUMNS))
    captions.write_captions(workspace.captions_csv, frame)
    Vocabulary.from_captions(frame[frame["split"] == "train"]["caption"]).write(workspace.vocabulary_txt)
    for name, dim in (("scene_cnn-objects", 10), ("scene_cnn-layout", 14)):
        write_features(workspace, name, ids, (np.array(vectors) @ random.normal(size=(18, dim))).astype(np.float32))
    workspace.write_description({"dataset": "scenes", "image_dir": "images"})
    return workspace


def without_runs(workspace: Workspace, root: pathlib.Path) -> Workspace:
    """Copies a workspace without what has been trained in it.

    Args:
      workspace: of one data set, or of others beside it.
      root: of the copy, which is not there yet.
    """
    shutil.copytree(workspace.root, root, ignore=shutil.ignore_patterns("runs"))
    return Workspace(root, workspace.dataset)


def write_features(workspace: Workspace, name: str, image_ids: list[str], array: np.ndarray) -> None:
    """Puts an array into the workspace as features."""
    folder = workspace.features_dir(name)
    folder.mkdir(parents=True)
    np.save(folder / features.FEATURES_NPY, array)
    extractor = {"name": name, "model": "scene_cnn", "stand_in": "both", "weights": "random"}
    features.write_description(folder, image_ids, extractor)
