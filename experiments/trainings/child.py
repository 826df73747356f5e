"""A command of the project as a child that ends with its parent, however the parent ends."""

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

_PROGRAM = f"from {__name__} import run_as_child; run_as_child()"

# For what a command does when it is stopped; every file is whole at any time, so more is not needed.
_GRACE_SECONDS = 10.0


def start(module: str, arguments: Sequence[str], **options: Any) -> subprocess.Popen:
    """Starts `python -m module arguments`; `stop` has to be called when it is no longer needed.

    Args:
      module: of the command.
      arguments: its flags.
      options: of `subprocess.Popen`, but for stdin.
    """
    # The system closes this end of the pipe when this process ends, by SIGKILL too; the child waits for that.
    return subprocess.Popen([sys.executable, "-c", _PROGRAM, module, *arguments], stdin=subprocess.PIPE, **options)


def stop(process: subprocess.Popen) -> int:
    """Ends a child, where it has not ended by itself, and waits for it; returns its exit code."""
    process.stdin.close()
    return process.wait()


def run(module: str, arguments: Sequence[str]) -> int:
    """Runs `python -m module arguments` to its end; returns its exit code."""
    process = start(module, arguments)
    try:
        return process.wait()
    finally:
        stop(process)


def run_as_child() -> None:
    """What the child does: runs the module that its arguments name, and ends when its stdin does."""
    module, *arguments = sys.argv[1:]
    sys.argv[1:] = arguments
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # A long call into TensorFlow lets no signal through.
    os._exit(128 + signal.SIGTERM)
