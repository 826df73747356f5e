"""The commands that make what a run reads: the prepared data set and its features."""

import pathlib
from collections.abc import Mapping
from typing import Any

from cmr import shell
from cmr.workspace import feature_names

# Flags of data_prep.prepare with the place of raw data, which lies elsewhere for whoever reads a command.
_RAW_DATA = ("data_dir", "karpathy_json", "captions_file")


def preparation(description: Mapping[str, Any]) -> list[str]:
    """The lines of the command that prepares a data set again.

    Args:
      description: dataset.json.

    Returns:
      No lines where it does not say its flags, as older versions wrote it.
    """
    if "flags" not in description:
        return []
    flags = [f"--dataset={description['dataset']}", *(_at_home(flag) for flag in description["flags"])]
    return shell.command_lines("data_prep.prepare", flags)


def _at_home(flag: str) -> str:
    name, _, path = flag.removeprefix("--").partition("=")
    return f"--{name}=~/{pathlib.PurePath(path).name}" if name in _RAW_DATA else flag


def extraction(extractor: Mapping[str, Any], dataset: str) -> list[str]:
    """The lines of the command that extracts features again.

    Args:
      extractor: extractor.json of the features.
      dataset: their data set.

    Returns:
      No lines for those whose name does not say all: of other CNNs and of CNNs that a run has tuned, and imported ones.
    """
    name, model, crops = extractor["name"], extractor["model"], extractor.get("crops")
    if model == "scene_cnn":
        return _extraction_of_scenes(name, extractor)
    layer, size = feature_names.layer_and_size(name)
    if model.startswith("vgg"):
        usual = "" if layer else extractor.get("layer", "")
        cnn = ["--cnn=vgg", f"--vgg_model={model}", *([f"--vgg_layer={usual}"] if usual else [])]
        own_name = feature_names.of_vgg(model, layer or usual, crops or 1, size=size)
    else:
        cnn = ["--cnn=image", f"--image_model={model}"]
        own_name = feature_names.of_image(model, crops=crops or 1, layer=layer, size=size)
    if model not in feature_names.OWN_SIZES or crops is None or name != own_name:
        return []
    of_pictures = feature_names.extract_flags(name)
    several = [f"--crops={crops}"] if crops != 1 else []
    corrupt = ["--on_corrupt=blank"] if extractor.get("blank_images") else []
    flags = [f"--dataset={dataset}", *cnn, *of_pictures, *several, f"--weights={extractor['weights']}", *corrupt]
    return shell.command_lines("data_prep.extract", flags)


def _extraction_of_scenes(name: str, extractor: Mapping[str, Any]) -> list[str]:
    """One command makes what both CNNs of the scenes see, which are trained for it; a grid takes its own."""
    of_layer = feature_names.extract_flags(name)
    seed = str(extractor["weights"]).rpartition(" ")[2]
    seeded = [f"--cnn_seed={seed}"] if seed.isdigit() and int(seed) else []
    crops = [f"--crops={extractor['crops']}"] if extractor.get("crops", 1) != 1 else []
    grid = ["--cnn=image", *of_layer] if of_layer else []
    return shell.command_lines("data_prep.extract", ["--dataset=scenes", *grid, *crops, *seeded])
