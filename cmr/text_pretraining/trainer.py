"""Training of the text encoder alone: two sentences of one image are to be near each other."""

import keras
import numpy as np
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.evaluation import metrics
from cmr.evaluation.encoding import SplitEmbedder
from cmr.retrieval.pairs_trainer import PairsTrainer
from cmr.retrieval.summaries import SilentRecorder
from cmr.text_pretraining import batches, sentence_pairs
from cmr.text_pretraining.recorder import TextRecorder
from cmr.training.loop import Validation
from cmr.workspace.runs import Run


def pair_model(model: keras.Model) -> keras.Model:
    """The text side of a retrieval model on both sides, so that what it learns is the model's.

    Args:
      model: of `retrieval.model.retrieval_model`.

    Returns:
      From `{"caption", "sentence"}`, each `[pairs, time]` int32, to `{"caption", "image"}`, each `[pairs, dim]` float32
      of norm 1: the second sentence stands in for the image.
    """
    side = keras.Model(model.input[input_names.CAPTION], model.output["caption"], name="text_side")
    names = {input_names.CAPTION: "caption", batches.SENTENCE: "image"}
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    return keras.Model(inputs, {output: side(inputs[name]) for name, output in names.items()}, name="sentence_pairs")


class TextTrainer(PairsTrainer):
    """Trains the text encoder of a retrieval model on sentences, validated on those of the validation split.

    The loss is the run's, over the pairs of a batch: two sentences of one image in the places of sentence and image.

    Args:
      model: of `retrieval.model.retrieval_model`, made in the strategy's scope.
      config: the settings, whose negatives are the batch's.
      strategy: of tf.distribute.
      run: folder of this phase.
      sentences: to learn from, at least a batch of pairs.
      val: the validation split, at least one image of two sentences.
      recorder: what TensorBoard shows.
    """

    item_name = "pairs"

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        strategy: tf.distribute.Strategy,
        run: Run,
        sentences: Examples,
        val: Examples,
        recorder: TextRecorder | SilentRecorder,
    ):
        self._encoder = model.get_layer("text_encoder")
        self._sentences = sentences
        self._val = val
        self._embedder = SplitEmbedder(model)
        with strategy.scope():
            pairs = pair_model(model)
        super().__init__(
            pairs, config, strategy, run, recorder, sentence_pairs.num_pairs(sentences) // config.batch_size
        )

    def _pipeline(
        self, epoch: int, first_step: int, num_replicas: int, worker: int, num_workers: int
    ) -> tf.data.Dataset:
        return batches.pair_batches(self._sentences, self._config, epoch, first_step, num_replicas, worker, num_workers)

    def validate(self, epoch: int) -> Validation:
        """Measures how well the first sentence of each validation image finds its others, and they it."""
        with self._step.averaged_weights():
            embeddings = self._embedder.embed_captions(self._val, np.arange(self._val.num_captions))
        image_of_caption = self._val.image_of_caption
        is_first = np.diff(image_of_caption, prepend=-1) > 0
        has_others = np.bincount(image_of_caption) > 1
        row_of_image = np.cumsum(has_others) - 1
        measured = metrics.evaluate(
            embeddings[is_first][has_others], embeddings[~is_first], row_of_image[image_of_caption[~is_first]]
        )
        self._recorder.validation(epoch, measured)
        recalls = " ".join(f"{value:.1f}" for value in measured.sentence_retrieval.recalls)
        line = f"another sentence of the image R@1/5/10 {recalls}, sum of both ways {measured.sum_of_recalls:.1f}"
        return Validation(measured.sum_of_recalls, measured.to_dict(), line)

    def write_best(self) -> None:
        """Writes the text encoder's weights and their sum."""
        self._write_best(self._encoder)
