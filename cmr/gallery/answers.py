"""What a gallery answers to a query: the pictures found, whether the best stands out, the sentence near each."""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np

from cmr.gallery import nearest_sentences, queries, streaming
from cmr.gallery.queries import Term
from cmr.gallery.searching import Gallery, Hit
from cmr.trained.retriever import Retriever

# A sentence whose best picture is worse than that of so many others has probably none here.
_STANDS_OUT = 0.95


@dataclasses.dataclass(frozen=True)
class Answer:
    """The results of a query.

    Attributes:
      hits: the results, best first.
      better: share of the validation sentences whose best picture scored higher; None where the query is more than one
        sentence, which alone is like those, or where the first results are left out.
      seconds: that the search took; embedding the query is not counted.
    """

    hits: Sequence[Hit]
    better: float | None
    seconds: float

    @property
    def stands_out(self) -> bool:
        """False where probably no picture of the gallery fits."""
        return self.better is None or self.better < _STANDS_OUT

    def says_nothing_stands_out(self) -> str:
        """The sentence for that."""
        return (
            f"nothing stands out: of the sentences that the model was validated with, {percent(self.better)} have a "
            f"best picture above {self.hits[0].score:.2f}"
        )


def answer(
    terms: Sequence[Term],
    gallery: Gallery,
    retriever: Retriever,
    top: int,
    skip: int = 0,
    score: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Answer:
    """Searches by a query; a picture of the gallery that is part of it is left out.

    Args:
      terms: of `queries.parse`, or made.
      gallery: to search.
      retriever: the model of its index.
      top: results at most.
      skip: first results to leave out, for the next page.
      score: from the query as of `Gallery.row_queries`, `[width]`, to a score of every row; by default the exact one.

    Raises:
      ConfigError: the model knows no word of a sentence, or nothing is left of the query.
      DataError: a picture can't be read.
    """
    query = queries.embed(terms, retriever)
    started = time.monotonic()
    if score:
        scores = score(gallery.row_queries(query.vector[None], query.sentence_weight)[0])
    else:
        scores = gallery.scores(query.vector[None], query.sentence_weight)[:, 0]
    own = [_own_row(term, gallery) for term in terms]
    scores[[row for row in own if row is not None]] = -np.inf
    hits = gallery.hits(scores, top, skip)
    seconds = time.monotonic() - started
    is_one_sentence = len(terms) == 1 and bool(terms[0].sentence)
    better = retriever.share_with_better_best(hits[0].score) if is_one_sentence and hits and not skip else None
    return Answer(hits, better, seconds)


def at_random(gallery: Gallery, seed: int, top: int, skip: int = 0) -> list[Hit]:
    """Pictures in a random order that the seed decides; their scores mean nothing."""
    scores = np.random.default_rng(seed).random(len(gallery.embeddings), np.float32)
    scores[gallery.hidden] = -np.inf
    return gallery.hits(scores, top, skip)


def sentences_of(gallery: Gallery, rows: Sequence[int], retriever: Retriever) -> list[str]:
    """The nearest sentence of each row; "" where the model carries none."""
    if retriever.sentences is None or not len(rows):
        return [""] * len(rows)
    near = nearest_sentences.nearest(retriever.sentences, gallery.vectors(rows), 1)
    return [sentences[0].sentence for sentences in near]


def as_json(hits: Sequence[Hit], sentences: Sequence[str], name: Callable[[pathlib.Path], str] = str) -> list[dict]:
    """Results as a program reads them.

    Args:
      hits: the results.
      sentences: the nearest of each.
      name: how a file is named.
    """
    return [
        {
            "rank": hit.rank,
            "score": hit.score,
            "share": hit.share,
            "path": name(hit.path),
            "copies": [name(path) for path in hit.copies],
            "nearest_sentence": sentence,
        }
        for hit, sentence in zip(hits, sentences, strict=True)
    ]


def percent(share: float) -> str:
    return f"{100 * share:.{2 if share < 0.01 else 0}f}%"


def not_heard(words: Sequence[str], retriever: Retriever) -> str:
    """The sentence about words that the model never learnt."""
    return f"not among the model's {retriever.num_words:,} words, so not heard: {', '.join(words)}"


def _own_row(term: Term, gallery: Gallery) -> int | None:
    if term.picture is None:
        return term.row
    return gallery.row_of_content(streaming.content_sha256(term.picture))
