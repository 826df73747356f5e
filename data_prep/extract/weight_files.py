"""Weights of a CNN from where a flag says: Keras's own, random ones, or a file."""

import pathlib
import warnings
from collections.abc import Callable

import keras

from cmr.errors import WorkspaceError


def check_exists(path: pathlib.Path) -> None:
    """Raises WorkspaceError if there is no such file."""
    if not path.is_file():
        raise WorkspaceError(f"--weights={path} does not exist; give imagenet, random or a weight file")


def application(
    network: Callable[[str | None], keras.Model], weights: str, seed: int, what: str, hint: str
) -> keras.Model:
    """Builds a Keras application with its weights.

    Args:
      network: builds it; None leaves its weights as drawn.
      weights: `imagenet`, `random` or the path of a weight file.
      seed: of random weights.
      what: names the network in messages.
      hint: behind the message that a file is of another network.

    Raises:
      WorkspaceError: the weights can't be had, or are of another network.
    """
    if weights == "random":
        keras.utils.set_random_seed(seed)
        return network(None)
    if weights == "imagenet":
        try:
            return network("imagenet")
        # keras.utils.get_file wraps every failure of the network in a bare Exception.
        except Exception as error:
            if "URL fetch failure" not in str(error):
                raise
            url = str(error).split("URL fetch failure on ", 1)[1].split(": ", 1)[0]
            file = url.rsplit("/", 1)[-1]
            raise WorkspaceError(
                f"{what} needs ImageNet weights, which can't be downloaded ({url}); fetch the file elsewhere and put "
                f"it at ~/.keras/models/{file}, or give --weights=PATH or --weights=random"
            ) from error
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that a file lacks, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            return network(weights)
    # h5py and Keras raise all of these for files of other networks, formats and kinds.
    except (ValueError, OSError, KeyError, AttributeError, TypeError, UserWarning) as error:
        raise WorkspaceError(f"--weights={weights} does not fit {what}{hint}") from error
