"""A trained model opened for new sentences and pictures, from the one file that cmr.pack writes or from a run.

cmr.load("flickr8k.cmr").embed_sentences(["a dog by the sea"])
"""

import contextlib
import functools
import io
import json
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from cmr import config
from cmr.captioner import files as captioner_files
from cmr.captioner.files import Captioner
from cmr.config import ModelConfig
from cmr.errors import WorkspaceError
from cmr.pictures.cnn import Cnn
from cmr.retrieval import image_encoder, text_encoder
from cmr.serving.packed_file import PackedFile
from cmr.trained import finished_run
from cmr.trained.hub_correction import HubCorrection
from cmr.trained.retriever import Retriever
from cmr.trained.run_parts import RunParts
from cmr.trained.sentences import Sentences
from cmr.workspace.json_kinds import Nullable, Number, Record
from cmr.workspace.ngrams import Ngrams
from cmr.workspace.numpy_files import UNREADABLE
from cmr.workspace.vocabulary import Vocabulary

CARD_MD = "card.md"
VOCABULARY_TXT = "vocabulary.txt"
NGRAMS_TXT = "ngrams.txt"
TEXT_ENCODER_NPZ = "text_encoder.npz"
IMAGE_ENCODER_NPZ = "image_encoder.npz"
SENTENCES_JSON = "sentences.json"
SENTENCES_NPY = "sentences.npy"

# What a Keras file may name. Others would be imported and called; Lambda and TFSMLayer hold or fetch programs.
_KERAS_ROOMS = ("layers", "initializers", "regularizers", "constraints", "activations", "src.models", "src.ops")
_REFUSED_LAYERS = ("Lambda", "TFSMLayer")


_HUB_CORRECTION = Nullable(Record({"scale": Number(1e-3, 1e3), "mean": Number(-1, 1)}, others=False))


def cnn_member(name: str) -> str:
    """The member that holds the CNN of an input of the image encoder."""
    return f"cnn/{name}.keras"


# The name of the model that comes along with the package, wherever a model's path may stand.
PRETRAINED = "pretrained"
_PRETRAINED_FILE = pathlib.Path(__file__).parents[1] / "pretrained" / "flickr8k.cmr"


def load(path: str | os.PathLike = PRETRAINED, max_pixels: int = config.MAX_PIXELS) -> Retriever:
    """Opens a trained model for new sentences and pictures.

    >>> cmr.load().embed_sentences(["a dog runs along the sea"]).shape
    (1, 256)
    >>> retriever = cmr.load("workspace/scenes/runs/fusion-1a2b3c4d")
    >>> retriever.embed_sentences(["a red ball", "a house by the sea"]).shape == (2, retriever.dim)
    True

    Args:
      path: a file of cmr.pack, or the folder of a finished run in its workspace. By default the model that comes along.
      max_pixels: of a picture; a larger one is refused.

    Raises:
      WorkspaceError: it is neither, or damaged.
    """
    path = _PRETRAINED_FILE if path == PRETRAINED else pathlib.Path(path)
    if path == _PRETRAINED_FILE and not path.exists():
        raise WorkspaceError(f"{path} is not part of this copy of cmr; give a model of cmr.pack with --model")
    if path.is_dir():
        return Retriever(RunParts(finished_run.open_run(path)), max_pixels)
    return Retriever(PackedParts(PackedFile(path)), max_pixels)


def absolute(model: str) -> str:
    """A model's name as it is kept for other folders: a path made absolute, `pretrained` as it is."""
    return model if model == PRETRAINED else str(pathlib.Path(model).resolve())


class PackedParts:
    """The parts of a retriever in a packed model; see `retriever.RetrieverParts`.

    Args:
      file: the opened file.

    Raises:
      WorkspaceError: its settings are not of this version.
    """

    def __init__(self, file: PackedFile):
        self._file = file
        self.name = str(file.path)
        self.checksum = file.checksum
        # Files of older versions lack it.
        self.features = str(file.description.get("features", ""))
        try:
            self.config = ModelConfig(**file.description["settings"]["model"])
            self._best_scores = np.array(file.description["best_scores"], np.float32)
            # Files of older versions lack it.
            correction = file.description.get("hub_correction")
            if _HUB_CORRECTION.flaw(correction, "hub_correction") is not None:
                raise ValueError("hub_correction")
            self._hub_correction = None if correction is None else HubCorrection(**correction)
            self._crops = {name: int(each["crops"]) for name, each in file.description["cnns"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WorkspaceError(f"{self.name} was packed by another version; pack the run again") from error

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        with self._unpacked([VOCABULARY_TXT]) as folder:
            return Vocabulary.read(folder / VOCABULARY_TXT)

    @functools.cached_property
    def card(self) -> str:
        return self._file.read(CARD_MD).decode("utf-8")

    def text_encoder(self) -> keras.Model:
        return self._with_weights(text_encoder.of_model(self.config, ngrams=self._ngrams()), TEXT_ENCODER_NPZ)

    def image_encoder(self) -> keras.Model:
        return self._with_weights(image_encoder.image_encoder(self.config), IMAGE_ENCODER_NPZ)

    def cnns(self) -> Mapping[str, Cnn]:
        return {name: self._cnn(name, crops) for name, crops in self._crops.items()}

    def captioner(self) -> Captioner | None:
        names = self._file.names("captioner/")
        if not names:
            return None
        with self._unpacked(names) as folder:
            _check_plain(folder / "captioner" / captioner_files.CAPTIONER_KERAS, self.name)
            return captioner_files.read_captioner(folder / "captioner")

    def best_scores(self) -> np.ndarray:
        return self._best_scores

    def sentences(self) -> Sentences:
        rows = np.load(io.BytesIO(self._file.read(SENTENCES_NPY)), allow_pickle=False)
        return Sentences(json.loads(self._file.read(SENTENCES_JSON)), rows)

    def hub_correction(self) -> HubCorrection | None:
        return self._hub_correction

    def _ngrams(self) -> Ngrams | None:
        if not self.config.num_ngrams:
            return None
        with self._unpacked([NGRAMS_TXT]) as folder:
            return Ngrams.read(folder / NGRAMS_TXT, self.vocabulary, "pack the run again")

    def _cnn(self, name: str, crops: int) -> Cnn:
        member = cnn_member(name)
        with self._unpacked([member]) as folder:
            _check_plain(folder / member, self.name)
            try:
                return Cnn(keras.saving.load_model(folder / member, compile=False, safe_mode=True), crops)
            # Keras raises all of these for files that are cut off or of other kinds.
            except (ValueError, OSError, KeyError, TypeError, AttributeError, EOFError) as error:
                raise WorkspaceError(f"{self.name}: {member} can't be read; pack the run again") from error

    def _with_weights(self, encoder: keras.Model, member: str) -> keras.Model:
        try:
            with np.load(io.BytesIO(self._file.read(member)), allow_pickle=False) as arrays:
                encoder.set_weights([arrays[f"{place:03}"].astype(np.float32) for place in range(len(arrays.files))])
        except UNREADABLE as error:
            raise WorkspaceError(f"{self.name}: {member} does not fit its settings; pack the run again") from error
        return encoder

    @contextlib.contextmanager
    def _unpacked(self, names: list[str]) -> Iterator[pathlib.Path]:
        """Members as files of a folder that is gone after the block: Keras reads from paths alone."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for member in names:
                path = folder / member
                if folder.resolve() not in path.resolve().parents:
                    raise WorkspaceError(f"{self.name}: {member} is no member of a packed model")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self._file.read(member))
            yield folder


def _check_plain(path: pathlib.Path, name: str) -> None:
    """Refuses a Keras file that names anything but layers and what layers are made of.

    Args:
      path: the Keras file.
      name: of the packed model that it came in.
    """
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise WorkspaceError(f"{name}: {path.name} is no Keras model; pack the run again") from error
    for node in _objects(config):
        module, kind = str(node.get("module") or ""), str(node["class_name"])
        is_known = module in ("", "keras") or module.startswith(tuple(f"keras.{room}" for room in _KERAS_ROOMS))
        is_ours = module.startswith("cmr.") and str(node.get("registered_name", "")).startswith("cmr>")
        if kind in _REFUSED_LAYERS or not (is_known or is_ours):
            raise WorkspaceError(
                f"{name}: {path.name} names {module}.{kind}, which is no part of a model; don't use this file"
            )


def _objects(value: object) -> Iterator[dict]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and "class_name" in value:
        yield value
    for child in children:
        yield from _objects(child)
