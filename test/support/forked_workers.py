"""Workers of one training as processes of this machine, forked with TensorFlow imported, and what befalls them."""

import dataclasses
import errno
import importlib
import itertools
import json
import multiprocessing
import os
import pathlib
import runpy
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

from commands import ROOT

# Processes that wait for each other by mistake are ended after it.
_LONGEST_SECONDS = 600
_CONNECT_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Fault:
    """What befalls a worker where it calls a function.

    Attributes:
      function: `module:name`, such as `cmr.retrieval.step:TrainingStep.__call__`.
      call: the number of the call, from 1.
      kind: `kill` (SIGKILL), `stand_still` (SIGSTOP) or `full_disk`.
      behind: whether it happens when the call has ended, and not before it begins.
    """

    function: str
    call: int = 1
    kind: str = "kill"
    behind: bool = False


@dataclasses.dataclass(frozen=True)
class Worker:
    """How a worker ended: its exit code (minus the signal's number), and all that it printed."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        return self.output.splitlines()[-1]


def run_workers(
    folder: pathlib.Path, arguments: Sequence[Sequence[str]], faults: Mapping[int, Fault] | None = None
) -> list[Worker]:
    """Runs cmr.train in several workers until all have ended, but for those that a fault lets stand still.

    Args:
      folder: what they print is kept there.
      arguments: the flags of each worker; the first is the chief.
      faults: what befalls whom, by the worker's number.
    """
    faults = faults or {}
    folder.mkdir(parents=True, exist_ok=True)
    # The fork server takes over this environment when it starts.
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "test" / "support")))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded_training"])
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(len(arguments))]}
    processes = []
    for number, flags in enumerate(arguments):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": number}})
        fault = faults.get(number)
        path = folder / f"worker{number}.txt"
        processes.append(context.Process(target=_train, args=(config, list(flags), fault, path), daemon=True))
    for process in processes:
        process.start()
    standing = [number for number, fault in faults.items() if fault.kind == "stand_still"]
    try:
        for number, process in enumerate(processes):
            if number not in standing:
                process.join(_LONGEST_SECONDS)
    finally:
        for process in processes:
            if process.exitcode is None:
                process.kill()
                process.join()
    outputs = [(folder / f"worker{number}.txt").read_text() for number in range(len(processes))]
    return [Worker(process.exitcode, output) for process, output in zip(processes, outputs, strict=True)]


def free_ports(count: int) -> list[int]:
    """Ports of this machine at which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("localhost", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def _train(config: str, flags: list[str], fault: Fault | None, path: pathlib.Path) -> None:
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["TF_CONFIG"] = config
    importlib.import_module("cmr.training.distribution").CONNECT_SECONDS = _CONNECT_SECONDS
    if fault is not None:
        _arrange(fault)
    sys.argv = ["cmr.train", *flags, "--strategy=multi_worker"]
    runpy.run_module("cmr.train", run_name="__main__", alter_sys=True)


def _arrange(fault: Fault) -> None:
    module, _, path = fault.function.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, name, _with_fault(getattr(owner, name), fault))


def _with_fault(function: Callable, fault: Fault) -> Callable:
    calls = itertools.count(1)

    def called(*arguments, **options):
        is_due = next(calls) == fault.call
        if is_due and not fault.behind:
            _befall(fault.kind)
        result = function(*arguments, **options)
        if is_due and fault.behind:
            _befall(fault.kind)
        return result

    return called


def _befall(kind: str) -> None:
    if kind == "full_disk":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")
    os.kill(os.getpid(), signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
