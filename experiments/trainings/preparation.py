"""What trainings read and a workspace lacks (the prepared data set, features, the captioner), and its commands."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from absl import flags

from cmr import config, shell
from cmr.cli import compare_flags, flagfiles
from cmr.comparators.settings import flag_groups
from cmr.comparators.settings.registry import SETTINGS
from cmr.errors import CmrError, ConfigError
from cmr.workspace import feature_names, features
from cmr.workspace.paths import Workspace
from experiments.trainings import child, weights
from experiments.trainings.training import Training


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
    """A command of the project: module and arguments; its text can be pasted into a shell."""

    module: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return shell.python_command(self.module, *self.arguments)


def missing_steps(trainings: Sequence[Training], workspace_dir: pathlib.Path, sources: Sources) -> list[Preparation]:
    """The commands that make what the trainings read and the workspace lacks, in order, each once.

    Raises:
      ConfigError: features are missing that have a name of the user's own, or weights of a CNN are.
    """
    steps = []
    for training in trainings:
        steps.extend(_steps_of(training, workspace_dir, sources))
    lack_vgg = [training.values for training in trainings if _lacks_vgg(training, workspace_dir)]
    weights.check_one_file(lack_vgg, sources.vgg_weights)
    order = ("data_prep.prepare", "data_prep.extract", "cmr.pretrain")
    return sorted(dict.fromkeys(steps), key=lambda step: order.index(step.module))


def carry_out(steps: Sequence[Preparation]) -> None:
    """Runs the commands one after the other; what they print is seen.

    Raises:
      CmrError: one failed, and has said why.
    """
    for number, step in enumerate(steps, start=1):
        print(f"preparation {number} of {len(steps)}: {step}", flush=True)
        code = child.run(step.module, step.arguments)
        if code:
            raise CmrError(f"{step} ended with exit code {code}; mend what it says and give the command again")


def features_read(values: flags.FlagValues) -> tuple[str, str]:
    """Names of the features in X_vgg's and X_img's place by a training's flags, "" where it does not read them."""
    if "system" in values:
        return flag_groups.features_read(values)
    names = values.vgg_features or _vgg_name(values), values.image_features or _image_name(values)
    return config.features_read(values.model, *names)


def has_features(workspace: Workspace, name: str) -> bool:
    """Whether the workspace holds features of this name, whole."""
    return (workspace.features_dir(name) / features.EXTRACTOR_JSON).exists()


def _steps_of(training: Training, workspace_dir: pathlib.Path, sources: Sources) -> Iterator[Preparation]:
    values = training.values
    workspace = training.workspace(workspace_dir)
    common = (f"--dataset={workspace.dataset}", f"--workspace_dir={workspace_dir}")
    if not workspace.dataset_json.exists():
        data_dir = (f"--data_dir={sources.data_dir}",) if sources.data_dir else ()
        yield Preparation("data_prep.prepare", (*common, *data_dir))
    _check_further_sentences(training, workspace_dir)
    for name in filter(None, features_read(values)):
        if has_features(workspace, name):
            continue
        extraction = _extraction(values, name, sources)
        if not extraction:
            raise ConfigError(
                f"{workspace.features_dir(name)}, which {training.name} reads, is missing; extract or import it with "
                f"--features_name={name}"
            )
        yield Preparation("data_prep.extract", (*common, *extraction))
    image = features_read(values)[1]
    if _takes_captioner(values, image) and not (workspace.captioner_dir / "captioner.json").exists():
        settings_file = flagfiles.installed_folder() / "captioners" / f"{workspace.dataset}.flags"
        tuned = (f"--flagfile={settings_file}",) if settings_file.exists() else ()
        yield Preparation("cmr.pretrain", (*tuned, *common, f"--image_features={image}"))


def _check_further_sentences(training: Training, workspace_dir: pathlib.Path) -> None:
    """Refuses a training whose text encoder reads sentences of a data set that is not prepared.

    Raises:
      ConfigError: naming the command that prepares it.
    """
    if "sentences_of" not in training.values:
        return
    for name in training.values.sentences_of:
        if not Workspace(workspace_dir, name).dataset_json.exists():
            place = f"--dataset={name}", f"--workspace_dir={workspace_dir}", "--pictures=optional"
            command = shell.python_command("data_prep.prepare", *place)
            raise ConfigError(
                f"{training.name} reads the sentences of {name}, which is not prepared; give {command} with its "
                "--data_dir"
            )


def _takes_captioner(values: flags.FlagValues, image_features: str) -> bool:
    """Whether it reads the workspace's captioner."""
    if "system" in values:
        settings = compare_flags.settings_of(values, SETTINGS[values.system])
        return settings.takes_captioner and not settings.captioner
    return bool(image_features) and values.image_embedding == "captioner" and not values.captioner


def _extraction(values: flags.FlagValues, name: str, sources: Sources) -> tuple[str, ...]:
    """The flags with which data_prep.extract makes features of this name by one of the training's CNNs.

    No flags for names of other features.

    Raises:
      ConfigError: the CNN's weights can't be had.
    """
    layer, size = feature_names.layer_and_size(name)
    of_pictures = *feature_names.extract_flags(name), f"--crops={values.crops}"
    crops = int(values.crops)
    if name == feature_names.of_image(values.image_model, values.hub_module, crops, layer=layer, size=size):
        weights.check_image(values, sources.image_weights)
        module = [f"--hub_module={values.hub_module}"] if values.hub_module else []
        cnn = "--cnn=image", f"--image_model={values.image_model}", *module
        return *cnn, *of_pictures, f"--weights={sources.image_weights}"
    if name == feature_names.of_vgg(values.vgg_model, layer or values.vgg_layer, crops, size=size):
        weights.check_vgg(values, sources.vgg_weights)
        usual = [] if layer else [f"--vgg_layer={values.vgg_layer}"]
        cnn = "--cnn=vgg", f"--vgg_model={values.vgg_model}", *usual
        return *cnn, *of_pictures, f"--weights={sources.vgg_weights}"
    return ()


def _lacks_vgg(training: Training, workspace_dir: pathlib.Path) -> bool:
    """Whether it reads the features of its own CNN of X_vgg, and the workspace has none."""
    name = _vgg_name(training.values)
    return name in features_read(training.values) and not has_features(training.workspace(workspace_dir), name)


def _vgg_name(values: flags.FlagValues) -> str:
    return feature_names.of_vgg(values.vgg_model, values.vgg_layer, int(values.crops))


def _image_name(values: flags.FlagValues) -> str:
    return feature_names.of_image(values.image_model, values.hub_module, int(values.crops))
