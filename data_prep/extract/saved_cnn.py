"""A whole CNN in a .keras file, such as the one that `cmr.pretrain --finetune_cnn` tuned, as a feature extractor."""

import pathlib

import keras

from cmr.errors import WorkspaceError
from cmr.workspace import checksums
from data_prep.extract import weight_files
from data_prep.extract.cnn_description import CnnDescription


def saved_cnn(path: pathlib.Path, stand_in: str) -> CnnDescription:
    """Reads a CNN that maps `[batch, size, size, 3]` float32 RGB in 0 ... 255 to `[batch, feature_dim]`.

    Args:
      path: the `.keras` file.
      stand_in: what its features stand in for.

    Raises:
      WorkspaceError: the file is missing or damaged, or holds another kind of model.
    """
    weight_files.check_exists(path)
    try:
        model = keras.saving.load_model(path, compile=False)
        height, width, channels = model.input.shape[1:]
        (_,) = model.output.shape[1:]
    # Keras raises all of these for files that are cut off or of other kinds.
    except (ValueError, OSError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise WorkspaceError(
            f"--weights={path} is no CNN from pictures to features; give one such as a cnn.keras of data_prep.extract "
            "or cmr.pretrain --finetune_cnn"
        ) from error
    if height is None or height != width or channels != 3:
        raise WorkspaceError(f"--weights={path} takes {model.input.shape[1:]}, not squares of RGB")
    return CnnDescription(
        name=path.stem,
        model_name=model.name,
        layer="output",
        weights=path.name,
        weights_sha256=checksums.files_sha256([path]),
        input_size=height,
        stand_in=stand_in,
        build=lambda: model,
    )
