"""Trains what an experiment has not trained yet: one command after the other, each of which resumes by itself."""

import collections
import os
import pathlib
import subprocess
import time
from collections.abc import Sequence

from cmr.errors import CmrError
from cmr.workspace.runs import Run
from experiments.trainings import child
from experiments.trainings.training import Training

_POLL_SECONDS = 0.2
# Begins what each attempt adds to a training's log.
_BEGINNING = "=== training"


def unfinished(trainings: Sequence[Training], workspace_dir: pathlib.Path) -> list[Training]:
    """Those without a finished run, which is recognised by the hash of their flags in its name; each once."""
    by_path = {training.run(workspace_dir).path: training for training in trainings}
    return [training for path, training in by_path.items() if not is_finished(Run(path))]


def is_finished(run: Run) -> bool:
    """Whether a run has been trained and measured."""
    return run.is_finished


def train(trainings: Sequence[Training], workspace_dir: pathlib.Path, jobs: int = 1) -> None:
    """Trains every training that has no finished run; prints which, and how long the rest will take.

    A killed queue goes on where it was: finished runs are kept, the one that was being trained resumes. One that fails
    does not keep the others from being trained.

    Args:
      trainings: in the order to train them.
      workspace_dir: with everything prepared.
      jobs: trainings at once; each then has its share of the CPUs.

    Raises:
      CmrError: some failed; it says which, and what each of them said, at the end of its log.
    """
    # Stable: those that add up others' scores come last.
    waiting = collections.deque(sorted(unfinished(trainings, workspace_dir), key=lambda each: each.follows_others))
    total, done, started = len(waiting), 0, time.monotonic()
    failures: list[str] = []
    print(f"{len(trainings)} trainings, {total} of them to do", flush=True)
    running: dict[subprocess.Popen, Training] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs and not (running and waiting[0].follows_others):
                training = waiting.popleft()
                print(f"training {training.run_name}", flush=True)
                running[_start(training, workspace_dir, jobs)] = training
            ended = [process for process in running if process.poll() is not None]
            if not ended:
                time.sleep(_POLL_SECONDS)
            for process in ended:
                training, code = running.pop(process), child.stop(process)
                if code:
                    failures.append(_failure(training, workspace_dir, code))
                    if waiting or running:
                        print(failures[-1], flush=True)
                else:
                    done += 1
                print(_progress(done, len(failures), total, time.monotonic() - started), flush=True)
    finally:
        for process in running:
            child.stop(process)
    if failures:
        others = f"; the other {total - len(failures)} of {total} trainings are finished and kept" if total > 1 else ""
        raise CmrError("; ".join(failures) + others)


def _progress(done: int, failed: int, total: int, seconds: float) -> str:
    """How far a queue is, and how long the rest takes at the pace of what it has trained."""
    said = f"{done} of {total} done" + (f", {failed} failed," if failed else "") + f" in {seconds / 60:.1f} min"
    return f"{said}, about {seconds / 60 / done * (total - done - failed):.0f} min left" if done else said


def log_path(training: Training, workspace_dir: pathlib.Path) -> pathlib.Path:
    """What the training's command prints goes here, beside the runs."""
    run = training.run(workspace_dir)
    return run.path.parent / f"{run.path.name}.log"


def _start(training: Training, workspace_dir: pathlib.Path, jobs: int) -> subprocess.Popen:
    path = log_path(training, workspace_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if jobs > 1:
        threads = str(max(1, (os.cpu_count() or 1) // jobs))
        environment.update(TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS=threads)
    with open(path, "a", encoding="utf-8") as log:
        print(_BEGINNING, training.run_name, file=log, flush=True)
        arguments = training.planned_arguments(workspace_dir)
        return child.start(training.command, arguments, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _failure(training: Training, workspace_dir: pathlib.Path, code: int) -> str:
    path = log_path(training, workspace_dir)
    # What an earlier attempt ended with is no news of this one.
    _, _, text = path.read_text(encoding="utf-8", errors="replace").rpartition(_BEGINNING)
    lines = [line for line in text.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
    ended = f"{training.command} of {training.name} ended with exit code {code}"
    return f"{ended}: {said.removeprefix('error: ')} (its log: {path})"
