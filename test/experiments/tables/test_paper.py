"""What a row of a table is, said by its flagfile."""

import pytest

from experiments.tables import paper
from experiments.trainings.training import FLAGFILES, Training


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


def test_flagfiles_read_after_a_rows_own_are_named():
    assert paper.overlay_notes([]) == []
    assert paper.overlay_notes(["stand_ins", str(FLAGFILES / "laptop.flags")]) == [
        "After its own flagfile, every row reads stand_ins.flags and laptop.flags."
    ]


def test_our_best_models_go_beyond_the_paper_where_it_has_numbers():
    assert paper.title_of_best("flickr8k") == "Beyond the paper: Flickr8K"
    assert paper.title_of_best("scenes") == "Our best models: scenes"
