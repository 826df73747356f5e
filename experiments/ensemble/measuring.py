"""Ensembles, and scores that a query bank corrects, as rows of a table: each kept in a folder as a run is."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import keras

from cmr import progress
from cmr.data.inputs import Inputs
from cmr.errors import ConfigError
from cmr.evaluation import query_bank, similarities
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_bank import CorrectedSplits
from cmr.evaluation.similarities import Similarities
from cmr.trained import finished_run
from cmr.trained.finished_run import FinishedRun
from cmr.workspace import atomic_files
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.ensemble import selection
from experiments.trainings import queue
from experiments.trainings.results import RowResult, RunResult, distinct_stand_ins

Said = TypeVar("Said")


def select_and_measure(workspace: Workspace, candidates: Sequence[RunResult], max_members: int) -> RowResult:
    """Chooses the members on the validation split, then measures them on test, once.

    Args:
      workspace: of the data set.
      candidates: finished runs on the same captions.
      max_members: of the ensemble.

    Returns:
      A row of one "run", `runs/ensemble-<hash of the members>`.
    """
    val, inputs = _read_split(candidates, "val")
    split = inputs.split("val")
    chosen = selection.select(val, split, max_members)
    for member, score in zip(chosen.members, chosen.scores, strict=True):
        print(f"validation sum {score:.1f} with {member}", flush=True)
    run = _run(workspace, "ensemble", chosen.members)
    if not queue.is_finished(run):
        best_val = selection.measure([val[name] for name in chosen.members], split)
        members = [result for result in candidates if result.run.path.name in chosen.members]
        said, inputs = _read_split(members, "test")
        together = selection.mean(list(said.values()), inputs.split("test"), inputs.test_folds)
        how = "cosine" if all(isinstance(each, Embeddings) for each in said.values()) else "standardised score"
        note = f"The ensemble is the mean {how} of {', '.join(said)}, chosen on validation."
        _write(run, members, best_val, together, inputs, [*RowResult("", tuple(members)).notes, note])
    return RowResult(f"ensemble of {len(chosen.members)}", (RunResult(run),))


def correct(workspace: Workspace, row: RowResult, bank: str) -> RowResult:
    """Measures the runs of a row again, their scores corrected by a query bank.

    Args:
      workspace: of the data set.
      row: of finished runs, or an ensemble's.
      bank: `train` or `test`, whose queries it holds.

    Returns:
      A row of as many "runs", `runs/query_bank_<bank>-<hash of the run's members>`.

    Raises:
      CmrError: a member scores pairs, or keeps no training queries.
    """
    queries = {"train": "training", "test": "test"}[bank]
    return RowResult(
        f"{row.name}, bank of {queries} queries", tuple(_correct(workspace, run, bank) for run in row.runs)
    )


def _correct(workspace: Workspace, result: RunResult, bank: str) -> RunResult:
    names = result.metrics_json.get("members", [result.run.path.name])
    run = _run(workspace, f"query_bank_{bank}", names)
    if not queue.is_finished(run):
        members = [RunResult(Run(workspace.run_dir(name))) for name in names]
        corrected, inputs = _corrected(members, is_bank_of_training=bank == "train")
        best_val, _ = similarities.evaluate(corrected.val, inputs.split("val"))
        notes = [*result.metrics_json["notes"], corrected.note]
        _write(run, members, best_val, corrected.test, inputs, notes)
    return RunResult(run)


def _corrected(members: Sequence[RunResult], is_bank_of_training: bool) -> tuple[CorrectedSplits, Inputs]:
    def read(opened: FinishedRun) -> tuple[Embeddings | None, Similarities, Similarities]:
        bank = opened.query_bank() if is_bank_of_training else None
        return bank, opened.similarities("val"), opened.similarities("test")

    said, inputs = _read(members, "bank, val and test" if is_bank_of_training else "val and test", read)
    banks, *of_splits = zip(*said.values(), strict=True)
    folds = 1, inputs.test_folds
    together = {
        name: selection.mean(each, inputs.split(name), number)
        for name, each, number in zip(("val", "test"), of_splits, folds, strict=True)
    }
    bank = selection.mean_cosine(banks) if is_bank_of_training else None
    return query_bank.correct_splits(together.__getitem__, inputs, bank), inputs


def _run(workspace: Workspace, kind: str, members: Sequence[str]) -> Run:
    """Where a row of these members is kept; of members that were trained anew it is another one."""
    measured = [Run(workspace.run_dir(name)).metrics_json.read_text(encoding="utf-8") for name in members]
    digest = hashlib.sha256("\n".join([*members, *measured]).encode("utf-8")).hexdigest()[:8]
    return Run(workspace.run_dir(f"{kind}-{digest}"))


def _read_split(results: Sequence[RunResult], split: str) -> tuple[dict[str, Similarities], Inputs]:
    """What every run says of a split; see `_read`."""
    return _read(results, split, lambda opened: opened.similarities(split))


def _read(
    results: Sequence[RunResult], what: str, read: Callable[[FinishedRun], Said]
) -> tuple[dict[str, Said], Inputs]:
    """Reads something of every run, by the runs' names; also gives the inputs, whose captions all runs share."""
    said, inputs = {}, None
    with progress.progress_bar(len(results), "run", f"embedding {what}") as bar:
        for result in results:
            opened = finished_run.open_run(result.run.path)
            _check_same_images(opened, inputs or opened.inputs, results[0])
            inputs = opened.inputs
            said[result.run.path.name] = read(opened)
            # Keras keeps what it has built until it is told not to.
            keras.backend.clear_session()
            bar.update()
    return said, inputs


def _check_same_images(opened: FinishedRun, inputs: Inputs, first: RunResult) -> None:
    """Refuses a run that is measured on other images than the first one.

    Raises:
      ConfigError: it is.
    """
    for name in ("val", "test"):
        own, others = opened.inputs.split(name).num_images, inputs.split(name).num_images
        if own != others:
            raise ConfigError(
                f"{opened.run.path.name} is measured on {own:,} {name} images and {first.run.path.name} on {others:,}; "
                "leave one of them out of --candidates"
            )


def _write(
    run: Run,
    members: Sequence[RunResult],
    best_val: BothDirections,
    said: Similarities,
    inputs: Inputs,
    notes: Sequence[str],
) -> None:
    """Writes history.json, test_ranks.npz and metrics.json, whose keys are those of a run and `members`."""
    history = [{"epoch": 0, "val": best_val.to_dict()}]
    atomic_files.write_text(run.history_json, json.dumps(history, indent=1) + "\n")
    measured, ranks = similarities.evaluate(said, inputs.split("test"), inputs.test_folds)
    ranks.write(run.test_ranks_npz)
    kept = ("random_ranking", "test_folds", "protocol", "splits")
    run.write_metrics(
        {
            **{name: members[0].metrics_json[name] for name in kept},
            "test": measured.to_dict(),
            "features": "; ".join(dict.fromkeys(member.metrics_json["features"] for member in members)),
            "stand_ins": distinct_stand_ins(members),
            "notes": list(notes),
            "members": [member.run.path.name for member in members],
        }
    )
