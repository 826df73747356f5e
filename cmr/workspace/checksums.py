"""SHA-256 of files, read by blocks."""

import hashlib
import os
from collections.abc import Iterable

_BLOCK = 1 << 22


def files_sha256(paths: Iterable[str | os.PathLike]) -> str:
    """One digest of several files' contents, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
