"""Image-sentence retrieval in a limited text space: the library and its commands.

    import cmr

    model = cmr.retrieval_model(cmr.ModelConfig("vse", vgg_dim=4096, image_dim=0, vocabulary_size=8000))
    both = cmr.evaluate(image_embeddings, caption_embeddings, image_of_caption)
    run = cmr.open_run("workspace/flickr8k/runs/fusion-1a2b3c4d")
    retriever = cmr.load("flickr8k.cmr")
    gallery = cmr.Gallery.open("Pictures")

Names are loaded when they are first used, so that `import cmr` takes a moment and no TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmr.config import ModelConfig, TrainConfig
    from cmr.evaluation.metrics import evaluate
    from cmr.gallery.searching import Gallery
    from cmr.retrieval.model import retrieval_model
    from cmr.serving.packed_model import load
    from cmr.trained.finished_run import open_run
    from cmr.trained.retriever import Retriever

__version__ = "0.1.0"

_WHERE = {
    "ModelConfig": "cmr.config",
    "TrainConfig": "cmr.config",
    "Gallery": "cmr.gallery.searching",
    "Retriever": "cmr.trained.retriever",
    "evaluate": "cmr.evaluation.metrics",
    "load": "cmr.serving.packed_model",
    "open_run": "cmr.trained.finished_run",
    "retrieval_model": "cmr.retrieval.model",
}

__all__ = ["Gallery", "ModelConfig", "Retriever", "TrainConfig", "evaluate", "load", "open_run", "retrieval_model"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
