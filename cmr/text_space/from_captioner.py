"""W_img (Eq. 4) of a trained captioner: from a folder or a file, if it fits the features and leaks nothing."""

import dataclasses
import pathlib
from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd

from cmr.captioner import files, model
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import atomic_files, captions
from cmr.workspace.features import Features
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.numpy_files import UNREADABLE

# im2txt's name of the variable.
_KERNEL = "image_embedding/weights"


@dataclasses.dataclass(frozen=True)
class CaptionerTextSpace:
    """A captioner as far as retrieval takes it.

    Attributes:
      path: the folder or file.
      kernel: W_img, `[feature_dim, text_space_dim]` float32.
      description: what it is, for tables.
      train_image_ids: every image it learnt from; empty where nobody knows.
      dataset: it learnt from; "" where nobody knows.
      features: name of its features, likewise.
      fingerprint: of those; None where nobody knows.
      warning: a sentence on a captioner that hardly looks at the picture; "" on another.
    """

    path: pathlib.Path
    kernel: np.ndarray
    description: str
    train_image_ids: tuple[str, ...] = ()
    dataset: str = ""
    features: str = ""
    fingerprint: Fingerprint | None = None
    warning: str = ""


def read_text_space(path: pathlib.Path) -> CaptionerTextSpace:
    """Reads W_img out of a captioner.

    Args:
      path: a captioner's folder, a Keras model (`.keras`) with a Dense layer `image_embedding`, or a `.npz` whose entry
        `image_embedding/weights` (im2txt's variable name) is the kernel.

    Raises:
      WorkspaceError: it is missing, of another kind, or holds no such kernel.
    """
    if not path.exists():
        raise WorkspaceError(f"--captioner={path} does not exist; give a captioner's folder, .keras or .npz file")
    if not path.is_dir():
        return CaptionerTextSpace(path, _file_kernel(path), f"the captioner in {path.name}")
    captioner = files.read_captioner(path)
    perplexity = captioner.validation_perplexity
    measured = "" if perplexity is None else f", validation perplexity {perplexity:.2f}"
    looking = captioner.looking
    if looking:
        measured += f" ({looking.shuffled_perplexity:.2f} with other images' pictures)"
    return CaptionerTextSpace(
        path=path,
        kernel=captioner.text_space,
        description=f"a captioner trained on {captioner.dataset} with the features {captioner.features}{measured}",
        train_image_ids=captioner.train_image_ids,
        dataset=captioner.dataset,
        features=captioner.features,
        fingerprint=captioner.fingerprint,
        warning=looking.warning() if looking else "",
    )


def write_kernel(path: pathlib.Path, kernel: np.ndarray) -> None:
    """Writes a W_img `[feature_dim, text_space_dim]` alone, as a .npz that `read_text_space` takes."""
    with atomic_files.atomic_path(path) as temporary:
        np.savez(temporary, **{_KERNEL: kernel})


def _file_kernel(path: pathlib.Path) -> np.ndarray:
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                kernel = np.asarray(arrays[_KERNEL], np.float32)
        else:
            layer = keras.saving.load_model(path, compile=False).get_layer(model.IMAGE_EMBEDDING)
            kernel = layer.get_weights()[0]
    except UNREADABLE as error:
        raise WorkspaceError(
            f"--captioner={path} holds no kernel of a layer image_embedding; give a .keras model or a .npz with the "
            f"entry {_KERNEL}"
        ) from error
    return kernel


def check_features(
    text_space: CaptionerTextSpace, dataset: str, image_features: Features, fingerprints: Mapping[str, Fingerprint]
) -> None:
    """Refuses a captioner that was trained on other features than those it is to map.

    Args:
      text_space: the captioner's.
      dataset: of the retrieval.
      image_features: X_img there.
      fingerprints: of `inputs.Inputs`.

    Raises:
      ConfigError: with the mend.
    """
    name, dim = image_features.name, image_features.feature_dim
    mend = (
        f"train a captioner on them (cmr.pretrain --image_features={name} --captioner_dir=PATH, then --captioner=PATH) "
        "or give --image_embedding=linear"
    )
    if text_space.features and text_space.features != name:
        raise ConfigError(
            f"the captioner {text_space.path} was trained on the features {text_space.features}, not on {name}; give "
            f"--image_features={text_space.features}, or {mend}"
        )
    if text_space.kernel.ndim != 2 or text_space.kernel.shape[0] != dim:
        raise ConfigError(
            f"W_img of the captioner {text_space.path} is {list(text_space.kernel.shape)}, but the image features "
            f"{name} have {dim} values; {mend}"
        )
    # The features of another data set are of other images, so only the name can be compared.
    learnt_from = text_space.fingerprint
    if text_space.dataset == dataset and learnt_from and not fingerprints[name].is_same(learnt_from):
        raise ConfigError(
            f"the captioner {text_space.path} was trained on features {name} that have since been extracted anew; "
            f"{mend}"
        )


def leak(text_space: CaptionerTextSpace, dataset: str, table: pd.DataFrame, allow_leak: bool) -> str:
    """What is to be said of images that a captioner learnt from and that retrieval is measured on.

    Args:
      text_space: the captioner's.
      dataset: of the retrieval.
      table: captions.csv.
      allow_leak: whether to go on all the same.

    Returns:
      A sentence for the tables, "" without a leak.

    Raises:
      ConfigError: there is a leak and it is not allowed.
    """
    if not text_space.train_image_ids:
        unknown = "it is not known which images the captioner learnt from"
        if text_space.dataset == dataset and not allow_leak:
            raise ConfigError(
                f"the captioner {text_space.path} was trained on {dataset}, but {unknown}, so a leak can't be ruled "
                "out; train one on the training split alone (cmr.pretrain), or give --allow_leak for a deliberate "
                "ablation"
            )
        warning = "POSSIBLE LEAK (--allow_leak): " if text_space.dataset == dataset else ""
        return f"{warning}{unknown[0].upper()}{unknown[1:]}; a leak can't be ruled out."
    shared = captions.evaluated_among(table, text_space.train_image_ids)
    if shared is None:
        return ""
    if not allow_leak:
        raise ConfigError(
            f"the captioner {text_space.path} learnt from images that retrieval is measured on: {shared.counts}, such "
            f"as {shared.example}; train one on the training split alone (cmr.pretrain), or give --allow_leak for a "
            "deliberate ablation"
        )
    return f"LEAK (--allow_leak): the captioner learnt from evaluated images: {shared.counts}."
