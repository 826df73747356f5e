"""Brings the archives of a raw data set into a folder: fetched, checked, unpacked, recorded."""

import dataclasses
import pathlib

import requests

from cmr.errors import DataError
from cmr.workspace import json_files
from data_prep import disk_space
from data_prep.download import archives, fetching
from data_prep.download.sources import Archive

RECORD_JSON = "downloads.json"


@dataclasses.dataclass(frozen=True)
class DownloadStep:
    """What is to be done for one archive.

    Attributes:
      archive: the archive.
      url: where it is fetched from.
      state: `done` (fetched and unpacked before), `present` (its files are there but not from this command),
        `here` (the zip file is in the folder), `partial` or `missing`.
      arrived: bytes that are already there.
    """

    archive: Archive
    url: str
    state: str
    arrived: int

    @property
    def is_open(self) -> bool:
        return self.state in ("here", "partial", "missing")

    @property
    def to_fetch(self) -> int:
        return self.archive.size - self.arrived if self.is_open else 0


def plan(chosen: tuple[Archive, ...], data_dir: pathlib.Path, mirror: str) -> list[DownloadStep]:
    """What is to be done, from what is in the folder; nothing is fetched or written.

    Args:
      chosen: the archives, in the order of the work.
      data_dir: folder of the raw data.
      mirror: address of a folder that has the archives under their names, or "" for the official addresses.
    """
    recorded = _read_record(data_dir)
    return [_step(archive, data_dir, mirror, recorded) for archive in chosen]


def carry_out(steps: list[DownloadStep], data_dir: pathlib.Path, http: requests.Session) -> None:
    """Fetches, checks, unpacks and records each archive in turn; an archive that was fetched is then removed.

    Args:
      steps: from `plan`.
      data_dir: folder of the raw data.
      http: from `fetching.session`.

    Raises:
      DataError: the disk is too small, or an archive can't be had or is not what was published.
    """
    require_space(steps, data_dir)
    for step in steps:
        if step.is_open:
            _bring(step, data_dir, http)


def require_space(steps: list[DownloadStep], data_dir: pathlib.Path) -> None:
    """Makes sure that the disk has room for the archives, one at a time, and all that is in them.

    Raises:
      DataError: it has not.
    """
    opened = [step for step in steps if step.is_open]
    if opened:
        # Photographs hardly shrink in a zip file, so what comes out is taken to be as large as the archive; the exact
        # number is checked before unpacking.
        needed = sum(step.archive.size for step in opened) + max(step.to_fetch for step in opened)
        disk_space.require(
            data_dir, needed, "fetch and unpack " + ", ".join(step.archive.name for step in opened), "--data_dir"
        )


def _step(archive: Archive, data_dir: pathlib.Path, mirror: str, recorded: dict) -> DownloadStep:
    url = f"{mirror.rstrip('/')}/{archive.name}" if mirror else archive.url
    path = data_dir / archive.name
    partial = fetching.partial_path(path)
    unpacked = (data_dir / archive.holds).exists()
    if unpacked and archive.name in recorded:
        return DownloadStep(archive, url, "done", archive.size)
    if path.exists():
        return DownloadStep(archive, url, "here", archive.size)
    if partial.exists():
        return DownloadStep(archive, url, "partial", min(partial.stat().st_size, archive.size))
    return DownloadStep(archive, url, "present" if unpacked else "missing", 0)


def _bring(step: DownloadStep, data_dir: pathlib.Path, http: requests.Session) -> None:
    archive, path = step.archive, data_dir / step.archive.name
    if step.state == "here":
        sha256 = _check(archive, path, f"remove it or put the right {archive.name} there")
    else:
        partial = fetching.fetch(http, step.url, path, archive.size)
        try:
            sha256 = _check(archive, partial, "it was removed; run the same command again or name another --mirror")
        except DataError:
            fetching.discard(path)
            raise
        partial.replace(path)
        fetching.discard(path)
    files = archives.unpack(path, data_dir, archive.folder)
    if not (data_dir / archive.holds).exists():
        raise DataError(f"{path} holds no {archive.holds}; remove it and fetch it anew")
    record = {"bytes": archive.size, "sha256": sha256, "published": archive.digest, "files": files}
    if step.state != "here":
        record["url"] = step.url
        path.unlink()
    _write_record(data_dir, {**_read_record(data_dir), archive.name: record})
    checked_by = "SHA-256" if archive.digest.startswith("sha256") else "MD5"
    size = disk_space.readable(archive.size)
    print(f"{archive.name}: {size}, {checked_by} as published, {files:,} files unpacked (SHA-256 {sha256})", flush=True)


def _check(archive: Archive, path: pathlib.Path, mend: str) -> str:
    try:
        return archives.sha256_if_right(path, archive.size, archive.digest)
    except DataError as error:
        raise DataError(f"{error}; {mend}") from error


def _read_record(data_dir: pathlib.Path) -> dict:
    path = data_dir / RECORD_JSON
    if not path.exists():
        return {}
    recorded = json_files.read_json(path, DataError, "it is the record that this command writes, remove it")
    if not isinstance(recorded, dict):
        raise DataError(f"{path} is not of the form of the record that this command writes; remove it")
    return recorded


def _write_record(data_dir: pathlib.Path, recorded: dict) -> None:
    json_files.write_json(data_dir / RECORD_JSON, recorded)
