"""Searches an index: exactly, with what each score is worth in this gallery.

gallery = cmr.Gallery.open("Pictures")
retriever = cmr.load(gallery.description.model)
for hit in gallery.search(retriever.embed_sentences(["a dog by the sea"])[0], top=10, sentence_weight=1):
    print(hit.score, hit.path)
"""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from cmr import shell
from cmr.errors import WorkspaceError
from cmr.gallery import sharded_store, similarity, store, walking
from cmr.gallery.place import Description, Place
from cmr.gallery.sharded_rows import ShardedRows
from cmr.gallery.sharded_store import ShardedStore
from cmr.gallery.store import INDEXED, Store
from cmr.workspace import shards
from cmr.workspace.shards import Shard


@dataclasses.dataclass(frozen=True)
class Hit:
    """One result.

    Attributes:
      rank: from 1.
      row: of its embedding; it stays the same while the index is the same.
      score: cosine with the query; of sentences less what the picture has in common with all of them, where the model
        tells that (`trained.hub_correction`).
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
    """An index opened to be searched, or its shards as one; `open` it again to see what was indexed since.

    >>> gallery = cmr.Gallery.open("Pictures")
    >>> hits = gallery.search(query=np.array([0.6, 0.8], np.float32), top=2)
    >>> [(hit.path.name, round(hit.score, 2)) for hit in hits]
    [('1.png', 0.8), ('0.png', 0.6)]

    Attributes:
      place: its folders.
      description: gallery.json.
      store: the index in use; of a gallery in shards that is not merged, all of theirs.
      embeddings: `[num_rows, width]`, mapped from the disk; `vectors` has them without what a hub correction adds.
      hidden: `[any]` int64, rows that no file has any more.
    """

    place: Place
    description: Description
    store: Store | ShardedStore
    embeddings: np.ndarray | ShardedRows
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
        is_sharded = not place.gallery_json.exists() and place.shards_begun()
        description, index = sharded_store.open_shards(place) if is_sharded else store.open_in_use(place)
        # In this order: what is hidden later is passed over when its file is looked for.
        embeddings = index.embeddings()
        hidden = index.hidden_rows()
        return cls(place, description, index, embeddings, hidden[hidden < len(embeddings)])

    def close(self) -> None:
        """Lets go of the database; a server that opens the gallery again closes the old one."""
        self.store.close()

    @property
    def shards(self) -> list[Shard]:
        """The shards that are searched; none where there is an index of the whole."""
        return [*self.store.stores] if isinstance(self.store, ShardedStore) else []

    def has_changed(self) -> bool:
        """Whether what is on the disk is another than was opened.

        Raises:
          WorkspaceError: the gallery is damaged or gone.
        """
        if not self.shards:
            return self.place.read() != self.description or self.store.has_changed()
        in_use = {place.shard: place.folder / place.read().index for place in self.place.shards_indexed()}
        opened = {shard: index.folder for shard, index in self.store.stores.items()}
        return self.place.gallery_json.exists() or in_use != opened or self.store.has_changed()

    def lacking_shards(self) -> list[Shard]:
        """The shards that are not there, or have not gone through all their pictures; none of an index of the whole."""
        return [*sharded_store.lacking(self.place, self.shards[0].count)] if self.shards else []

    def says_what_is_missing(self) -> str:
        """The sentence about those; "" where there are none."""
        lacking = self.lacking_shards()
        if not lacking:
            return ""
        are = "is" if len(lacking) == 1 else "are"
        return f"The gallery lacks pictures: {len(lacking)} of its {lacking[0].count} shards {are} not whole."

    def says_what_to_run(self) -> str:
        """The same for a terminal, with the line that makes them whole."""
        sentence = self.says_what_is_missing()
        return sentence and f"{sentence} Run: {shards.making(self.lacking_shards(), self.place.command)}"

    def indexing_command(self, *arguments: str) -> str:
        """The line for a shell that indexes the gallery, or each of its shards, with further arguments."""
        words = [*self.place.command, *arguments]
        return shards.making(self.shards, words) if self.shards else shell.python_command(*words)

    def __len__(self) -> int:
        """Different pictures that can be found."""
        return len(self.embeddings) - len(self.hidden)

    @property
    def num_hidden(self) -> int:
        """Rows that no file has any more, and copies."""
        num_rows = sum(map(len, self.embeddings.parts)) if self.shards else len(self.embeddings)
        return num_rows - len(self)

    @property
    def num_files(self) -> int:
        """Files that can be found: copies count each."""
        return self.store.count(INDEXED)

    def vectors(self, rows: Sequence[int]) -> np.ndarray:
        """Embeddings of rows: `[len(rows), dim]` float32, norm 1 but for the rounding of `rows_dtype`."""
        return np.asarray(self.embeddings[list(rows)], np.float32)[:, : self.store.rows.dim]

    def row_queries(self, queries: np.ndarray, sentence_weight: float) -> np.ndarray:
        """Queries as the rows are multiplied by them; see `store.Rows.queries`.

        Args:
          queries: `[num_queries, dim]` float32, norm 1.
          sentence_weight: 1 for sentences, 0 for pictures.

        Raises:
          WorkspaceError: they are of another size, so of another model.
        """
        rows = self.store.rows
        if queries.shape[1] != rows.dim:
            raise WorkspaceError(
                f"{self.place.folder} holds embeddings of {rows.dim} values and the query has {queries.shape[1]}; "
                f"search with the model of the index, {self.description.model}"
            )
        return rows.queries(queries, sentence_weight)

    def scores(self, queries: np.ndarray, sentence_weight: float = 0.0) -> np.ndarray:
        """Scores of every row for queries, see `Hit.score`.

        Args:
          queries: see `row_queries`.
          sentence_weight: likewise.

        Returns:
          `[num_rows, num_queries]` float32; minus infinity for rows that no file has any more.

        Raises:
          WorkspaceError: the queries are of another size, so of another model.
        """
        queries = self.row_queries(queries, sentence_weight)
        if isinstance(self.embeddings, ShardedRows):
            scores = self.embeddings.similarities(queries)
        else:
            scores = similarity.similarities(self.embeddings, queries)
        scores[self.hidden] = -np.inf
        return scores

    def search(
        self,
        query: np.ndarray,
        top: int,
        without: Iterable[int] = (),
        skip: int = 0,
        sentence_weight: float = 0.0,
    ) -> list[Hit]:
        """The nearest pictures of a query.

        Args:
          query: `[dim]` float32, norm 1.
          top: results at most.
          without: rows to leave out, such as the query's own.
          skip: first results to leave out, for the next page.
          sentence_weight: 1 for a sentence, 0 for a picture; see `queries.EmbeddedQuery`.

        Returns:
          Best first; of equal scores the one that was indexed first, among shards that of the lesser path. A file that
          has been deleted is not among them.
        """
        scores = self.scores(query[None], sentence_weight)[:, 0]
        scores[list(without)] = -np.inf
        return self.hits(scores, top, skip)

    def hits(self, scores: np.ndarray, top: int, skip: int = 0) -> list[Hit]:
        """The best of scores that are computed already: see `search`.

        Args:
          scores: `[num_rows]` float32, minus infinity for what is to be left out.
          top: results at most.
          skip: first results to leave out.
        """
        shown = itertools.islice(self._shown(self._in_order(scores, skip + top)), skip, skip + top)
        return [
            Hit(
                rank,
                row,
                float(scores[row]),
                np.count_nonzero(scores >= scores[row]) / max(1, len(self)),
                path,
                copies,
            )
            for rank, (row, (path, *copies)) in enumerate(shown, skip + 1)
        ]

    def _shown(self, rows: Iterable[int]) -> Iterator[tuple[int, list[pathlib.Path]]]:
        """Rows and their files, without those whose files were deleted since the last cmr.index or are out of reach."""
        for row in rows:
            paths = [path for path in self.files_of_row(row) if walking.is_file(path)]
            if paths:
                yield row, paths

    def _in_order(self, scores: np.ndarray, count: int) -> Iterator[int]:
        if isinstance(self.embeddings, ShardedRows):
            return self.embeddings.in_order(scores, count, self.store.first_path)
        return similarity.in_order(scores, count)

    def files_of_row(self, row: int) -> list[pathlib.Path]:
        """The files whose content a row embeds, sorted; they need not be there any more."""
        return [self.place.pictures / os.fsdecode(path) for path in self.store.paths_of_row(row)]

    def row_of_content(self, sha256: bytes) -> int | None:
        """The row of a picture's content; None where the gallery has no such picture."""
        row = self.store.row_of_content(sha256)
        return row if row is not None and row < len(self.embeddings) else None
