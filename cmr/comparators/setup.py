"""What the flags of cmr.compare amount to: the opened workspace, the run's settings and what makes the system."""

import dataclasses
import functools
import pathlib

from absl import flags

from cmr.captioner import files
from cmr.captioner import split as captioner_split
from cmr.captioner.files import Captioner
from cmr.cli import compare_flags
from cmr.comparators import m_cnn
from cmr.comparators.members import Members, find_members
from cmr.comparators.registry import SYSTEMS
from cmr.comparators.settings import flag_groups
from cmr.comparators.settings.declared import LIMITS, Settings, said
from cmr.comparators.settings.registry import SETTINGS
from cmr.comparators.system import Given, System
from cmr.config import ComparatorRunConfig, ComparatorTrainConfig
from cmr.data.inputs import Inputs, read_inputs
from cmr.data.word_vectors import WordVectorSource, source
from cmr.errors import ConfigError
from cmr.text_space import from_captioner
from cmr.workspace.paths import Workspace


@dataclasses.dataclass(frozen=True)
class ComparatorSetup:
    """All that training a comparator needs.

    Attributes:
      workspace: of the data set.
      inputs: the opened captions, vocabulary and features.
      settings: the system's.
      run_config: all that decides the run.
      word_vectors: where they come from; None where the system takes none.
      captioner: a trained one; None where the system takes none.
    """

    workspace: Workspace
    inputs: Inputs
    settings: Settings
    run_config: ComparatorRunConfig
    word_vectors: WordVectorSource | None
    captioner: Captioner | None = None

    @functools.cached_property
    def measured_inputs(self) -> Inputs:
        """What the run is measured on: `inputs`, or the first images of val and test where each costs too much."""
        return self.inputs.first_images(val=self.settings.measured_val_images, test=self.settings.measured_images)

    def make_system(self) -> System:
        """The system, not fitted; its word vectors are read or trained first.

        Raises:
          CmrError: the word vectors, or the runs that the system adds up, can't be had.
        """
        name, seed = self.run_config.system, self.run_config.train.seed
        vectors = self.word_vectors.vectors() if self.word_vectors else None
        members = self._members() if name == m_cnn.ENSEMBLE else None
        given = Given(name, self.inputs.vocabulary, vectors, seed, self.captioner, members)
        return SYSTEMS[name](self.settings, given)

    def _members(self) -> Members:
        course = dataclasses.replace(
            self.run_config.train, max_epochs=self.settings.max_epochs, patience=self.settings.patience
        )
        own = {name: value for name, value in self.run_config.settings.items() if name not in LIMITS}
        of_members = [
            dataclasses.replace(self.run_config, system=name, train=course, settings=own) for name in m_cnn.MEMBERS
        ]
        return find_members(self.workspace.dataset_dir / "runs", of_members, self.inputs)

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "ComparatorSetup":
        """Reads the workspace as the flags say.

        Args:
          values: the parsed flags, the data set's defaults applied.

        Raises:
          WorkspaceError: something is missing or does not fit.
          ConfigError: word vectors that learnt from evaluated sentences, or a captioner that did from their images.
        """
        workspace = Workspace(pathlib.Path(values.workspace_dir), values.dataset)
        kind = SETTINGS[values.system]
        settings = compare_flags.settings_of(values, kind)
        captioner, word_vectors, leak = None, None, ""
        if settings.takes_captioner:
            captioner = _matching_captioner(values, workspace, settings)
            vgg_features, image_features = "", captioner.features
        else:
            vgg_features, image_features = flag_groups.features_read(values)
            if kind.reads != "pooled" and vgg_features and image_features:
                raise ConfigError(
                    f"{values.system} reads one kind of features, such as those that end with {kind.reads}; give "
                    "--image_features alone, without --vgg_features"
                )
        inputs = read_inputs(workspace, vgg_features, image_features)
        for stored in inputs.features.values():
            stored.of_kind(is_grid=kind.reads_grid)
        inputs.check_splits()
        if captioner:
            text_space = from_captioner.read_text_space(_captioner_dir(workspace, settings))
            leak = from_captioner.leak(text_space, values.dataset, inputs.captions, values.allow_leak)
        if settings.takes_word_vectors:
            word_vectors = source(
                workspace, inputs, values.word_vectors, values.word_vector_dim, values.seed, values.allow_leak
            )
            leak = word_vectors.leak
        own = said(settings)
        run_config = ComparatorRunConfig(
            dataset=values.dataset,
            system=values.system,
            # One that adds up others' scores has no course, and is of members that had this one.
            settings={name: own[name] for name in own if name not in LIMITS or values.system == m_cnn.ENSEMBLE},
            train=ComparatorTrainConfig(
                *_limits(values.system, settings), checkpoint_steps=values.checkpoint_steps, seed=values.seed
            ),
            vgg_features=vgg_features,
            image_features=image_features,
            checksums=inputs.checksums,
            word_vectors=word_vectors.origin if word_vectors else "",
            captioner=captioner.checksum() if captioner else "",
            leak=leak,
            test_folds=inputs.test_folds,
        )
        return cls(workspace, inputs, settings, run_config, word_vectors, captioner)


def _limits(system: str, settings: Settings) -> tuple[int, int]:
    """Epochs and patience; a system that adds up others' scores has their settings and no epochs."""
    return (0, 0) if system == m_cnn.ENSEMBLE else (settings.max_epochs, settings.patience)


def _captioner_dir(workspace: Workspace, settings: Settings) -> pathlib.Path:
    return pathlib.Path(settings.captioner) if settings.captioner else workspace.captioner_dir


def _matching_captioner(values: flags.FlagValues, workspace: Workspace, settings: Settings) -> Captioner:
    """The captioner, whose features the workspace has.

    Raises:
      WorkspaceError: there is none, or the features are others than those it learnt from.
      ConfigError: other features are named.
    """
    captioner = files.read_captioner(_captioner_dir(workspace, settings))
    if values.vgg_features or values.image_features not in ("", captioner.features):
        raise ConfigError(
            f"--system={values.system} reads what its captioner does, {captioner.features}; leave --vgg_features and "
            "--image_features out, or give another captioner"
        )
    captioner_split.matching_features(workspace, captioner)
    return captioner
