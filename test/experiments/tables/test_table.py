"""What a table holds: the paper's rows as printed, ours with their spread, the random row, footnotes by number."""

import dataclasses
import json
import statistics

import finished_runs
import measured_rows
import pytest

from cmr.config import ComparatorRunConfig, ComparatorTrainConfig
from cmr.errors import DataError
from cmr.evaluation import bootstrap, results_table
from cmr.workspace.runs import Run
from experiments.tables import texts
from experiments.tables.table import OURS, PAPER, RANDOM, ResultTable, build_table
from experiments.trainings import results

W_IMG = "W_img (Eq. 4) is of captioner/."


@pytest.fixture
def rows(tmp_path):
    return [
        measured_rows.row(tmp_path, "vse", seeds=3),
        measured_rows.row(tmp_path, "fusion", features=measured_rows.STAND_IN, notes=(W_IMG,), highest=9),
        measured_rows.row(tmp_path, "single", seeds=1, features=measured_rows.STAND_IN, notes=(W_IMG,)),
    ]


@pytest.fixture
def table(rows):
    return build_table("Table 1, Flickr8K", "flickr8k", measured_rows.RANDOM, rows)


def row_of(table, label):
    return next(row for row in table.rows if row.label == label)


def notes_of(table, label):
    return [table.footnotes[number - 1] for number in row_of(table, label).footnotes]


def test_the_papers_rows_stand_as_printed_in_its_own_order(table):
    printed = [row for row in table.rows if row.kind == PAPER]

    assert [(row.label, tuple(cell.printed for cell in row.cells)) for row in printed] == [
        (row.system, (*row.sentence_retrieval, "", *row.image_retrieval, ""))
        for row in results_table.paper_table("flickr8k")
    ]
    assert row_of(table, "DeViSE").cells[3].printed == "28.0"


def test_the_rows_are_the_random_one_the_papers_and_ours(table):
    kinds = [row.kind for row in table.rows]

    assert kinds == [RANDOM] + 14 * [PAPER] + 3 * [OURS]


def test_a_data_set_that_the_paper_lacks_has_no_printed_row(rows):
    table = build_table("Scenes", "scenes", measured_rows.RANDOM, rows)

    assert [row.kind for row in table.rows] == [RANDOM] + 3 * [OURS]


def test_the_random_row_is_exact(table):
    cells = row_of(table, "Random ranking (exact)").cells

    assert [cell.mean for cell in cells[5:]] == pytest.approx([2.5, 12.5, 25.0, 20, 20.5])
    assert all(cell.std is cell.low is cell.high is cell.printed is None for cell in cells)


def test_our_cells_are_the_mean_and_the_sample_standard_deviation_over_seeds(table, rows):
    values = [result.test.image_retrieval.recall_at_5 for result in rows[0].runs]

    cell = row_of(table, "vse").cells[6]

    assert (cell.mean, cell.std) == (pytest.approx(statistics.mean(values)), pytest.approx(statistics.stdev(values)))


def test_our_cells_have_the_bootstraps_interval(table, rows):
    interval = bootstrap.intervals(rows[0].ranks).sentence_retrieval["median_rank"]

    cell = row_of(table, "vse").cells[3]

    assert (cell.low, cell.high) == (interval.low, interval.high)


def test_one_seed_has_no_standard_deviation_but_an_interval(table):
    cell = row_of(table, "single").cells[0]

    assert cell.std is None
    assert cell.low < cell.mean < cell.high


def test_a_stand_in_is_marked_and_explained(table):
    row = row_of(table, "fusion")

    assert row.stand_in
    assert row.marks == "†"
    assert any(note.startswith("† marks a row") for note in notes_of(table, "fusion"))
    assert not row_of(table, "vse").stand_in


def test_a_row_names_its_runs_features_and_notes(table):
    row = row_of(table, "fusion")

    assert row.runs == ("fusion-seed0", "fusion-seed1")
    assert row.seeds == 2
    assert row.features == measured_rows.STAND_IN
    assert {f"Features: {measured_rows.STAND_IN}.", W_IMG} <= set(notes_of(table, "fusion"))


def test_the_papers_footnotes_hang_on_their_rows(table):
    for row in results_table.paper_table("flickr8k"):
        assert notes_of(table, row.system) == results_table.footnotes("flickr8k", [row.system])


def test_footnotes_say_what_the_numbers_are(table):
    assert "40 test images with 200 sentences" in table.notes[0]
    assert any("95% bootstrap interval over the test images" in note for note in table.notes)
    assert any(note.startswith("Bold: ") for note in table.notes)
    assert "Mean ± sample standard deviation over 3 seeds." in notes_of(table, "vse")


def test_what_holds_of_all_our_rows_stands_in_the_caption_and_not_at_each(rows):
    table = build_table("Title", "scenes", measured_rows.RANDOM, rows[1:])

    assert {W_IMG, f"Features: {measured_rows.STAND_IN}."} <= set(table.notes)
    assert not set(table.notes) & set(table.footnotes)
    assert [notes_of(table, name) for name in ("fusion", "single")] == [
        ["Mean ± sample standard deviation over 2 seeds."],
        ["One seed."],
    ]


def test_a_row_alone_has_no_footnotes_and_nothing_is_said_of_bold(rows):
    table = build_table("Title", "scenes", measured_rows.RANDOM, rows[:1], notes=["The end."])

    assert table.footnotes == ()
    assert table.notes[-1] == "The end."
    assert not any(note.startswith("Bold: ") for note in table.notes)


@pytest.mark.parametrize(("kept", "rises"), [((1, 1), False), ((1, 2), True), ((2, 1), True), ((0, 1), False)])
def test_a_row_whose_best_epoch_is_its_last_one_is_marked_as_still_rising(tmp_path, kept, rises):
    runs = [Run(tmp_path / f"row-seed{seed}") for seed in range(2)]
    for seed, (run, best) in enumerate(zip(runs, kept, strict=True)):
        finished_runs.write(run, seed)
        val = json.loads(run.history_json.read_text())[0]["val"]
        history = [{"epoch": epoch, "val": {**val, "sum_of_recalls": float(epoch == best)}} for epoch in range(3)]
        run.history_json.write_text(json.dumps(history))

    table = build_table("Title", "scenes", measured_rows.RANDOM, [results.read_row("row", runs)])

    row = row_of(table, "row")
    assert (row.still_rising, row.marks) == (rises, "↑" if rises else "")
    assert any(note.startswith("↑ marks a row") for note in table.notes) == rises


def test_a_rows_cost_is_the_mean_time_and_the_most_memory_of_its_runs(tmp_path):
    costs = {"seconds": 10.0, "peak_memory_mb": 900.0}, {"seconds": 30.0, "peak_memory_mb": 400.0}
    row = measured_rows.row(tmp_path, "vse", costs=costs)

    table = build_table("Table 1, Flickr8K", "flickr8k", measured_rows.RANDOM, [row])

    ours = row_of(table, "vse")
    assert (ours.seconds, ours.peak_memory_mb) == (20.0, 900.0)


def test_where_one_run_does_not_tell_its_cost_that_of_the_row_is_not_known(tmp_path):
    row = measured_rows.row(tmp_path, "vse", seeds=3, costs=[{"seconds": 10.0, "peak_memory_mb": 900.0}])

    ours = row_of(build_table("Table 1, Flickr8K", "flickr8k", measured_rows.RANDOM, [row]), "vse")

    assert (ours.seconds, ours.peak_memory_mb) == (None, None)


def test_an_ensemble_has_no_epochs_to_rise_in(table):
    assert not any(row.still_rising for row in table.rows)


def test_each_footnote_stands_once_and_is_named_by_a_row_in_rising_order(table):
    named = [number for row in table.rows for number in row.footnotes]

    assert len(set(table.footnotes)) == len(table.footnotes)
    assert list(dict.fromkeys(named)) == list(range(1, len(table.footnotes) + 1))


def test_a_table_comes_back_from_json_exactly(table):
    assert ResultTable.from_json(table.to_json()) == table


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"rows": [{}], "notes": [], "footnotes": [], "title": "", "dataset": ""}']
)
def test_other_json_is_refused(text):
    with pytest.raises(DataError, match="not a table of results"):
        ResultTable.from_json(text)


def test_a_table_of_other_columns_is_refused(table):
    first = table.rows[0]
    with_one_less = dataclasses.replace(first, cells=first.cells[1:])

    with pytest.raises(DataError, match=r"9 numbers for 10.*build it again"):
        ResultTable.from_json(dataclasses.replace(table, rows=(with_one_less,)).to_json())


def measured(folder, **systems):
    """A row a system, by its name."""
    rows = []
    for name, system in systems.items():
        row = measured_rows.row(folder, name, seeds=1)
        config = ComparatorRunConfig("flickr8k", system, {}, ComparatorTrainConfig(), "", "", {})
        row.runs[0].run.config_json.write_text(config.to_json())
        row.runs[0].run.write_history([{"epoch": 0, "val": measured_rows.RANDOM.to_dict()}])
        rows.append(row)
    return rows


def headings_of(table):
    """Each heading with its rows, as every format prints them."""
    return {title: [text.row.label for text in rows] for title, rows in texts.groups(table)}


def test_rows_of_ours_can_stand_beneath_the_papers_row_of_the_same_system(tmp_path):
    rows = measured(tmp_path, fv="fv", w2vv="w2vv", vse_paper="vse", vse_repository="vse")

    table = build_table("T", "flickr8k", measured_rows.RANDOM, rows, beneath_paper=True)

    _, together, measured_here = headings_of(table).values()
    assert together[together.index("FV(GMM+HGLMM)") + 1] == "fv"
    assert together[together.index("VSE") + 1 :][:2] == ["vse_paper", "vse_repository"]
    assert measured_here == ["w2vv"]
    assert len(table.rows) == 1 + 14 + 4


def test_a_reading_has_the_papers_rows_above_ours_and_they_stand_nowhere_else(tmp_path):
    rows = measured(tmp_path, fusion="fusion", vse_paper="vse", fv="fv", vse_repository="vse", vse_plus_plus="vse")
    readings = {"Written": ("vse_paper", "single", "fusion"), "Run": ("vse_repository",)}

    table = build_table("T", "flickr8k", measured_rows.RANDOM, rows, readings=readings)

    standing = headings_of(table)
    assert standing["Written (its printed rows above ours)"] == ["VSE", "vse_paper", "Ours_fusion", "fusion"]
    assert standing["Run (its printed rows above ours)"] == ["VSE", "vse_repository"]
    assert standing["Measured here"] == ["fv", "vse_plus_plus"]
    # The paper's other rows, `single`'s among them, which nothing here was measured for.
    printed = standing["The paper, as printed"]
    assert "Ours_single" in printed and not {"VSE", "Ours_fusion"} & set(printed)
    assert ResultTable.from_json(table.to_json()) == table


def test_readings_and_the_whole_table_go_together(tmp_path):
    rows = measured(tmp_path, fv="fv", fusion="fusion", vse_plus_plus="vse")

    table = build_table(
        "T", "flickr8k", measured_rows.RANDOM, rows, beneath_paper=True, readings={"Written": ("fusion",)}
    )

    _, together, written, measured_here = headings_of(table).values()
    assert together[together.index("FV(GMM+HGLMM)") + 1] == "fv"
    assert written == ["Ours_fusion", "fusion"]
    # What came after the paper is no measurement of its VSE.
    assert measured_here == ["vse_plus_plus"]


def test_what_is_fitted_at_once_is_not_still_rising(tmp_path):
    table = build_table("T", "flickr8k", measured_rows.RANDOM, measured(tmp_path, cca="cca"))

    assert not row_of(table, "cca").still_rising
