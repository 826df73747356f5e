"""Calls a function in a process of its own, so that its memory can be told from everybody else's."""

import multiprocessing
from collections.abc import Callable
from typing import Any

from cmr.errors import CmrError
from experiments.scale.process_memory import Peak, Watch


def call(function: Callable, *arguments: Any) -> tuple[Any, Peak]:
    """Calls a function in a new process; returns its result and the memory it took.

    Raises:
      CmrError: the process ended without a result.
    """
    # Not a fork: a fresh process owns nothing of this one's memory.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, arguments))
    process.start()
    watch = Watch(process.pid)
    sender.close()
    try:
        return receiver.recv(), watch.stop()
    except EOFError as error:
        raise CmrError(f"{function.__name__} ended without a result; see its message above") from error
    finally:
        # Where this process was stopped, the other one is still at work.
        process.terminate()
        process.join()


def _call(sender: Any, function: Callable, arguments: tuple) -> None:
    sender.send(function(*arguments))
