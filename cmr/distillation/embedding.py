"""runs/<name>/teachers/: the training split as each teacher embeds it, made once and read in every epoch."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cmr import progress
from cmr.data.teacher_rows import TeacherRows
from cmr.evaluation.encoding import SplitEmbedder
from cmr.trained.finished_run import FinishedRun
from cmr.workspace.partial_rows import PartialRows
from cmr.workspace.stored_rows import StoredRows

_DTYPE = np.dtype("<f2")

# Rows between two saves: some seconds' work, and enough for sentences of one length to stand together.
_BLOCK = 4096


def teacher_rows(teachers: Mapping[pathlib.Path, FinishedRun]) -> TeacherRows:
    """Reads what teachers say of the training split; makes what is not there yet.

    Args:
      teachers: folder of what a teacher says (`Run.teacher_dir`) -> its finished run.

    Raises:
      WorkspaceError: a teacher's weights are missing or damaged.
    """
    sides = [_sides(teacher, folder) for folder, teacher in teachers.items()]
    return TeacherRows(*zip(*sides, strict=True))


def _sides(teacher: FinishedRun, folder: pathlib.Path) -> tuple[StoredRows, StoredRows]:
    """The images and the sentences as one teacher embeds them."""
    split = teacher.inputs.split("train")
    name = teacher.run.path.name

    # Not the finished run's own, which would keep the model in memory while the student is trained.
    @functools.cache
    def embedder() -> SplitEmbedder:
        return SplitEmbedder(teacher.model())

    def side(file_name: str, ids: Sequence[str], unit: str, embed: Callable[[np.ndarray], np.ndarray]) -> StoredRows:
        path, dim = folder / file_name, teacher.config.model.gru_units
        if not _is_whole(path, (len(ids), dim)):
            rows = PartialRows(path, {"file": file_name}, ids, (dim,), _DTYPE)
            with progress.progress_bar(len(ids), unit, f"{unit}s by {name}", rows.rows) as bar:
                _fill(rows, len(ids), embed, bar.update)
        return StoredRows(path)

    images = side("images.npy", split.image_ids, "image", lambda rows: embedder().embed_images(split, rows))
    captions = side("captions.npy", split.captions, "sentence", lambda rows: embedder().embed_captions(split, rows))
    return images, captions


def _is_whole(path: pathlib.Path, shape: tuple[int, int]) -> bool:
    try:
        stored = StoredRows(path)
    # Missing or damaged, it is made again.
    except ValueError:
        return False
    return stored.shape == shape and stored.dtype == _DTYPE


def _fill(
    rows: PartialRows, count: int, embed: Callable[[np.ndarray], np.ndarray], added: Callable[[int], object]
) -> None:
    with rows.open():
        while rows.rows < count:
            block = np.arange(rows.rows, min(rows.rows + _BLOCK, count))
            rows.append(embed(block), ())
            rows.save()
            added(len(block))
    rows.finish()
    rows.forget()
