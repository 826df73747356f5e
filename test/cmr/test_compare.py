"""The command cmr.compare, from flags to a run's files."""

import numpy as np
import pytest
import tiny_runs
import tiny_workspaces

from cmr.evaluation.query_ranks import QueryRanks
from cmr.trained import finished_run
from cmr.workspace import features
from cmr.workspace.runs import Run, fingerprints_of

CCA = ("--system=cca", "--cca_text=ngrams", "--cca_dims=8", "--cca_min_count=1", "--cca_svd_dims=30")


def compare(workspace, *flags):
    return tiny_runs.call_command("cmr.compare", *tiny_runs.place(workspace), *flags)


def test_a_comparator_leaves_a_run_as_ours_are(tiny_workspace):
    ended = compare(tiny_workspace, *CCA)

    assert ended.returncode == 0, ended.stderr
    run = Run(tiny_runs.run_path(ended))
    values = run.read_metrics()
    assert QueryRanks.read(run.test_ranks_npz).metrics().to_dict() == values["test"]
    fingerprints = fingerprints_of(run.read_measured_config(), values)
    assert all(found.is_whole for name, found in fingerprints.items() if name.startswith("scene_cnn"))
    assert set(values["fingerprints"]) == set(values["checksums"]) - {"captions.csv", "vocabulary"}
    assert run.read_history()[0]["epoch"] == 0
    assert "--cca_dims=8\n" in run.flags_txt.read_text()
    assert values["cost"]["seconds"] > 0
    assert "cca (measured here)" in ended.stdout


def test_a_finished_run_is_recognised_and_not_fitted_again(tiny_workspace):
    first = compare(tiny_workspace, *CCA)
    second = compare(tiny_workspace, *CCA, "--system=cca")

    assert tiny_runs.run_path(first) == tiny_runs.run_path(second)
    assert "training images" not in second.stdout
    assert first.stdout.splitlines()[-20:] == second.stdout.splitlines()[-20:]


def test_another_setting_another_seed_and_other_features_are_other_runs(tiny_workspace):
    of_flags = ((), ("--cca_ridge=0.5",), ("--seed=1",), ("--image_features=scene_cnn-layout",))

    runs = {tiny_runs.run_path(compare(tiny_workspace, *CCA, *flags)) for flags in of_flags}

    assert len(runs) == len(of_flags)


def test_features_that_are_named_are_read_alone(tiny_workspace):
    run = Run(tiny_runs.run_path(compare(tiny_workspace, *CCA, "--image_features=scene_cnn-layout")))

    assert run.read_metrics()["features"].startswith("image features scene_cnn-layout")


def test_a_run_of_another_command_is_left_alone(tiny_workspace):
    run = Run(tiny_runs.run_path(compare(tiny_workspace, *CCA)))
    before = {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()}

    ended = tiny_runs.call_command("cmr.train", *tiny_runs.place(tiny_workspace), f"--run_name={run.path.name}")

    assert ended.returncode == 1
    assert "holds a run of cmr.compare, not of cmr.train; give another folder" in ended.stderr.splitlines()[-1]
    assert {path: path.read_bytes() for path in before} == before


def test_its_flags_txt_makes_the_same_run_again(tiny_workspace):
    run = Run(tiny_runs.run_path(compare(tiny_workspace, *CCA)))

    again = tiny_runs.call_command("cmr.compare", f"--flagfile={run.flags_txt}")

    assert tiny_runs.run_path(again) == run.path


def test_a_finished_run_says_of_each_split_what_it_said(tiny_workspace):
    run = Run(tiny_runs.run_path(compare(tiny_workspace, *CCA)))
    opened = finished_run.open_run(run.path)

    said = opened.similarities("val")

    assert said.images.shape == (opened.inputs.split("val").num_images, 8)


def test_what_it_embeds_is_corrected_by_a_bank_of_training_queries(tiny_workspace):
    run = Run(tiny_runs.run_path(compare(tiny_workspace, *CCA)))
    train = finished_run.open_run(run.path).inputs.split("train")

    ended = tiny_runs.call_command("cmr.evaluate", f"--run_dir={run.path}", "--query_bank=train")

    assert (ended.returncode, ended.stderr) == (0, "")
    bank = f"{train.num_images} images and {train.num_captions} sentences of the training split"
    assert bank in " ".join(ended.stdout.split())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((*CCA, "--cca_min_count=1000"), "lower it"),
        (("--system=conse", "--vgg_features=a", "--image_features=b"), "give --image_features alone"),
        ((*CCA, "--fv_ridge=7"), "--fv_ridge says nothing of --system=cca; leave it out"),
        ((*CCA, "--word_vectors=glove.txt"), "--word_vectors says nothing of --system=cca; leave it out"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(tiny_workspace, flags, said):
    ended = compare(tiny_workspace, *flags)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert said in ended.stderr


def test_a_system_must_be_named(tiny_workspace):
    ended = compare(tiny_workspace)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "--system is missing" in ended.stderr


def test_a_missing_package_is_one_sentence(tiny_workspace, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.feature_extraction.text", None)

    ended = compare(tiny_workspace, *CCA)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "pip install 'cmr[comparators]'" in ended.stderr


def write_grid(workspace):
    """Three cells an image beside the tiny workspace's features, under the name that the CNN flags lead to."""
    layout = features.read_features(workspace.features_dir("scene_cnn-layout"))
    grid = np.stack([np.roll(layout.array, shift, axis=1) for shift in range(3)], axis=1).astype(np.float16)
    tiny_workspaces.write_features(workspace, "scene_cnn-grid4x4", list(layout.image_ids), grid)


def test_systems_of_fragments_read_the_cnns_grid(tiny_workspace):
    write_grid(tiny_workspace)
    small = "--dvsa_dim=8", "--dvsa_batch_size=15", "--dvsa_max_epochs=1", "--word_vector_dim=6"

    ended = compare(tiny_workspace, "--system=dvsa", *small)

    assert ended.returncode == 0, ended.stderr
    values = Run(tiny_runs.run_path(ended)).read_metrics()
    assert "scene_cnn-grid4x4" in values["features"]
    assert any("Adam stands in for SGD with momentum" in note for note in values["notes"])
    corrected = tiny_runs.call_command("cmr.evaluate", f"--run_dir={tiny_runs.run_path(ended)}", "--query_bank=train")
    assert (corrected.returncode, corrected.stderr.count("\n")) == (1, 1)
    assert "this system scores pairs; leave the bank out" in corrected.stderr


def test_a_grid_and_vectors_are_not_taken_for_each_other(tiny_workspace):
    write_grid(tiny_workspace)
    place = tiny_runs.place(tiny_workspace)
    refusals = [
        (
            compare(tiny_workspace, *CCA, "--image_features=scene_cnn-grid4x4"),
            "scene_cnn-grid4x4 is a grid, 3 vectors an image",
        ),
        (compare(tiny_workspace, "--system=dvsa", "--image_features=scene_cnn-layout"), "holds one vector an image"),
        (
            tiny_runs.call_command("cmr.train", *place, "--model=vse", "--vgg_features=scene_cnn-grid4x4"),
            "scene_cnn-grid4x4 is a grid, 3 vectors an image",
        ),
    ]

    for ended, said in refusals:
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
        assert said in ended.stderr


def test_its_table_can_be_printed_again_and_it_is_no_model_to_search_with(tiny_workspace):
    ended = compare(tiny_workspace, *CCA)
    run_dir = tiny_runs.run_path(ended)

    again = tiny_runs.call_command("cmr.evaluate", f"--run_dir={run_dir}")
    packed = tiny_runs.call_command("cmr.pack", f"--run_dir={run_dir}", "--to=cca.cmr")

    assert again.stdout.strip() == ended.stdout[ended.stdout.index("cca on ") :].strip()
    assert (packed.returncode, packed.stderr.count("\n")) == (1, 1)
    assert "is a run of cmr.compare" in packed.stderr
