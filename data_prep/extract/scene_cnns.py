"""The CNNs of the scenes, which are trained on the spot."""

import functools

import keras
import numpy as np

from cmr.pictures import files
from cmr.workspace import captions, checksums, feature_names, scene_contents
from cmr.workspace.paths import Workspace
from data_prep.extract import grid
from data_prep.extract.cnn_description import PAPER_IMAGE, PAPER_VGG, CnnDescription
from data_prep.extract.layers import FEATURES, Layer
from data_prep.scenes import cnn


def scene_cnn(kind: str, dataset: Workspace, seed: int, crops: int, output: Layer = FEATURES) -> CnnDescription:
    """A small CNN that is trained on cut-outs of pictures of the split for captioners when it is built.

    Args:
      kind: `objects` in the role of X_vgg, `layout` in that of X_img (see scenes/cnn.py).
      dataset: the prepared scenes.
      seed: of its weights and of the order of its training.
      crops: part of the features' name.
      output: the features of `kind`, or in their place the last map as a grid, which both kinds share.
    """
    prepared = checksums.files_sha256([dataset.captions_csv])

    def build() -> keras.Model:
        trained = _trained_scene_cnns(dataset, seed, prepared)
        if not output.is_grid:
            return trained[kind]
        maps = trained["maps"]
        return keras.Model(maps.input, grid.cells_of(maps.output, output.side), name="scene_cnn_grid")

    names = {
        "objects": feature_names.of_vgg("scene_cnn", "", crops),
        "layout": feature_names.of_image("scene_cnn", "", crops),
    }
    return CnnDescription(
        name=feature_names.of_image("scene_cnn", "", crops, layer=output.name) if output.is_grid else names[kind],
        model_name="scene_cnn",
        layer=output.name or kind,
        weights=f"scenes, seed {seed}",
        weights_sha256=prepared,
        input_size=cnn.INPUT_SIZE,
        stand_in=output.stand_in if output.is_grid else {"objects": PAPER_VGG, "layout": PAPER_IMAGE}[kind],
        build=build,
    )


@functools.lru_cache(maxsize=1)
def _trained_scene_cnns(dataset: Workspace, seed: int, prepared: str) -> dict[str, keras.Model]:
    """All that `train_scene_cnns` returns at the cost of one training, where one command extracts both features.

    Args:
      dataset: the prepared scenes.
      seed: of the training.
      prepared: SHA-256 of captions.csv: scenes that are prepared anew in this process are trained on anew.
    """
    table = captions.read_captions(dataset.captions_csv)
    rows = captions.in_split(table, captions.captioner_split(table))
    images = captions.images_of(rows)
    image_dir = dataset.dataset_dir / dataset.read_description()["image_dir"]
    pictures = np.concatenate(
        [files.read_crops(str(image_dir / name), cnn.INPUT_SIZE, 1) for name in images["file_name"]]
    )
    image_ids = images["image_id"].tolist()
    scenes = scene_contents.read_contents(dataset.scene_contents_json, image_ids)["scenes"]
    return cnn.train_scene_cnns(pictures, [scenes[image_id] for image_id in image_ids], seed)
