"""The finished runs that a training learns from, and what a run's settings say of them."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TypeVar

import tensorflow as tf
from absl import flags

from cmr import config
from cmr.config import DistillationConfig
from cmr.data.inputs import Inputs
from cmr.data.teacher_rows import TeacherRows
from cmr.distillation import embedding
from cmr.errors import ConfigError, WorkspaceError
from cmr.retrieval.phase import Phase
from cmr.trained import finished_run
from cmr.trained.finished_run import FinishedRun
from cmr.training.workers import Workers
from cmr.workspace import runs
from cmr.workspace.runs import Run

# What a split's images and sentences, and their order, follow from.
_SENTENCES = "captions.csv"

AnyPhase = TypeVar("AnyPhase", bound=Phase)


@dataclasses.dataclass(frozen=True)
class Teachers:
    """One teacher or more, whose mean cosine counts.

    Attributes:
      runs: their finished runs.
      distillation: how they count.
    """

    runs: tuple[FinishedRun, ...]
    distillation: DistillationConfig

    @property
    def names(self) -> list[str]:
        """Of their runs, as given."""
        return [teacher.run.path.name for teacher in self.runs]

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "Teachers | None":
        """Opens the runs that --teachers names; None where it names none.

        Raises:
          ConfigError: one is no finished run, has no model, is damaged, or learnt from what is measured on; or two of
            them have the same name.
        """
        if not values.teachers:
            return None
        opened = [_opened(path, values.allow_leak) for path in values.teachers]
        names = [teacher.run.path.name for teacher in opened]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ConfigError(f"--teachers names {twice} twice; name each run once, and rename one of two of that name")
        sums = {name: runs.weights_sha256(teacher.run) for name, teacher in zip(names, opened, strict=True)}
        features, sentences_of = _learnt_from(opened)
        told = config.from_values(
            DistillationConfig, values, teachers=sums, features=features, sentences_of=sentences_of
        )
        return cls(tuple(opened), told)

    def teach(self, phase: AnyPhase) -> AnyPhase:
        """The same phase with the teachers in its settings.

        Args:
          phase: of the run that is to learn from them.

        Raises:
          ConfigError: a teacher has not read the same images and sentences.
        """
        setup = phase.setup
        for teacher in self.runs:
            _check_same_pairs(teacher, setup.inputs)
        # What they have seen of the images that are measured on, the run learns from them.
        leaks = [f"Of its teacher {each.run.path.name}: {each.config.leak}" for each in self.runs if each.config.leak]
        leak = " ".join(filter(None, [setup.run_config.leak, *leaks]))
        run_config = dataclasses.replace(setup.run_config, distillation=self.distillation, leak=leak)
        return dataclasses.replace(phase, setup=dataclasses.replace(setup, run_config=run_config))

    def rows(self, run: Run, strategy: tf.distribute.Strategy) -> TeacherRows:
        """What they say of the training split; what of it is not in the run's folder is made first.

        Args:
          run: the run's folder.
          strategy: of tf.distribute.

        Raises:
          WorkspaceError: a teacher's weights are missing or damaged.
        """
        sums = self.distillation.teachers
        folders = [run.teacher_dir(name, sums[name]) for name in self.names]
        teachers = dict(zip(folders, self.runs, strict=True))
        return Workers(strategy).in_turn(functools.partial(embedding.teacher_rows, teachers))


def _opened(path: str, allow_leak: bool) -> FinishedRun:
    try:
        teacher = finished_run.open_run(path)
        teacher.check_model()
        teacher.run.check_best_weights()
        _ = teacher.ngrams
        # Older versions kept no sum by which a damaged file is known.
        if not teacher.run.best_sha256.exists():
            teacher.model()
    except WorkspaceError as error:
        raise ConfigError(f"--teachers names {path}, which can't teach: {error}") from error
    if teacher.config.leak and not allow_leak:
        raise ConfigError(
            f"--teachers names {path}, of which is said: {teacher.config.leak} Give one that has not seen the answers, "
            "or --allow_leak for a deliberate ablation"
        )
    return teacher


def _learnt_from(teachers: Sequence[FinishedRun]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the features and of the other data sets' sentences that they, and who taught them, have read."""
    configs = [teacher.config for teacher in teachers]
    # A second phase may have teachers of its own beside those of its first one.
    before = [told for each in configs for told in (each.distillation, each.finetune and each.finetune.taught_by)]
    taught = [told for told in before if told]
    features = [name for each in configs for name in (each.vgg_features, each.image_features) if name]
    sentences_of = [name for each in configs if each.text_pretraining for name in each.text_pretraining.sentences_of]
    return (
        tuple(sorted({*features, *(name for each in taught for name in each.features)})),
        tuple(sorted({*sentences_of, *(name for each in taught for name in each.sentences_of)})),
    )


def _check_same_pairs(teacher: FinishedRun, inputs: Inputs) -> None:
    if teacher.inputs.checksums[_SENTENCES] != inputs.checksums[_SENTENCES]:
        raise ConfigError(
            f"{teacher.run.path} has read other sentences than those of --dataset; give --teachers of the same data "
            "set, prepared in the same way"
        )
    # A teacher of more images would teach what is in none of the run's own.
    images, wanted = (each.split_sizes()["train"][0] for each in (teacher.inputs, inputs))
    if images != wanted:
        raise ConfigError(
            f"{teacher.run.path} has read {images:,} training images and this run reads {wanted:,}; give --teachers of "
            "as many, or another --train_images"
        )
