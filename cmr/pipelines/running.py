"""Runs a pipeline on an engine: its options, its end, its errors as one sentence, and how far it is."""

import contextlib
import io
import logging
import re
import threading
from collections.abc import Callable, Iterator

import grpc
import tqdm

from cmr import errors
from cmr.errors import CmrError, ConfigError
from cmr.pipelines.quiet_beam import FnApiRunner, PipelineOptions, PipelineState, PortableOptions, beam
from cmr.pipelines.runners import DIRECT, Runner

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_WAIT_FOR_SERVICE = 30
_SECONDS_OF_A_YEAR = 365 * 24 * 3600

# Beam adds where it was, here behind one of our errors in a worker's traceback or in its own exception.
_OURS = re.compile(r"^cmr\.errors\.(\w+): (.*)$", re.MULTILINE)
_GRPC_DETAILS = re.compile(r'details = "(.*)"')
_WHERE = re.compile(r" \[while running .*\]$")

_GOES_ON = "what is already written is kept, and the same command goes on from there"


def run(runner: Runner, build: Callable[[beam.Pipeline], None]) -> None:
    """Runs a pipeline to its end.

    Args:
      runner: the engine.
      build: adds the transforms.

    Raises:
      CmrError: what a worker raised; or one for whatever else ended the pipeline, a sentence and no traceback.
    """
    with _quiet():
        options = _options(runner)
        _require_service(options)
        with _one_sentence(runner):
            # Beam's own DirectRunner first tries to fetch another one from the network.
            pipeline = beam.Pipeline(FnApiRunner() if runner.name == DIRECT else runner.name, options)
        build(pipeline)
        with _one_sentence(runner):
            result = pipeline.run()
            try:
                state = result.wait_until_finish()
            except KeyboardInterrupt:
                # Engines go on without the command that asked for it.
                with contextlib.suppress(Exception):
                    result.cancel()
                raise
    if state != PipelineState.DONE:
        raise CmrError(f"the pipeline on {runner.name} ended as {state}; {_GOES_ON}")


def _options(runner: Runner) -> PipelineOptions:
    said = io.StringIO()
    try:
        # argparse writes its usage and ends the process.
        with contextlib.redirect_stderr(said):
            options = PipelineOptions([*runner.options, f"--runner={runner.name}"])
            options.get_all_options()
    except SystemExit as error:
        reason = said.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise ConfigError(f"--runner_options can't be read ({reason}); mend that option of Beam's") from error
    return options


def _require_service(options: PipelineOptions) -> None:
    """Makes sure that the job service is there, and lets a pipeline that it takes last as long as it likes."""
    portable = options.view_as(PortableOptions)
    if not portable.job_endpoint or portable.job_endpoint == "embed":
        return
    try:
        with grpc.insecure_channel(portable.job_endpoint) as channel:
            grpc.channel_ready_future(channel).result(min(portable.job_server_timeout, _SECONDS_TO_WAIT_FOR_SERVICE))
    except grpc.FutureTimeoutError as error:
        raise ConfigError(
            f"no job service answers at {portable.job_endpoint}; start it, or mend --job_endpoint of --runner_options"
        ) from error
    # Beam's time to wait for its service is, with one of Python, also the longest that a pipeline may take.
    portable.job_server_timeout = _SECONDS_OF_A_YEAR


@contextlib.contextmanager
def _one_sentence(runner: Runner) -> Iterator[None]:
    try:
        yield
    # An engine's client may raise anything, and most of it holds a worker's traceback.
    except Exception as error:
        raise _sentence(runner, error) from error


def _sentence(runner: Runner, error: Exception) -> CmrError:
    text = str(error)
    if isinstance(error, CmrError):
        return type(error)(_WHERE.sub("", text))
    if ours := _OURS.findall(text):
        kind, message = ours[-1]
        return getattr(errors, kind, CmrError)(_WHERE.sub("", message))
    reason = _reason(error)
    if re.search(r"No module named '(cmr|data_prep)\b", text):
        return CmrError(f"a worker lacks this package ({reason}); install it, of the same version, on every worker")
    return CmrError(f"the pipeline on {runner.name} failed ({reason:.300}); {_GOES_ON}")


def _reason(error: Exception) -> str:
    """What an engine's error comes down to: gRPC's details, a traceback's last line, or what there is."""
    text = str(error)
    if details := _GRPC_DETAILS.findall(text):
        return details[-1]
    lines = [_WHERE.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else ": ".join([type(error).__name__, *lines])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out what Beam logs of a failure, which comes as one sentence; options that it does not know are said."""
    levels = {
        logging.getLogger(): logging.CRITICAL,
        logging.getLogger("apache_beam"): logging.CRITICAL,
        logging.getLogger("apache_beam.options"): logging.WARNING,
    }
    before = {logger: logger.level for logger in levels}
    for logger, level in levels.items():
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)


@contextlib.contextmanager
def watched(bar: tqdm.tqdm, count_done: Callable[[], int]) -> Iterator[None]:
    """Keeps a bar up to date while a pipeline runs: engines say little on the way, the shared disk says all.

    Args:
      bar: of the whole.
      count_done: counts what lies on the disk; more than the bar's total counts as that.
    """
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            update()

    def update() -> None:
        bar.update(min(count_done(), bar.total) - bar.n)

    watcher = threading.Thread(target=look, name="pipeline-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        update()
