"""How a run comes to its weights: from images and sentences at once, or also by what other phases add to that."""

import dataclasses

import keras
import tensorflow as tf

from cmr.retrieval.setup import RunSetup
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
from cmr.retrieval.trainer import Trainer
from cmr.workspace.runs import Run


@dataclasses.dataclass(frozen=True)
class Phase:
    """The plain one: the model learns from images, whose features stay as they were extracted.

    Attributes:
      setup: what the run reads, and its settings.
    """

    setup: RunSetup

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

    def trainer(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        run: Run,
        recorder: RetrievalRecorder | SilentRecorder,
        flags_text: str,
    ) -> Trainer:
        """Makes the trainer of a model, to which it has given the weights to begin with.

        Args:
          model: made in the strategy's scope, with its first weights.
          strategy: of tf.distribute.
          run: the run's folder.
          recorder: what TensorBoard shows.
          flags_text: the command's flags, for TensorBoard.
        """
        train, val = (self.setup.inputs.split(split) for split in ("train", "val"))
        return Trainer(model, self.setup.run_config.train, strategy, run, train, val, recorder)

    def finish(self, run: Run) -> None:
        """Writes what the trained run is measured on, where that is not what it has read."""
