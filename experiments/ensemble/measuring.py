"""An ensemble as a row of a table: chosen on validation, measured on test, kept in a folder as a run is."""

import hashlib
import json
from collections.abc import Sequence

import keras

from cmr import progress
from cmr.data.examples import Examples
from cmr.evaluation import similarities
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import Similarities
from cmr.trained import finished_run
from cmr.workspace import atomic_files
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.ensemble import selection
from experiments.trainings import queue
from experiments.trainings.results import RowResult, RunResult, distinct_stand_ins


def select_and_measure(workspace: Workspace, candidates: Sequence[RunResult], max_members: int) -> RowResult:
    """Chooses the members on the validation split, then measures them on test, once.

    Args:
      workspace: of the data set.
      candidates: finished runs on the same captions.
      max_members: of the ensemble.

    Returns:
      A row of one "run", `runs/ensemble-<hash of the members>`.
    """
    val, split = _read(candidates, "val")
    chosen = selection.select(val, split, max_members)
    for member, score in zip(chosen.members, chosen.scores, strict=True):
        print(f"validation sum {score:.1f} with {member}", flush=True)
    digest = hashlib.sha256("\n".join(chosen.members).encode("utf-8")).hexdigest()[:8]
    run = Run(workspace.run_dir(f"ensemble-{digest}"))
    if not queue.is_finished(run):
        best_val = selection.measure([val[name] for name in chosen.members], split)
        history = [{"epoch": 0, "val": best_val.to_dict()}]
        atomic_files.write_text(run.history_json, json.dumps(history, indent=1) + "\n")
        _measure(run, [result for result in candidates if result.run.path.name in chosen.members])
    return RowResult(f"ensemble of {len(chosen.members)}", (RunResult(run),))


def _read(results: Sequence[RunResult], split: str) -> tuple[dict[str, Similarities], Examples]:
    """What every run says of a split; also gives the split, whose captions all runs share."""
    said = {}
    with progress.progress_bar(len(results), "run", f"embedding {split}") as bar:
        for result in results:
            opened = finished_run.open_run(result.run.path)
            examples = opened.inputs.split(split)
            said[result.run.path.name] = opened.similarities(split)
            # Keras keeps what it has built until it is told not to.
            keras.backend.clear_session()
            bar.update()
    return said, examples


def _measure(run: Run, members: Sequence[RunResult]) -> None:
    """Writes the ensemble's test_ranks.npz and metrics.json, whose keys are those of a run and `members`."""
    said, test = _read(members, "test")
    folds = members[0].metrics_json["test_folds"]
    measured, ranks = similarities.evaluate(selection.mean(list(said.values()), test, folds), test, folds)
    how = "cosine" if all(isinstance(each, Embeddings) for each in said.values()) else "standardised score"
    ranks.write(run.test_ranks_npz)
    kept = ("random_ranking", "test_folds", "protocol", "splits")
    run.write_metrics(
        {
            **{name: members[0].metrics_json[name] for name in kept},
            "test": measured.to_dict(),
            "features": "; ".join(dict.fromkeys(member.metrics_json["features"] for member in members)),
            "stand_ins": distinct_stand_ins(members),
            "notes": [f"The ensemble is the mean {how} of {', '.join(said)}, chosen on validation."],
            "members": list(said),
        }
    )
