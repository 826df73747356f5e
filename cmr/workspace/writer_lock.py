"""One writer a folder, by a lock that the system takes back when the process ends, however it ends."""

import contextlib
import errno
import fcntl
import os
import pathlib
import sys
import warnings
from collections.abc import Iterator, Sequence

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files

LOCK = ".lock"

# What file systems without locks say.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)

# A folder that can't be made, or nothing in it.
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EROFS)


@contextlib.contextmanager
def writer_lock(folder: str | os.PathLike, parts: Sequence[str] = (), flag: str = "workspace_dir") -> Iterator[None]:
    """Makes this process the only writer of a folder while the block runs.

    What killed writers left half-written in the folder is removed first. Readers need no lock: files are renamed into
    their place when they are whole. On a file system without locks the block runs unlocked, with a warning.

    Args:
      folder: is made when missing, and removed again when nothing was written into it.
      parts: folders inside it that belong to it, such as `checkpoints` or `teachers/*`.
      flag: that names another folder.

    Raises:
      WorkspaceError: another process has the lock; it is named. Or the folder can't be written.
    """
    folder = pathlib.Path(folder)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        descriptor = _open_locked(folder)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        raise _not_writable(folder, flag, error) from error
    if descriptor is None:
        warnings.warn(f"{folder} is on a file system without locks; let one command at a time write it", stacklevel=3)
        yield
        return
    try:
        atomic_files.remove_leftovers(folder, parts)
        yield
    finally:
        # Before the lock is gone, lest the next one's file is removed.
        (folder / LOCK).unlink(missing_ok=True)
        os.close(descriptor)
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()


def is_held(folder: str | os.PathLike) -> bool:
    """Whether a process of this machine is writing a folder, as its lock says.

    It is not tried: a writer that begins at that moment would be refused.
    """
    try:
        process = (pathlib.Path(folder) / LOCK).read_text(encoding="utf-8", errors="replace").split()[1]
        os.kill(int(process), 0)
    except PermissionError:
        # Another user's.
        return True
    except (OSError, IndexError, ValueError, OverflowError):
        return False
    return True


def _open_locked(folder: pathlib.Path) -> int | None:
    """An open file that holds the lock; None where there are no locks."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        # The one that had the lock removed the folder, which it had made for nothing.
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 1000, 0).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise WorkspaceError(
                f"{folder} is being written by {holder or 'another process'}; wait until it has ended, or stop it"
            ) from error
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _NO_LOCKS:
                raise
            # Nobody can hold it, so nobody misses it.
            (folder / LOCK).unlink(missing_ok=True)
            return None
        # The one that had it may have removed the file between the two calls.
        if _is_same_file(folder / LOCK, descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} ({_command()})\n".encode("utf-8", "replace"), 0)
            return descriptor
        os.close(descriptor)


def _is_same_file(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _command() -> str:
    """The command as the user gave it, on one line and short."""
    words = [pathlib.Path(sys.argv[0] or sys.executable).name, *sys.argv[1:]]
    return " ".join(" ".join(words).split())[:200]


def _not_writable(folder: pathlib.Path, flag: str, error: OSError) -> WorkspaceError:
    file = next((place for place in (folder, *folder.parents) if place.exists() and not place.is_dir()), None)
    if file is not None:
        return WorkspaceError(f"{file} is a file and no folder; choose another --{flag}, or move the file away")
    return WorkspaceError(f"{folder} can't be written ({error.strerror}); choose another --{flag} or change its rights")
