"""What the paper's table says of two systems, and what finished runs say."""

import dataclasses

import finished_runs
import pytest

from cmr.errors import DataError
from cmr.evaluation.bootstrap import holm, paired_difference, resample
from cmr.workspace.runs import Run
from experiments.claims import comparing
from experiments.claims.comparing import AS_PRINTED, NOT_TOLD_APART, TURNED_ROUND, Claims
from experiments.tables.differences import MEASURES
from experiments.trainings.results import read_row

READINGS = {"as written": ("vse_paper", "single", "fusion"), "as run": ("vse_repository", "fusion_repository")}
# What every rank is multiplied by: less is better. In the paper VSE < single < fusion < FV by the sum of recalls.
FACTORS = {"vse_paper": 1.0, "fusion": 0.4, "fv": 1.0, "cca": 0.4, "fusion_repository": 0.4}
SYSTEMS = {"vse_paper": "vse", "fusion": "fusion", "fusion_repository": "fusion", "fv": "fv", "cca": "cca"}


def read(folder, name, seeds):
    """A row's results, as the runs of its system would have them."""
    runs = [Run(folder / f"{name}-seed{seed}") for seed in range(seeds)]
    for seed, run in enumerate(runs):
        finished_runs.write(run, seed, FACTORS[name])
    row = read_row(name, runs)
    for result in row.runs:
        model = dataclasses.replace(result.run_config.model, model=SYSTEMS[name])
        vars(result)["run_config"] = dataclasses.replace(result.run_config, model=model)
    return row


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {name: read(folder, name, 2 if name == "fusion" else 1) for name in FACTORS}


@pytest.fixture(scope="module")
def claims(rows):
    return comparing.compare("Table 1", "flickr8k", rows, READINGS, ["cca", "fv", "dvsa"], ["dvsa is left out."])


def claim_of(claims, first, second):
    return next(
        each for reading in claims.readings for each in reading.claims if (each.first, each.second) == (first, second)
    )


def test_each_of_a_readings_systems_is_compared_with_its_weaker_ones_and_with_every_other(claims):
    pairs = {reading.heading: [(claim.first, claim.second) for claim in reading.claims] for reading in claims.readings}

    assert pairs == {
        "as written": [
            ("fusion", "vse_paper"),
            ("fusion", "cca"),
            ("fusion", "fv"),
            ("vse_paper", "cca"),
            ("vse_paper", "fv"),
        ],
        "as run": [("fusion_repository", "cca"), ("fusion_repository", "fv")],
    }


def test_printed_differences_are_those_of_the_papers_table(claims):
    # Ours_fusion 21.5 50.3 66.2 | 15.4 40.5 54, VSE 18.0 40.9 55.0 | 12.5 37.0 51.5.
    assert list(claim_of(claims, "fusion", "vse_paper").printed.values()) == pytest.approx([33.0, 3.5, 2.9])


def test_a_system_that_the_paper_does_not_print_is_compared_without_a_verdict(claims):
    claim = claim_of(claims, "fusion", "cca")

    assert set(claim.printed.values()) == {None}
    assert {claim.verdict(measure) for measure in MEASURES} == {""}
    assert set(claim.measured) == set(MEASURES)


def test_a_verdict_is_by_the_corrected_p_and_the_sign(claims):
    verdicts = {
        pair: claim_of(claims, *pair).verdict("sum_of_recalls")
        for pair in (("fusion", "vse_paper"), ("fusion", "fv"), ("vse_paper", "fv"))
    }

    # Equal ranks are no difference, whatever the paper prints.
    assert verdicts == {
        ("fusion", "vse_paper"): AS_PRINTED,
        ("fusion", "fv"): TURNED_ROUND,
        ("vse_paper", "fv"): NOT_TOLD_APART,
    }
    assert claims.readings[0].counts == (
        "Pairs of which the paper prints both systems: 3. By the sum of recalls 1 as printed, 1 turned round, 1 not "
        "told apart."
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_p_is_corrected_over_the_pairs_of_a_reading(claims, measure):
    for reading in claims.readings:
        measured = [claim.measured[measure] for claim in reading.claims]
        assert [each.corrected_p for each in measured] == holm([each.p_value for each in measured])


def test_differences_are_paired_over_all_seeds(claims, rows):
    expected = paired_difference(*(resample(rows[name].ranks) for name in ("fusion", "fv"))).image_retrieval[
        "recall_at_1"
    ]

    measured = claim_of(claims, "fusion", "fv").measured["image_retrieval_recall_at_1"]

    assert (measured.estimate, measured.low, measured.high) == (expected.estimate, expected.low, expected.high)


def test_a_data_set_that_the_paper_has_no_table_of_has_differences_alone(rows):
    claims = comparing.compare("Scenes", "scenes", rows, READINGS, ["fv"])

    assert not claims.is_of_paper
    assert "turned round" not in " ".join(claims.notes)


def test_a_reading_with_a_single_row_and_nothing_beside_it_is_left_out(rows):
    claims = comparing.compare("Table 1", "flickr8k", {"fusion": rows["fusion"]}, READINGS, ["fv"])

    assert claims.readings == ()


def test_notes_name_seeds_features_and_what_is_left_out(claims):
    notes = " ".join(claims.notes)

    assert (
        "Features of vse_paper, fusion (2 seeds), fv, cca, fusion_repository: VGG features scene_cnn-objects." in notes
    )
    assert notes.endswith("dvsa is left out.")
    assert notes.count("The paper quotes VSE's paper here") == 1


def test_they_are_read_back_exactly(claims):
    assert Claims.from_json(claims.to_json()) == claims


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"title": "x", "readings": [{"heading": "y", "claims": [{}]}]}'])
def test_another_text_is_refused(text):
    with pytest.raises(DataError, match="these are no claims"):
        Claims.from_json(text)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_text_without_one_of_the_measures_is_refused(claims, measure):
    with pytest.raises(DataError, match="these are no claims"):
        Claims.from_json(claims.to_json().replace(f'"{measure}"', '"another"', 1))
