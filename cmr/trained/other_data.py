"""A model on the pictures and sentences of any prepared data set, which it need not have learnt from."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from cmr.data.examples import Examples
from cmr.data.inputs import Inputs, read_inputs
from cmr.errors import DataError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import Embeddings
from cmr.trained import final_evaluation, hub_correction
from cmr.trained.retriever import Retriever
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import UNK_ID

_NOT_LOOKED_FOR = (
    "Photographs that the model has learnt from are not looked for among these; its card says what it learnt from."
)


def read(retriever: Retriever, workspace: Workspace) -> Inputs:
    """Opens a data set in the model's own words, without any features.

    Raises:
      WorkspaceError: it is not prepared or damaged.
    """
    return dataclasses.replace(read_inputs(workspace, "", ""), vocabulary=retriever.parts.vocabulary)


def embed_pictures(
    retriever: Retriever, inputs: Inputs, split: str, on_batch: Callable[[int], None] = lambda count: None
) -> np.ndarray:
    """Embeds every picture of a split, `[num_images, dim]` float32.

    Args:
      retriever: the model.
      inputs: of `read`.
      split: name of the split.
      on_batch: is told how many more are done.

    Raises:
      DataError: pictures are missing, which is said before the first is read, or one can't be read.
      CmrError: the model has no CNN for new pictures.
    """
    paths = [inputs.image_dir / name for name in inputs.split(split).file_names]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing):,} of the split's {len(paths):,} pictures are missing, such as {missing[0]}; put them "
            "there, or prepare the data set without them"
        )
    return retriever.embed_pictures(paths, on_batch)


def results(retriever: Retriever, name: str, dataset: str, inputs: Inputs, split: str, embeddings: Embeddings) -> str:
    """The table to print: by cosines, and beneath it what a search by sentences finds.

    Args:
      retriever: the model.
      name: its name.
      dataset: the data set's name.
      inputs: of `read`.
      split: name of the split.
      embeddings: of the split.
    """
    features_note = retriever.parts.features or "of the model's own CNN"
    notes = list(_notes(retriever, embeddings, inputs.split(split), inputs.folds(split)))
    return final_evaluation.measure_split(embeddings, split, inputs, dataset, name, features_note, notes).table


def _notes(retriever: Retriever, embeddings: Embeddings, split: Examples, folds: int) -> Iterator[str]:
    if folds > 1:
        yield f"Means over {folds} equal parts of the split, each searched alone."
    if retriever.hub_correction is not None:
        corrected = hub_correction.with_column(embeddings, retriever.gallery_rows(embeddings.images)[:, -1])
        measured, _ = encoding.evaluate_embeddings(corrected, split, folds)
        yield (
            "Image retrieval as cmr.search has it, which takes off what a picture has in common with all sentences: "
            f"R@1/5/10 {measured.image_retrieval.one_line()}."
        )
    # Each sentence ends with a word of its own.
    unknown = np.count_nonzero(split.tokens == UNK_ID) / (len(split.tokens) - split.num_captions)
    yield f"Words of the sentences that the model does not know: {unknown:.1%}."
    yield _NOT_LOOKED_FOR
