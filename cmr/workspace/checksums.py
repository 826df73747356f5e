"""SHA-256 of files, read by blocks; and of what tells many large ones apart."""

import hashlib
import os
from collections.abc import Iterable

_BLOCK = 1 << 22
_END = 1 << 12


def files_sha256(paths: Iterable[str | os.PathLike]) -> str:
    """One digest of several files' contents, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def files_fingerprint(paths: Iterable[str | os.PathLike]) -> str:
    """A SHA-256 that changes where pictures are exchanged or mended: of each file's size, beginning and end.

    Of MSCOCO's 20 GB it reads one.
    """
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            beginning = file.read(_END)
            file.seek(max(size - _END, 0))
            digest.update(b"%d " % size + beginning + file.read(_END))
    return digest.hexdigest()
