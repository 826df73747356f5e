"""The scenes as a raw data set, as a reader of files would return it."""

from collections.abc import Sequence

import pandas as pd

from cmr import captions as captions_lib
from data_prep import raw_dataset, scene_sentences, scenes

# Below the data set's folder in the workspace.
IMAGE_DIR = "images"


def raw_scenes(drawn: Sequence[scenes.Scene]) -> raw_dataset.RawDataset:
    """Captions and splits of scenes whose pictures lie in `IMAGE_DIR`; nothing of them is flawed."""
    rows = [
        (scene.image_id, scene.image_id, scene.split, f"{scene.image_id}#{number}", sentence)
        for scene in drawn
        for number, sentence in enumerate(scene_sentences.sentences(scene))
    ]
    captions = pd.DataFrame(rows, columns=list(captions_lib.COLUMNS), dtype=str)
    return raw_dataset.RawDataset(captions, IMAGE_DIR, flaws=(), sources={})
