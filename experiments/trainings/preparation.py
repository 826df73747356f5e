"""What trainings read and a workspace lacks (the prepared data set, features, the captioner), and its commands."""

import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from cmr import config
from cmr.cli import flags as cmr_flags
from cmr.errors import CmrError, ConfigError
from cmr.workspace import paths
from experiments.trainings.training import FLAGFILES, Training


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where raw data and weights come from.

    Attributes:
      data_dir: folder of the raw data set; "" where it is prepared already.
      vgg_weights: `--weights` of data_prep.extract for X_vgg's CNN.
      image_weights: likewise for X_img's.
    """

    data_dir: str = ""
    vgg_weights: str = "imagenet"
    image_weights: str = "imagenet"


@dataclasses.dataclass(frozen=True)
class Preparation:
    """A command of the project: module and arguments."""

    module: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(["python -m", self.module, *self.arguments])


def missing_steps(trainings: Sequence[Training], workspace_dir: pathlib.Path, sources: Sources) -> list[Preparation]:
    """The commands that make what the trainings read and the workspace lacks, in order, each once.

    Raises:
      ConfigError: features are missing that have a name of the user's own.
    """
    steps = []
    for training in trainings:
        steps.extend(_steps_of(training, workspace_dir, sources))
    order = ("data_prep.prepare", "data_prep.extract", "cmr.pretrain")
    return sorted(dict.fromkeys(steps), key=lambda step: order.index(step.module))


def carry_out(steps: Sequence[Preparation]) -> None:
    """Runs the commands one after the other; what they print is seen.

    Raises:
      CmrError: one failed, and has said why.
    """
    for number, step in enumerate(steps, start=1):
        print(f"preparation {number} of {len(steps)}: {step}", flush=True)
        code = subprocess.run([sys.executable, "-m", step.module, *step.arguments]).returncode
        if code:
            raise CmrError(f"{step} ended with exit code {code}; mend what it says and give the command again")


def _steps_of(training: Training, workspace_dir: pathlib.Path, sources: Sources) -> Iterator[Preparation]:
    settings = training.settings()
    workspace = training.workspace(workspace_dir)
    common = (f"--dataset={workspace.dataset}", f"--workspace_dir={workspace_dir}")
    if not workspace.dataset_json.exists():
        data_dir = (f"--data_dir={sources.data_dir}",) if sources.data_dir else ()
        yield Preparation("data_prep.prepare", (*common, *data_dir))
    cnns = _CnnSettings(workspace.dataset, settings)
    vgg, image = config.features_read(
        settings.get("model", "fusion"),
        settings.get("vgg_features") or cnns.vgg_name,
        settings.get("image_features") or cnns.image_name,
    )
    for name in filter(None, (vgg, image)):
        if (workspace.features_dir(name) / "extractor.json").exists():
            continue
        if name == cnns.image_name:
            yield Preparation(
                "data_prep.extract", (*common, *cnns.image_arguments, f"--weights={sources.image_weights}")
            )
        elif name == cnns.vgg_name:
            yield Preparation("data_prep.extract", (*common, *cnns.vgg_arguments, f"--weights={sources.vgg_weights}"))
        else:
            raise ConfigError(
                f"{workspace.features_dir(name)}, which {training.name} reads, is missing; extract or import it with "
                f"--features_name={name}"
            )
    takes_captioner = image and settings.get("image_embedding") == "captioner" and not settings.get("captioner")
    if takes_captioner and not (workspace.captioner_dir / "captioner.json").exists():
        features = (f"--image_features={image}",)
        settings_file = FLAGFILES / "captioners" / f"{workspace.dataset}.flags"
        tuned = (f"--flagfile={settings_file}",) if settings_file.exists() else ()
        yield Preparation("cmr.pretrain", (*tuned, *common, *features))


class _CnnSettings:
    """The CNN flags of a training, as data_prep.extract takes them."""

    def __init__(self, dataset: str, settings: Mapping[str, str]):
        defaults = cmr_flags.DATASET_DEFAULTS[dataset.partition(":")[0]]
        vgg_model = settings.get("vgg_model", defaults["vgg_model"])
        image_model = settings.get("image_model", defaults["image_model"])
        vgg_layer = settings.get("vgg_layer", "fc7")
        crops, hub_module = settings.get("crops", "1"), settings.get("hub_module", "")
        self.vgg_name = paths.vgg_features_name(vgg_model, vgg_layer, int(crops))
        self.image_name = paths.image_features_name(image_model, hub_module, int(crops))
        self.vgg_arguments = (
            "--cnn=vgg",
            f"--vgg_model={vgg_model}",
            f"--vgg_layer={vgg_layer}",
            f"--crops={crops}",
        )
        self.image_arguments = (
            "--cnn=image",
            f"--image_model={image_model}",
            f"--crops={crops}",
            *((f"--hub_module={hub_module}",) if hub_module else ()),
        )
