"""Training that raises the CIDEr of what a captioner says: self-critical sequence training.

A captioner that was trained word by word draws sentences of its training pictures; those that are nearer to what people
wrote than the other drawn ones of the same picture become more probable, the others less.

References: Rennie, Marcheret, Mroueh, Ross, Goel, "Self-critical sequence training for image captioning", 2017; Luo, "A
better variant of self-critical sequence training", 2020, for the baseline.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.cider import BEST, Cider
from cmr.captioner.looking import Looking
from cmr.captioner.loss import word_losses
from cmr.captioner.model import model_config
from cmr.captioner.sampling import Sampler, impossible
from cmr.captioner.step import CaptionerStep
from cmr.captioner.trainer import CaptionerTrainer
from cmr.config import CaptionerTrainConfig
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.workspace import vocabulary

# Key of a batch beside the captioner's inputs.
_ADVANTAGES = "advantages"


def advantages(rewards: np.ndarray) -> np.ndarray:
    """How much better each sentence is than the others of its image: `r_k - mean of r_j, j != k`.

    Args:
      rewards: `[num_images, samples]` float64, of at least two sentences an image.

    Returns:
      The same shape; the baseline does not depend on the sentence, so that the gradient's mean is the reward's.
    """
    samples = rewards.shape[1]
    return (rewards - rewards.mean(axis=1, keepdims=True)) * samples / (samples - 1)


class SelfCriticalStep(CaptionerStep):
    """Trains a captioner by drawn sentences.

        loss = mean over words of -advantage(sentence) log p(word | image, words before it)

    Args:
      model: of `model.captioner_model`.
      config: the training's settings.
      steps_per_epoch: batches of an epoch.
    """

    def __init__(self, model: keras.Model, config: CaptionerTrainConfig, steps_per_epoch: int):
        super().__init__(model, config, steps_per_epoch)
        self._word_losses = word_losses(model, added=impossible(model_config(model).vocabulary_size))

    def _losses(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        losses, sentences = self._word_losses(batch, True)
        return tf.gather(batch[_ADVANTAGES], sentences) * losses


@dataclasses.dataclass(frozen=True)
class Draw:
    """What a step draws sentences of.

    Attributes:
      images: `[images of a step]` int64, of the training split.
      seed: of the sentences.
    """

    images: np.ndarray
    seed: tuple[int, int]


class SelfCriticalTrainer(CaptionerTrainer):
    """Trains a captioner to early stopping on the CIDEr of its most probable words on the validation split.

    Its loss is what the drawn sentences' mean CIDEr lacks of the best, 10.
    """

    score_name = "CIDEr"

    def _prepare(self) -> None:
        """Counts the references of both splits, and makes what draws and what learns."""
        train, val = self._train, self._val
        self._reward = Cider(_of_images(train, [words.tolist() for words in train.words_of_captions()]))
        self._val_cider = Cider(_of_images(val, [vocabulary.tokenize(caption) for caption in val.captions]))
        self._sampler = Sampler(self._model, SearchConfig.max_words)
        self._step = SelfCriticalStep(self._model, self._config, self.steps_per_epoch)

    @property
    def steps_per_epoch(self) -> int:
        return self._train.num_images // self._config.images_per_step

    def batches(self, epoch: int, first_step: int) -> Iterator[Draw]:
        """The images of each step of an epoch, shuffled, each once; a function of (seed, epoch, step)."""
        random = np.random.default_rng([self._config.seed, epoch])
        order = random.permutation(self._train.num_images)
        size = self._config.images_per_step
        for step in range(first_step, self.steps_per_epoch):
            images = order[step * size : (step + 1) * size]
            yield Draw(images, (self._config.seed, epoch * self.steps_per_epoch + step))

    def step(self, batch: Draw) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws sentences and trains by them; returns what their mean CIDEr lacks, and the number of words."""
        samples = self._config.samples_per_image
        features = self._train.features[input_names.IMAGE_FEATURES].take(batch.images)
        caption = self._sampler.draw(tf.constant(features, tf.float32), samples, batch.seed)
        rewards = self._rewards(batch.images, caption.numpy())
        loss, num_words = self._step(
            {
                input_names.IMAGE_FEATURES: tf.constant(np.repeat(features, samples, axis=0), tf.float32),
                input_names.CAPTION: caption,
                _ADVANTAGES: tf.constant(advantages(rewards).ravel(), tf.float32),
            }
        )
        # A loss of the words that is not finite shows in what is lacking, which always is.
        return BEST - float(rewards.mean()) + 0.0 * loss, num_words

    def _judge(self, epoch: int, measured: Looking, captions: Sequence[str]) -> tuple[dict[str, Any], str]:
        """Measures the CIDEr of the most probable words too."""
        scores = [self._val_cider.scores(image, [vocabulary.tokenize(said)]) for image, said in enumerate(captions)]
        cider = 100 * float(np.mean(scores))
        self._recorder.cider(epoch, cider)
        return {**dataclasses.asdict(measured), "cider": cider}, f"CIDEr {cider:.1f}, {measured}"

    def _rewards(self, images: np.ndarray, caption: np.ndarray) -> np.ndarray:
        """CIDEr of the drawn sentences, end words counted as words, so that to end rightly counts too."""
        drawn = [words[words != vocabulary.PAD_ID].tolist() for words in caption]
        samples = self._config.samples_per_image
        of_images = [drawn[first : first + samples] for first in range(0, len(drawn), samples)]
        scored = [self._reward.scores(image, words) for image, words in zip(images, of_images, strict=True)]
        return np.array(scored)


def _of_images(split: Examples, sentences: Sequence[list]) -> list[list[list]]:
    """The words of a split's sentences by their images."""
    references: list[list[list]] = [[] for _ in range(split.num_images)]
    for image, sentence in zip(split.image_of_caption, sentences, strict=True):
        references[image].append(sentence)
    return references
