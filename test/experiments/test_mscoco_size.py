"""The simulation of MSCOCO's size: what it makes, and how memory is watched."""

import os

import numpy as np
import pandas as pd

from cmr.workspace import captions, features
from cmr.workspace.paths import Workspace
from data_prep.datasets import mscoco
from experiments.scale import simulated_mscoco
from experiments.scale.process_memory import Watch


def test_the_raw_data_has_a_share_of_mscocos_images_and_sentences(tmp_path):
    simulated_mscoco.write_raw(tmp_path, ["A dog.", "A cat."], share=1_000)

    raw = mscoco.read_mscoco(tmp_path, restval=True, pictures_required=False)

    assert raw.captions["image_id"].nunique() == 82 + 40
    assert len(raw.captions) == 414 + 202
    assert raw.captions["image_id"].value_counts().min() == 5


def test_every_image_gets_a_row_of_finite_features(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated_mscoco, "FEATURE_DIMS", {"vgg16-fc7": 6})
    monkeypatch.setattr(simulated_mscoco, "_BLOCK_ROWS", 2)
    workspace = Workspace(tmp_path, "mscoco")
    rows = [(f"{n}.jpg", f"{n}.jpg", "train", f"{n}.jpg#0", "A dog.") for n in range(5)]
    captions.write_captions(workspace.captions_csv, pd.DataFrame(rows, columns=list(captions.COLUMNS)))

    simulated_mscoco.write_features(workspace)

    made = features.read_features(workspace.features_dir("vgg16-fc7"))
    assert made.image_ids == tuple(f"{n}.jpg" for n in range(5))
    assert made.array.shape == (5, 6)
    assert len(np.unique(made.array[:])) == 30


def test_the_memory_of_a_process_is_watched():
    watch = Watch(os.getpid())
    block = np.ones(64 << 20, np.uint8)

    peak = watch.stop()

    assert block.nbytes >> 20 < peak.anonymous < peak.total
    assert peak.file > 0
