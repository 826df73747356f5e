"""The softmax over the words with which a language model ends, for many states and few words of interest each.

Almost all the work of scoring pairs with a language model is its normaliser, a product with every word's weights.
"""

import numpy as np
import tensorflow as tf

# States whose logits are computed at once: with 7,400 words 15 MB, which stay near the processor.
_STATES_AT_ONCE = 512


class WordSoftmax:
    """log p(word | state) = state W[:, word] + b[word] - log sum over v of exp(state W[:, v] + b[v]).

    Args:
      kernel: W, `[units, words]` float32.
      bias: b, `[words]` float32.
      bfloat16: whether the normaliser's product is computed from numbers rounded to bfloat16, twice as fast or more on
        processors that have it; the words' own logits stay float32.
    """

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, bfloat16: bool = False):
        dtype = tf.bfloat16 if bfloat16 else tf.float32
        every_word = tf.cast(tf.constant(kernel), dtype)
        of_word, bias = tf.constant(np.ascontiguousarray(kernel.T)), tf.constant(bias)

        @tf.function(input_signature=[tf.TensorSpec([None, len(kernel)])])
        def log_normalizers(states: tf.Tensor) -> tf.Tensor:
            logits = tf.cast(tf.matmul(tf.cast(states, dtype), every_word), tf.float32) + bias
            return tf.reduce_logsumexp(logits, axis=1)

        whole = tf.TensorSpec([None], tf.int32)

        @tf.function(input_signature=[tf.TensorSpec([None, None, len(kernel)]), whole, whole])
        def logits(states: tf.Tensor, node: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
            of_edges = tf.gather(states, node, axis=1)
            return tf.einsum("ieu,eu->ie", of_edges, tf.gather(of_word, word)) + tf.gather(bias, word)

        self._log_normalizers, self._logits = log_normalizers, logits

    def log_probabilities(self, states: tf.Tensor, node: np.ndarray, word: np.ndarray) -> np.ndarray:
        """log p of some words.

        Args:
          states: `[images, nodes, units]` float32.
          node: `[edges]` int32, of each word of interest the state that it follows.
          word: `[edges]` int32, the words of interest.

        Returns:
          `[images, edges]` float32.
        """
        images, nodes, units = states.shape
        flat = tf.reshape(states, [-1, units])
        blocks = range(0, images * nodes, _STATES_AT_ONCE)
        normalizers = [self._log_normalizers(flat[start : start + _STATES_AT_ONCE]) for start in blocks]
        of_nodes = np.concatenate(normalizers).reshape(images, nodes)
        return self._logits(states, tf.constant(node), tf.constant(word)).numpy() - of_nodes[:, node]
