"""The simulation of MSCOCO's size: what it makes, and how memory is watched."""

import os

import numpy as np
import pytest

from cmr.errors import ConfigError
from data_prep.datasets import mscoco
from experiments.scale import simulated_mscoco
from experiments.scale.process_memory import Watch
from experiments.scale.work_folder import work_folder


def test_the_raw_data_has_a_share_of_mscocos_images_and_sentences(tmp_path):
    simulated_mscoco.write_raw(tmp_path, ["A dog.", "A cat."], share=1_000)

    raw = mscoco.read_mscoco(tmp_path, "karpathy_5k", restval=True, pictures_required=False)

    assert raw.captions["image_id"].nunique() == 82 + 5 + 5 + 30
    assert len(raw.captions) == 616
    assert raw.captions["image_id"].value_counts().min() == 5
    assert raw.captions.groupby("split")["image_id"].nunique().to_dict() == {"train": 112, "val": 5, "test": 5}


def test_every_image_gets_a_row_of_finite_features(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated_mscoco, "FEATURE_DIMS", {"vgg16-fc7": 6})
    monkeypatch.setattr(simulated_mscoco, "_BLOCK_ROWS", 2)
    simulated_mscoco.write_raw(tmp_path, ["A dog."], share=20_000)

    made = np.load(simulated_mscoco.write_features(tmp_path, "vgg16-fc7"))

    ids = (tmp_path / simulated_mscoco.IMAGE_IDS).read_text().splitlines()
    assert made.shape == (len(ids), 6) == (5, 6)
    assert len(np.unique(made)) == 30


def test_the_memory_of_a_process_is_watched():
    watch = Watch(os.getpid())
    block = np.ones(64 << 20, np.uint8)

    peak = watch.stop()

    assert block.nbytes >> 20 < peak.anonymous < peak.total
    assert peak.file > 0


def test_the_work_folder_lies_where_it_is_told_and_is_gone_afterwards(tmp_path):
    with pytest.raises(KeyError), work_folder("size", str(tmp_path)) as folder:
        (folder / "data").write_text("x")
        assert folder.parent == tmp_path
        raise KeyError

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_work_folder_in_what_is_no_folder_is_refused(tmp_path, parent):
    (tmp_path / "file").write_text("x")

    with (
        pytest.raises(ConfigError, match=f"--work_dir=.*{parent} is no folder; make it"),
        work_folder("size", str(tmp_path / parent)),
    ):
        raise AssertionError
