"""The same pictures as one index and as shards, whose rows are given and not computed."""

import dataclasses
import hashlib
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from cmr.gallery.place import Description, Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import GONE, INDEXED, UNREADABLE, Known, Rows, Store
from cmr.workspace import shards
from cmr.workspace.shards import Shard

ROWS = Rows("model", 3, "float16")

# Few, so that there are ties; the last two differ in a bit that float16 keeps.
VECTORS = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.6, 0.8, 0.0), (0.0, -1.0, 0.0), (0.5, 0.5, 0.7071), (0.5, 0.5, 0.7075)]
QUERIES = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, -0.6, 0.8]], np.float32)


@dataclasses.dataclass(frozen=True)
class Item:
    """A file that an index knows.

    Attributes:
      path: below the pictures' folder.
      content: files of the same one have the same picture.
      state: as in `store`.
      vector: of its content.
      is_there: whether the file is.
    """

    path: str
    content: str
    state: str
    vector: tuple[float, ...]
    is_there: bool = True


def write_one(folder: pathlib.Path, items: Sequence[Item]) -> Place:
    """Writes the index of the whole, as `cmr.index` does at once."""
    return _write(Place.of(folder), items)


def write_shards(folder: pathlib.Path, items: Sequence[Item], count: int) -> Place:
    """Writes the shards, all of them and whole."""
    for shard in shards.all_of(count):
        write_shard(folder, items, shard)
    return Place.of(folder)


def write_shard(folder: pathlib.Path, items: Sequence[Item], shard: Shard, rows: Rows = ROWS) -> Place:
    """Writes one shard, whole."""
    own = [item for item in items if shard.holds(item.path.encode())]
    place = _write(Place.of(folder, shard=shard), own, rows)
    place.mark_whole()
    return place


def replace_shard(place: Place, items: Sequence[Item], shard: Shard, rows: Rows) -> None:
    """Writes a shard anew, as another model or another kind of rows would have it."""
    shutil.rmtree(shard.folder(place.folder))
    write_shard(place.pictures, items, shard, rows)


def _write(place: Place, items: Sequence[Item], rows: Rows = ROWS) -> Place:
    store = Store.create(place.folder / "index-1", rows)
    contents, files = {}, []
    for item in sorted(items, key=lambda item: item.path.encode()):
        path = place.pictures / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        # One that is there keeps its time of change.
        if not path.exists():
            path.touch()
        content = hashlib.sha256(item.content.encode()).digest()
        if item.state != UNREADABLE:
            contents.setdefault(content, item.vector)
        status = path.stat()
        files.append((item.path.encode(), Known(status.st_size, status.st_mtime_ns, content, item.state)))
        if not item.is_there or item.state == GONE:
            path.unlink()
    store.commit(files, [*contents], np.array([*contents.values()], np.float32).reshape(len(contents), rows.dim))
    store.close()
    place.write(Description("index-1", f"{rows.model_checksum}.cmr", rows.model_checksum, ""))
    return place


def many(number: int = 20) -> list[Item]:
    """Plain files of different contents, whose vectors repeat."""
    return [Item(f"{place}.png", f"{place}", INDEXED, VECTORS[place % len(VECTORS)]) for place in range(number)]


@st.composite
def galleries(draw):
    """Files of few contents, some of them gone, unreadable, or deleted since."""
    names = draw(st.lists(st.text("ab/0é", min_size=1, max_size=4), max_size=14, unique=True))
    items = []
    for number, name in enumerate(names):
        state = draw(st.sampled_from([INDEXED] * 6 + [GONE, UNREADABLE]))
        # What is gone was there alone: in one index its row keeps the place of the first file it was met in.
        kind = draw(st.integers(0, 7))
        content = f"{kind}" if state == INDEXED else f"{state}{number}"
        vector = VECTORS[kind % len(VECTORS)]
        items.append(Item(f"{number}{name.replace('/', '-')}.png", content, state, vector, draw(st.integers(0, 5)) > 0))
    return items


def results(gallery: Gallery, query: np.ndarray, top: int, skip: int = 0) -> list[tuple]:
    """All that is said of each result, but for its row."""
    return [
        (hit.rank, hit.score, hit.share, hit.path.name, [path.name for path in hit.copies])
        for hit in gallery.search(query, top, skip=skip)
    ]
