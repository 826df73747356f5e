"""A model on the pictures and sentences of any prepared data set, which it need not have learnt from."""

from collections.abc import Callable, Sequence

import numpy as np

from cmr.data import examples
from cmr.data.examples import Examples
from cmr.errors import DataError
from cmr.evaluation import bootstrap, encoding, metrics, results_table
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.results_table import SplitCounts
from cmr.trained import final_evaluation, hub_correction
from cmr.trained.retriever import PICTURES_AT_ONCE, Retriever
from cmr.workspace import captions
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import UNK_ID

_NOT_LOOKED_FOR = (
    "Photographs that the model has learnt from are not looked for among these; its card says what it learnt from."
)


def read_split(retriever: Retriever, workspace: Workspace, split: str) -> Examples:
    """Reads a split in the model's own words, without any features.

    Raises:
      WorkspaceError: the data set is not prepared or damaged, or the split is empty.
    """
    workspace.read_description()
    return examples.split_examples(
        captions.read_captions(workspace.captions_csv), split, retriever.parts.vocabulary, {}
    )


def embed_pictures(
    retriever: Retriever,
    workspace: Workspace,
    split: Examples,
    on_batch: Callable[[int], None] = lambda count: None,
) -> np.ndarray:
    """Embeds every picture of a split, `[num_images, dim]` float32.

    Args:
      retriever: the model.
      workspace: of the data set.
      split: of `read_split`.
      on_batch: is told how many more are done.

    Raises:
      DataError: pictures are missing, which is said before the first is read, or one can't be read.
      CmrError: the model has no CNN for new pictures.
    """
    image_dir = workspace.dataset_dir / workspace.read_description()["image_dir"]
    paths = [image_dir / name for name in split.file_names]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing):,} of the split's {len(paths):,} pictures are missing, such as {missing[0]}; put them "
            "there, or prepare the data set without them"
        )
    blocks = []
    for start in range(0, len(paths), PICTURES_AT_ONCE):
        blocks.append(retriever.embed_pictures(paths[start : start + PICTURES_AT_ONCE]))
        on_batch(len(blocks[-1]))
    return np.concatenate(blocks)


def results(
    retriever: Retriever, name: str, workspace: Workspace, split_name: str, split: Examples, embeddings: Embeddings
) -> str:
    """The table to print: by cosines, and beneath it what a search by sentences finds.

    Args:
      retriever: the model.
      name: its name.
      workspace: of the data set.
      split_name: `train`, `val` or `test`.
      split: of `read_split`.
      embeddings: of the same.
    """
    description = workspace.read_description()
    folds = description.get("test_folds", 1) if split_name == "test" else 1
    splits = [SplitCounts(name, **sizes) for name, sizes in description.get("splits", {}).items()]
    measured, ranks = encoding.evaluate_embeddings(embeddings, split, folds)
    chance = [
        metrics.random_ranking(np.bincount(split.image_of_caption[sentences] - images.start))
        for images, sentences in split.folds(folds)
    ]
    counts = SplitCounts(split_name, split.num_images, split.num_captions)
    return results_table.format_results(
        dataset=workspace.dataset,
        model=name,
        metrics=measured,
        intervals=bootstrap.intervals([ranks]),
        random=metrics.mean_over_folds(chance),
        counts=counts,
        features_note=retriever.parts.features or "of the model's own CNN",
        notes=[
            *results_table.small_gallery_notes(counts, folds),
            final_evaluation.INTERVAL_NOTE,
            results_table.describe_splits(description.get("protocol", ""), splits),
            *([f"Means over {folds} equal parts of the split, each searched alone."] if folds > 1 else []),
            *_search_notes(retriever, embeddings, split, folds),
            f"Words of the sentences that the model does not know: {_unknown_share(split):.1%}.",
            _NOT_LOOKED_FOR,
        ],
    )


def _search_notes(retriever: Retriever, embeddings: Embeddings, split: Examples, folds: int) -> Sequence[str]:
    """What a search by sentences finds where it does not go by cosines alone."""
    if retriever.hub_correction is None:
        return []
    corrected = hub_correction.with_column(embeddings, retriever.gallery_rows(embeddings.images)[:, -1])
    measured, _ = encoding.evaluate_embeddings(corrected, split, folds)
    return [
        "Image retrieval as cmr.search has it, which takes off what a picture has in common with all sentences: "
        f"R@1/5/10 {measured.image_retrieval.one_line()}."
    ]


def _unknown_share(split: Examples) -> float:
    # Each sentence ends with a word of its own.
    return np.count_nonzero(split.tokens == UNK_ID) / (len(split.tokens) - split.num_captions)
