"""The Show-and-Tell captioner (NIC): an LSTM that reads the image once, then writes its sentence word by word.

    captioner = model.captioner_model(CaptionerConfig(feature_dim=2048, vocabulary_size=8000))
    logits = captioner({"image_features": features, "caption": ids})     # of each word, given those before it

The vocabulary has no start word, so the captioner's own word table has one row more than the vocabulary: row
`vocabulary_size` is the start word, fed after the image to predict the first word. It is never predicted itself.

Reference: Vinyals, Toshev, Bengio, Erhan, "Show and Tell: lessons learned from the 2015 MSCOCO image captioning
challenge", 2016, and its implementation im2txt, whose LSTM has biases and an output tanh(c) that the paper's lacks.
"""

import dataclasses

import keras
from keras import ops

from cmr.config import CaptionerConfig
from cmr.data import input_names

# The Dense layer whose kernel is W_img; it bears the name that Show and Tell gives it.
IMAGE_EMBEDDING = "image_embedding"
IMAGE_SCALE = "image_scale"
IMAGE_WHITENING = "image_whitening"
WORD_EMBEDDING = "word_embedding"
LSTM_INPUT = "lstm_input"
LSTM_INPUT_DROPOUT = "lstm_input_dropout"
LSTM = "lstm"
LSTM_DROPOUT = "lstm_dropout"
LOGITS = "logits"

# im2txt's.
_INITIAL_RANGE = 0.08


def _uniform() -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-_INITIAL_RANGE, _INITIAL_RANGE)


@keras.saving.register_keras_serializable("cmr")
class OpenForgetGate(keras.initializers.Initializer):
    """An LSTM's bias `[4 * units]`, gates i, f, c, o: `forget_bias` for the forget gate, else zero."""

    def __init__(self, forget_bias: float = CaptionerConfig.forget_bias):
        self.forget_bias = forget_bias

    def __call__(self, shape, dtype=None):
        units = shape[0] // 4
        return ops.concatenate(
            [
                ops.zeros((units,), dtype),
                ops.full((units,), self.forget_bias, dtype),
                ops.zeros((2 * units,), dtype),
            ]
        )

    def get_config(self):
        return {"forget_bias": self.forget_bias}


@keras.saving.register_keras_serializable("cmr")
class LstmCell(keras.layers.Layer):
    """The recurrent half of an LSTM.

    With `x_t` already multiplied by the input weights and given its biases, split as `x_i, x_f, x_c, x_o`:

        i_t = sigmoid(x_i + h_{t-1} U_i)
        f_t = sigmoid(x_f + h_{t-1} U_f)
        o_t = sigmoid(x_o + h_{t-1} U_o)
        c_t = f_t * c_{t-1} + i_t * tanh(x_c + h_{t-1} U_c)
        h_t = o_t * tanh(c_t)

    This is `keras.layers.LSTM`, whose input product and its gradient stay inside the time loop on a CPU.

    Args:
      units: size of the state.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape):
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units), initializer=_uniform(), name="recurrent_kernel"
        )

    def call(self, inputs, states, training=False):
        """One step.

        Args:
          inputs: `[batch, 4 * units]` float32, the projected word or image.
          states: h and c, `[batch, units]` float32 each.

        Returns:
          h `[batch, units]`, and the list of the new h and c.
        """
        hidden, memory = states
        gates = inputs + ops.matmul(hidden, self.recurrent_kernel)
        write, forget, candidate, output = ops.split(gates, 4, axis=1)
        memory = ops.sigmoid(forget) * memory + ops.sigmoid(write) * ops.tanh(candidate)
        hidden = ops.sigmoid(output) * ops.tanh(memory)
        return hidden, [hidden, memory]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("cmr")
class PreviousWords(keras.layers.Layer):
    """Shifts sentences by one: `s_1 ... s_T` to `start, s_1 ... s_{T-1}`, `[batch, time]` int32.

    Args:
      start_id: row of the start word.
    """

    def __init__(self, start_id: int, **kwargs):
        super().__init__(**kwargs)
        self.start_id = start_id

    def call(self, caption):
        return ops.concatenate([ops.full_like(caption[:, :1], self.start_id), caption[:, :-1]], axis=1)

    def get_config(self):
        return {**super().get_config(), "start_id": self.start_id}


def captioner_model(config: CaptionerConfig) -> keras.Model:
    """Builds the captioner.

        x_{-1} = X_img W_img,   x_t = W_e s_t (s_0 the start word),   p_{t+1} = softmax(LSTM(x_t) W + b)

    Args:
      config: its sizes.

    Returns:
      A functional model from `image_features` `[batch, feature_dim]` float32 and `caption` `[batch, time]` int32,
      right-padded with 0, to the logits `[batch, time, vocabulary_size]` float32 of each word of the caption given the
      image and the words before it. Logits at padding mean nothing.
    """
    image = keras.Input((config.feature_dim,), name=input_names.IMAGE_FEATURES)
    caption = keras.Input((None,), dtype="int32", name=input_names.CAPTION)
    scaled = image
    if config.feature_scale != 1:
        scaled = keras.layers.Rescaling(config.feature_scale, name=IMAGE_SCALE)(image)
    if config.whitened:
        scaled = keras.layers.Dense(
            config.feature_dim, use_bias=False, kernel_initializer="identity", trainable=False, name=IMAGE_WHITENING
        )(scaled)
    text = keras.layers.Dense(
        config.embedding_dim, use_bias=False, kernel_initializer=_uniform(), name=IMAGE_EMBEDDING
    )(scaled)
    words = keras.layers.Embedding(
        config.vocabulary_size + 1, config.embedding_dim, embeddings_initializer=_uniform(), name=WORD_EMBEDDING
    )(PreviousWords(config.start_id, name="previous_words")(caption))
    inputs = keras.layers.Concatenate(axis=1, name="image_then_words")(
        [keras.layers.Reshape((1, config.embedding_dim), name="image_step")(text), words]
    )
    inputs = keras.layers.Dropout(config.dropout, name=LSTM_INPUT_DROPOUT)(inputs)
    projected = keras.layers.Dense(
        4 * config.lstm_units,
        kernel_initializer=_uniform(),
        bias_initializer=OpenForgetGate(config.forget_bias),
        name=LSTM_INPUT,
    )(inputs)
    hidden = keras.layers.RNN(LstmCell(config.lstm_units), return_sequences=True, name=LSTM)(projected)
    # What the LSTM says after the image alone predicts nothing: the start word comes first.
    hidden = keras.layers.Dropout(config.dropout, name=LSTM_DROPOUT)(hidden[:, 1:])
    logits = keras.layers.Dense(config.vocabulary_size, kernel_initializer=_uniform(), name=LOGITS)(hidden)
    inputs = {input_names.IMAGE_FEATURES: image, input_names.CAPTION: caption}
    return keras.Model(inputs, logits, name="captioner")


def image_embedder(model: keras.Model) -> keras.Model:
    """A captioner's part from `image_features` `[batch, feature_dim]` to X_txt `[batch, embedding_dim]` (Eq. 4)."""
    return keras.Model(model.input[input_names.IMAGE_FEATURES], model.get_layer(IMAGE_EMBEDDING).output)


def model_config(model: keras.Model) -> CaptionerConfig:
    """The sizes of a captioner that was loaded from a file."""
    feature_dim, embedding_dim = model.get_layer(IMAGE_EMBEDDING).kernel.shape
    scales = [layer.scale for layer in model.layers if layer.name == IMAGE_SCALE]
    return CaptionerConfig(
        feature_dim=feature_dim,
        vocabulary_size=model.get_layer(LOGITS).kernel.shape[1],
        embedding_dim=embedding_dim,
        lstm_units=model.get_layer(LSTM).cell.units,
        dropout=model.get_layer(LSTM_DROPOUT).rate,
        feature_scale=scales[0] if scales else 1.0,
        forget_bias=model.get_layer(LSTM_INPUT).bias_initializer.forget_bias,
        whitened=any(layer.name == IMAGE_WHITENING for layer in model.layers),
    )


def folded(model: keras.Model) -> keras.Model:
    """The captioner with what it does to X_img before W_img within W_img: X_txt = X_img W_img.

    A scale by a power of two changes no digit of X_txt, a whitening (`data/whitening.py`) the last ones.
    """
    config = model_config(model)
    if config.feature_scale == 1 and not config.whitened:
        return model
    plain = captioner_model(dataclasses.replace(config, feature_scale=1.0, whitened=False))
    for layer in plain.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    kernel = plain.get_layer(IMAGE_EMBEDDING).kernel
    if config.whitened:
        kernel.assign(ops.matmul(model.get_layer(IMAGE_WHITENING).kernel, kernel))
    kernel.assign(kernel * config.feature_scale)
    return plain
