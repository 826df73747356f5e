"""A zip without compression whose model.json names every member with its SHA-256: the form of a packed model."""

import hashlib
import json
import os
import pathlib
import zipfile
from collections.abc import Mapping

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files

# A version that knows nothing of a hub correction must not index with a model that has one.
FORMAT = 2
_READ = (1, FORMAT)
MODEL_JSON = "model.json"

# The first moment that a zip can name: the same members give the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_packed_file(path: str | os.PathLike, description: Mapping, members: Mapping[str, bytes]) -> None:
    """Writes the file atomically.

    Args:
      path: of the file.
      description: model.json without `format` and `members`.
      members: name -> content.
    """
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    model_json = json.dumps({"format": FORMAT, **description, "members": sums}, indent=2, sort_keys=True) + "\n"
    with atomic_files.atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        for name, content in {MODEL_JSON: model_json.encode(), **members}.items():
            file.writestr(zipfile.ZipInfo(name, _NO_TIME), content)


# What zipfile raises for damaged files; RuntimeError for encrypted ones.
_UNREADABLE = (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError)


class PackedFile:
    """A packed model opened for reading; a member is read, and its checksum compared, when it is asked for.

    Args:
      path: of the file.

    Attributes:
      path: of the file.
      description: model.json.
      checksum: SHA-256 of model.json, and so of every member.

    Raises:
      WorkspaceError: it is missing, cut off, of another format or no packed model.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        if not self.path.exists():
            raise WorkspaceError(f"{self.path} does not exist; give a model that cmr.pack wrote, or a run's folder")
        try:
            with zipfile.ZipFile(self.path) as file:
                is_plain = all(member.compress_type == zipfile.ZIP_STORED for member in file.infolist())
                text = file.read(MODEL_JSON)
            description = json.loads(text)
        # UnicodeDecodeError and JSONDecodeError are ValueErrors.
        # Where the end is cut off, that of a CNN inside, a zip itself, is taken for it, and model.json is missing.
        except (*_UNREADABLE, ValueError) as error:
            raise WorkspaceError(f"{self.path} is cut off, damaged or no model of cmr.pack; {_AGAIN}") from error
        if not isinstance(description, dict) or description.get("format") not in _READ:
            kind = description.get("format") if isinstance(description, dict) else None
            raise WorkspaceError(f"{self.path} has format {kind}, this version reads up to {FORMAT}; {_AGAIN}")
        if not is_plain or not isinstance(description.get("members"), dict):
            raise WorkspaceError(f"{self.path} was not written by cmr.pack; {_AGAIN}")
        self.description: dict = description
        self.checksum = hashlib.sha256(text).hexdigest()

    def names(self, prefix: str = "") -> list[str]:
        """The members whose name begins so, sorted."""
        return sorted(name for name in self.description["members"] if name.startswith(prefix))

    def read(self, name: str) -> bytes:
        """A member's content.

        Raises:
          WorkspaceError: it is missing, or not what was written.
        """
        try:
            with zipfile.ZipFile(self.path) as file:
                content = file.read(name)
        except _UNREADABLE as error:
            raise WorkspaceError(f"{self.path}: {name} is missing or damaged; {_AGAIN}") from error
        if hashlib.sha256(content).hexdigest() != self.description["members"].get(name):
            raise WorkspaceError(f"{self.path}: {name} has been changed since it was packed; {_AGAIN}")
        return content


_AGAIN = "copy it again, or pack the run again with cmr.pack"
