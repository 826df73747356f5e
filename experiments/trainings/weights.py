"""The weights of the CNNs whose features are missing, checked before the first command runs for half an hour."""

import pathlib
from collections.abc import Iterable

from absl.flags import FlagValues

from cmr.errors import ConfigError

IMAGENET, RANDOM = "imagenet", "random"


def check_vgg(values: FlagValues, weights: str) -> None:
    """Refuses `--vgg_weights` that can't be those of a training's CNN of X_vgg.

    Args:
      values: cmr.train's.
      weights: of the flag.

    Raises:
      ConfigError: naming the flag.
    """
    if values.vgg_model == "scene_cnn":
        _refuse_any("vgg_weights", weights, "scene_cnn is trained on the spot")
    _check_file("vgg_weights", weights, values.vgg_model)


def check_image(values: FlagValues, weights: str) -> None:
    """The same of `--image_weights` and X_img."""
    if values.image_model == "scene_cnn":
        _refuse_any("image_weights", weights, "scene_cnn is trained on the spot")
    if values.image_model == "hub":
        _refuse_any("image_weights", weights, "a hub module brings its own")
    if values.image_model == "efficientnet_lite2" and weights == IMAGENET:
        raise ConfigError(
            "--image_weights is missing: Keras has no weights of efficientnet_lite2 to download; give "
            "--image_weights=PATH of its .npz"
        )
    _check_file("image_weights", weights, values.image_model)


def check_one_file(trainings_values: Iterable[FlagValues], weights: str) -> None:
    """Refuses one file of `--vgg_weights` for several networks, of which it can be of one alone.

    Args:
      trainings_values: cmr.train's, of all trainings whose X_vgg is missing.
      weights: of the flag.

    Raises:
      ConfigError: naming the networks.
    """
    # The layers behind the convolutions are part of the network's file or are not.
    networks = {
        f"{values.vgg_model} {'without' if values.vgg_layer == 'pool5_avg' else 'with'} its top layers"
        for values in trainings_values
    }
    if weights != IMAGENET and len(networks) > 1:
        raise ConfigError(
            f"--vgg_weights={weights} is one file, but features of {' and of '.join(sorted(networks))} are missing; "
            "make those of one of them with data_prep.extract first"
        )


def _refuse_any(flag: str, weights: str, why: str) -> None:
    if weights != IMAGENET:
        raise ConfigError(f"--{flag}={weights} can't be used: {why}; leave the flag out")


def _check_file(flag: str, weights: str, network: str) -> None:
    if weights == IMAGENET:
        return
    if weights == RANDOM or weights.endswith(".keras"):
        raise ConfigError(
            f"--{flag}={weights} makes features of a name of their own; make them with data_prep.extract and name them "
            f"in a flagfile by --{'vgg' if flag == 'vgg_weights' else 'image'}_features"
        )
    if not pathlib.Path(weights).is_file():
        raise ConfigError(f"--{flag}={weights} does not exist; give imagenet or the path of {network}'s weight file")
