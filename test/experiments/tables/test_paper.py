"""The paper's tables: what a row is, said by its flagfile; which file holds which rows and overlays, and is shown."""

import os

import pytest

from cmr.cli.flagfiles import installed_folder
from cmr.comparators.settings.registry import SETTINGS
from cmr.errors import ConfigError
from experiments.tables import paper
from experiments.tables.table import COLUMNS, OURS, PAPER, Cell, ResultTable, TableRow
from experiments.trainings.preparation import features_read
from experiments.trainings.training import Training


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# One line.\n--model=vse\n", "One line."),
        ("# Two\n# lines. And more.\n--model=vse\n", "Two lines."),
        ("# As Eq. 5 has it: Table 1. Eq. 5 is below.\n", "As Eq. 5 has it: Table 1."),
        ("# Kiros 2014 (github.com/x, train.py): margin 0.2.\n", "Kiros 2014 (github.com/x, train.py): margin 0.2."),
        ("--model=vse\n# Not a beginning.\n", None),
        ("", None),
    ],
)
def test_a_row_is_described_by_the_first_sentence_of_its_flagfile(tmp_path, text, sentence):
    path = tmp_path / "mine.flags"
    path.write_text(text)

    described = paper.descriptions({"mine": [Training("mine", (path,))]})

    assert described == ({"mine": sentence} if sentence else {})


@pytest.mark.parametrize("table", list(paper.DATASETS))
def test_every_row_of_ours_has_a_sentence(table):
    rows = paper.row_trainings(table, paper.ROWS, [], seeds=1)

    described = paper.descriptions(rows)

    assert list(described) == list(paper.ROWS)
    assert all(sentence.endswith(".") for sentence in described.values())


@pytest.mark.parametrize("table", list(paper.DATASETS))
def test_all_rows_are_the_comparators_and_ours_each_described_by_its_flagfile(table):
    names = paper.rows_of(table, ["all"])

    rows = paper.row_trainings(table, names, [], seeds=1)

    assert set(paper.ROWS) < set(names)
    assert list(paper.descriptions(rows)) == list(names)
    assert {trainings[0].dataset for trainings in rows.values()} == {paper.DATASETS[table]}
    commands = {name: trainings[0].command for name, trainings in rows.items()}
    assert {name for name, command in commands.items() if command == "cmr.train"} == set(paper.ROWS)
    assert paper.file_stem(table, names).endswith("-all")


def test_all_may_stand_beside_other_rows_each_of_which_is_there_once():
    assert paper.rows_of("1", ["fv", "all", "best_text"]) == (
        *("fv", *(row for row in paper.rows_of("1", ["all"]) if row != "fv")),
        "best_text",
    )


def test_a_row_may_be_a_file_of_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.flags").write_text("--dataset=flickr8k\n--model=vse\n")
    monkeypatch.chdir(tmp_path)

    assert list(paper.row_trainings("1", ["mine.flags"], [], seeds=1)) == ["mine"]


def test_a_row_of_every_comparator_is_among_all_rows():
    rows = paper.row_trainings("1", paper.rows_of("1", ["all"]), [], seeds=1)

    assert {each.values.system for (each,) in rows.values() if each.command == "cmr.compare"} == set(SETTINGS)


def test_an_overlay_of_cmr_train_says_to_a_comparator_what_it_has_too():
    rows = paper.row_trainings("1", ["fv", "conse"], ["stand_ins", "laptop"], seeds=1)

    (fv,), (conse,) = rows.values()

    assert fv.values.vgg_layer == "pool5_avg"
    assert features_read(fv.values) == ("vgg16-pool5_avg", "efficientnet_lite2")
    assert features_read(conse.values) == ("", "efficientnet_lite2-predictions")


@pytest.mark.parametrize(
    ("table", "rows", "said"),
    [
        ("1", ["cca", "comparators/flickr8k/cca"], "cca is there twice"),
        ("scenes", ["comparators/flickr8k/cca"], "cca is of flickr8k, and the table of scenes"),
        ("2", ["fusion", "flickr8k/vse_paper"], "vse_paper is of flickr8k, and the table of flickr30k"),
    ],
)
def test_rows_that_are_no_table_are_refused(table, rows, said):
    with pytest.raises(ConfigError, match=said):
        paper.row_trainings(table, rows, [], seeds=1)


def test_names_of_features_are_told_to_those_that_read_one_vector_an_image(tmp_path):
    overlay = tmp_path / "named.flags"
    overlay.write_text("--vgg_features=a\n--image_features=b\n")

    rows = paper.row_trainings("1", ["cca", "dvsa", "conse", "nic"], [str(overlay)], seeds=1)

    assert [each.flags for (each,) in rows.values()] == [("--image_features=b", "--vgg_features=a"), (), (), ()]


def test_products_in_bfloat16_are_told_to_the_systems_that_know_them():
    systems = ["m_rnn", "nic", "cca"]

    plain, rounded = (
        [row.run_name for (row,) in paper.row_trainings("1", systems, overlays, seeds=1).values()]
        for overlays in (["stand_ins"], ["stand_ins", "bfloat16"])
    )

    assert [before == after for before, after in zip(plain, rounded, strict=True)] == [False, False, True]


def test_flags_of_other_systems_leave_a_runs_name_as_it_is(tmp_path):
    flagfile = tmp_path / "cca.flags"
    flagfile.write_text("--system=cca\n--dataset=scenes\n")

    plain, others, own = (
        Training("cca", (flagfile,), flags).run_name for flags in ((), ("--fv_dims=7",), ("--cca_dims=7",))
    )

    assert plain == others != own


def test_a_setting_that_came_later_leaves_the_name_of_runs_before_as_it_is(tmp_path):
    flagfile = tmp_path / "m_cnn_st.flags"
    flagfile.write_text("--system=m_cnn_st\n--dataset=scenes\n")

    plain, before, now = (
        Training("m_cnn_st", (flagfile,), flags).run_name
        for flags in ((), ("--m_cnn_image_rms=0",), ("--m_cnn_image_rms=1",))
    )

    assert plain == before != now


def test_our_best_models_go_beyond_the_paper_where_it_has_numbers():
    assert paper.title_of_best("flickr8k") == "Beyond the paper: Flickr8K"
    assert paper.title_of_best("scenes") == "Our best models: scenes"


def write(folder, stem, rows=paper.ROWS, time=0):
    of_paper = TableRow("VSE", PAPER, len(COLUMNS) * (Cell(printed="1"),))
    ours = tuple(TableRow(name, OURS, len(COLUMNS) * (Cell(1.0),)) for name in rows)
    path = folder / f"{stem}.json"
    path.write_text(ResultTable(stem, "flickr8k", (of_paper, *ours), (), ()).to_json())
    os.utime(path, (time, time))


@pytest.mark.parametrize(
    ("rows", "overlays", "stem"),
    [
        (paper.ROWS, (), "table1"),
        (paper.ROWS, ("stand_ins", "laptop"), "table1-stand_ins-laptop"),
        (("fusion", "mine"), (), "table1-fusion-mine"),
        (("fusion", "mine"), ("laptop",), "table1-fusion-mine-laptop"),
    ],
)
def test_a_table_is_named_by_its_number_other_rows_and_overlays(rows, overlays, stem):
    assert paper.file_stem("1", rows, overlays) == stem


def test_the_table_without_overlays_is_shown_where_it_is_there(tmp_path):
    write(tmp_path, "table1", time=1)
    write(tmp_path, "table1-laptop", time=2)

    assert paper.table_json(tmp_path, "1").name == "table1.json"


def test_else_the_newest_one_of_all_rows_is_shown(tmp_path):
    write(tmp_path, "table1-stand_ins", time=1)
    write(tmp_path, "table1-laptop", time=2)
    write(tmp_path, "table1-best_single", ["best_single"], time=3)
    write(tmp_path, "table2-laptop", time=4)
    (tmp_path / "table1-damaged.json").write_text("{")

    assert paper.table_json(tmp_path, "1").name == "table1-laptop.json"


def test_many_rows_make_a_short_name_that_tells_them_apart():
    most = paper.rows_of("1", ["all"])[:-1]
    stems = {paper.file_stem("1", rows, ("stand_ins",)) for rows in (most, most[:-1], most[:2])}

    assert len(stems) == 3
    assert max(map(len, stems)) < 100


def test_a_table_with_more_rows_is_shown_before_one_with_fewer(tmp_path):
    write(tmp_path, "table1", time=2)
    write(tmp_path, "table1-more", rows=[*paper.ROWS, "cca", "dcca"], time=1)
    write(tmp_path, "table1-others", rows=paper.comparators("1"), time=3)

    assert paper.table_json(tmp_path, "1").name == "table1-more.json"


def test_without_all_of_ours_the_one_with_most_of_them_is_shown(tmp_path):
    write(tmp_path, "table1-others", rows=paper.comparators("1"), time=3)
    write(tmp_path, "table1-fusion", rows=["fusion"], time=2)
    write(tmp_path, "table1-many", rows=[*paper.ROWS[1:], "cca"], time=1)

    assert paper.table_json(tmp_path, "1").name == "table1-many.json"


def test_without_any_the_one_without_overlays_is_what_is_missing(tmp_path):
    assert paper.table_json(tmp_path, "1").name == "table1.json"


def test_overlays_are_told_with_what_they_set():
    (told,) = paper.overlay_notes([installed_folder() / "stand_ins.flags", installed_folder() / "quick.flags"])

    assert "stand_ins (--image_model=efficientnet_lite2 --vgg_layer=pool5_avg --vgg_model=vgg16); quick (" in told
    assert paper.overlay_notes([]) == []


@pytest.mark.parametrize(
    ("overlays", "said"),
    [
        (["laptop"], "Rows of cmr.compare take nothing of that."),
        (["stand_ins", "laptop"], "--vgg_layer=pool5_avg --vgg_model=vgg16 of that."),
        (["bfloat16"], "nothing of that, those of language models products in bfloat16 too."),
    ],
)
def test_overlays_are_told_with_what_comparators_take_of_them(overlays, said):
    paths = [installed_folder() / f"{name}.flags" for name in overlays]

    assert paper.overlay_notes(paths, has_comparators=True)[0].endswith(said)


def test_the_table_of_all_rows_is_shown_before_that_of_ours_alone(tmp_path):
    write(tmp_path, "table1", time=5)
    write(tmp_path, "table1-all-stand_ins", rows=paper.rows_of("1", ["all"]), time=1)

    assert paper.table_json(tmp_path, "1").name == "table1-all-stand_ins.json"
