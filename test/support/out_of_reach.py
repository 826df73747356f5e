"""Files and folders that the system refuses, whoever asks: the rights on a disk refuse nothing to root."""

import contextlib
import os
import pathlib


def listings(monkeypatch, *folders: pathlib.Path, number: int) -> None:
    """Lets the listing of folders fail.

    Args:
      monkeypatch: of pytest.
      folders: that can't be listed.
      number: of the error.
    """
    monkeypatch.setattr(os, "scandir", _refusing(os.scandir, folders, number))


def looks(monkeypatch, *paths: pathlib.Path, number: int) -> None:
    """Lets `stat` of files fail; the arguments are those of `listings`."""
    monkeypatch.setattr(os, "stat", _refusing(os.stat, paths, number))


def _refusing(call, paths, number):
    def refuse(path, *arguments, **named):
        with contextlib.suppress(TypeError):
            if pathlib.Path(path) in paths:
                raise OSError(number, os.strerror(number), os.fspath(path))
        return call(path, *arguments, **named)

    return refuse
