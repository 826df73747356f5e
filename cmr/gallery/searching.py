"""Searches an index: exactly, with what each score is worth in this gallery.

gallery = cmr.Gallery.open("Pictures")
retriever = cmr.load(gallery.description.model)
for hit in gallery.search(retriever.embed_sentences(["a dog by the sea"])[0], top=10):
    print(hit.score, hit.path)
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.gallery import similarity
from cmr.gallery.place import Description, Place
from cmr.gallery.store import INDEXED, Store


@dataclasses.dataclass(frozen=True)
class Hit:
    """One result.

    Attributes:
      rank: from 1.
      row: of its embedding; it stays the same while the index is the same.
      score: cosine with the query.
      share: of the gallery's pictures that score as high or higher, itself included.
      path: the file.
      copies: other files of the same content.
    """

    rank: int
    row: int
    score: float
    share: float
    path: pathlib.Path
    copies: Sequence[pathlib.Path]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """An index opened to be searched; `open` it again to see what was indexed since.

    >>> gallery = cmr.Gallery.open("Pictures")
    >>> hits = gallery.search(query=np.array([0.6, 0.8], np.float32), top=2)
    >>> [(hit.path.name, round(hit.score, 2)) for hit in hits]
    [('1.png', 0.8), ('0.png', 0.6)]

    Attributes:
      place: its folders.
      description: gallery.json.
      store: the index in use.
      embeddings: `[num_rows, dim]`, mapped from the disk.
      hidden: `[any]` int64, rows that no file has any more.
    """

    place: Place
    description: Description
    store: Store
    embeddings: np.ndarray
    hidden: np.ndarray

    @classmethod
    def open(cls, pictures: str | os.PathLike | None = None, gallery_dir: str | os.PathLike | None = None) -> "Gallery":
        """Opens the gallery of a folder of pictures.

        Args:
          pictures: the folder; may be left out where `gallery_dir` is given.
          gallery_dir: folder of the index, where it does not lie below the pictures.

        Raises:
          WorkspaceError: there is none, or it is damaged.
        """
        place = Place.of(
            pathlib.Path(pictures) if pictures else None, pathlib.Path(gallery_dir) if gallery_dir else None
        )
        description, store = _in_use(place)
        # In this order: what is hidden later is passed over when its file is looked for.
        embeddings = store.embeddings()
        hidden = store.hidden_rows()
        return cls(place, description, store, embeddings, hidden[hidden < len(embeddings)])

    def close(self) -> None:
        """Lets go of the database; a server that opens the gallery again closes the old one."""
        self.store.close()

    def __len__(self) -> int:
        """Different pictures that can be found."""
        return len(self.embeddings) - len(self.hidden)

    @property
    def num_files(self) -> int:
        """Files that can be found: copies count each."""
        return self.store.count(INDEXED)

    def scores(self, queries: np.ndarray) -> np.ndarray:
        """Cosines of every row with queries.

        Args:
          queries: `[num_queries, dim]` float32, norm 1.

        Returns:
          `[num_rows, num_queries]` float32; minus infinity for rows that no file has any more.

        Raises:
          WorkspaceError: the queries are of another size, so of another model.
        """
        if queries.shape[1] != self.embeddings.shape[1]:
            raise WorkspaceError(
                f"{self.place.folder} holds embeddings of {self.embeddings.shape[1]} values and the query has "
                f"{queries.shape[1]}; search with the model of the index, {self.description.model}"
            )
        scores = similarity.similarities(self.embeddings, queries)
        scores[self.hidden] = -np.inf
        return scores

    def search(self, query: np.ndarray, top: int, without: Iterable[int] = (), skip: int = 0) -> list[Hit]:
        """The nearest pictures of a query.

        Args:
          query: `[dim]` float32, norm 1.
          top: results at most.
          without: rows to leave out, such as the query's own.
          skip: first results to leave out, for the next page.

        Returns:
          Best first; of equal scores the one that was indexed first. A file that has been deleted is not among them.
        """
        scores = self.scores(query[None])[:, 0]
        scores[list(without)] = -np.inf
        return self.hits(scores, top, skip)

    def hits(self, scores: np.ndarray, top: int, skip: int = 0) -> list[Hit]:
        """The best of scores that are computed already: see `search`.

        Args:
          scores: `[num_rows]` float32, minus infinity for what is to be left out.
          top: results at most.
          skip: first results to leave out.
        """
        hits, looked_at = [], 0
        wanted = skip + top
        # Files that were deleted since the last cmr.index are passed over, and others looked for in their place.
        while len(hits) < wanted:
            rows = similarity.best(scores, looked_at + wanted - len(hits))[looked_at:]
            if not len(rows):
                break
            looked_at += len(rows)
            for row in rows:
                paths = [path for path in self.files_of_row(int(row)) if path.is_file()]
                if paths:
                    share = np.count_nonzero(scores >= scores[row]) / max(1, len(self))
                    hits.append(Hit(len(hits) + 1, int(row), float(scores[row]), share, paths[0], paths[1:]))
        return hits[skip:]

    def files_of_row(self, row: int) -> list[pathlib.Path]:
        """The files whose content a row embeds, sorted; they need not be there any more."""
        return [self.place.pictures / os.fsdecode(path) for path in self.store.paths_of_row(row)]

    def row_of_content(self, sha256: bytes) -> int | None:
        """The row of a picture's content; None where the gallery has no such picture."""
        row = self.store.row_of_content(sha256)
        return row if row is not None and row < len(self.embeddings) else None


def _in_use(place: Place) -> tuple[Description, Store]:
    """The index in use, opened; a writer may put another one in its place meanwhile."""
    while True:
        description = place.read()
        try:
            return description, Store(place.folder / description.index)
        except WorkspaceError:
            if place.read() == description:
                raise
