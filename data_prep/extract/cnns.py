"""The CNNs for photographs by name: which network, which weights, which layer, and how to build it."""

import functools
import pathlib
from collections.abc import Callable, Sequence

import keras

from cmr.errors import ConfigError
from cmr.workspace import checksums, feature_names
from data_prep.extract import efficientnet_lite, grid, stages, weight_files
from data_prep.extract.cnn_description import PAPER_IMAGE, PAPER_VGG, CnnDescription
from data_prep.extract.layers import FEATURES, Layer

_VGG_LAYERS = {"fc6": "fc1", "fc7": "fc2"}

# The layers, or outputs, at the end of each stage, the last one first; a stage is what lies between two steps to a
# coarser map, and EfficientNet's have names of their own.
_VGG_STAGES = tuple(f"block{number}_pool" for number in range(5, 0, -1))
_INCEPTION_STAGES = ("mixed10", "mixed7", "mixed2")
_LITE_STAGES = ("map", *reversed(efficientnet_lite.STAGE_OUTPUTS))


def vgg(
    model_name: str, layer: str, weights: str, seed: int, crops: int, output: Layer = FEATURES, size: int = 0
) -> CnnDescription:
    """VGG16 or VGG19 (Simonyan and Zisserman, 2015) from Keras applications: X_vgg.

    Args:
      model_name: `vgg16` or `vgg19`.
      layer: `fc6` or `fc7` after ReLU (4096-d), or `pool5_avg`, the mean over pool5's positions (512-d).
      weights: `imagenet`, `random` or the path of a weight file.
      seed: of random weights.
      crops: part of the features' name.
      output: the features of `layer`, or another layer in its place: the means of the last pools, pool5 as a grid, or
        the classes' probabilities.
      size: of its pictures, side in pixels; 0: 224, at which alone its fully connected layers can be read.

    Raises:
      ConfigError: it has fewer stages.
    """
    layer, size = output.name or layer, size or feature_names.OWN_SIZES[model_name]
    _check_stages(output, _VGG_STAGES, model_name)
    module = getattr(keras.applications, model_name)
    network = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[model_name]
    with_top = layer in _VGG_LAYERS or output.is_predictions

    def build() -> keras.Model:
        pictures = _pictures(size)
        base = weight_files.application(
            lambda source: network(
                include_top=with_top,
                weights=source,
                input_tensor=module.preprocess_input(pictures),
                pooling=None if with_top or output.reads_maps else "avg",
            ),
            weights,
            seed,
            f"{model_name}'s {layer}",
            _top_hint(layer) if with_top else "",
        )
        read = base.get_layer(_VGG_LAYERS[layer]).output if layer in _VGG_LAYERS else base.output
        if output.reads_maps:
            read = _of_maps(output, [base.get_layer(name).output for name in _VGG_STAGES])
        return keras.Model(pictures, read, name=model_name)

    stand_in = PAPER_VGG if layer == "pool5_avg" or output.stages > 1 else output.stand_in
    name = feature_names.of_vgg(model_name, layer, crops, weights, size)
    of_paper = output.of_paper or PAPER_VGG
    return _described(name, model_name, layer, weights, seed, size, stand_in, of_paper, build)


def _top_hint(layer: str) -> str:
    if layer in _VGG_LAYERS:
        return "; for a file without the fully connected layers give --vgg_layer=pool5_avg"
    return "; the probabilities take a file with the fully connected layers"


def inception_v3(weights: str, seed: int, crops: int, output: Layer = FEATURES, size: int = 0) -> CnnDescription:
    """Inception v3's 2048-d pool from Keras applications: X_img (Eq. 3); or `output`, as in `vgg`, and so `size`."""
    own_size = feature_names.OWN_SIZES["inception_v3"]
    size = size or own_size
    _check_stages(output, _INCEPTION_STAGES, "inception_v3")

    def build() -> keras.Model:
        pictures = _pictures(size)
        inputs = keras.applications.inception_v3.preprocess_input(pictures)
        base = weight_files.application(
            lambda source: keras.applications.InceptionV3(
                include_top=output.is_predictions,
                weights=source,
                input_tensor=inputs,
                pooling=None if output.reads_maps else "avg",
            ),
            weights,
            seed,
            "inception_v3",
            f"; give one {'with' if output.is_predictions else 'without'} the classification layer",
        )
        read = base.output
        if output.reads_maps:
            read = _of_maps(output, [base.get_layer(name).output for name in _INCEPTION_STAGES])
        return keras.Model(pictures, read, name="inception_v3")

    name = feature_names.of_image("inception_v3", "", crops, weights, output.name, size)
    layer, of_paper = output.name or "pool", output.of_paper or PAPER_IMAGE
    # The paper reads the pool of pictures of the network's own size.
    stand_in = output.stand_in or (PAPER_IMAGE if output.stages > 1 or size != own_size else "")
    return _described(name, "inception_v3", layer, weights, seed, size, stand_in, of_paper, build)


def efficientnet_lite2(weights: str, seed: int, crops: int, output: Layer = FEATURES, size: int = 0) -> CnnDescription:
    """EfficientNet-Lite2's 1280-d pool, or `output`, as in `vgg`, and so `size`.

    `weights` is a `.npz` file or `random`: Keras offers none for this network. The last of its eight stages is the
    head, 1280-d too; before it come 352, 208, 120, 88, 48, 24 and 16 channels.
    """
    size = size or efficientnet_lite.INPUT_SIZE
    _check_stages(output, _LITE_STAGES, "efficientnet_lite2")

    def build() -> keras.Model:
        keras.utils.set_random_seed(seed)
        model = efficientnet_lite.efficientnet_lite2(size)
        if weights != "random":
            efficientnet_lite.load_weights(model, pathlib.Path(weights))
        read = model.output["features"]
        if output.reads_maps:
            read = _of_maps(output, [model.output[name] for name in _LITE_STAGES])
        elif output.is_predictions:
            read = keras.layers.Softmax(name="predictions")(model.output["logits"])
        return keras.Model(model.input, read, name="efficientnet_lite2")

    name = feature_names.of_image("efficientnet_lite2", "", crops, weights, output.name, size)
    layer, of_paper = output.name or "pool", output.of_paper or PAPER_IMAGE
    stand_in = output.stand_in if output.of_paper else PAPER_IMAGE
    return _described(name, "efficientnet_lite2", layer, weights, seed, size, stand_in, of_paper, build)


def hub(module: str, image_size: int, crops: int) -> CnnDescription:
    """A tensorflow-hub feature vector module in the role of X_img.

    Args:
      module: path or URL.
      image_size: of its pictures, side in pixels; 0: as its signature says.
      crops: part of the features' name.

    Raises:
      WorkspaceError: it can't be loaded.
    """
    from data_prep.extract import hub_module

    # A worker of a pipeline has another working directory.
    place = str(pathlib.Path(module).absolute()) if pathlib.Path(module).is_dir() else module
    build = functools.partial(_hub_model, place, image_size)
    # Its size stands in the module itself, so it is loaded at once.
    size = build().input.shape[1]
    return CnnDescription(
        name=feature_names.of_image("hub", module, crops, size=image_size),
        model_name="hub",
        layer="pool",
        weights=module,
        weights_sha256=hub_module.module_checksum(module),
        input_size=size,
        stand_in="" if "inception_v3" in module else PAPER_IMAGE,
        build=build,
        # Its SavedModel is no Keras layer that a file could hold.
        is_saved=False,
    )


@functools.lru_cache(maxsize=1)
def _hub_model(module: str, image_size: int) -> keras.Model:
    from data_prep.extract import hub_module

    model, _ = hub_module.hub_model(module, image_size)
    return model


def _check_stages(output: Layer, stages_of_cnn: Sequence[str], model_name: str) -> None:
    if output.stages > len(stages_of_cnn):
        raise ConfigError(f"--stages={output.stages} is more than the {len(stages_of_cnn)} of {model_name}")


def _of_maps(output: Layer, maps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """What is read of the maps at the ends of the stages, the last one first."""
    if output.is_grid:
        return grid.cells_of(maps[0], output.side)
    return stages.means_of(maps[: output.stages])


def _described(
    name: str,
    model_name: str,
    layer: str,
    weights: str,
    seed: int,
    size: int,
    stand_in: str,
    of_paper: str,
    build: Callable[[], keras.Model],
) -> CnnDescription:
    checksum, label = "", weights
    if weights == "random":
        # Whatever the network, without training it is not what the paper used.
        label, stand_in = f"random, seed {seed}", of_paper
    elif weights != "imagenet":
        path = pathlib.Path(weights)
        weight_files.check_exists(path)
        checksum, label = checksums.files_sha256([path]), path.name
    return CnnDescription(name, model_name, layer, label, checksum, size, stand_in, build)


def _pictures(size: int) -> keras.KerasTensor:
    return keras.Input((size, size, 3), name="pictures")
