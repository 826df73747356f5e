"""The scenes as a raw data set, as a reader of files would return it."""

from collections.abc import Sequence

import pandas as pd

from cmr.workspace.captions import COLUMNS
from data_prep.datasets.raw_dataset import RawDataset
from data_prep.scenes import sentences
from data_prep.scenes.scene import Scene

# Below the data set's folder in the workspace.
IMAGE_DIR = "images"


def raw_scenes(drawn: Sequence[Scene]) -> RawDataset:
    """Captions and splits of scenes whose pictures lie in `IMAGE_DIR`; nothing of them is flawed."""
    rows = [
        (scene.image_id, scene.image_id, scene.split, f"{scene.image_id}#{number}", sentence)
        for scene in drawn
        for number, sentence in enumerate(sentences.sentences(scene))
    ]
    captions = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)
    return RawDataset(captions, IMAGE_DIR, flaws=(), sources={})
