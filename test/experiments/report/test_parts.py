"""Which run a report shows examples of."""

import finished_runs
import pytest

from cmr.workspace.runs import Run
from experiments.report.parts import Parts
from experiments.trainings import results


@pytest.fixture
def rows(tmp_path):
    """Two finished rows as an archive has them, without weights; the second one is better on validation."""
    made = []
    for name, factor in (("vse", 1.0), ("fusion", 0.5)):
        run = Run(tmp_path / name)
        finished_runs.write(run, factor=factor)
        made.append(results.read_row(name, [run]))
    return made


def parts(rows):
    return Parts(None, None, None, None, None, {"table": rows, "beyond": []}, ())


def test_examples_are_of_the_best_row_that_has_weights_or_scores(rows):
    vse, fusion = (row.runs[0].run for row in rows)

    assert parts(rows).best_row is None
    vse.best_weights.touch()
    assert parts(rows).best_row.name == "vse"
    fusion.similarities_npz("test").touch()
    assert parts(rows).best_row.name == "fusion"
