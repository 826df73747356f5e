"""Beam's own job service and a pool of workers, each a process of its own, as engines and workers of a cluster are."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

from commands import ROOT

from cmr.pipelines.runners import Runner

_SECONDS_TO_START = 120


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[Runner]:
    """The engine that sends its work to a worker that the pool starts, which imports the modules of test/support too.

    Args:
      folder: for what the servers say.
    """
    # Comes with Apache Beam; tests without it import this module too.
    import grpc

    job_port, pool_port = _free_port(), _free_port()
    job_service = "apache_beam.runners.portability.local_job_service_main", f"--port={job_port}"
    pool = "apache_beam.runners.worker.worker_pool_main", f"--service_port={pool_port}"
    with (
        _process(folder / "job_service.txt", *job_service),
        _process(folder / "worker_pool.txt", *pool),
        grpc.insecure_channel(f"localhost:{job_port}") as to_jobs,
        grpc.insecure_channel(f"localhost:{pool_port}") as to_workers,
    ):
        for channel in (to_jobs, to_workers):
            grpc.channel_ready_future(channel).result(timeout=_SECONDS_TO_START)
        yield Runner(
            "PortableRunner",
            (
                f"--job_endpoint=localhost:{job_port}",
                "--environment_type=EXTERNAL",
                f"--environment_config=localhost:{pool_port}",
            ),
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _process(log: pathlib.Path, module: str, argument: str) -> Iterator[None]:
    paths = (str(ROOT), str(pathlib.Path(__file__).parent))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((*paths, os.environ.get("PYTHONPATH", ""))),
        # The pool starts its workers by the name `python`.
        "PATH": os.pathsep.join((str(pathlib.Path(sys.executable).parent), os.environ["PATH"])),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with open(log, "wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", module, argument], env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield
    finally:
        # Its workers too.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
