"""The arms of an experiment: which flagfiles, in which order, and what is left out."""

import importlib
import pathlib

import pytest
from tiny_runs import own_flags

from cmr.cli.flagfiles import installed_folder
from cmr.errors import ConfigError
from experiments.ablations.variants import VARIANTS
from experiments.tables import paper
from experiments.trainings.arms import plan_arms

BASELINES = [f"{dataset}/{row}" for dataset in ("flickr8k", "scenes") for row in paper.ROWS]
ABLATIONS = installed_folder() / "ablations"


def planned(row="flickr8k/fusion", overlays=(), variants=VARIANTS, seeds=1):
    return plan_arms(row, overlays, variants, seeds, "ablations", VARIANTS)


def test_every_flagfile_of_the_folder_is_a_variant():
    assert sorted(path.stem for path in ABLATIONS.glob("*.flags")) == sorted(VARIANTS)


def test_every_variant_differs_from_the_papers_fusion_and_from_each_other():
    arms = planned()

    assert [arm.name for arm in arms.variants] == list(VARIANTS)
    assert arms.left_out == ()


def test_negatives_and_the_length_of_images_are_a_whole_product():
    values = [training.values for training in planned().trainings]

    pairs = {(each.negatives, each.image_norm_in_loss) for each in values}
    assert pairs == {(kind, norm) for kind in ("epoch", "batch", "hardest") for norm in (True, False)}


def test_a_variants_description_is_the_first_line_of_its_flagfile():
    arm = planned(variants=["margin_02"]).variants[0]

    assert ABLATIONS.joinpath("margin_02.flags").read_text() == f"# {arm.description}\n--margin=0.2\n"
    assert arm.flags == ("--margin=0.2",)


def test_a_variants_flags_hold_over_the_overlays_and_theirs_over_the_baselines(tmp_path):
    overlay = tmp_path / "overlay.flags"
    overlay.write_text("--margin=0.5\n--gru_units=8\n")

    arms = planned(overlays=[str(overlay)], variants=["margin_02"])

    base, variant = (training.values for training in arms.trainings)
    assert (base.margin, base.gru_units) == (0.5, 8)
    assert (variant.margin, variant.gru_units) == (0.2, 8)
    assert arms.baseline.description == "The baseline: flickr8k/fusion, with overlay."


def test_the_baselines_runs_are_those_of_its_table():
    arms = planned(overlays=["laptop"], seeds=2)

    of_table = paper.row_trainings("1", ["fusion"], ["laptop"], 2)["fusion"]
    assert [each.run_name for each in arms.baseline.trainings] == [each.run_name for each in of_table]


def test_what_the_baseline_does_already_is_left_out():
    arms = planned("flickr8k/vse_repository", variants=["negatives_batch", "negatives_hardest"])

    assert [arm.name for arm in arms.variants] == ["negatives_hardest"]
    assert arms.left_out == ("negatives_batch is left out: it trains what vse_repository trains.",)


def test_the_text_space_of_a_model_without_one_is_left_out():
    arms = planned("flickr8k/vse_paper")

    assert not [arm.name for arm in arms.variants if arm.name.startswith("embedding")]


def test_of_two_equal_variants_the_second_is_left_out():
    arms = planned("flickr8k/single", variants=["embedding_raw", "vse_on_image_features"])

    assert arms.left_out == ("vse_on_image_features is left out: it trains what embedding_raw trains.",)


def test_a_users_own_flagfile_is_a_variant(tmp_path):
    path = tmp_path / "dropout.flags"
    path.write_text("--dropout=0.3\n")

    arm = planned(variants=[str(path)]).variants[0]

    assert (arm.name, arm.description) == ("dropout", "--dropout=0.3")


@pytest.mark.parametrize(
    "variants, sentence",
    [
        (["margin_2"], "--variants: margin_2 is unknown; choose from negatives_batch, "),
        ([], "names nothing that differs from flickr8k/fusion"),
        (["margin_02", "margin_02"], "two rows have the name margin_02"),
        (["flickr30k/fusion"], "two rows have the name fusion"),
        (["flickr30k/single"], "changes --dataset to flickr30k"),
    ],
)
def test_variants_that_cannot_be_compared_are_refused(variants, sentence):
    with pytest.raises(ConfigError, match=sentence):
        planned(variants=variants)


def test_a_baseline_of_cmr_compare_is_refused():
    with pytest.raises(ConfigError, match=r"is a row of cmr\.compare; give one of cmr\.train"):
        planned("comparators/flickr8k/cca", variants=["negatives_hardest"])


def test_cmr_train_takes_every_variant_of_every_row():
    with own_flags() as values:
        for define in importlib.import_module("cmr.train").GROUPS:
            define()
        for baseline in BASELINES:
            for training in planned(baseline, ["stand_ins", "laptop"]).trainings:
                values.unparse_flags()

                values(["cmr.train", *training.arguments(pathlib.Path("workspace"))])

                assert values.dataset == training.dataset
