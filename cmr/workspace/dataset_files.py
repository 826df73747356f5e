"""The files that data_prep.prepare writes for a data set, which are replaced together or not at all."""

import contextlib
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cmr.errors import DataError, WorkspaceError
from cmr.workspace import atomic_files, captions, json_files
from cmr.workspace.paths import FORMAT, Workspace
from cmr.workspace.vocabulary import Vocabulary


def write_dataset(
    workspace: Workspace,
    rows: pd.DataFrame,
    vocabulary: Vocabulary,
    description: dict,
    new_images: pathlib.Path | None = None,
    others: Mapping[pathlib.Path, dict[str, Any]] | None = None,
) -> None:
    """Writes captions.csv, vocabulary.txt and dataset.json.

    All are written under temporary names first, so that a full disk, a kill or a text that can't be written leaves
    those that were there. Then they are renamed, dataset.json, whose presence means that the others are whole, last.

    Args:
      workspace: of the data set.
      rows: columns `captions.COLUMNS`.
      vocabulary: of its training sentences.
      description: dataset.json but for its format.
      new_images: a folder beside the files whose pictures are to replace those of `images/`.
      others: further JSON files, by path, that are replaced with them.

    Raises:
      DataError: a text can't be written as UTF-8, or an image's id can't stand in a list of ids.
      WorkspaceError: a folder has the name of a file.
    """
    files = (workspace.dataset_json, workspace.vocabulary_txt, workspace.captions_csv, *(others or {}))
    for path in files:
        if path.is_dir():
            raise WorkspaceError(f"{path} is a folder, where a file belongs; remove it")
    with contextlib.ExitStack() as stack:
        # Renamed in the other order when the stack closes.
        dataset_json, vocabulary_txt, captions_csv, *other_paths = (
            stack.enter_context(atomic_files.atomic_path(path)) for path in files
        )
        try:
            captions.write_captions(captions_csv, rows)
            vocabulary.write(vocabulary_txt)
            json_files.write_json(dataset_json, {"format": FORMAT, **description})
            for path, content in zip(other_paths, (others or {}).values(), strict=True):
                json_files.write_json(path, content, indent=None)
        except UnicodeEncodeError as error:
            around = error.object[max(0, error.start - 30) : error.end + 30]
            raise DataError(f"{around!a} can't be written as UTF-8; rename the file, or mend the sentence") from error
        workspace.dataset_json.unlink(missing_ok=True)
        if new_images is not None:
            _replace_folder(workspace.images_dir, new_images)


def _replace_folder(folder: pathlib.Path, new: pathlib.Path) -> None:
    # A folder can't be renamed onto one that has files in it.
    old = new.with_name(f"{new.name}.old")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
