"""Which W_img (Eq. 4) a run takes: a captioner's, a linear map, a random projection, or none."""

import dataclasses
import hashlib
import pathlib

import numpy as np
from absl import flags

from cmr.captioner import files
from cmr.data import input_names
from cmr.data.inputs import Inputs
from cmr.errors import ConfigError
from cmr.text_space import from_captioner, linear
from cmr.workspace.paths import Workspace


@dataclasses.dataclass(frozen=True)
class TextSpace:
    """Where X_txt comes from.

    Attributes:
      origin: `RunConfig.text_space`.
      kernel: W_img `[image_dim, text_space_dim]` float32; None: there is none.
      captioner: `RunConfig.captioner`.
      leak: `RunConfig.leak`.
    """

    origin: str
    kernel: np.ndarray | None = None
    captioner: str = ""
    leak: str = ""

    @property
    def dim(self) -> int:
        """`ModelConfig.text_space_dim`: 0 where there is no W_img."""
        return 0 if self.kernel is None else self.kernel.shape[1]


def from_flags(values: flags.FlagValues, workspace: Workspace, inputs: Inputs, image_features: str) -> TextSpace:
    """Makes the text space that the flags ask for, and says which it is.

    Args:
      values: the parsed flags.
      workspace: of the data set.
      inputs: what the run reads.
      image_features: folder name of X_img's features; "" for a model that does not read them.

    Raises:
      ConfigError: flags that can't work together, or a captioner that does not fit.
      WorkspaceError: the captioner is missing or damaged.
    """
    if not image_features:
        return TextSpace("")
    kind = values.image_embedding or _default_kind(values, workspace)
    if values.captioner and kind != "captioner":
        raise ConfigError(f"--image_embedding={kind} takes no captioner; leave --captioner out")
    if kind == "captioner":
        return _of_captioner(values, workspace, inputs, image_features)
    if kind == "raw":
        if values.train_text_space:
            raise ConfigError("--image_embedding=raw has no W_img to train; leave --train_text_space out")
        return TextSpace("raw")
    if kind == "random":
        dim = inputs.feature_dim(input_names.IMAGE_FEATURES)
        kernel = random_kernel(dim, values.text_space_dim, values.seed)
        return TextSpace(f"random, seed {values.seed}", kernel)
    kernel = linear_kernel(workspace, inputs, image_features, values.text_space_dim, values.train_images)
    return TextSpace("linear", kernel)


def linear_kernel(
    workspace: Workspace, inputs: Inputs, image_features: str, units: int, train_images: int = 0
) -> np.ndarray:
    """The plain linear W_img of these inputs, `[feature_dim, units]` float32, trained where the workspace has none.

    Args:
      workspace: of the data set.
      inputs: with `image_features`.
      image_features: folder name of those.
      units: size of the text space.
      train_images: as of `RunConfig`, of what `inputs` are.
    """
    of_fewer = [f"the first {train_images}"] if train_images else []
    return linear.linear_kernel(
        workspace.linear_text_space_npz(image_features),
        inputs.split("train"),
        len(inputs.vocabulary),
        units,
        " ".join((*(inputs.checksums[name] for name in ("captions.csv", "vocabulary", image_features)), *of_fewer)),
    )


def _default_kind(values: flags.FlagValues, workspace: Workspace) -> str:
    if values.captioner or _is_finished(workspace.captioner_dir):
        return "captioner"
    print(
        f"no captioner in {workspace.captioner_dir}: W_img is a linear map trained on the training sentences' words "
        "(cmr.pretrain trains a captioner)",
        flush=True,
    )
    return "linear"


def _of_captioner(values: flags.FlagValues, workspace: Workspace, inputs: Inputs, image_features: str) -> TextSpace:
    if not values.captioner and not _is_finished(workspace.captioner_dir):
        raise ConfigError(
            f"--image_embedding=captioner needs a captioner, and {workspace.captioner_dir} holds no finished one; run "
            "cmr.pretrain or give --captioner"
        )
    path = pathlib.Path(values.captioner) if values.captioner else workspace.captioner_dir
    text_space = from_captioner.read_text_space(path)
    features = inputs.features[input_names.IMAGE_FEATURES]
    from_captioner.check_features(text_space, values.dataset, features, inputs.fingerprints)
    leak = from_captioner.leak(text_space, values.dataset, inputs.captions, values.allow_leak)
    print(f"W_img is of {text_space.description} ({path})", flush=True)
    if text_space.warning:
        print(f"{text_space.warning}; train another with cmr.pretrain.", flush=True)
    return TextSpace(kernel_checksum(text_space.kernel), text_space.kernel, text_space.description, leak)


def _is_finished(folder: pathlib.Path) -> bool:
    return (folder / files.CAPTIONER_JSON).exists()


def kernel_checksum(kernel: np.ndarray) -> str:
    """SHA-256 of a W_img's values."""
    return hashlib.sha256(np.ascontiguousarray(kernel, np.float32).tobytes()).hexdigest()


def random_kernel(feature_dim: int, units: int, seed: int) -> np.ndarray:
    """A random projection that keeps lengths on average: `[feature_dim, units]` float32, N(0, 1 / units)."""
    values = np.random.default_rng(seed).normal(size=(feature_dim, units))
    return (values / np.sqrt(units)).astype(np.float32)
