"""What a margin sweep says in words."""

from fabricated_sweeps import point, sweep

from experiments.margin_sweep.text import points_table, sweep_text


def test_the_table_has_a_line_a_run():
    lines = points_table([point(0.1, 10, 5, epoch=3), point(0.25, 12, 1, image_norm=False)]).splitlines()

    assert [line.split() for line in lines[-2:]] == [
        ["0.1", "unit", "0", "3", "10.0", "0.0", "0.0", "5.0", "0.0", "0.0", "15.0"],
        ["0.25", "as", "is", "0", "1", "12.0", "0.0", "0.0", "1.0", "0.0", "0.0", "13.0"],
    ]
    assert len({len(line) for line in lines[1:]}) == 1


def test_the_choice_stands_beside_the_papers():
    text = sweep_text(sweep(point(0.1, 10, 5), point(0.2, 10, 6)))

    assert "Chosen: margin 0.2, sum of recalls 16.0, one seed. The paper chose 0.7." in text


def test_the_text_says_that_the_test_split_is_not_looked_at():
    assert "The test split is not looked at" in sweep_text(sweep(point(0.1, 10, 5)))


def test_how_much_the_margin_matters_is_told_for_each_setting():
    text = sweep_text(
        sweep(
            point(0.1, 10, 5),
            point(0.2, 20, 6),
            point(0.1, 12, 5, image_norm=False),
            point(0.2, 11, 5, image_norm=False),
        )
    )

    unit, as_is = (line for line in text.splitlines() if "in the loss, over 2 margins" in line)
    assert unit.startswith("With unit images ")
    assert "from 15.0 (margin 0.1) to 26.0 (margin 0.2), a range of 11.0." in unit
    assert as_is.startswith("With images as they are ")
    assert "from 16.0 (margin 0.2) to 17.0 (margin 0.1), a range of 1.0." in as_is


def test_without_unit_images_the_text_says_why_nothing_is_chosen():
    text = sweep_text(sweep(point(0.1, 10, 5, image_norm=False)))

    assert "No margin is chosen" in text


def test_theory_is_told_only_beside_the_runs_that_it_is_about():
    assert "in theory" not in sweep_text(sweep(point(0.1, 10, 5), point(0.2, 10, 5)))
