"""What a finished run retrieves for single test images and sentences: chosen ones, random ones, its worst failures."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.evaluation import metrics, similarities
from cmr.evaluation.query_ranks import QueryRanks
from cmr.evaluation.similarities import Similarities
from cmr.trained.finished_run import FinishedRun

TOP = 5
NUM_CHOSEN = 3
NUM_RANDOM = 6
NUM_WORST = 3


@dataclasses.dataclass(frozen=True)
class RetrievedSentence:
    """A sentence in the list of an image.

    Attributes:
      text: as published.
      similarity: cosine to the image.
      correct: whether it is one of the image's own.
    """

    text: str
    similarity: float
    correct: bool


@dataclasses.dataclass(frozen=True)
class RetrievedPicture:
    """An image in the list of a sentence.

    Attributes:
      image_id: of the image.
      path: its file.
      similarity: cosine to the sentence.
      correct: whether the sentence is one of its own.
    """

    image_id: str
    path: pathlib.Path
    similarity: float
    correct: bool


@dataclasses.dataclass(frozen=True)
class OwnSentence:
    """One of an image's own sentences, and the rank at which it finds the image."""

    text: str
    rank: int


@dataclasses.dataclass(frozen=True)
class ImageQuery:
    """RetrievedSentence retrieval for one image.

    Attributes:
      image_id: of the image.
      path: its file.
      rank: of its best own sentence.
      candidates: sentences that were searched.
      retrieved: the first `TOP` sentences, best first.
      own: its own sentences, the best first.
    """

    image_id: str
    path: pathlib.Path
    rank: int
    candidates: int
    retrieved: tuple[RetrievedSentence, ...]
    own: tuple[OwnSentence, ...]


@dataclasses.dataclass(frozen=True)
class SentenceQuery:
    """Image retrieval for one sentence.

    Attributes:
      text: the sentence.
      image_id: its image.
      path: that image's file.
      rank: of that image.
      candidates: images that were searched.
      retrieved: the first `TOP` images, best first.
    """

    text: str
    image_id: str
    path: pathlib.Path
    rank: int
    candidates: int
    retrieved: tuple[RetrievedPicture, ...]


@dataclasses.dataclass(frozen=True)
class Group:
    """Examples that were picked in one way.

    Attributes:
      title: such as `Random images`.
      picked: a sentence that says how.
      images: queries of sentence retrieval.
      sentences: queries of image retrieval.
    """

    title: str
    picked: str
    images: tuple[ImageQuery, ...] = ()
    sentences: tuple[SentenceQuery, ...] = ()


class TestRetrieval:
    """Both directions of retrieval over a run's test split, query by query.

    Args:
      split: the test split.
      image_dir: folder of its pictures.
      said: of the split.
      ranks: of its queries, as the run's metrics have them.
      folds: parts of the split that are searched apart.
    """

    # Not a test, whatever pytest thinks of the name.
    __test__ = False

    def __init__(
        self,
        split: Examples,
        image_dir: pathlib.Path,
        said: Similarities,
        ranks: QueryRanks,
        folds: int = 1,
    ):
        self.split = split
        self.ranks = ranks
        self._image_dir = image_dir
        self._folds = list(split.folds(folds))
        # At 1,000 images a fold 20 MB each.
        self._scores = list(similarities.matrices(said, split, folds))

    def image(self, image: int) -> ImageQuery:
        """What is retrieved for an image of the split."""
        number = self._fold_of(image)
        images, candidates = self._folds[number]
        nearest, scores = metrics.top_scores(self._scores[number][image - images.start], TOP)
        own = self.own_by_rank(image)
        return ImageQuery(
            image_id=self.split.image_ids[image],
            path=self._path(image),
            rank=int(self.ranks.sentence_retrieval[image]),
            candidates=len(candidates),
            retrieved=tuple(
                RetrievedSentence(
                    self.split.captions[caption], float(value), bool(self.split.image_of_caption[caption] == image)
                )
                for caption, value in zip(candidates[nearest], scores, strict=True)
            ),
            own=tuple(OwnSentence(self.split.captions[each], int(self.ranks.image_retrieval[each])) for each in own),
        )

    def sentence(self, caption: int) -> SentenceQuery:
        """What is retrieved for a sentence of the split."""
        right = int(self.split.image_of_caption[caption])
        number = self._fold_of(right)
        fold, captions = self._folds[number]
        nearest, scores = metrics.top_scores(self._scores[number][:, np.searchsorted(captions, caption)], TOP)
        return SentenceQuery(
            text=self.split.captions[caption],
            image_id=self.split.image_ids[right],
            path=self._path(right),
            rank=int(self.ranks.image_retrieval[caption]),
            candidates=fold.stop - fold.start,
            retrieved=tuple(
                RetrievedPicture(self.split.image_ids[image], self._path(image), float(value), bool(image == right))
                for image, value in zip(fold.start + nearest, scores, strict=True)
            ),
        )

    def own_by_rank(self, image: int) -> np.ndarray:
        """Numbers of an image's own sentences, the one that finds it best first."""
        own = np.flatnonzero(self.split.image_of_caption == image)
        return own[np.argsort(self.ranks.image_retrieval[own], kind="stable")]

    def spread(self) -> np.ndarray:
        """`[num_images]` float64: the worst rank at which an image's own sentences find it, over the best one."""
        highest = np.zeros(self.split.num_images)
        lowest = np.full(self.split.num_images, np.inf)
        np.maximum.at(highest, self.split.image_of_caption, self.ranks.image_retrieval)
        np.minimum.at(lowest, self.split.image_of_caption, self.ranks.image_retrieval)
        return highest / lowest

    def _fold_of(self, image: int) -> int:
        return next(n for n, (images, _) in enumerate(self._folds) if images.start <= image < images.stop)

    def _path(self, image: int) -> pathlib.Path:
        return self._image_dir / self.split.file_names[image]


def search_test_split(opened: FinishedRun) -> TestRetrieval:
    """Reads what a run says of its test split.

    Args:
      opened: the run.

    Raises:
      WorkspaceError: the run's test ranks are missing or damaged.
    """
    ranks = QueryRanks.read(opened.run.test_ranks_npz)
    split = opened.inputs.split("test")
    return TestRetrieval(split, opened.inputs.image_dir, opened.similarities("test"), ranks, opened.inputs.test_folds)


def pick_examples(retrieval: TestRetrieval, chosen_images: Sequence[str], seed: int) -> list[Group]:
    """Picks what to show.

    Args:
      retrieval: of the run.
      chosen_images: ids of test images; none: those whose own sentences differ most in how well they find them.
      seed: of the random ones.

    Raises:
      ConfigError: an id is not of the test split.
    """
    random = np.random.default_rng(seed)
    split, ranks = retrieval.split, retrieval.ranks
    chosen, how = _chosen(retrieval, chosen_images)
    both_ends = [caption for image in chosen for caption in retrieval.own_by_rank(image)[[0, -1]]]
    drawn_images = _draw(random, split.num_images)
    drawn_captions = _draw(random, split.num_captions)
    return [
        Group("Chosen images", how, images=_each(retrieval.image, chosen)),
        Group(
            "Random images", f"Drawn from the test split with seed {seed}.", images=_each(retrieval.image, drawn_images)
        ),
        Group(
            "Chosen sentences",
            "Of each chosen image, the sentence that finds it best and the one that finds it worst.",
            sentences=_each(retrieval.sentence, dict.fromkeys(both_ends)),
        ),
        Group(
            "Random sentences",
            f"Drawn from the test split with seed {seed}.",
            sentences=_each(retrieval.sentence, drawn_captions),
        ),
        Group(
            "Worst failures, sentence retrieval",
            "The test images whose best own sentence comes last.",
            images=_each(retrieval.image, _worst(ranks.sentence_retrieval)),
        ),
        Group(
            "Worst failures, image retrieval",
            "The test sentences whose image comes last.",
            sentences=_each(retrieval.sentence, _worst(ranks.image_retrieval)),
        ),
    ]


def _chosen(retrieval: TestRetrieval, image_ids: Sequence[str]) -> tuple[list[int], str]:
    if not image_ids:
        order = np.argsort(-retrieval.spread(), kind="stable")
        how = (
            f"The {NUM_CHOSEN} test images whose own sentences differ most in how well they find them: those with the "
            "largest ratio of the worst rank to the best."
        )
        return order[:NUM_CHOSEN].tolist(), how
    row_of = {image_id: row for row, image_id in enumerate(retrieval.split.image_ids)}
    unknown = [image_id for image_id in image_ids if image_id not in row_of]
    if unknown:
        raise ConfigError(
            f"--chosen_images names {unknown[0]}, which is no image of the test split; captions.csv lists their ids"
        )
    return [row_of[image_id] for image_id in image_ids], "Named by --chosen_images."


def _draw(random: np.random.Generator, count: int) -> list[int]:
    return sorted(random.choice(count, size=min(NUM_RANDOM, count), replace=False).tolist())


def _worst(ranks: np.ndarray) -> list[int]:
    return np.argsort(-ranks, kind="stable")[:NUM_WORST].tolist()


def _each(example, numbers) -> tuple:
    return tuple(example(int(number)) for number in numbers)
