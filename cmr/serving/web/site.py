"""What every page and every JSON answer is made of: the gallery, the model, and what was computed for others before."""

import collections
import dataclasses
import pathlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request

from cmr.errors import DataError
from cmr.gallery import answers, nearest_sentences, queries
from cmr.gallery.answers import Answer
from cmr.gallery.queries import Term
from cmr.gallery.searching import Gallery
from cmr.pictures import files
from cmr.serving.web import rows
from cmr.serving.web.addresses import WebQuery
from cmr.serving.web.live_gallery import LiveGallery
from cmr.serving.web.uploads import Uploads
from cmr.trained.retriever import Retriever

Value = TypeVar("Value")

# Of so many pictures the nearest sentence and the size are kept.
_KEPT_PICTURES = 100_000


@dataclasses.dataclass(frozen=True)
class Limits:
    """On pictures that are given.

    Attributes:
      upload_bytes: of a request's body.
      upload_pixels: of a picture.
    """

    upload_bytes: int
    upload_pixels: int


@dataclasses.dataclass(frozen=True)
class Results:
    """A page of results.

    Attributes:
      answer: the pictures.
      sentences: the nearest of each; "" where the model carries none.
      unknown_words: of the query.
      seconds: that all of it took.
    """

    answer: Answer
    sentences: Sequence[str]
    unknown_words: Sequence[str]
    seconds: float


class Site:
    """The gallery and its model, for many threads.

    Args:
      live: the gallery.
      retriever: its model.
      limits: on what visitors give.

    Attributes:
      live, retriever, limits: see above.
      uploads: the pictures that were given.
    """

    def __init__(self, live: LiveGallery, retriever: Retriever, limits: Limits):
        self.live, self.retriever, self.limits = live, retriever, limits
        self.uploads = Uploads(retriever, limits.upload_pixels)
        self._sentences: _Kept[str] = _Kept()
        self._sizes: _Kept[tuple[int, int]] = _Kept()

    @property
    def model_name(self) -> str:
        """The model's file or folder, without the path to it."""
        return pathlib.Path(self.retriever.parts.name).name

    def warm(self) -> None:
        """Does once what a first visitor would wait for: loads each part of the model and compiles it."""
        for words in (1, 3, 8):
            self.retriever.embed_sentences([" ".join(["a"] * words)])
        grey = Image.new("RGB", (64, 64), (files.GREY,) * 3)
        (vector,) = self.retriever.embed_pictures([grey])
        with self.live.opened() as gallery:
            hits = gallery.search(vector, 1)
            self.sentences(gallery, [hit.row for hit in hits])
        if self.retriever.has_captioner:
            self.retriever.caption(grey)

    def search(self, gallery: Gallery, query: WebQuery, top: int, skip: int) -> Results:
        """Searches.

        Raises:
          ConfigError: the query makes no sense.
          HTTPException: a picture of the query is not there.
        """
        started = time.monotonic()
        terms = self.terms(gallery, query)
        unknown = queries.unknown_words(terms, self.retriever)
        answer = answers.answer(terms, gallery, self.retriever, top, skip)
        sentences = self.sentences(gallery, [hit.row for hit in answer.hits])
        return Results(answer, sentences, unknown, time.monotonic() - started)

    def terms(self, gallery: Gallery, query: WebQuery) -> list[Term]:
        """The query's parts: the words, the gallery's own pictures, and those that were given."""
        terms = queries.parse(query.text.split(), opens_files=False) if query.text else []
        terms += [Term(1, embedding=rows.embedding(gallery, row), row=row) for row in query.like]
        terms += [Term(-1, embedding=rows.embedding(gallery, row), row=row) for row in query.unlike]
        for key in query.uploads:
            upload = self.uploads.get(key)
            if upload is None:
                raise HTTPException(404, "the server no longer has the picture that you gave; give it again")
            terms.append(Term(1, embedding=upload.embedding))
        return terms

    def with_picture(self, gallery: Gallery, query: WebQuery, content: bytes) -> WebQuery:
        """A query and a picture that is given, which may be one of the gallery's."""
        upload = self.uploads.take(content)
        row = gallery.row_of_content(upload.sha256)
        return query.adding_upload(upload.key) if row is None else query.adding(row)

    def sentences(self, gallery: Gallery, shown: Sequence[int]) -> list[str]:
        """The sentence nearest to each row."""

        def compute(missing: Sequence[int]) -> list[str]:
            return answers.sentences_of(gallery, missing, self.retriever)

        return self._sentences.of(gallery, shown, compute)

    def sizes(self, gallery: Gallery, shown: Sequence[int]) -> list[tuple[int, int]]:
        """Width and height of each picture as it is shown."""
        return self._sizes.of(gallery, shown, lambda missing: [rows.size(gallery, row) for row in missing])

    def near_sentences(self, gallery: Gallery, row: int, top: int) -> list[nearest_sentences.NearSentence]:
        """The sentences nearest to a picture, best first; none where the model carries none."""
        rows.check_row(gallery, row)
        if self.retriever.sentences is None:
            return []
        return nearest_sentences.nearest(self.retriever.sentences, gallery.vectors([row]), top)[0]

    def made_sentences(self, gallery: Gallery, row: int) -> list[str]:
        """What the captioner says of a picture; nothing where there is none, or the picture can't be read."""
        if not self.retriever.has_captioner:
            return []
        try:
            return [self.retriever.caption(rows.file_of(gallery, row))]
        except DataError:
            return []

    def status(self, gallery: Gallery) -> str:
        """What is to be said of the gallery; "" where it is as it should be."""
        if self.live.has_other_model:
            return "The gallery was indexed anew with another model. Start cmr.serve again to search with that one."
        if self.live.is_being_indexed:
            return f"Indexing is under way: {len(gallery):,} pictures can be searched already."
        if not len(gallery):
            return "No picture is indexed yet. Run cmr.index, and reload this page."
        return gallery.says_what_is_missing()


def site_of(request: Request) -> Site:
    """The site that is asked."""
    return request.app.state.site


class _Kept(dict[bytes, Value]):
    """What is known of pictures by the SHA-256 of their content."""

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()
        self._order: collections.deque[bytes] = collections.deque()

    def of(
        self, gallery: Gallery, shown: Sequence[int], compute: Callable[[Sequence[int]], list[Value]]
    ) -> list[Value]:
        contents = {row: gallery.store.content_of_row(row) for row in shown}
        values = {row: self.get(content) for row, content in contents.items()}
        missing = [row for row, value in values.items() if value is None]
        if missing:
            values |= zip(missing, compute(missing), strict=True)
            with self._lock:
                self.update({contents[row]: values[row] for row in missing})
                self._order.extend(contents[row] for row in missing)
                while len(self._order) > _KEPT_PICTURES:
                    self.pop(self._order.popleft(), None)
        return [values[row] for row in shown]
