"""How a run comes to its weights: from images and sentences at once, or also by what other phases add to that."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from cmr.data.teacher_rows import TeacherRows
from cmr.retrieval.setup import RunSetup
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
from cmr.retrieval.trainer import Trainer
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import SPECIAL


@dataclasses.dataclass(frozen=True)
class Phase:
    """The plain one: the model learns from images, whose features stay as they were extracted.

    Attributes:
      setup: what the run reads, and its settings.
    """

    setup: RunSetup

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "Phase":
        """Reads the workspace as the flags say.

        Args:
          values: the parsed flags, the data set's defaults applied.

        Raises:
          CmrError: as `RunSetup.from_flags`, or what the phase needs beside is missing.
        """
        return cls(RunSetup.from_flags(values))

    def check_training(self, run: Run, num_replicas: int) -> None:
        """Refuses what can't be trained, before anything of it is written.

        Args:
          run: the run's folder.
          num_replicas: of all workers.

        Raises:
          WorkspaceError: a split is too small.
          ConfigError: the batches can't be shared out to the replicas.
        """
        self.setup.check_training(num_replicas)

    def num_untaught(self, run: Run) -> int:
        """Words of the vocabulary that stay as drawn: in no sentence to learn from, and without a word vector.

        Args:
          run: the run's folder.
        """
        is_taught = np.zeros(len(self.setup.inputs.vocabulary), bool)
        is_taught[: len(SPECIAL)] = True
        is_taught[self._tokens()] = True
        if self.setup.word_vectors:
            is_taught |= self.setup.word_vectors.is_known
        return int(np.count_nonzero(~is_taught))

    def _tokens(self) -> np.ndarray:
        """The words of all sentences that are learnt from, flat."""
        return self.setup.inputs.split("train").tokens

    def begin(self, model: keras.Model, strategy: tf.distribute.Strategy, run: Run, flags_text: str) -> None:
        """Gives a model the weights to begin with, where they are others than its first ones.

        Args:
          model: made in the strategy's scope, with its first weights.
          strategy: of tf.distribute.
          run: the run's folder.
          flags_text: the command's flags, for TensorBoard.
        """

    def trainer(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        run: Run,
        recorder: RetrievalRecorder | SilentRecorder,
        teachers: TeacherRows | None = None,
    ) -> Trainer:
        """Makes the trainer of a model that has begun.

        Args:
          model: of `begin`.
          strategy: of tf.distribute.
          run: the run's folder.
          recorder: what TensorBoard shows.
          teachers: what those of the settings' distillation say of the training split.
        """
        train, val = (self.setup.inputs.split(split) for split in ("train", "val"))
        run_config = self.setup.run_config
        return Trainer(
            model,
            run_config.train,
            strategy,
            run,
            train,
            val,
            recorder,
            distillation=run_config.distillation,
            teachers=teachers,
        )

    def finish(self, run: Run) -> None:
        """Writes what the trained run is measured on, where that is not what it has read."""
