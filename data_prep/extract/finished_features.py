"""Whether a features' folder is whole: what is there is checked before it is called extracted."""

import json
import pathlib
import zipfile
from collections.abc import Sequence

from cmr.pictures.cnn import CNN_KERAS
from cmr.workspace import atomic_files, features


def whole_features(folder: pathlib.Path, settings: dict, image_ids: Sequence[str]) -> dict | None:
    """Checks features that are there already: types, sizes, ids, every value, and the checksum where it is known.

    Args:
      folder: of the features.
      settings: that extractor.json must have.
      image_ids: that the rows must be of.

    Returns:
      What extractor.json says; None where anything is missing, damaged or of other settings.
    """
    try:
        written = features.read_stored(folder)
        extractor = written.extractor
        unknown = {features.PICTURES_SHA256}.difference(extractor)
        known = {name: value for name, value in settings.items() if name not in unknown}
        if not known.items() <= extractor.items() or written.image_ids != tuple(image_ids):
            return None
        if extractor["feature_dim"] != written.feature_dim or not set(extractor["blank_images"]) <= set(image_ids):
            return None
        if not isinstance(extractor["stand_in"], str) or not _has_its_checksum(folder, written):
            return None
    # Damaged files raise many things, and each of them means the same: extract again.
    except Exception:
        return None
    return extractor


def holds_cnn(folder: pathlib.Path) -> bool:
    """Whether cnn.keras is there and no byte of it is damaged."""
    try:
        with zipfile.ZipFile(folder / CNN_KERAS) as archive:
            return archive.testzip() is None
    except Exception:
        return False


def _has_its_checksum(folder: pathlib.Path, written: features.Features) -> bool:
    """Reads every value; false where the sum is another than when the features were last checked."""
    checked = folder / features.CHECKED_JSON
    try:
        text = checked.read_text(encoding="utf-8")
        known = json.loads(text)["sha256"]
    except (OSError, ValueError, TypeError, KeyError):
        text, known = "", None
    same = written.checksum() == known or known is None
    if not same:
        # The new sum must not stand as a good one, should the extraction that follows be stopped.
        atomic_files.write_text(checked, text)
    return same
