"""Tiny runs on pictures through a CNN of three blocks with batch normalisation, and runs that tune it."""

import functools
import pathlib

import keras
import numpy as np
import tiny_runs
from PIL import Image
from tiny_workspaces import make_workspace

from cmr.workspace.captions import images_of, read_captions
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from data_prep.extract import extraction
from data_prep.extract.cnn_description import CnnDescription
from data_prep.extract.extraction import Pictures

SIZE = 12
FEATURES = "three_blocks"


def three_blocks() -> keras.Model:
    """A CNN whose blocks are `block1` (with the scaling), the residual `block2`, and `head`."""
    keras.utils.set_random_seed(5)
    pictures = keras.Input((SIZE, SIZE, 3), name="pictures")
    x = keras.layers.Rescaling(1 / 64, -2.0)(pictures)
    x = keras.layers.Conv2D(4, 3, 2, "same", use_bias=False, name="block1_conv1")(x)
    x = _norm("block1_norm")(x)
    x = keras.layers.Conv2D(4, 3, 1, "same", name="block1_conv2", activation="relu")(x)
    y = keras.layers.Conv2D(4, 3, 1, "same", name="block2_conv")(x)
    x = keras.layers.Add()([x, _norm("block2_norm")(y)])
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.ReLU()(_norm("head_norm")(keras.layers.Conv2D(6, 1, name="head")(x)))
    return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(x), name="three_blocks")


def _norm(name: str) -> keras.layers.Layer:
    # Statistics that are far from those of any batch, so that whoever takes the batch's is told by the numbers.
    return keras.layers.BatchNormalization(
        moving_mean_initializer=keras.initializers.Constant(0.2),
        moving_variance_initializer=keras.initializers.Constant(1.7),
        name=name,
    )


@functools.cache
def workspace(root: pathlib.Path) -> Workspace:
    """The tiny data set with a picture of noise for every image, and the features of its CNN."""
    made = make_workspace(root)
    images = images_of(read_captions(made.captions_csv))
    folder = made.dataset_dir / "images"
    folder.mkdir()
    paths = [folder / name for name in images["file_name"]]
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(256, size=(6, 7, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((20, 16), Image.Resampling.BILINEAR).save(path)
    pictures = Pictures(images["image_id"].tolist(), paths)
    description = CnnDescription(FEATURES, FEATURES, "pool", "none", "", SIZE, "nothing", three_blocks)
    extraction.extract(description, pictures, made.features_dir(FEATURES), 1, 32, "refuse")
    return made


@functools.cache
def frozen(root: pathlib.Path, model: str = "vse") -> Run:
    """A finished run on the CNN's features."""
    flags = f"--vgg_features={FEATURES}", f"--image_features={FEATURES}", "--image_embedding=random"
    return _train(workspace(root), *tiny_runs.TINY, "--loss=softmax", "--negatives=batch", f"--model={model}", *flags)


@functools.cache
def tuned(root: pathlib.Path, model: str = "vse", *changed: str) -> Run:
    """A finished run that goes on from it with the CNN's last blocks."""
    return _train(workspace(root), *tuning_flags(frozen(root, model)), *changed)


def tuning_flags(begins_with: Run) -> tuple[str, ...]:
    """The flags of a second phase."""
    own = "--learning_rate=0.01", "--finetune_rate=0.5", "--finetune_crops=3", "--max_epochs=2", "--checkpoint_steps=4"
    return "--finetune_cnn", f"--finetune_from={begins_with.path}", *own


def _train(made: Workspace, *arguments: str) -> Run:
    ended = tiny_runs.call_command("cmr.train", *tiny_runs.place(made), *arguments)
    assert ended.returncode == 0, ended.stderr
    return Run(tiny_runs.run_path(ended))
