"""Finished runs whose scores are added up: which ones, and what is said where one is missing."""

import contextlib
import dataclasses

import finished_runs
import numpy as np
import pytest

from cmr.comparators.members import find_members
from cmr.config import ComparatorRunConfig, ComparatorTrainConfig
from cmr.errors import ConfigError
from cmr.evaluation import similarities
from cmr.evaluation.similarities import PairScores
from cmr.workspace import json_files
from cmr.workspace.fingerprints import SIZE, Fingerprint
from cmr.workspace.runs import Run

CONFIG = ComparatorRunConfig(
    dataset="scenes",
    system="m_cnn_wd",
    settings={"margin": 0.5},
    train=ComparatorTrainConfig(max_epochs=3, patience=2),
    vgg_features="",
    image_features="scene_cnn-layout",
    checksums={},
)


def write_run(folder, config, value, inputs=None):
    """A finished run as far as members are read."""
    run = Run(folder)
    folder.mkdir(parents=True)
    run.config_json.write_text(config.to_json())
    json_files.write_json(run.metrics_json, finished_runs.METRICS)
    run.test_ranks_npz.touch()
    for split, offset in (("val", 0), ("test", 100)):
        shape = (inputs.split(split).num_images, inputs.split(split).num_captions) if inputs else (2, 2)
        similarities.write(run.similarities_npz(split), PairScores((np.full(shape, value + offset, np.float32),)))


def test_a_member_is_found_by_its_settings_whatever_its_name(tmp_path, scenes_inputs):
    write_run(tmp_path / "other", dataclasses.replace(CONFIG, settings={"margin": 0.7}), 1.0)
    write_run(tmp_path / "named by somebody", CONFIG, 2.0)
    saved_more_often = dataclasses.replace(CONFIG, train=ComparatorTrainConfig(3, 2, checkpoint_steps=7))

    members = find_members(tmp_path, [saved_more_often], scenes_inputs)

    assert [run.path.name for run in members.runs] == ["named by somebody"]


@pytest.mark.parametrize("apart", [1e-6, 1.0])
def test_a_member_on_features_of_another_machine_is_found(tmp_path, scenes_inputs, apart):
    name, (here, there) = CONFIG.image_features, ("a" * 64, "b" * 64)
    inputs = dataclasses.replace(scenes_inputs, fingerprints={name: Fingerprint(here, 2.0, (1.0,) * SIZE)})
    write_run(tmp_path / "run", dataclasses.replace(CONFIG, checksums={name: there}), 1.0)
    found = Fingerprint(there, 2.0, (1.0 + apart,) * SIZE)
    Run(tmp_path / "run").write_metrics({**finished_runs.METRICS, "fingerprints": {name: found.to_dict()}})
    wanted = dataclasses.replace(CONFIG, checksums={name: here})

    with contextlib.nullcontext() if apart < 0.1 else pytest.raises(ConfigError, match="no finished run"):
        assert len(find_members(tmp_path, [wanted], inputs).runs) == 1


def test_a_split_is_that_of_its_images(tmp_path, scenes_inputs):
    write_run(tmp_path / "run", CONFIG, 2.0, scenes_inputs)
    members = find_members(tmp_path, [CONFIG], scenes_inputs)

    said = [members.similarities(scenes_inputs.split(name), 1)[0].folds[0][0, 0] for name in ("val", "test")]

    assert said == [2.0, 102.0]


def test_a_run_that_is_not_finished_is_no_member(tmp_path, scenes_inputs):
    write_run(tmp_path / "run", CONFIG, 2.0)
    Run(tmp_path / "run").metrics_json.unlink()

    with pytest.raises(ConfigError, match=r"no finished run of m_cnn_wd.*--system=m_cnn_wd"):
        find_members(tmp_path, [CONFIG], scenes_inputs)


def test_a_run_of_an_archive_has_no_scores_to_add_up(tmp_path, scenes_inputs):
    write_run(tmp_path / "unpacked", CONFIG, 2.0)
    for split in ("val", "test"):
        Run(tmp_path / "unpacked").similarities_npz(split).unlink()

    with pytest.raises(ConfigError, match=r"no finished run of m_cnn_wd.*unpacked did not: move it away.*first"):
        find_members(tmp_path, [CONFIG], scenes_inputs)

    write_run(tmp_path / "again", CONFIG, 2.0)
    assert [run.path.name for run in find_members(tmp_path, [CONFIG], scenes_inputs).runs] == ["again"]
