"""features/<name>-finetuned/ of a run: what its tuned CNN gives every picture, whole, in the form of any features."""

import contextlib
import pathlib
from collections.abc import Sequence

from cmr.config import MAX_PIXELS
from cmr.errors import WorkspaceError
from cmr.pictures import cnn, row_filling
from cmr.workspace import features
from cmr.workspace.checksums import files_sha256
from cmr.workspace.features import Features
from cmr.workspace.partial_rows import PartialRows


def write_tuned_features(
    folder: pathlib.Path,
    before: Features,
    image_ids: Sequence[str],
    paths: Sequence[pathlib.Path],
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Extracts what is not there yet with the CNN of the folder, from the pictures, as data_prep.extract does.

    Args:
      folder: of the run, with its cnn.keras.
      before: the features of the CNN before it was tuned.
      image_ids: of the rows.
      paths: the pictures.
      max_pixels: as in `pictures.files.read_rgb`.

    Raises:
      WorkspaceError: cnn.keras is missing or damaged.
      DataError: a picture can't be read.
    """
    path = folder / cnn.CNN_KERAS
    if not path.exists():
        raise WorkspaceError(f"{path} is missing; remove {folder.parents[2]} and train the run again")
    settings = {
        "model": before.extractor["model"],
        "layer": before.extractor.get("layer", ""),
        "weights": f"{before.extractor.get('weights', '')}, tuned",
        "weights_sha256": files_sha256([path]),
        "crops": 1,
        "images": len(image_ids),
        "image_ids_sha256": features.image_ids_sha256(image_ids),
    }
    if _is_whole(folder, settings):
        return
    encoder = cnn.read_own_cnn(folder)
    dtype = features.dtype_of(encoder.row_shape)
    rows = PartialRows(folder / features.FEATURES_NPY, settings, image_ids, encoder.row_shape, dtype)
    row_filling.fill_rows(rows, encoder, image_ids, paths, folder.name, max_pixels=max_pixels)
    # From here to the end the folder holds neither an old description nor a half new one.
    for name in (features.EXTRACTOR_JSON, features.CHECKED_JSON):
        (folder / name).unlink(missing_ok=True)
    rows.finish()
    description = {
        "name": folder.name,
        **settings,
        "input_size": encoder.input_size,
        "feature_dim": encoder.feature_dim,
        "stand_in": before.extractor["stand_in"],
        "blank_images": [],
    }
    features.write_description(folder, image_ids, description)
    rows.forget()
    features.read_features(folder).checksum()


def _is_whole(folder: pathlib.Path, settings: dict) -> bool:
    # Damaged ones are made again like those that are not there yet.
    with contextlib.suppress(WorkspaceError):
        return settings.items() <= features.read_features(folder).extractor.items()
    return False
