"""m-CNN's matching networks: convolutions over a sentence's words, with the image entering at one of four places.

    parts = matching_cnn("phs", sizes)
    of_sentences, num_words = parts.sentence(captions)
    parts.pair([of_sentences, num_words, parts.image(features)])     # a score of each pair

A convolution over a window of words beside the image, W [words; image] + b, is W_w words + b + W_i image: the first
part belongs to the sentence, the second to the image, and each is computed once for all pairs. The image's part is the
same for every window, so that the larger of two sums is the sum with the larger sentence's part, and the rectifier may
come after: even the pooling belongs to the sentence.

Reference: Ma, Lu, Shang, Li, "Multimodal convolutional neural networks for matching image and sentence", 2015.
"""

import dataclasses

import keras
from keras import ops

from cmr.data import input_names
from cmr.workspace import vocabulary

# The layer that the image enters, counted from 1: a convolution, or the first one after the sentence's vector.
ENTERS_AT = {"wd": 1, "phs": 2, "phl": 3, "st": 4}

# Section 3 of the paper: sentences of 30 words, windows of 3 of them, pooling of 2 units.
MAX_WORDS, WINDOW, POOL = 30, 3, 2

# The layer of the words' vectors, within the model's part `sentence`.
WORDS = "words"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of a matching network.

    Attributes:
      feature_dim: of an image.
      vocabulary_size: words.
      word_dim: of a word's vector.
      image_units: of the image's vector.
      filters: of the three convolutions.
      hidden_units: of the perceptron.
      dropout: of the image's vector and of the perceptron's hidden layer.
    """

    feature_dim: int
    vocabulary_size: int
    word_dim: int
    image_units: int = 256
    filters: tuple[int, int, int] = (200, 300, 300)
    hidden_units: int = 400
    dropout: float = 0.1


@dataclasses.dataclass(frozen=True)
class MatchingCnn:
    """A matching network in its parts.

    Attributes:
      model: the whole, from `image_features` `[batch, feature_dim]` float32 and `caption` `[batch, time]` int32,
        right-padded with 0, to the scores `[batch]` float32 of each image with its sentence.
      sentence: what belongs to the sentence alone: `[batch, time]` int32 to `[batch, places, units]` float32, `places`
        being those of the batch's longest sentence (one, in `st`), and its words without the end word `[batch]` int32.
      image: what belongs to the image alone: `[batch, feature_dim]` float32 to `[batch, units]` float32.
      pair: the rest, from the three of them to the scores `[batch]` float32.
    """

    model: keras.Model
    sentence: keras.Model
    image: keras.Model
    pair: keras.Model


@keras.saving.register_keras_serializable("cmr")
class WordsAlone(keras.layers.Layer):
    """Cuts sentences to their first 30 words, the end word being padding: `[batch, at most 30]` int32."""

    def call(self, caption):
        words = caption[:, :MAX_WORDS]
        return ops.where(ops.equal(words, vocabulary.END_ID), vocabulary.PAD_ID, words)


@keras.saving.register_keras_serializable("cmr")
class NumWords(keras.layers.Layer):
    """Counts the words of sentences that `WordsAlone` left: `[batch]` int32."""

    def call(self, words):
        return ops.sum(ops.cast(ops.not_equal(words, vocabulary.PAD_ID), "int32"), axis=1)


@keras.saving.register_keras_serializable("cmr")
class Windows(keras.layers.Layer):
    """Three neighbours side by side: `[batch, places, units]` to `[batch, places, 3 * units]`.

    There is a window for every place up to the last of a sentence of 30 words; zeros stand behind the last place.

    Args:
      most: windows of a sentence of 30 words.
    """

    def __init__(self, most: int, **kwargs):
        super().__init__(**kwargs)
        self.most = most

    def call(self, units):
        padded = ops.pad(units, [[0, 0], [0, WINDOW - 1], [0, 0]])
        side_by_side = ops.concatenate([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=2)
        return side_by_side[:, : self.most]

    def get_config(self):
        return {**super().get_config(), "most": self.most}


@keras.saving.register_keras_serializable("cmr")
class Gate(keras.layers.Layer):
    """Sets the places that see padding alone to a value, as they begin behind the sentence's end; the paper's is zero.

    From `[batch, places, units]` and the words of each sentence `[batch]` int32.

    Args:
      layer: whose windows they are, from 1; 0: the words themselves.
      value: zero, or a number below all others where a maximum follows.
    """

    def __init__(self, layer: int, value: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.layer, self.value = layer, value

    def call(self, inputs):
        units, num_words = inputs
        inside = ops.arange(ops.shape(units)[1])[None, :] < places(num_words, self.layer)[:, None]
        return ops.where(inside[:, :, None], units, ops.cast(self.value, units.dtype))

    def get_config(self):
        return {**super().get_config(), "layer": self.layer, "value": self.value}


@keras.saving.register_keras_serializable("cmr")
class MaxOfTwo(keras.layers.Layer):
    """The larger one of every two neighbours; an odd one out stands against `value`, as in `Gate`."""

    def __init__(self, value: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, units):
        padded = ops.pad(units, [[0, 0], [0, 1], [0, 0]], constant_values=self.value)
        return ops.maximum(padded[:, :-1:POOL], padded[:, 1::POOL])

    def get_config(self):
        return {**super().get_config(), "value": self.value}


@keras.saving.register_keras_serializable("cmr")
class SentenceVector(keras.layers.Layer):
    """The last places one after the other, zeros for those that a short sentence lacks: `[batch, 2 * units]`."""

    def call(self, units):
        most = pooled(3)
        padded = ops.pad(units, [[0, 0], [0, most], [0, 0]])[:, :most]
        return ops.reshape(padded, (-1, most * units.shape[2]))


# Below whatever a convolution gives.
_LOWEST = -1e30


def windows(layer: int) -> int:
    """Windows of a convolution over a sentence of 30 words: 28, 12, 4."""
    return (MAX_WORDS if layer == 1 else pooled(layer - 1)) - WINDOW + 1


def pooled(layer: int) -> int:
    """Units that its pooling leaves of them: 14, 6, 2."""
    return windows(layer) // POOL


def places(num_words, layer: int):
    """Windows of a convolution that begin within sentences of so many words; of layer 0 the words themselves."""
    inside = num_words
    for number in range(1, layer + 1):
        if number > 1:
            inside = (inside + POOL - 1) // POOL
        inside = ops.minimum(inside, windows(number))
    return inside


def matching_cnn(kind: str, sizes: Sizes) -> MatchingCnn:
    """Builds the network.

        nu_im = max(0, W_im I + b_im)
        z_l = max(0, W_l [window of three; nu_im] + b_l)   (the image in one layer alone), then the larger of every two
        score = w_s max(0, W_h [sentence's vector; nu_im] + b_h) + b_s   (the image in `st` alone)

    Args:
      kind: a key of `ENTERS_AT`.
      sizes: its sizes.
    """
    enters = ENTERS_AT[kind]
    entering = sizes.filters[enters - 1] if enters < 4 else sizes.hidden_units
    caption = keras.Input((None,), dtype="int32", name=input_names.CAPTION)
    features = keras.Input((sizes.feature_dim,), name=input_names.IMAGE_FEATURES)

    image = keras.layers.Dense(sizes.image_units, activation="relu", name="image_vector")(features)
    image = keras.layers.Dropout(sizes.dropout, name="image_dropout")(image)
    image = keras.layers.Dense(entering, use_bias=False, name="image_enters")(image)
    image = keras.Model(features, image, name="image")

    sentence = _sentence(enters, caption, sizes)
    pair = _pair(enters, entering, sizes)
    of_sentence, num_words = sentence(caption)
    scores = pair([of_sentence, num_words, image(features)])
    inputs = {input_names.IMAGE_FEATURES: features, input_names.CAPTION: caption}
    return MatchingCnn(keras.Model(inputs, scores, name=f"m_cnn_{kind}"), sentence, image, pair)


def _sentence(enters: int, caption: keras.KerasTensor, sizes: Sizes) -> keras.Model:
    """Up to the image's entering, its layer's own rectifier left out and its pooling included."""
    words = WordsAlone(name="words_alone")(caption)
    num_words = NumWords(name="num_words")(words)
    units = keras.layers.Embedding(sizes.vocabulary_size, sizes.word_dim, name=WORDS)(words)
    # The vector of padding is learnt like any other, and is zero all the same.
    units = Gate(0, name="gate_words")([units, num_words])
    for layer in range(1, min(enters, 4)):
        units = _convolution(layer, units, num_words, sizes)
    if enters < 4:
        units = _filters(enters, sizes)(Windows(windows(enters), name=f"windows_{enters}")(units))
        units = Gate(enters, _LOWEST, name=f"gate_{enters}")([units, num_words])
        units = MaxOfTwo(_LOWEST, name=f"max_{enters}")(units)
    else:
        hidden = keras.layers.Dense(sizes.hidden_units, name="hidden")(SentenceVector(name="sentence_vector")(units))
        units = keras.layers.Reshape((1, sizes.hidden_units), name="one_place")(hidden)
    return keras.Model(caption, [units, num_words], name="sentence")


def _pair(enters: int, entering: int, sizes: Sizes) -> keras.Model:
    """From the image's entering to the score."""
    of_sentence = keras.Input((None, entering), name="of_sentence")
    num_words = keras.Input((), dtype="int32", name="num_words")
    of_image = keras.Input((entering,), name="of_image")
    everywhere = keras.layers.Reshape((1, entering), name="every_place")(of_image)
    units = keras.layers.Add(name="sentence_and_image")([of_sentence, everywhere])
    # Also the gate of the pooled places that see padding alone: they are the lowest number.
    units = keras.layers.ReLU(name="relu_with_image")(units)
    for layer in range(enters + 1, 4):
        units = _convolution(layer, units, num_words, sizes)
    if enters < 4:
        vector = SentenceVector(name="sentence_vector")(units)
        hidden = keras.layers.Dense(sizes.hidden_units, activation="relu", name="hidden")(vector)
    else:
        hidden = keras.layers.Reshape((sizes.hidden_units,), name="hidden_with_image")(units)
    hidden = keras.layers.Dropout(sizes.dropout, name="hidden_dropout")(hidden)
    score = keras.layers.Reshape((), name="one_score")(keras.layers.Dense(1, name="score")(hidden))
    return keras.Model([of_sentence, num_words, of_image], score, name="pair")


def _convolution(layer: int, units: keras.KerasTensor, num_words: keras.KerasTensor, sizes: Sizes) -> keras.KerasTensor:
    """A convolution without the image, rectified, gated, pooled."""
    units = _filters(layer, sizes)(Windows(windows(layer), name=f"windows_{layer}")(units))
    units = keras.layers.ReLU(name=f"relu_{layer}")(units)
    return MaxOfTwo(name=f"max_{layer}")(Gate(layer, name=f"gate_{layer}")([units, num_words]))


def _filters(layer: int, sizes: Sizes) -> keras.layers.Layer:
    return keras.layers.Dense(sizes.filters[layer - 1], name=f"convolution_{layer}")
