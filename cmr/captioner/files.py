"""<dataset>/captioner/: a finished captioner with all that it can be used with.

captioner = files.read_captioner(workspace.captioner_dir)
captioner.model, captioner.vocabulary, captioner.train_image_ids
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cmr.captioner.looking import Looking
from cmr.captioner.model import IMAGE_EMBEDDING, folded, model_config
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import atomic_files, fingerprints, json_files, json_kinds, line_files
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.json_kinds import Anything, ByName, Nullable, Number, OneOf, Record, Text, Whole
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary

FORMAT = 1

CAPTIONER_KERAS = "captioner.keras"
VOCABULARY_TXT = "vocabulary.txt"
TRAIN_IMAGE_IDS_TXT = "train_image_ids.txt"
CAPTIONER_JSON = "captioner.json"

# Keys of `Captioner.checksums`.
CAPTIONS, VOCABULARY = "captions.csv", "vocabulary"


@dataclasses.dataclass(frozen=True)
class Captioner:
    """A trained captioner.

    Attributes:
      model: of `model.captioner_model`, with the best weights.
      vocabulary: the words it speaks; the position is the id.
      train_image_ids: every image whose sentences it learnt from; empty where nobody knows.
      dataset: name of the data set it learnt from.
      features: name of the features that are X_img, such as `inception_v3`.
      checksums: SHA-256 of `captions.csv`, as far as known; of its `vocabulary` always.
      validation_perplexity: of a word; None where it was not measured.
      settings: how it was trained.
      seed: of its training; None where there was none here.
      looking: whether it looks at the pictures of its validation split; None where that was not measured.
      fingerprint: of the features; None where nobody knows.
    """

    model: keras.Model
    vocabulary: Vocabulary
    train_image_ids: tuple[str, ...]
    dataset: str
    features: str
    checksums: dict[str, str]
    validation_perplexity: float | None
    settings: dict[str, Any]
    seed: int | None
    looking: Looking | None = None
    fingerprint: Fingerprint | None = None

    @property
    def feature_dim(self) -> int:
        """Size of X_img."""
        return self.text_space.shape[0]

    @property
    def text_space(self) -> np.ndarray:
        """W_img (Eq. 4): `[feature_dim, text_space_dim]` float32."""
        return self.model.get_layer(IMAGE_EMBEDDING).get_weights()[0]

    def checksum(self) -> str:
        """SHA-256 of all weights: two captioners with the same one say the same."""
        digest = hashlib.sha256()
        for weight in self.model.trainable_variables:
            digest.update(np.ascontiguousarray(weight.numpy(), np.float32).tobytes())
        return digest.hexdigest()


def write_captioner(path: str | os.PathLike, captioner: Captioner) -> None:
    """Writes the folder; captioner.json comes last, so its presence means that the rest is whole and of one piece."""
    path = pathlib.Path(path)
    (path / CAPTIONER_JSON).unlink(missing_ok=True)
    write_model(path, captioner.model)
    captioner.vocabulary.write(path / VOCABULARY_TXT)
    line_files.write_lines(path / TRAIN_IMAGE_IDS_TXT, captioner.train_image_ids, "image id")
    description = {
        "format": FORMAT,
        "dataset": captioner.dataset,
        "features": captioner.features,
        "feature_dim": captioner.feature_dim,
        "checksums": {**captioner.checksums, VOCABULARY: captioner.vocabulary.checksum()},
        "validation_perplexity": captioner.validation_perplexity,
        "settings": captioner.settings,
        "seed": captioner.seed,
        "looking": dataclasses.asdict(captioner.looking) if captioner.looking else None,
        "fingerprint": captioner.fingerprint.to_dict() if captioner.fingerprint else None,
    }
    json_files.write_json(path / CAPTIONER_JSON, description, sort_keys=True)


def write_model(path: str | os.PathLike, model: keras.Model) -> None:
    """Writes captioner.keras alone, as training does whenever it gets better; its kernel is W_img of X_img as it is."""
    with atomic_files.atomic_path(pathlib.Path(path) / CAPTIONER_KERAS) as temporary:
        folded(model).save(temporary)


def check_not_imported(path: pathlib.Path) -> None:
    """Refuses to train over a captioner that was not trained there.

    Raises:
      ConfigError: the folder holds one, without the settings of a training.
    """
    if (path / CAPTIONER_JSON).exists() and not Run(path).config_json.exists():
        raise ConfigError(f"{path} holds a captioner that was imported; give another --captioner_dir or remove it")


def read_captioner(path: str | os.PathLike) -> Captioner:
    """Reads a captioner's folder.

    Raises:
      WorkspaceError: it holds no finished captioner, one of another version, or a damaged one.
    """
    path = pathlib.Path(path)
    description = _read_description(path)
    vocabulary = Vocabulary.read(path / VOCABULARY_TXT, _renew(path))
    model = read_model(path / CAPTIONER_KERAS)
    train_image_ids = line_files.read_lines(path / TRAIN_IMAGE_IDS_TXT, WorkspaceError, _renew(path))
    captioner = Captioner(
        model=model,
        vocabulary=vocabulary,
        train_image_ids=tuple(train_image_ids),
        **{name: description[name] for name in _DESCRIBED},
        looking=Looking(**description["looking"]) if description.get("looking") else None,
        fingerprint=fingerprint_of(description),
    )
    if captioner.feature_dim != description.get("feature_dim", captioner.feature_dim):
        raise WorkspaceError(
            f"{path / CAPTIONER_JSON} says feature_dim {description['feature_dim']}, but {CAPTIONER_KERAS} has "
            f"{captioner.feature_dim}; {_renew(path)}"
        )
    if captioner.checksums[VOCABULARY] != vocabulary.checksum() or len(vocabulary) != vocabulary_size(model):
        raise WorkspaceError(f"{path / VOCABULARY_TXT} is not the one that the captioner learnt; {_renew(path)}")
    return captioner


_DESCRIPTION = Record(
    {
        "format": OneOf((FORMAT,)),
        "dataset": Text(),
        "features": Text(),
        "checksums": Record({VOCABULARY: Text()}, {"features": Text(), CAPTIONS: Text()}),
        "validation_perplexity": Nullable(Number()),
        "settings": ByName(Anything()),
        "seed": Nullable(Whole()),
    },
    optional={
        "feature_dim": Whole(at_least=1),
        "looking": Nullable(json_kinds.of_dataclass(Looking)),
        "fingerprint": Nullable(fingerprints.KIND),
    },
)
_DESCRIBED = ("dataset", "features", "checksums", "validation_perplexity", "settings", "seed")


def fingerprint_of(description: Mapping[str, Any]) -> Fingerprint | None:
    """What captioner.json says of the features that it learnt from; None where it is not known."""
    if description.get("fingerprint"):
        return Fingerprint.from_dict(description["fingerprint"])
    # Older versions wrote their checksum among the others.
    checksum = description["checksums"].get("features")
    return Fingerprint(checksum) if checksum else None


def read_model(path: pathlib.Path) -> keras.Model:
    """Loads captioner.keras.

    Raises:
      WorkspaceError: the file is missing, damaged, or no captioner.
    """
    if not path.exists():
        raise WorkspaceError(f"{path} is missing; {_renew(path.parent)}")
    try:
        model = keras.saving.load_model(path, compile=False)
        model_config(model)
    # Keras raises all of these for files that are cut off or of other models.
    except (ValueError, OSError, KeyError, TypeError, AttributeError, IndexError, EOFError) as error:
        raise WorkspaceError(f"{path} is damaged or no captioner; {_renew(path.parent)}") from error
    return model


def vocabulary_size(model: keras.Model) -> int:
    """Number of word ids that a captioner knows."""
    return model_config(model).vocabulary_size


def _read_description(path: pathlib.Path) -> dict:
    file = path / CAPTIONER_JSON
    if not file.exists():
        raise WorkspaceError(
            f"{path} holds no finished captioner ({CAPTIONER_JSON} is missing); train one with cmr.pretrain"
        )
    return json_files.read_workspace_json(file, _DESCRIPTION, _renew(path))


def _renew(path: pathlib.Path) -> str:
    return f"remove {path} and run cmr.pretrain (or data_prep.import_im2txt) again"
