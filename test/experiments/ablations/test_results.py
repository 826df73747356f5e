"""What finished runs say of a baseline and its variants."""

import dataclasses

import finished_runs
import pytest

from cmr.errors import DataError, WorkspaceError
from cmr.evaluation.bootstrap import holm, paired_difference, resample
from experiments.ablations.results import measure
from experiments.ablations.variants import VARIANTS as KNOWN
from experiments.comparisons.results import Comparisons
from experiments.tables.differences import MEASURES
from experiments.trainings.arms import plan_arms
from experiments.trainings.results import read_row

VARIANTS = ("gru_reset_after", "negatives_batch", "margin_02")
# The first is the baseline's equal, the second is far better, the third a little worse.
FACTORS = {"fusion": 1.0, "gru_reset_after": 1.0, "negatives_batch": 0.4, "margin_02": 1.1}


def planned_arms(variants, seeds):
    return plan_arms("scenes/fusion", ["ablations/embedding_linear"], variants, seeds, "ablations", KNOWN)


@pytest.fixture(scope="module")
def workspace_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def arms(workspace_dir):
    """Two seeds of each, all finished."""
    planned = planned_arms([*VARIANTS, "embedding_linear"], 2)
    for training in planned.trainings:
        finished_runs.write(training.run(workspace_dir), training.seed, FACTORS[training.name])
    return planned


@pytest.fixture(scope="module")
def ablations(arms, workspace_dir):
    return measure(arms, arms.read_rows(workspace_dir))


def row(arm, workspace_dir):
    return read_row(arm.name, [training.run(workspace_dir) for training in arm.trainings])


def compared(ablations, name, quantity="sum_of_recalls"):
    return next(each for each in ablations.comparisons if each.name == name).differences[quantity]


def test_the_baseline_comes_first_and_is_compared_with_nothing(ablations):
    assert [each.name for each in ablations.comparisons] == ["fusion", *VARIANTS]
    assert ablations.comparisons[0].differences == {}


def test_the_table_has_the_same_rows_and_none_of_the_papers(ablations):
    assert [each.label for each in ablations.table.rows] == ["Random ranking (exact)", "fusion", *VARIANTS]


def test_differences_are_paired_with_the_variant_first(arms, ablations, workspace_dir):
    base, better = (row(arm, workspace_dir).ranks for arm in (arms.baseline, arms.variants[1]))
    expected = paired_difference(resample(better), resample(base))

    differences = {quantity: compared(ablations, "negatives_batch", quantity) for quantity in MEASURES}

    assert [(each.estimate, each.low, each.high, each.p_value) for each in differences.values()] == [
        dataclasses.astuple(each)
        for each in (
            expected.sum_of_recalls,
            expected.sentence_retrieval["recall_at_1"],
            expected.image_retrieval["recall_at_1"],
        )
    ]
    assert differences["sum_of_recalls"].estimate > 0


@pytest.mark.parametrize("quantity", MEASURES)
def test_p_values_are_corrected_over_the_variants_of_one_measure(ablations, quantity):
    of_variants = [compared(ablations, name, quantity) for name in VARIANTS]

    assert [each.corrected_p for each in of_variants] == holm([each.p_value for each in of_variants])


def test_a_difference_is_found_where_the_interval_leaves_out_zero(ablations):
    assert compared(ablations, "negatives_batch").is_found
    assert not compared(ablations, "gru_reset_after").is_found


def test_sums_are_means_over_the_seeds_of_test_and_of_the_best_validation(arms, ablations, workspace_dir):
    results = row(arms.variants[2], workspace_dir).runs

    comparison = ablations.comparisons[3]

    assert comparison.test_sum.mean == pytest.approx(sum(each.test.sum_of_recalls for each in results) / 2)
    assert comparison.validation_sum.mean == pytest.approx(sum(each.best_val.sum_of_recalls for each in results) / 2)
    assert comparison.test_sum.std > 0


def test_what_was_left_out_is_said(ablations):
    assert ablations.notes[-1] == "embedding_linear is left out: it trains what fusion trains."


def test_json_reads_back_exactly(ablations):
    assert Comparisons.from_json(ablations.to_json()) == ablations


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"table": {}, "comparisons": [], "left_out": []}'])
def test_other_json_is_refused(text):
    with pytest.raises(DataError, match=r"give the command again|build it again"):
        Comparisons.from_json(text)


def test_one_seed_has_no_deviation(tmp_path):
    planned = planned_arms(["margin_02"], 1)
    for training in planned.trainings:
        finished_runs.write(training.run(tmp_path))

    measured = measure(planned, planned.read_rows(tmp_path))

    assert measured.comparisons[1].test_sum.std is None


def test_runs_on_other_captions_are_not_compared(tmp_path):
    planned = planned_arms(["margin_02"], 1)
    for training in planned.trainings:
        finished_runs.write(training.run(tmp_path), captions=training.name)

    with pytest.raises(WorkspaceError, match=r"different versions of captions\.csv"):
        planned.read_rows(tmp_path)
