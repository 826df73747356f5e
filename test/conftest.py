"""What several tests share: a tiny workspace, commands as subprocesses, the real data where it is."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cmr import captions, features, vocabulary, workspace

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

_COLOURS = ("red", "green", "blue", "white", "black", "brown")
_THINGS = ("dog", "cat", "ball", "car", "child", "horse")
_PLACES = ("on the grass", "near a wall", "in the snow", "at the beach", "by the long road", "inside")


@pytest.fixture
def shared() -> pathlib.Path:
    """The folder of real data and weights; the test is skipped where it is absent."""
    if not SHARED.exists():
        pytest.skip("real data (../shared) is not on this machine")
    return SHARED


def make_workspace(root: pathlib.Path, images: tuple[int, int, int] = (36, 12, 12)) -> workspace.Workspace:
    """A prepared data set named scenes: images whose features tell their sentences, with 3 to 5 sentences each."""
    found = workspace.Workspace(root, "scenes")
    random = np.random.default_rng(7)
    rows, ids, vectors = [], [], []
    for split, count in zip(workspace.SPLITS, images, strict=True):
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
    captions.write_captions(found.captions_csv, frame)
    vocabulary.Vocabulary.from_captions(frame[frame["split"] == "train"]["caption"]).write(found.vocabulary_txt)
    for name, dim in (("scene_cnn-objects", 10), ("scene_cnn-layout", 14)):
        write_features(found, name, ids, (np.array(vectors) @ random.normal(size=(18, dim))).astype(np.float32))
    found.write_description({"dataset": "scenes", "image_dir": "images"})
    return found


def write_features(found: workspace.Workspace, name: str, image_ids: list[str], array: np.ndarray) -> None:
    """Puts an array into the workspace as features."""
    folder = found.features_dir(name)
    folder.mkdir(parents=True)
    np.save(folder / features.FEATURES_NPY, array)
    extractor = {"name": name, "model": "scene_cnn", "stand_in": "both", "weights": "random"}
    features.write_description(folder, image_ids, extractor)


@pytest.fixture
def tiny_workspace(tmp_path: pathlib.Path) -> workspace.Workspace:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def scenes_workspace(tmp_path_factory: pytest.TempPathFactory) -> workspace.Workspace:
    """The tiny workspace for tests that only read its captions, vocabulary and features; they may add runs."""
    return make_workspace(tmp_path_factory.mktemp("shared") / "workspace")


@pytest.fixture(scope="session")
def scenes_inputs(scenes_workspace: workspace.Workspace):
    """`cmr.inputs.Inputs` of the shared tiny workspace, with both kinds of features."""
    from cmr import inputs

    return inputs.read_inputs(scenes_workspace, "scene_cnn-objects", "scene_cnn-layout")


def run_command(module: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Runs `python -m module arguments` from the project's root, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
