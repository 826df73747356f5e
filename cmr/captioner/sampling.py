"""Sentences drawn from a captioner, word by word as probable as it finds them."""

import keras
import tensorflow as tf

from cmr.captioner.decoding import NEVER_SAID, word_by_word
from cmr.captioner.model import model_config
from cmr.workspace import vocabulary


class Sampler:
    """Draws sentences from `p(sentence | image)`, without dropout and without `<pad>` and `<unk>`.

    Args:
      model: of `model.captioner_model`; later changes of its weights are seen.
      max_words: words of a sentence at most, its end word not counted; a sentence that long is ended there.
    """

    def __init__(self, model: keras.Model, max_words: int):
        config = model_config(model)
        start, next_word = word_by_word(model)
        never_said = impossible(config.vocabulary_size)

        @tf.function(reduce_retracing=True)
        def draw(features: tf.Tensor, copies: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            state = [tf.repeat(part, copies, axis=0) for part in start(features)]
            rows = tf.shape(state[0])[0]
            columns = tf.TensorArray(tf.int32, max_words + 1, element_shape=[None])

            def is_going_on(place, going_on, *_):
                return (place < max_words) & (tf.size(going_on) > 0)

            def draw_words(place, going_on, last, hidden, memory, columns):
                logits, state = next_word([hidden, memory], last)
                of_place = tf.random.experimental.stateless_fold_in(seed, place)
                words = tf.random.stateless_categorical(logits + never_said, 1, of_place, tf.int32)[:, 0]
                # Of logits that are no numbers it draws a word that there is not; the loss will say what is wrong.
                words = tf.minimum(words, config.vocabulary_size - 1)
                columns = columns.write(place, tf.scatter_nd(going_on[:, None], words, [rows]))
                has_more = words != vocabulary.END_ID
                kept = [tf.boolean_mask(part, has_more) for part in (going_on, words, *state)]
                return place + 1, *kept, columns

            any_rows, any_state = tf.TensorShape([None]), tf.TensorShape([None, config.lstm_units])
            place, going_on, _, _, _, columns = tf.while_loop(
                is_going_on,
                draw_words,
                (0, tf.range(rows), tf.fill([rows], config.start_id), *state, columns),
                shape_invariants=(tf.TensorShape([]), any_rows, any_rows, any_state, any_state, tf.TensorShape(None)),
                parallel_iterations=1,
            )
            ends = tf.fill([tf.size(going_on)], vocabulary.END_ID)
            columns = columns.write(place, tf.scatter_nd(going_on[:, None], ends, [rows]))
            return tf.transpose(columns.gather(tf.range(place + 1)))

        self._draw = draw

    def draw(self, features: tf.Tensor, copies: int, seed: tuple[int, int]) -> tf.Tensor:
        """Draws sentences of images.

        Args:
          features: `[num_images, feature_dim]` float32, X_img.
          copies: sentences of each image.
          seed: two numbers, on which and on the weights the sentences depend.

        Returns:
          Word ids, `[num_images * copies, at most max_words + 1]` int32, the end word included, padded with 0 on the
          right; those of an image stand together.
        """
        return self._draw(features, tf.constant(copies), tf.constant(seed, tf.int32))


def impossible(vocabulary_size: int) -> tf.Tensor:
    """What, added to logits, makes `<pad>` and `<unk>` impossible: `[vocabulary_size]` float32."""
    ids = [[word] for word in NEVER_SAID]
    return tf.scatter_nd(ids, tf.fill([len(ids)], tf.float32.min / 2), [vocabulary_size])
