"""The sentences that are nearest to a picture, or to any other vector of the joint space."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from cmr.errors import DataError
from cmr.gallery import similarity
from cmr.trained.retriever import Retriever
from cmr.trained.sentences import Sentences


@dataclasses.dataclass(frozen=True)
class NearSentence:
    """A sentence and its cosine with the query."""

    sentence: str
    score: float


def nearest(sentences: Sentences, queries: np.ndarray, top: int) -> list[list[NearSentence]]:
    """The nearest sentences of each query.

    Args:
      sentences: to choose from.
      queries: `[num_queries, dim]`, norm 1.
      top: sentences at most.

    Returns:
      Best first, for each query.
    """
    scores = similarity.similarities(sentences.rows, np.asarray(queries, np.float32))
    chosen = [similarity.best(scores[:, place], top) for place in range(len(queries))]
    return [
        [NearSentence(sentences.texts[row], float(scores[row, place])) for row in rows]
        for place, rows in enumerate(chosen)
    ]


def as_printed(sentence: str) -> str:
    """A sentence without the space that data sets set before a full stop."""
    return re.sub(r"\s+([.,;:!?'])", r"\1", sentence)


def of_file(path: pathlib.Path, retriever: Retriever) -> Sentences:
    """A text file's sentences, one a line, empty lines left out.

    Raises:
      DataError: the file can't be read, or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8; give a file with a sentence a line") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); give a file with a sentence a line") from error
    texts: Sequence[str] = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not texts:
        raise DataError(f"{path} holds no sentence; give a file with a sentence a line")
    return Sentences(texts, retriever.embed_sentences(texts))
