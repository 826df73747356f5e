"""The text encoder's own phase of a run: which sentences it learns from, its settings, and its training."""

import dataclasses
import pathlib

import keras
import tensorflow as tf
from absl import flags

from cmr.config import TextPretrainingConfig, TrainConfig
from cmr.data import examples
from cmr.errors import ConfigError, WorkspaceError
from cmr.retrieval.setup import RunSetup
from cmr.text_pretraining import sentence_pairs
from cmr.text_pretraining.trainer import TextTrainer
from cmr.training.curves import TrainingCurves
from cmr.training.loop import Recorder
from cmr.training.workers import Workers
from cmr.workspace.captions import read_captions
from cmr.workspace.checksums import files_sha256
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run


@dataclasses.dataclass(frozen=True)
class TextPhase:
    """A phase in which the text encoder learns from sentences, before the model learns from images.

    Attributes:
      setup: of the run, with the phase among its settings.
      others: captions.csv of the other data sets, by their names.
    """

    setup: RunSetup
    others: dict[str, pathlib.Path]

    @classmethod
    def from_flags(cls, values: flags.FlagValues, setup: RunSetup) -> "TextPhase":
        """Looks for the other data sets' sentences.

        Args:
          values: the parsed flags, with `sentences_of`.
          setup: of the same flags.

        Raises:
          ConfigError: a data set is named twice, or is the run's own.
          WorkspaceError: one is not prepared.
        """
        names = values.sentences_of
        if len({values.dataset, *names}) <= len(names):
            raise ConfigError(
                f"--sentences_of={','.join(names)} names a data set twice, or {values.dataset}, whose training "
                "sentences are there anyway; name each of the others once"
            )
        others = {name: Workspace(pathlib.Path(values.workspace_dir), name).captions_csv for name in names}
        for name, path in others.items():
            if not path.exists():
                raise WorkspaceError(
                    f"--sentences_of={name}: {path} is missing; run data_prep.prepare --dataset={name} "
                    "--pictures=optional, which needs its sentences alone"
                )
        sums = {name: files_sha256([path]) for name, path in others.items()}
        config = TextPretrainingConfig(sums, values.sentence_epochs)
        run_config = dataclasses.replace(setup.run_config, text_pretraining=config)
        return cls(dataclasses.replace(setup, run_config=run_config), others)

    @property
    def config(self) -> TrainConfig:
        """The phase's settings: the run's, but for its epochs and for negatives, which are those of the batch."""
        return dataclasses.replace(
            self.setup.run_config.train,
            max_epochs=self.setup.run_config.text_pretraining.sentence_epochs,
            negatives="batch",
            warm_up_epochs=0,
            decay_epochs=0,
        )

    def train(
        self, model: keras.Model, strategy: tf.distribute.Strategy, run: Run, recorder: Recorder | None = None
    ) -> None:
        """Gives a model's text encoder the weights of the phase, which is trained where it has not ended.

        Args:
          model: made in the strategy's scope, with its first weights.
          strategy: of tf.distribute.
          run: the run's folder; one that has begun to learn from images is past the phase.
          recorder: what TensorBoard shows; by default the curves, below the run's.
        """
        workers = Workers(strategy)
        if workers.chiefs(float(tf.train.latest_checkpoint(run.checkpoints_dir) is not None)):
            return
        inputs = self.setup.inputs
        gathered = sentence_pairs.gather(
            inputs.captions, {name: read_captions(path) for name, path in self.others.items()}
        )
        sentences = examples.split_examples(gathered.captions, "train", inputs.vocabulary, {})
        print(
            f"the text encoder first: {sentences.num_captions:,} sentences of {sentences.num_images:,} images, of the "
            f"training split and of {', '.join(self.others)}, without {gathered.left_out:,} images of theirs that are "
            "measured on here",
            flush=True,
        )
        phase_run = Run(run.path / "text")
        phase_run.path.mkdir(parents=True, exist_ok=True)
        if recorder is None:
            recorder = TrainingCurves(run.tensorboard_dir / "text", "", "pairs_per_second")
        TextTrainer(model, self.config, strategy, phase_run, sentences, inputs.split("val"), recorder).fit()
        encoder = model.get_layer("text_encoder")
        if workers.is_chief:
            phase_run.check_best_weights()
            encoder.load_weights(phase_run.best_weights)
        workers.take_chiefs({"text_encoder": encoder})
        print("the text encoder has learnt from sentences; now from images", flush=True)
