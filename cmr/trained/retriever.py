"""Embeds sentences and pictures that nobody has seen with a trained model, and captions pictures.

retriever = cmr.load("flickr8k.cmr")                            # or a finished run's folder
sentences = retriever.embed_sentences(["a dog by the sea"])     # [1, dim] float32, norm 1
pictures = retriever.embed_pictures(["dog.jpg"])                # paths, PIL images or bytes
sentences @ pictures.T                                          # cosines
"""

import concurrent.futures
import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from cmr import config
from cmr.captioner import decoding
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.decoding import Decoder
from cmr.captioner.files import Captioner
from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.errors import ConfigError
from cmr.pictures import files
from cmr.pictures.cnn import Cnn
from cmr.pictures.files import Source
from cmr.trained import hub_correction
from cmr.trained.hub_correction import HubCorrection
from cmr.trained.sentences import Sentences, padded
from cmr.workspace.vocabulary import Vocabulary, tokenize

# Evaluation's, so that the same rows go through the same products and come out bit by bit.
ROWS_AT_ONCE = 256
# Few enough that a slow CNN is done with them in some seconds; from eight on the features are extraction's bit by bit.
PICTURES_AT_ONCE = 16


class RetrieverParts(Protocol):
    """What a retriever is made of; each part is read when it is first asked for.

    Attributes:
      name: of the file or folder, for messages.
      checksum: of all that decides an embedding: two models with the same one give the same vectors.
      config: the model's settings.
      vocabulary: the words it learnt.
      card: what it is, as Markdown.
      features: what its CNNs are and what they stand in for, a sentence; "" where nobody says.
    """

    name: str
    checksum: str
    config: ModelConfig
    vocabulary: Vocabulary
    card: str
    features: str

    def text_encoder(self) -> keras.Model: ...

    def image_encoder(self) -> keras.Model: ...

    def cnns(self) -> Mapping[str, Cnn]:
        """Input name of the image encoder -> its CNN.

        Raises:
          CmrError: there is none for new pictures.
        """

    def captioner(self) -> Captioner | None: ...

    def best_scores(self) -> np.ndarray:
        """`[101]` float32, percentiles 0 ... 100 of the best score of each validation sentence with a picture."""

    def sentences(self) -> Sentences | None:
        """The data set's training sentences, embedded; None where the model does not carry them."""

    def hub_correction(self) -> HubCorrection | None:
        """What a search takes off, told by those sentences; None where it goes by cosines alone."""


@dataclasses.dataclass(frozen=True)
class Retriever:
    """A trained model for new sentences and pictures.

    >>> retriever = cmr.load("workspace/scenes/runs/fusion-1a2b3c4d")
    >>> small, capital = retriever.embed_sentences(["a red ball", "A red ball!"])
    >>> round(float(small @ capital), 3)
    1.0
    >>> retriever.unknown_words("a xylophone")
    ['xylophone']

    Attributes:
      parts: what it is made of.
      max_pixels: of a picture, as in `pictures.files.read_rgb`.
    """

    parts: RetrieverParts
    max_pixels: int = config.MAX_PIXELS

    @property
    def card(self) -> str:
        """What it was trained on, what it can and what it can't do, as Markdown."""
        return self.parts.card

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.parts.config.gru_units

    @property
    def num_words(self) -> int:
        """Words that it knows."""
        return len(self.parts.vocabulary)

    def unknown_words(self, sentence: str) -> list[str]:
        """The words of a sentence that the model never learnt, each once, in their order; it hears them all alike."""
        known = self.parts.vocabulary.ids
        return list(dict.fromkeys(word for word in tokenize(sentence) if word not in known))

    def hears_nothing(self, sentence: str) -> bool:
        """Whether a sentence holds no word that the model learnt."""
        return not any(word in self.parts.vocabulary.ids for word in tokenize(sentence))

    def embed_sentences(
        self, sentences: Sequence[str], on_batch: Callable[[int], None] = lambda count: None
    ) -> np.ndarray:
        """Embeds sentences as evaluation does: those of one length together.

        Args:
          sentences: any; a word that the model never learnt counts as `<unk>`.
          on_batch: is told how many more are done.

        Returns:
          `[len(sentences), dim]` float32, norm 1.

        Raises:
          TypeError: it is one sentence, which as a sequence would be its letters.
        """
        if isinstance(sentences, str):
            raise TypeError(f"embed_sentences takes a list of sentences; give [{sentences!r:.40}]")
        tokens = [self.parts.vocabulary.encode(sentence) for sentence in sentences]
        by_length = np.argsort([len(words) for words in tokens], kind="stable")
        vectors = np.empty((len(tokens), self.dim), np.float32)
        for start in range(0, len(tokens), ROWS_AT_ONCE):
            rows = by_length[start : start + ROWS_AT_ONCE]
            vectors[rows] = self._encode_sentences(padded([tokens[row] for row in rows])).numpy()
            on_batch(len(rows))
        return vectors

    def embed_pictures(
        self, pictures: Sequence[Source], on_batch: Callable[[int], None] = lambda count: None
    ) -> np.ndarray:
        """Embeds pictures.

        Args:
          pictures: files by their paths, PIL images, or the bytes of files.
          on_batch: is told how many more are done.

        Returns:
          `[len(pictures), dim]` float32, norm 1.

        Raises:
          DataError: one can't be read.
          CmrError: the model has no CNN for new pictures.
          TypeError: it is one picture.
        """
        if isinstance(pictures, str | bytes | os.PathLike | Image.Image):
            raise TypeError("embed_pictures takes a list of pictures; give [picture]")
        pictures = list(pictures)
        vectors = np.empty((len(pictures), self.dim), np.float32)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(pictures), PICTURES_AT_ONCE):
                batch = pictures[start : start + PICTURES_AT_ONCE]
                vectors[start : start + len(batch)] = self.embed_squares(list(pool.map(self.squares, batch)))
                on_batch(len(batch))
        return vectors

    def squares(self, picture: Source) -> dict[str, np.ndarray]:
        """Reads one picture as the CNNs take it; many threads may do so at once.

        Returns:
          Input name -> `[crops, input_size, input_size, 3]` uint8 RGB.

        Raises:
          DataError: it can't be read.
        """
        return {
            name: files.read_crops(picture, cnn.input_size, cnn.crops, self.max_pixels)
            for name, cnn in self._cnns.items()
        }

    def embed_squares(self, squares: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
        """Embeds pictures that `squares` read: `[len(squares), dim]` float32, norm 1."""
        features = {name: cnn.features(np.stack([each[name] for each in squares])) for name, cnn in self._cnns.items()}
        return self.embed_features(features)

    def embed_features(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Embeds CNN features.

        Args:
          features: input name -> `[num_images, feature_dim]` float32.

        Returns:
          `[num_images, dim]` float32, norm 1.
        """
        blocks = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(next(iter(features.values()))), ROWS_AT_ONCE):
            block = {name: array[start : start + ROWS_AT_ONCE] for name, array in features.items()}
            blocks.append(_unit(self._encode_images(block).numpy()))
        return np.concatenate(blocks)

    def load_cnns(self) -> None:
        """Loads what new pictures need, which is done otherwise when the first is read.

        Raises:
          CmrError: the model has no CNN for new pictures.
        """
        _ = self._cnns

    @property
    def has_captioner(self) -> bool:
        return self._captioner is not None

    def caption(self, picture: Source, config: SearchConfig | None = None) -> str:
        """The captioner's own sentence for a picture: lower case, without punctuation.

        Args:
          picture: a file by its path, a PIL image, or the bytes of a file.
          config: of the beam search.

        Raises:
          DataError: the picture can't be read.
          ConfigError: there is no captioner in this model.
        """
        if self._captioner is None:
            raise ConfigError(
                f"{self.parts.name} holds no captioner; train the model on one (cmr.pretrain, then cmr.train "
                "--image_embedding=captioner) and pack it again"
            )
        cnn = self._cnns[input_names.IMAGE_FEATURES]
        features = cnn.features(files.read_crops(picture, cnn.input_size, cnn.crops, self.max_pixels)[None])
        (sentences,) = decoding.caption_features(self._decoder, features, config or SearchConfig())
        return decoding.text(sentences[0].words, self._captioner.vocabulary)

    def share_with_better_best(self, score: float) -> float:
        """The share of the validation sentences whose best picture scored higher.

        Args:
          score: of a sentence's best picture, as a search has it.
        """
        percentiles = self._best_scores
        return 1.0 - float(np.interp(score, percentiles, np.linspace(0.0, 1.0, len(percentiles))))

    @functools.cached_property
    def _decoder(self) -> Decoder:
        # It compiles the captioner, which takes longer than a caption.
        return Decoder(self._captioner.model)

    @functools.cached_property
    def _best_scores(self) -> np.ndarray:
        return self.parts.best_scores()

    @functools.cached_property
    def sentences(self) -> Sentences | None:
        """The training sentences that the model carries, embedded; None where it carries none."""
        return self.parts.sentences()

    @functools.cached_property
    def hub_correction(self) -> HubCorrection | None:
        """What a search by sentences takes off pictures that are near to all of them; None for cosines alone."""
        return self.parts.hub_correction()

    def gallery_rows(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures as a gallery keeps them, to be multiplied by what `Gallery.row_queries` gives.

        Args:
          pictures: `[num_pictures, dim]` float32, embeddings.

        Returns:
          The embeddings, where the model has a hub correction with one more column, what it adds to each picture:
          `[num_pictures, dim or dim + 1]` float32.
        """
        if self.hub_correction is None:
            return pictures
        added = self.hub_correction.of(pictures, self._hub_bank)
        return np.concatenate([pictures, added[:, None]], axis=1)

    @functools.cached_property
    def _hub_bank(self) -> np.ndarray:
        return hub_correction.bank_of(self.sentences.rows)

    @functools.cached_property
    def _cnns(self) -> Mapping[str, Cnn]:
        return self.parts.cnns()

    @functools.cached_property
    def _captioner(self) -> Captioner | None:
        return self.parts.captioner()

    @functools.cached_property
    def _encode_sentences(self) -> Callable[[np.ndarray], tf.Tensor]:
        return _compiled(self.parts.text_encoder())

    @functools.cached_property
    def _encode_images(self) -> Callable[[Mapping[str, np.ndarray]], tf.Tensor]:
        return _compiled(self.parts.image_encoder())


def _compiled(encoder: keras.Model) -> Callable:
    return tf.function(lambda inputs: encoder(inputs, training=False), reduce_retracing=True)


def _unit(vectors: np.ndarray) -> np.ndarray:
    # With image_norm_in_loss=False the encoder's output has any length; search is by cosine all the same.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
