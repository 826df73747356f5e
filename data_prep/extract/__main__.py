"""Extracts CNN features of every image of a prepared data set.

    python -m data_prep.extract --dataset=flickr8k
    python -m data_prep.extract --dataset=flickr8k --cnn=vgg --vgg_layer=pool5_avg --weights=vgg16_notop.weights.h5
    python -m data_prep.extract --dataset=flickr8k --cnn=image --image_model=efficientnet_lite2 --weights=lite2.npz \\
        --grid --grid_side=4

An extraction that was stopped goes on when the same command is given again. Machines that share a disk share the work:

    python -m data_prep.extract --dataset=mscoco --shard=3/16     # and 1/16 ... 16/16, anywhere and in any order
    python -m data_prep.extract --dataset=mscoco --merge

So do workers of a cluster, through Apache Beam:

    python -m data_prep.extract --dataset=mscoco --runner=FlinkRunner --runner_options="--flink_master=host:8081"
"""

import contextlib
import pathlib

import pandas as pd
from absl import flags

from cmr import shell
from cmr.cli import command, datasets, pipeline_flags, shard_flags
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from cmr.workspace import captions, feature_names, paths, shards
from cmr.workspace.paths import Workspace
from cmr.workspace.writer_lock import writer_lock
from data_prep import flags as prep_flags
from data_prep.extract import layers

FLAGS = flags.FLAGS

# Keras's own Inception v3 takes no smaller pictures.
_SMALLEST_INPUT = 75

GROUPS = (
    cmr_flags.workspace_flags,
    prep_flags.extract_flags,
    prep_flags.features_name_flags,
    cmr_flags.cnn_flags,
    cmr_flags.picture_flags,
    shard_flags.shard_flags,
    pipeline_flags.pipeline_flags,
)


def check_flags() -> None:
    """Refuses flags that can't go together."""
    datasets.apply_defaults(FLAGS)
    shard_flags.check()
    pipeline_flags.check()
    if FLAGS.features_name or _is_path(FLAGS.weights):
        _check_one_cnn("--features_name" if FLAGS.features_name else "--weights=PATH")
    _check_layer()
    if FLAGS.input_size:
        _check_input_size()
    if _is_whole_cnn(FLAGS.weights):
        if not FLAGS.features_name:
            raise ConfigError("--weights=PATH.keras is a CNN of its own; name its features with --features_name")
        return
    for role, model_name in _models().items():
        if model_name == "scene_cnn" and (FLAGS.dataset != "scenes" or FLAGS.weights != "imagenet"):
            raise ConfigError(
                f"--{role}_model=scene_cnn is trained on the spot on the scenes; it takes no --weights and no other "
                "data set"
            )
        if model_name == "hub" and FLAGS.weights != "imagenet":
            raise ConfigError("--image_model=hub brings its own weights; leave --weights out")
        if model_name == "hub" and not FLAGS.hub_module:
            raise ConfigError("--image_model=hub needs --hub_module=PATH_OR_URL")
        if model_name == "efficientnet_lite2" and FLAGS.weights == "imagenet":
            raise ConfigError(
                "--image_model=efficientnet_lite2 needs its weight file: give --cnn=image --weights=PATH of the .npz "
                "(Keras offers none to download)"
            )
    if FLAGS.hub_module and "hub" not in _models().values():
        raise ConfigError("--hub_module is read with --image_model=hub; give that too, or leave it out")


def _check_one_cnn(flag: str) -> None:
    if FLAGS.cnn == "both":
        raise ConfigError(f"{flag} is of one CNN; give --cnn=vgg or --cnn=image with it")


def _check_layer() -> None:
    if FLAGS.grid_side and not FLAGS.grid:
        raise ConfigError("--grid_side is of a grid; give --grid with it")
    kinds = {"grid": FLAGS.grid, "predictions": FLAGS.predictions, "stages": FLAGS.stages > 1}
    asked_for = [f"--{name}" for name, is_asked_for in kinds.items() if is_asked_for]
    if not asked_for:
        return
    if len(asked_for) > 1:
        raise ConfigError(f"{' and '.join(asked_for[:2])} are two kinds of features; give one of them at a time")
    (flag,) = asked_for
    _check_one_cnn(flag)
    if FLAGS["vgg_layer"].present:
        raise ConfigError(f"{flag} takes a layer of its own; leave --vgg_layer out")
    if FLAGS.grid and FLAGS.crops != "1":
        raise ConfigError("--grid keeps the places of one picture, which ten crops do not share; leave --crops out")
    if _is_whole_cnn(FLAGS.weights):
        raise ConfigError(f"{flag} needs to know the CNN's layers; --weights=PATH.keras gives its one output alone")
    (model_name,) = _models().values()
    if model_name == "hub":
        raise ConfigError(f"{flag} needs to know the CNN's layers; a hub module gives its one vector alone")
    if FLAGS.predictions and model_name == "scene_cnn":
        raise ConfigError("--predictions are ImageNet's 1,000 classes, which scene_cnn does not know")
    if FLAGS.stages > 1 and model_name == "scene_cnn":
        raise ConfigError("--stages are of CNNs for photographs; scene_cnn is too small to have any")


def _check_input_size() -> None:
    _check_one_cnn("--input_size")
    if _is_whole_cnn(FLAGS.weights):
        raise ConfigError("--weights=PATH.keras says itself what size its pictures have; leave --input_size out")
    (model_name,) = _models().values()
    if model_name == "scene_cnn":
        raise ConfigError("scene_cnn is trained at the size of its pictures; leave --input_size out")
    if FLAGS.predictions:
        raise ConfigError("--predictions are of pictures of the CNN's own size; leave --input_size out")
    if FLAGS.cnn == "vgg" and FLAGS.vgg_layer != "pool5_avg" and not _layer().reads_maps:
        raise ConfigError(
            f"{FLAGS.vgg_layer} can be read of pictures of {model_name}'s own size alone; give --vgg_layer=pool5_avg "
            "with --input_size"
        )
    if FLAGS.input_size < _SMALLEST_INPUT:
        raise ConfigError(f"--input_size={FLAGS.input_size} is too small for a CNN; give {_SMALLEST_INPUT} or more")


def main() -> None:
    from data_prep.extract.extraction import Extraction, Pictures

    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    description = workspace.read_description()
    all_images = captions.images_of(captions.read_captions(workspace.captions_csv))
    images = all_images.head(FLAGS.limit) if FLAGS.limit else all_images
    image_dir = workspace.dataset_dir / description["image_dir"]
    pictures = Pictures(images["image_id"].tolist(), [image_dir / name for name in images["file_name"]])
    runner = pipeline_flags.chosen_runner()
    extractions = {}
    for role, model_name in _models().items():
        cnn = _cnn(role, model_name, workspace)
        name = (FLAGS.features_name or cnn.name) + (f"-first{FLAGS.limit}" if FLAGS.limit else "")
        folder = workspace.features_dir(name)
        settings = int(FLAGS.crops), FLAGS.image_batch, FLAGS.on_corrupt, FLAGS.max_pixels
        extractions[role] = Extraction(cnn, pictures, folder, *settings, runner=runner)
    if FLAGS.shard:
        _extract_shard([*extractions.values()])
        return
    # What is wrong with the second CNN is said before the first one runs for hours.
    with contextlib.ExitStack() as locks:
        for extraction in extractions.values():
            locks.enter_context(writer_lock(extraction.folder))
            if not FLAGS.merge:
                extraction.prepare()
        for extraction in extractions.values():
            print(_summary(extraction.folder, _merge(extraction) if FLAGS.merge else extraction.run()), flush=True)
    made = {role: extraction.folder.name for role, extraction in extractions.items()}
    print(f"next: {_next(workspace, made, all_images)}")


def _extract_shard(wholes) -> None:
    from data_prep.extract import sharding

    parts = [sharding.part_of(whole, FLAGS.shard) for whole in wholes]
    if not parts[0].pictures.image_ids:
        print(f"shard {FLAGS.shard} has none of the {len(wholes[0].pictures.image_ids):,} images; nothing to do")
    else:
        with contextlib.ExitStack() as locks:
            for part in parts:
                locks.enter_context(writer_lock(part.folder))
                sharding.refuse_another_cnn(part)
                part.prepare()
            for part in parts:
                print(_summary(part.folder, part.run()), flush=True)
    unmade = sorted({shard for whole in wholes for shard in sharding.unmade(whole, FLAGS.shard.count)})
    given = _given(*shard_flags.NAMES)
    print(f"next: {shards.making(unmade, given) if unmade else shell.python_command(*given, '--merge')}")


def _merge(whole) -> dict:
    from data_prep.extract import sharding

    if whole.is_finished:
        return whole.run()
    return sharding.merge(whole, shards.count_of(whole.folder, FLAGS.shards), _given(*shard_flags.NAMES))


def _next(workspace: Workspace, made: dict[str, str], all_images: pd.DataFrame) -> str:
    from data_prep.extract import following

    if FLAGS.limit:
        return shell.python_command(*_given("limit", *shard_flags.NAMES))
    usual = datasets.usual(FLAGS.dataset)
    defaults = {
        "vgg": feature_names.of_vgg(usual["vgg_model"], FLAGS["vgg_layer"].default),
        "image": feature_names.of_image(usual["image_model"]),
    }
    place = f"--dataset={FLAGS.dataset}", f"--workspace_dir={FLAGS.workspace_dir}"
    if FLAGS.grid or FLAGS.predictions:
        (name,) = made.values()
        system = "dvsa" if FLAGS.grid else "conse"
        return shell.python_command("cmr.compare", f"--system={system}", *place, f"--image_features={name}")
    has_captioning_split = captions.captioner_split(all_images) == paths.CAPTIONING
    return following.training(workspace, made, defaults, all_images["image_id"].tolist(), place, has_captioning_split)


def _given(*left_out: str) -> list[str]:
    """The command as it was given, but for some flags: its module and arguments."""
    names = [name for name in command.flag_names(GROUPS) if FLAGS[name].present and name not in left_out]
    return ["data_prep.extract", *(FLAGS[name].serialize() for name in names)]


def _models() -> dict[str, str]:
    """Role (`vgg` or `image`) to network, of the roles asked for."""
    models = {"vgg": FLAGS.vgg_model, "image": FLAGS.image_model}
    return models if FLAGS.cnn == "both" else {FLAGS.cnn: models[FLAGS.cnn]}


def _cnn(role: str, model_name: str, workspace: Workspace):
    if _is_whole_cnn(FLAGS.weights):
        from data_prep.extract import cnn_description, saved_cnn

        of_paper = {"vgg": cnn_description.PAPER_VGG, "image": cnn_description.PAPER_IMAGE}
        return saved_cnn.saved_cnn(pathlib.Path(FLAGS.weights), of_paper[role])
    crops, output = int(FLAGS.crops), _layer()
    if model_name == "scene_cnn":
        from data_prep.extract import scene_cnns

        return scene_cnns.scene_cnn("objects" if role == "vgg" else "layout", workspace, FLAGS.cnn_seed, crops, output)
    from data_prep.extract import cnns

    if role == "vgg":
        layer = FLAGS.vgg_layer
        return cnns.vgg(model_name, layer, FLAGS.weights, FLAGS.cnn_seed, crops, output, FLAGS.input_size)
    if model_name == "hub":
        return cnns.hub(FLAGS.hub_module, FLAGS.input_size, crops)
    build = {"inception_v3": cnns.inception_v3, "efficientnet_lite2": cnns.efficientnet_lite2}[model_name]
    return build(FLAGS.weights, FLAGS.cnn_seed, crops, output, FLAGS.input_size)


def _layer() -> layers.Layer:
    """The layer that is read in the place of the usual one."""
    if FLAGS.grid:
        return layers.grid(FLAGS.grid_side)
    return layers.PREDICTIONS if FLAGS.predictions else layers.stages(FLAGS.stages)


def _is_path(weights: str) -> bool:
    return weights not in ("imagenet", "random")


def _is_whole_cnn(weights: str) -> bool:
    return weights.endswith(".keras")


def _summary(folder: pathlib.Path, done: dict) -> str:
    cells = f" x {done['cells']} cells" if "cells" in done else ""
    size = f"{done['images']:,} images{cells} x {done['feature_dim']}"
    if not done["seconds"]:
        return f"{folder}: {size}, extracted before"
    line = f"{folder}: {size} in {done['seconds']:.0f} s"
    if done["stand_in"]:
        line += f"; stands in for {done['stand_in']}"
    if done["blank_images"]:
        line += f"; a grey picture stands for {', '.join(done['blank_images'])}"
    return line


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
