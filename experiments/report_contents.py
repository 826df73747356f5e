"""Gathers what the report says: from the parts that experiments left, and from the run whose examples it shows."""

import datetime
from collections.abc import Sequence

import keras
import markupsafe

from cmr import final_evaluation, finished_run, results_table, runs
from cmr import workspace as workspace_lib
from experiments import (
    html_tables,
    learning_curves,
    margin_plot,
    margin_text,
    page_pictures,
    report_examples,
    report_page,
    report_parts,
    run_results,
)

_SUMMARY_WIDTH = 100


def gather(
    workspace: workspace_lib.Workspace,
    run_name: str,
    chosen_images: Sequence[str],
    seed: int,
    made_on: datetime.date,
) -> report_page.Page:
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
    parts = report_parts.read_parts(workspace)
    title = results_table.DATASET_TITLES.get(workspace.dataset, workspace.dataset)
    retrieval, model, absent = None, None, parts.absent
    if run_name or parts.best_row:
        retrieval, model = _examples(workspace, parts, run_name, chosen_images, seed)
    else:
        command = (
            f"python -m experiments.report --dataset={workspace.dataset} --workspace_dir={workspace.root} --run=NAME"
        )
        needs_run = report_parts.Absent("What a run retrieves, and its model's diagram", command)
        absent = (*absent, needs_run)
    table_parts = [*parts.tables, *([parts.beyond] if parts.beyond else [])]
    return report_page.Page(
        title=f"Retrieval in a limited text space: {title}",
        dataset_title=title,
        made_on=f"{made_on:%Y-%m-%d}",
        git_commit=final_evaluation.git_commit(),
        features=_features([row for part in table_parts for row in part.rows]),
        tables=[_html(part) for part in parts.tables],
        beyond=_html(parts.beyond) if parts.beyond else None,
        curves=[_curves(row) for part in table_parts for row in part.rows],
        margin=_margin(parts.sweep) if parts.sweep else None,
        retrieval=retrieval,
        model=model,
        runs=_run_facts(parts.rows),
        absent=absent,
    )


def _examples(
    workspace: workspace_lib.Workspace,
    parts: report_parts.Parts,
    run_name: str,
    chosen_images: Sequence[str],
    seed: int,
) -> tuple[report_page.Retrieval, report_page.Model]:
    if run_name:
        why = "It was named by --run."
    else:
        run_name = parts.best_row.runs[0].run.path.name
        why = "It is the first run of our row with the best validation sum of recalls."
    label = next((row.name for row in parts.rows for result in row.runs if result.run.path.name == run_name), "")
    print(f"examples of {run_name}", flush=True)
    opened = finished_run.open_finished(runs.Run(workspace.run_dir(run_name)))
    model = finished_run.best_model(opened.run, opened.run_config)
    found = report_examples.search_test_split(opened, model)
    retrieval = report_page.Retrieval(
        run_name=run_name,
        label=label,
        why=why,
        gallery=_gallery(opened),
        groups=report_examples.pick_examples(found, chosen_images, seed),
    )
    return retrieval, report_page.Model(page_pictures.diagram(model), _summary(model))


def _gallery(opened: finished_run.FinishedRun) -> str:
    images, sentences = opened.inputs.split_sizes()["test"]
    folds = opened.inputs.test_folds
    apart = f", in {folds} parts apart" if folds > 1 else ""
    return f"Searched are all {images:,} images and {sentences:,} sentences of the test split{apart}."


def _summary(model: keras.Model) -> str:
    lines = []
    model.summary(line_length=_SUMMARY_WIDTH, print_fn=lines.append, expand_nested=True)
    return "\n".join(lines)


def _features(rows: Sequence[run_results.RowResult]) -> dict[str, list[str]]:
    found = {}
    for row in rows:
        found.setdefault(row.features, []).append(row.name)
    return found


def _html(part: report_parts.TablePart) -> markupsafe.Markup:
    # What comes from there is escaped.
    return markupsafe.Markup(html_tables.to_html(part.table))


def _curves(row: run_results.RowResult) -> report_page.Curves:
    figures = learning_curves.draw(row.runs)
    return report_page.Curves(row.name, {what: page_pictures.plot(figure) for what, figure in figures.items()})


def _margin(part: report_parts.SweepPart) -> report_page.Margin:
    sweep = part.sweep
    chosen = sweep.choice.margin if sweep.choice else None
    figure = margin_plot.draw(sweep.scores(True) + sweep.scores(False), chosen, sweep.row)
    return report_page.Margin(page_pictures.plot(figure), margin_text.findings(sweep))


def _run_facts(rows: Sequence[run_results.RowResult]) -> list[report_page.RunFacts]:
    """Every run once, under the first row that it is in."""
    found = {}
    for row in rows:
        for result in row.runs:
            found.setdefault(result.run.path.name, _facts(row.name, result))
    return list(found.values())


def _facts(label: str, result: run_results.RunResult) -> report_page.RunFacts:
    values = result.metrics_json
    return report_page.RunFacts(
        name=result.run.path.name,
        label=label,
        seed=values["seed"],
        course=(
            f"best epoch {result.best_epoch} of {len(result.history)}, validation sum of recalls "
            f"{result.best_val.sum_of_recalls:.1f}"
        ),
        flags=values["flags"],
        versions={
            "commit": values["git_commit"] or "not known",
            "python": values["python"],
            **values["packages"],
            **{f"SHA-256 of {name}": digest for name, digest in values["checksums"].items()},
        },
    )
