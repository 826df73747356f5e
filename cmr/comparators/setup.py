"""What the flags of cmr.compare amount to: the opened workspace, the run's settings and what makes the system."""

import dataclasses
import pathlib

from absl import flags

from cmr.cli import compare_flags
from cmr.comparators.registry import SYSTEMS
from cmr.comparators.settings.declared import Settings
from cmr.comparators.settings.registry import SETTINGS
from cmr.comparators.system import Given, System
from cmr.config import ComparatorRunConfig, ComparatorTrainConfig
from cmr.data.inputs import Inputs, read_inputs
from cmr.data.word_vectors import WordVectorSource, source
from cmr.workspace import paths
from cmr.workspace.paths import Workspace

# Kept as the course of the training, of which they are limits.
_LIMITS = ("max_epochs", "patience")


@dataclasses.dataclass(frozen=True)
class ComparatorSetup:
    """All that training a comparator needs.

    Attributes:
      workspace: of the data set.
      inputs: the opened captions, vocabulary and features.
      settings: the system's.
      run_config: all that decides the run.
      word_vectors: where they come from; None where the system takes none.
    """

    workspace: Workspace
    inputs: Inputs
    settings: Settings
    run_config: ComparatorRunConfig
    word_vectors: WordVectorSource | None

    def make_system(self) -> System:
        """The system, not fitted; its word vectors are read or trained first.

        Raises:
          CmrError: the word vectors can't be had.
        """
        name, seed = self.run_config.system, self.run_config.train.seed
        vectors = self.word_vectors.vectors() if self.word_vectors else None
        return SYSTEMS[name](self.settings, Given(name, self.inputs.vocabulary, vectors, seed))

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "ComparatorSetup":
        """Reads the workspace as the flags say.

        Args:
          values: the parsed flags, the data set's defaults applied.

        Raises:
          WorkspaceError: something is missing or does not fit.
          ConfigError: word vectors that learnt from evaluated sentences.
        """
        workspace = Workspace(pathlib.Path(values.workspace_dir), values.dataset)
        kind = SETTINGS[values.system]
        settings = compare_flags.settings_of(values, kind)
        vgg_features, image_features = feature_names(values, kind)
        inputs = read_inputs(workspace, vgg_features, image_features)
        inputs.check_splits()
        word_vectors = None
        if settings.takes_word_vectors:
            word_vectors = source(
                workspace, inputs, values.word_vectors, values.word_vector_dim, values.seed, values.allow_leak
            )
        own = dataclasses.asdict(settings)
        run_config = ComparatorRunConfig(
            dataset=values.dataset,
            system=values.system,
            settings={name: value for name, value in own.items() if name not in _LIMITS},
            train=ComparatorTrainConfig(settings.max_epochs, settings.patience, values.checkpoint_steps, values.seed),
            vgg_features=vgg_features,
            image_features=image_features,
            checksums=inputs.checksums,
            word_vectors=word_vectors.origin if word_vectors else "",
            leak=word_vectors.leak if word_vectors else "",
            test_folds=inputs.test_folds,
        )
        return cls(workspace, inputs, settings, run_config, word_vectors)


def feature_names(values: flags.FlagValues, kind: type[Settings]) -> tuple[str, str]:
    """Folder names of the features that a system reads in X_vgg's and in X_img's place, "" where it reads none.

    Those that are named by --vgg_features and --image_features; where neither is, those of the CNN flags: both CNNs'
    pooled ones side by side, or the one folder of another kind that the system reads, of --image_model.
    """
    if values.vgg_features or values.image_features:
        return values.vgg_features, values.image_features
    crops = int(values.crops)
    image = paths.image_features_name(values.image_model, values.hub_module, crops)
    if kind.reads != "pooled":
        return "", f"{image}-{kind.reads}"
    return paths.vgg_features_name(values.vgg_model, values.vgg_layer, crops), image
