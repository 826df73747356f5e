"""Queries: sentences and pictures, added and subtracted.

terms = queries.parse(["a beach", "+", "./dog.jpg", "-", "people"])
queries.embed(terms, retriever)
"""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr import shell
from cmr.errors import ConfigError, DataError
from cmr.gallery import walking
from cmr.trained.retriever import Retriever

# Below this length a sum of unit vectors is rounding.
_NOTHING = 1e-4


@dataclasses.dataclass(frozen=True)
class Term:
    """A part of a query.

    Attributes:
      sign: 1, or -1 where it is subtracted.
      sentence: "" for a picture.
      picture: its file; None for a sentence, and where the embedding is known.
      embedding: `[dim]` float32, norm 1, of a picture whose embedding is known.
      row: of a picture of the gallery, where that is known; it is no result of its own query.
    """

    sign: int
    sentence: str = ""
    picture: pathlib.Path | None = None
    embedding: np.ndarray | None = dataclasses.field(default=None, compare=False)
    row: int | None = None


def parse(words: Sequence[str], opens_files: bool = True) -> list[Term]:
    """Takes a query apart.

    Args:
      words: the command's arguments. `+` and `-` stand alone; what is between them is the path of a picture, or a
        sentence, whose words may be arguments of their own.
      opens_files: False takes every path for a sentence: a stranger's query must not touch files. A stranger is told of
        no command either.

    Raises:
      ConfigError: there is nothing between two signs.
      DataError: a path with no picture behind it.
    """
    terms, sign, held = [], 1, []
    for word in [*words, "+"]:
        if word not in ("+", "-"):
            held.append(word)
            continue
        text = " ".join(held).strip()
        if text:
            terms.append(_term(sign, text) if opens_files else Term(sign, text))
        elif terms or (word == "-" and sign == -1):
            raise ConfigError('the query has a + or - with nothing behind it; write "a beach" + ./dog.jpg - people')
        sign, held = (1 if word == "+" else -1), []
    if not terms:
        if opens_files:
            raise ConfigError('say what to look for: python -m cmr.search "a dog runs along the sea" --pictures=FOLDER')
        raise ConfigError('say what to look for: "a dog runs along the sea"')
    return terms


def _term(sign: int, text: str) -> Term:
    path = shell.expanded(text)
    # A name that is too long for a file is a sentence.
    if len(os.fsencode(text)) < 4096 and walking.is_file(path):
        return Term(sign, picture=path)
    if text.startswith(("/", "./", "../", "~/")) or (" " not in text and walking.is_picture_name(text)):
        raise DataError(f"{text} is no picture file; give the path of one, or a sentence")
    return Term(sign, text)


def unknown_words(terms: Sequence[Term], retriever: Retriever) -> list[str]:
    """The words of a query that the model never learnt, each once."""
    return list(dict.fromkeys(word for term in terms for word in retriever.unknown_words(term.sentence)))


def check_heard(sentence: str, retriever: Retriever) -> None:
    """Refuses a sentence whose vector would say nothing.

    Raises:
      ConfigError: the model knows no word of it.
    """
    if retriever.hears_nothing(sentence):
        raise ConfigError(
            f"none of the words of {sentence!r} is among the model's {retriever.num_words:,}, so there is nothing to "
            "search by; use words of its training sentences"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddedQuery:
    """A query as one vector.

    Attributes:
      vector: `[dim]` float32, norm 1.
      sentence_weight: how often the vector holds a sentence, one that is subtracted negative: 1 for one sentence, 0 for
        one less another, or for pictures. So much is counted of what a picture has in common with all sentences.
    """

    vector: np.ndarray
    sentence_weight: float


def embed(terms: Sequence[Term], retriever: Retriever) -> EmbeddedQuery:
    """Adds the parts' unit vectors, those that are subtracted negative, and makes the sum unit.

    Args:
      terms: of `parse`.
      retriever: the model.

    Raises:
      ConfigError: the model knows no word of a sentence, or nothing is left of the query.
      DataError: a picture can't be read.
    """
    for term in terms:
        if _is_sentence(term):
            check_heard(term.sentence, retriever)
    vectors = np.empty((len(terms), retriever.dim), np.float32)
    sentences = [place for place, term in enumerate(terms) if _is_sentence(term)]
    pictures = [place for place, term in enumerate(terms) if term.picture is not None]
    for place, term in enumerate(terms):
        if term.embedding is not None:
            vectors[place] = term.embedding
    if sentences:
        vectors[sentences] = retriever.embed_sentences([terms[place].sentence for place in sentences])
    if pictures:
        vectors[pictures] = retriever.embed_pictures([terms[place].picture for place in pictures])
    query = np.array([term.sign for term in terms], np.float32) @ vectors
    # One part stays as evaluation has it, to the last bit.
    if len(terms) == 1 and terms[0].sign == 1:
        return EmbeddedQuery(vectors[0], float(len(sentences)))
    length = float(np.linalg.norm(query))
    if length < _NOTHING:
        raise ConfigError("the parts of the query cancel each other out; subtract something else")
    return EmbeddedQuery(query / np.float32(length), sum(terms[place].sign for place in sentences) / length)


def _is_sentence(term: Term) -> bool:
    return term.picture is None and term.embedding is None
