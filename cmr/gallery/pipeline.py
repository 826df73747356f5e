"""Embeddings of picture files that workers of a pipeline make: the same as `streaming.stream` makes in this process."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence, Set

import numpy as np

from cmr.errors import WorkspaceError
from cmr.gallery import streaming
from cmr.gallery.streaming import Batch, Read
from cmr.pipelines import batches, work
from cmr.pipelines.parts import ROWS, UNREADABLE, Located, Part, Results
from cmr.pipelines.runners import Runner
from cmr.pipelines.work import Work
from cmr.trained.retriever import PICTURES_AT_ONCE, Retriever

# Files whose content is known, or was met before in the batch.
KNOWN = "known"

# A worker reads the next pictures while the model has some.
_BATCHES_AT_ONCE = 8

# Files that are handed on at once.
_FILES_AT_ONCE = 1024

_SHA256_BYTES = 32


@dataclasses.dataclass(frozen=True)
class _Loaded:
    """What all batches of a worker share: the model, and the contents that need no embedding."""

    retriever: Retriever
    contents: frozenset[bytes]


@dataclasses.dataclass(frozen=True)
class EmbeddingStage:
    """Picture files to embeddings; see `batches.Stage`. Items are a key and the file's path.

    Attributes:
      folder: of the pictures.
      load_retriever: opens the model; a worker must be able to import it.
      model_checksum: of the model that the index is of.
      contents: file of the contents that need no embedding, their SHA-256 one after the other.
    """

    folder: pathlib.Path
    load_retriever: Callable[[], Retriever]
    model_checksum: str
    contents: pathlib.Path
    batch_size: int = _BATCHES_AT_ONCE * PICTURES_AT_ONCE

    def load(self) -> _Loaded:
        retriever = self.load_retriever()
        if retriever.parts.checksum != self.model_checksum:
            raise WorkspaceError(
                f"a worker has another model at {retriever.parts.name} than the command; put it on a disk that the "
                "workers share, or install the same version of this package on every worker"
            )
        retriever.load_cnns()
        try:
            contents = self.contents.read_bytes()
        except OSError as error:
            raise work.not_shared(self.contents, error) from error
        places = range(0, len(contents), _SHA256_BYTES)
        return _Loaded(retriever, frozenset(contents[place : place + _SHA256_BYTES] for place in places))

    def compute(self, model: _Loaded, items: Sequence[list[str]]) -> Iterator[Part]:
        embedded, embeddings, others = [], [], []
        paths = [pathlib.Path(path) for _, path in items]
        for batch in streaming.stream(model.retriever, paths, model.contents.__contains__):
            embedded += batch.embedded
            embeddings.append(batch.embeddings)
            others += batch.others
        yield _part(ROWS, items, embedded, rows=np.concatenate(embeddings))
        yield _part(KNOWN, items, [read for read in others if not read.reason])
        yield _part(UNREADABLE, items, [read for read in others if read.reason])


def _part(kind: str, items: Sequence[list[str]], files: Sequence[Read], **arrays: np.ndarray) -> Part:
    # Of a file that is to be read again the next time there is none.
    sums = b"".join(read.sha256 or bytes(_SHA256_BYTES) for read in files)
    return Part(
        kind,
        [items[read.place][0] for read in files],
        {
            "sha256": np.frombuffer(sums, np.uint8).reshape(len(files), _SHA256_BYTES),
            "is_opened": np.array([bool(read.sha256) for read in files], bool),
            **arrays,
        },
        [read.reason for read in files],
    )


@dataclasses.dataclass(frozen=True)
class PipelineStream:
    """A `updating.Stream` whose work is done by the workers of a pipeline, before the first batch comes.

    Attributes:
      runner: the engine.
      index: folder of the index, of which the caller is the only writer; on the disk that the workers share.
      pictures: their folder, likewise.
      load_retriever: opens the model; a worker must be able to import it.
      model_checksum: of the model.
      width: values of a row.
    """

    runner: Runner
    index: pathlib.Path
    pictures: pathlib.Path
    load_retriever: Callable[[], Retriever]
    model_checksum: str
    width: int

    def __call__(self, paths: Sequence[pathlib.Path], contents: Set[bytes]) -> Iterator[Batch]:
        """See `updating.Stream`.

        Raises:
          CmrError: the pipeline failed; what workers have written is kept, and taken the next time.
        """
        place = Work(self.index, {"model": self.model_checksum, "width": self.width})
        place.begin()
        known = place.folder / "contents.sha256"
        known.write_bytes(b"".join(contents))
        stage = EmbeddingStage(self.pictures.absolute(), self.load_retriever, self.model_checksum, known)
        items = [[_key(path), str(path.absolute())] for path in paths]
        results = batches.compute(place, self.runner, stage, items, "picture", "index")
        return self._batches(results, [key for key, _ in items], contents)

    def forget(self) -> None:
        """Removes what workers have written, once it is in the index."""
        work.remove(self.index)

    def _batches(self, results: Results, keys: Sequence[str], contents: Set[bytes]) -> Iterator[Batch]:
        # Copies go to different workers. A file that has changed meanwhile may have left the embedding of another.
        embedded_as: dict[bytes, Located] = {}
        for key in itertools.chain(keys, results):
            if results[key].kind == ROWS:
                embedded_as.setdefault(_sha256(results, results[key]), results[key])
        met: set[bytes] = set()
        for start in range(0, len(keys), _FILES_AT_ONCE):
            embedded, rows, others = [], [], []
            for place, key in enumerate(itertools.islice(keys, start, start + _FILES_AT_ONCE), start):
                located = results[key]
                sha256 = _sha256(results, located)
                if located.kind == UNREADABLE:
                    others.append(Read(place, sha256, reason=results.reason(located)))
                elif sha256 in contents or sha256 in met:
                    others.append(Read(place, sha256))
                elif sha256 not in embedded_as:
                    path = key.split(" ", 2)[-1]
                    raise WorkspaceError(
                        f"no worker has left the embedding of {path!a}; remove {self.index}/pipeline-* and run the "
                        "same command again"
                    )
                else:
                    met.add(sha256)
                    embedded.append(Read(place, sha256))
                    rows.append(results.value(embedded_as[sha256], "rows"))
            yield Batch(embedded, np.stack(rows) if rows else np.zeros((0, self.width), np.float32), others)


def _key(path: pathlib.Path) -> str:
    """Names a file as it is now, so that a result of an earlier content is not taken for that of this one."""
    try:
        status = path.stat()
    except OSError:
        return f"gone {path}"
    return f"{status.st_size} {status.st_mtime_ns} {path}"


def _sha256(results: Results, located: Located) -> bytes:
    if not results.value(located, "is_opened"):
        return b""
    return results.value(located, "sha256").tobytes()
