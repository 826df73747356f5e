"""The captioner of an im2txt checkpoint: image embedding, words, LSTM, logits.

im2txt: github.com/tensorflow/models, research/im2txt (show_and_tell_model.py). Its LSTM is TensorFlow 1's
BasicLSTMCell, on `[x, h]` side by side:

    i, j, f, o = split([x, h] kernel + bias)
    c' = sigmoid(f + 1) c + sigmoid(i) tanh(j)
    h' = sigmoid(o) tanh(c')

so our gates i, f, c, o are its i, f, j, o, and our forget bias is its own plus one.
"""

import keras
import numpy as np

from cmr.captioner.model import (
    IMAGE_EMBEDDING,
    LOGITS,
    LSTM,
    LSTM_INPUT,
    WORD_EMBEDDING,
    captioner_model,
)
from cmr.config import CaptionerConfig
from cmr.errors import DataError
from data_prep.import_im2txt.checkpoint import Checkpoint
from data_prep.import_im2txt.words import Im2txtWords

_IMAGE_EMBEDDING = "image_embedding/weights"
_WORD_EMBEDDING = "seq_embedding/map"
_LOGITS = "logits/weights"
_LOGITS_BIAS = "logits/biases"
# Kernel and bias as each version of TensorFlow names them; what they hold is the same (how people rename them:
# github.com/tensorflow/models, issue 466).
_LSTM = (
    ("lstm/BasicLSTMCell/Linear/Matrix", "lstm/BasicLSTMCell/Linear/Bias"),  # 0.12 and before
    ("lstm/basic_lstm_cell/weights", "lstm/basic_lstm_cell/biases"),  # 1.0 and 1.1
    ("lstm/basic_lstm_cell/kernel", "lstm/basic_lstm_cell/bias"),  # 1.2 and later
)
_FORGET_BIAS = 1.0


def captioner_of(checkpoint: Checkpoint, words: Im2txtWords) -> keras.Model:
    """Builds the captioner of a checkpoint.

    im2txt's softmax has columns for words that can't be predicted: the start word's becomes that of `<pad>`, those
    behind the unknown word's id, of which a checkpoint has some to spare, are left out.

    Args:
      checkpoint: of im2txt.
      words: of its word_counts.txt.

    Raises:
      DataError: a variable is missing or of another shape, or the words are more than the checkpoint's.
    """
    image = checkpoint.read(_IMAGE_EMBEDDING, (None, None))
    feature_dim, embedding_dim = image.shape
    table = checkpoint.read(_WORD_EMBEDDING, (None, embedding_dim))
    if len(table) <= max(words.ids):
        raise DataError(
            f"{checkpoint.path} knows {len(table):,} words, word_counts.txt needs {max(words.ids) + 1:,} with the "
            "unknown one; give the word_counts.txt that it was trained with"
        )
    logits = checkpoint.read(_LOGITS, (None, len(table)))
    logits_bias = checkpoint.read(_LOGITS_BIAS, (len(table),))
    units = len(logits)
    kernel_name, bias_name = _lstm_names(checkpoint)
    kernel = checkpoint.read(kernel_name, (embedding_dim + units, 4 * units))
    bias = checkpoint.read(bias_name, (4 * units,))
    bias[2 * units : 3 * units] += _FORGET_BIAS

    config = CaptionerConfig(feature_dim, len(words.vocabulary), embedding_dim, units)
    model = captioner_model(config)
    kernel, bias = _our_gates(kernel), _our_gates(bias)
    ids = list(words.ids)
    # <pad> is never fed, the start word's row comes last.
    rows = np.concatenate([np.zeros_like(table[:1]), table[ids[1:]], table[words.start_id][None]])
    model.get_layer(IMAGE_EMBEDDING).set_weights([image])
    model.get_layer(WORD_EMBEDDING).set_weights([rows])
    model.get_layer(LSTM_INPUT).set_weights([kernel[:embedding_dim], bias])
    model.get_layer(LSTM).set_weights([kernel[embedding_dim:]])
    model.get_layer(LOGITS).set_weights([logits[:, ids], logits_bias[ids]])
    return model


def _lstm_names(checkpoint: Checkpoint) -> tuple[str, str]:
    for kernel_and_bias in _LSTM:
        if all(map(checkpoint.has, kernel_and_bias)):
            return kernel_and_bias
    tried = ", ".join(kernel for kernel, _ in _LSTM)
    raise DataError(
        f"{checkpoint.path} has no LSTM of im2txt's with its bias (none of {tried}); give a checkpoint of its training"
    )


def _our_gates(values: np.ndarray) -> np.ndarray:
    """Gates i, j, f, o on the last axis to i, f, c, o, where c is j."""
    write, candidate, forget, output = np.split(values, 4, axis=-1)
    return np.concatenate([write, forget, candidate, output], axis=-1)
