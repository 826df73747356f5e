"""Gathers what the report says: from the parts that experiments left, and from the run whose examples it shows."""

import contextlib
import datetime
import io
import os
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import keras
import markupsafe

from cmr import shell
from cmr.config import ComparatorRunConfig
from cmr.evaluation import results_table
from cmr.trained import final_evaluation, finished_run
from cmr.trained.finished_run import FinishedRun
from cmr.workspace.paths import Workspace
from experiments.claims import files as claim_files
from experiments.comparisons import files as comparison_files
from experiments.margin_sweep import plot, text
from experiments.margin_sweep.points import Sweep
from experiments.report import curves, examples, pictures
from experiments.report.page import Curves, Margin, Model, Page, Retrieval, RunFacts
from experiments.report.parts import Absent, Parts, read_parts
from experiments.tables import html
from experiments.trainings import results
from experiments.trainings.results import RowResult, RunResult

_SUMMARY_WIDTH = 100

Kept = TypeVar("Kept")


def gather(
    workspace: Workspace,
    run_name: str,
    chosen_images: Sequence[str],
    seed: int,
    made_on: datetime.date,
) -> Page:
    """Reads all parts, and embeds the test split with one run.

    Args:
      workspace: of the data set.
      run_name: the run whose examples are shown; "" takes that of our row with the best validation.
      chosen_images: ids of test images; none: chosen by rank.
      seed: of the random examples.
      made_on: the date to print.

    Raises:
      WorkspaceError: something is missing or damaged.
      ConfigError: an image is not of the test split.
    """
    workspace.read_description()
    parts = read_parts(workspace)
    title = results_table.dataset_title(workspace.dataset)
    retrieval, model, absent = None, None, parts.absent
    if run_name or parts.best_row:
        retrieval, model = _examples(workspace, parts, run_name, chosen_images, seed)
    else:
        place = f"--dataset={workspace.dataset}", f"--workspace_dir={workspace.root}"
        needs_run = "What is retrieved by a run of yours, and its model's diagram"
        absent = (*absent, Absent(needs_run, shell.python_command("experiments.report", *place, "--run=NAME")))
    measured = [*parts.rows["table"], *parts.rows["beyond"]]
    return Page(
        title=f"Retrieval in a limited text space: {title}",
        dataset_title=title,
        is_of_paper=bool(results_table.paper_table(workspace.dataset)),
        made_on=f"{made_on:%Y-%m-%d}",
        git_commit=_short(final_evaluation.git_commit()),
        features=_features([*measured, *parts.rows["ablations"]]),
        table=_safe(html.to_html, parts.table),
        beyond=_safe(html.to_html, parts.beyond),
        claims=_safe(claim_files.to_html, parts.claims),
        ablations=_safe(comparison_files.to_html, parts.ablations),
        curves=[_curves(row) for row in _trained(measured)],
        margin=_margin(parts.sweep) if parts.sweep else None,
        retrieval=retrieval,
        model=model,
        runs=_run_facts(parts.all_rows),
        absent=absent,
    )


def _examples(
    workspace: Workspace,
    parts: Parts,
    run_name: str,
    chosen_images: Sequence[str],
    seed: int,
) -> tuple[Retrieval, Model | None]:
    if run_name:
        why = "It was named by --run."
    else:
        run_name = parts.best_row.runs[0].run.path.name
        why = "It is the first run of the row with the best validation sum of recalls, of those whose weights are here."
    label = next((row.name for row in parts.all_rows for result in row.runs if result.run.path.name == run_name), "")
    print(f"examples of {run_name}", flush=True)
    opened = finished_run.open_run(workspace.run_dir(run_name))
    # A comparator's run keeps none.
    model = None if isinstance(opened.config, ComparatorRunConfig) else opened.model()
    test_retrieval = examples.search_test_split(opened)
    retrieval = Retrieval(
        run_name=run_name,
        label=label,
        why=why,
        gallery=_gallery(opened),
        groups=examples.pick_examples(test_retrieval, chosen_images, seed),
    )
    return retrieval, model and Model(pictures.diagram(model), _summary(model))


def _gallery(opened: FinishedRun) -> str:
    images, sentences = opened.inputs.split_sizes()["test"]
    folds = opened.inputs.test_folds
    apart = f", in {folds} parts apart" if folds > 1 else ""
    return f"Searched are all {images:,} images and {sentences:,} sentences of the test split{apart}."


def _summary(model: keras.Model) -> str:
    """Keras's summary, the same whatever terminal or pipe the command writes to."""
    parts = []
    # Keras cuts it at the width, and draws it in the characters, of what stands behind sys.stdout.
    size = {"COLUMNS": str(_SUMMARY_WIDTH), "LINES": "100"}
    before = {name: os.environ.get(name) for name in size}
    os.environ.update(size)
    try:
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
            model.summary(line_length=_SUMMARY_WIDTH, print_fn=parts.append, expand_nested=True)
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
    return "\n".join(parts)


def _features(rows: Sequence[RowResult]) -> dict[str, list[str]]:
    """Sentence that names features -> names of the rows that use them, each once."""
    readers_of = results.by_features(rows)
    return {features: list(dict.fromkeys(row.name for row in readers)) for features, readers in readers_of.items()}


def _safe(to_html: Callable[[Kept], str], part: Kept | None) -> markupsafe.Markup | None:
    """A part as HTML, whose writer has escaped all that it was given; None without the part."""
    return None if part is None else markupsafe.Markup(to_html(part))


def _trained(rows: Sequence[RowResult]) -> list[RowResult]:
    """The rows that were trained by epochs; of rows with the same runs the first."""
    by_runs = {}
    for row in rows:
        if row.has_course:
            by_runs.setdefault(tuple(result.run.path for result in row.runs), row)
    return list(by_runs.values())


def _curves(row: RowResult) -> Curves:
    figures = curves.draw(row.runs)
    return Curves(row.name, {what: pictures.plot(figure) for what, figure in figures.items()})


def _margin(sweep: Sweep) -> Margin:
    chosen = sweep.choice.margin if sweep.choice else None
    figure = plot.draw(sweep.scores(True) + sweep.scores(False), chosen, sweep.row)
    return Margin(pictures.plot(figure), text.findings(sweep))


def _run_facts(rows: Sequence[RowResult]) -> list[RunFacts]:
    """Every run once, under the first row that it is in."""
    facts_of = {}
    for row in rows:
        for result in row.runs:
            facts_of.setdefault(result.run.path.name, _facts(row.name, result))
    return list(facts_of.values())


def _facts(label: str, result: RunResult) -> RunFacts:
    values = result.metrics_json
    validation = f"validation sum of recalls {result.best_val.sum_of_recalls:.1f}"
    if "members" in values:
        return RunFacts(result.run.path.name, label, validation, members=values["members"])
    return RunFacts(
        name=result.run.path.name,
        label=label,
        course=f"seed {values['seed']}, best epoch {result.best_epoch} of {len(result.history)}, {validation}",
        flags=values["flags"],
        versions={
            "commit": values["git_commit"] or "not known",
            "python": values["python"],
            **values["packages"],
            **{f"SHA-256 of {name}": digest for name, digest in values["checksums"].items()},
        },
    )


def _short(commit: str | None) -> str | None:
    """A commit's first digits, and whether files differ from it."""
    return commit and re.sub(r"^([0-9a-f]{12})[0-9a-f]*", r"\1", commit)
