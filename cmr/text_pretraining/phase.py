"""The text encoder's own phase of a run: which sentences it learns from, its settings, and its training."""

import dataclasses
import functools
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from cmr.config import TextPretrainingConfig, TrainConfig
from cmr.data import examples, gathering
from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.retrieval.phase import Phase
from cmr.retrieval.setup import RunSetup
from cmr.retrieval.summaries import SilentRecorder
from cmr.text_pretraining import phase_settings, sentence_pairs, taking_over
from cmr.text_pretraining.recorder import TextRecorder
from cmr.text_pretraining.trainer import TextTrainer
from cmr.training import loop
from cmr.training.workers import Workers
from cmr.workspace.captions import read_captions
from cmr.workspace.checksums import files_sha256
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run


@dataclasses.dataclass(frozen=True)
class TextPhase(Phase):
    """A phase in which the text encoder learns from sentences, before the model learns from images.

    Attributes:
      others: captions.csv of the other data sets, by their names.
      source: a run that has been through the same phase, which is taken over; None where it is trained.
    """

    others: dict[str, pathlib.Path]
    source: Run | None = None

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "TextPhase":
        """Looks for the other data sets, before a linear W_img is trained; then as the plain phase.

        Raises:
          WorkspaceError: one is not prepared.
        """
        workspace = Workspace(pathlib.Path(values.workspace_dir), values.dataset)
        others = gathering.captions_csv_of_others(workspace, values.sentences_of, "sentences_of")
        setup = RunSetup.from_flags(values)
        sums = {name: files_sha256([path]) for name, path in others.items()}
        config = TextPretrainingConfig(sums, values.sentence_epochs)
        run_config = dataclasses.replace(setup.run_config, text_pretraining=config)
        source = Run(pathlib.Path(values.sentences_from)) if values.sentences_from else None
        return cls(dataclasses.replace(setup, run_config=run_config), others, source)

    @property
    def config(self) -> TrainConfig:
        """The phase's settings."""
        return phase_settings.train_config(self.setup.run_config)

    def check_training(self, run: Run, num_replicas: int) -> None:
        """Refuses what can't be trained, before anything of it is written.

        Raises:
          WorkspaceError: a split is too small, or a table of sentences is damaged.
          ConfigError: the batches can't be shared out to the replicas; the sentences make no batch of pairs, or no pair
            to validate with; or the phase of another run can't be taken over.
        """
        super().check_training(run, num_replicas)
        if self._is_over(run):
            return
        if self._is_to_take_over(run):
            taking_over.check(self.source, self.setup.run_config)
        pairs, batch_size = sentence_pairs.num_pairs(self._sentences[0]), self.config.batch_size
        if pairs < batch_size:
            raise ConfigError(
                f"--sentences_of={','.join(self.others)} and the training split have {pairs} pairs of sentences of one "
                f"image, fewer than a batch's {batch_size}; name a larger data set, or lower --batch_size"
            )
        if not np.any(np.bincount(self.setup.inputs.split("val").image_of_caption) > 1):
            raise ConfigError(
                "no image of the val split has two sentences, by which learning from sentences is judged; leave "
                "--sentences_of out"
            )

    @functools.cached_property
    def _sentences(self) -> tuple[Examples, int]:
        """The sentences to learn from, and how many photographs are left out."""
        inputs = self.setup.inputs
        tables = {name: read_captions(path) for name, path in self.others.items()}
        gathered = gathering.gather(inputs.captions, tables)
        return examples.split_examples(gathered.captions, "train", inputs.vocabulary, {}), gathered.left_out

    def _is_over(self, run: Run) -> bool:
        """Whether a run has begun to learn from images, as far as this process sees its folder."""
        return loop.last_state(run) is not None

    def _is_to_take_over(self, run: Run) -> bool:
        """Whether a run takes over another one's phase: it has begun none of its own."""
        return self.source is not None and not run.text_phase.path.exists()

    def num_untaught(self, run: Run) -> int:
        """None where the phase is over, which has said it; its sentences are not read again for that."""
        return 0 if self._is_over(run) else super().num_untaught(run)

    def _tokens(self) -> np.ndarray:
        return self._sentences[0].tokens

    def begin(self, model: keras.Model, strategy: tf.distribute.Strategy, run: Run, flags_text: str) -> None:
        """Gives the text encoder what it learns from sentences alone, which is trained where it has not ended."""
        workers = Workers(strategy)
        if workers.chiefs(float(self._is_over(run))):
            return
        is_taken_over = bool(workers.chiefs(float(self._is_to_take_over(run))))
        phase, recorder = run.text_phase, SilentRecorder()
        if workers.is_chief and is_taken_over:
            taking_over.take_over(self.source, run)
        elif workers.is_chief:
            phase.path.mkdir(exist_ok=True)
            recorder = TextRecorder(run.text_phase_curves, flags_text, "pairs_per_second")
        sentences, left_out = self._sentences
        if self.source and not is_taken_over:
            print(
                f"--sentences_from is not read any more: {run.text_phase.path} holds that phase, or its beginning",
                flush=True,
            )
        if is_taken_over:
            print(f"what the text encoder learns first, from sentences, is that of {self.source.path}", flush=True)
        else:
            print(
                f"the text encoder learns first, from {sentences.num_captions:,} sentences of {sentences.num_images:,} "
                f"images of the training split and of {', '.join(self.others)}; left out: {left_out:,} images of "
                "theirs, which are measured on here",
                flush=True,
            )
        TextTrainer(model, self.config, strategy, phase, sentences, self.setup.inputs.split("val"), recorder).fit()
        encoder = model.get_layer("text_encoder")
        if workers.is_chief:
            phase.check_best_weights()
            encoder.load_weights(phase.best_weights)
        workers.take_chiefs({"text_encoder": encoder})
        print("now the model learns from images", flush=True)
