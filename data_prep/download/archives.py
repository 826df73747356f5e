"""Checks a zip archive against its published size and digest, and unpacks it so that no path leaves the folder."""

import hashlib
import os
import pathlib
import shutil
import stat
import zipfile
import zlib

from cmr import progress
from cmr.errors import DataError
from data_prep import disk_space

_BLOCK = 1 << 20

# What macOS adds to archives.
_CLUTTER = ("__MACOSX", ".DS_Store")


def sha256_if_right(path: pathlib.Path, size: int, digest: str) -> str:
    """SHA-256 of a file whose size and digest are as published.

    Args:
      path: the file.
      size: its published size in bytes.
      digest: its published digest, `sha256:HEX` or `md5:HEX`.

    Returns:
      Its SHA-256, computed whichever digest is published.

    Raises:
      DataError: it is another file; the message says in what, and leaves the mend to the caller.
    """
    if path.stat().st_size != size:
        raise DataError(f"{path} has {path.stat().st_size:,} bytes where {size:,} are published")
    algorithm, published = digest.split(":")
    hashes = {"sha256": hashlib.sha256(), algorithm: hashlib.new(algorithm, usedforsecurity=False)}
    with open(path, "rb") as file, progress.progress_bar(size, "B", "checking", scaled=True) as bar:
        while block := file.read(_BLOCK):
            for computed in hashes.values():
                computed.update(block)
            bar.update(len(block))
    collected = hashes[algorithm].hexdigest()
    if collected != published:
        name = {"sha256": "SHA-256", "md5": "MD5"}[algorithm]
        raise DataError(f"{path} has the {name} {collected} where {published} is published")
    return hashes["sha256"].hexdigest()


def unpack(archive: pathlib.Path, data_dir: pathlib.Path, folder: str) -> int:
    """Unpacks a zip archive below `data_dir`, beside it first and then by renaming, so that no file stands half.

    Args:
      archive: the zip file.
      data_dir: all that is written lies in this folder.
      folder: folder below `data_dir` for the archive's members, or "".

    Returns:
      The number of files.

    Raises:
      DataError: it is damaged, has a member that would leave the folder, or needs more space than there is.
    """
    staging = data_dir / f".{archive.name}.unpacking"
    # Left by a process that was killed.
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not _is_clutter(member)]
            for member in members:
                _refuse_leaving(archive, member)
            disk_space.require(
                data_dir, sum(member.file_size for member in members), f"unpack {archive.name}", "--data_dir"
            )
            target = staging / folder
            target.mkdir(parents=True)
            with progress.progress_bar(len(members), "files", "unpacking") as bar:
                for member in members:
                    opened.extract(member, target)
                    bar.update()
        _move_into(staging, data_dir)
        return sum(not member.is_dir() for member in members)
    # zipfile raises RuntimeError for encryption, and its NotImplementedError for compression that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{archive} can't be unpacked ({error}); remove it and fetch it anew") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    return any(part in _CLUTTER for part in pathlib.PurePosixPath(member.filename).parts)


def _refuse_leaving(archive: pathlib.Path, member: zipfile.ZipInfo) -> None:
    """Refuses members that lie elsewhere: zipfile would only rename them, and no honest archive has them."""
    # orig_filename, as zipfile already turns the backslashes of Windows into slashes and cuts at NUL.
    name = member.orig_filename
    parts = name.replace("\\", "/").split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if (
        not parts[0]  # An absolute path.
        or ".." in parts
        or "\\" in name
        or ":" in parts[0]
        or "\0" in name
        or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
    ):
        what = "a link or device" if kind not in (0, stat.S_IFREG, stat.S_IFDIR) else "a path that leaves the folder"
        raise DataError(f"{archive} holds {what} ({name!r}), so it is not unpacked; fetch it from its own site")


def _move_into(source: pathlib.Path, target: pathlib.Path) -> None:
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if place.is_symlink():
            raise DataError(f"{place} is a link, and files are not unpacked through links; remove it")
        if entry.is_dir() and place.is_dir():
            _move_into(entry, place)
        else:
            os.replace(entry, place)
