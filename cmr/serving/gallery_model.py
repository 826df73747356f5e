"""The model of a gallery: the one that its index was made with, whose vectors alone mean something beside its rows."""

import pathlib

from cmr import config
from cmr.errors import WorkspaceError
from cmr.gallery.searching import Gallery
from cmr.serving import packed_model
from cmr.trained.retriever import Retriever


def path_of(gallery: Gallery, model: str = "") -> str:
    """Where the model lies; `pretrained` for the one that comes along.

    Args:
      gallery: the gallery.
      model: its path, where it is no longer where the index was made with it.

    Raises:
      WorkspaceError: it is no longer there.
    """
    of_index = gallery.description.model
    if not model and of_index != packed_model.PRETRAINED and not pathlib.Path(of_index).exists():
        raise WorkspaceError(
            f"{of_index}, the model that the index was made with, is no longer there; give it with --model"
        )
    return model or of_index


def load(gallery: Gallery, model: str = "", max_pixels: int = config.MAX_PIXELS) -> Retriever:
    """Opens the model of a gallery.

    Args:
      gallery: the gallery.
      model: as in `path_of`.
      max_pixels: as in `packed_model.load`.

    Raises:
      WorkspaceError: it is missing, damaged, or another one.
    """
    model = path_of(gallery, model)
    retriever = packed_model.load(model, max_pixels)
    if retriever.parts.checksum != gallery.description.model_checksum:
        anew = gallery.indexing_command(f"--model={model}", "--rebuild")
        indexed = f"{gallery.place.folder} was indexed with"
        if model == gallery.description.model:
            raise WorkspaceError(f"{indexed} {model} as it was before it changed; index anew: {anew}")
        raise WorkspaceError(
            f"{indexed} another model ({gallery.description.model}); search with that one, or index anew: {anew}"
        )
    return retriever
