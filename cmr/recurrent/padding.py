"""Sentences without their padding: packed place by place, and unpacked.

Sentences are sorted by falling length, so that the words at one place of all sentences that are that long stand
together and no padding is computed.
"""

from typing import NamedTuple

import tensorflow as tf


class Packing(NamedTuple):
    """How a batch of padded sentences is packed.

    Attributes:
      order: `[batch]` int32, the sentences by falling length.
      rows: `[places]` int32, for each place how many sentences are that long; it never rises.
      places: `[num_words, 2]` int32, sentence and place of each packed word: all first words, then all second ones, ...
    """

    order: tf.Tensor
    rows: tf.Tensor
    places: tf.Tensor


def pack(mask: tf.Tensor, backwards: bool = False) -> Packing:
    """Packs sentences that are padded on the right.

    Args:
      mask: `[batch, time]` bool, False where padded.
      backwards: read each sentence from its end.
    """
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    inside = tf.range(tf.shape(mask)[1])[:, None] < tf.gather(lengths, order)[None, :]
    turns = tf.where(inside)
    turn, sentence = tf.cast(turns[:, 0], tf.int32), tf.gather(order, turns[:, 1])
    place = tf.gather(lengths, sentence) - 1 - turn if backwards else turn
    return Packing(order, tf.reduce_sum(tf.cast(inside, tf.int32), axis=1), tf.stack([sentence, place], axis=1))


def unpack(packed: tf.Tensor, packing: Packing, shape: tf.Tensor) -> tf.Tensor:
    """Puts packed rows back to their sentence and place, zeros where padded.

    Args:
      packed: `[num_words, units]`.
      packing: of `pack`.
      shape: batch and time.

    Returns:
      `[batch, time, units]`.
    """
    return tf.scatter_nd(packing.places, packed, tf.concat([shape, tf.shape(packed)[1:]], axis=0))


def last_states(states: tf.Tensor, packing: Packing) -> tf.Tensor:
    """The state behind the last word read of each sentence: `[batch, units]` of packed `[num_words, units]`."""
    starts = tf.cumsum(packing.rows, exclusive=True)
    lengths = tf.reduce_sum(
        tf.cast(packing.rows[None, :] > tf.range(tf.size(packing.order))[:, None], tf.int32), axis=1
    )
    last = tf.gather(starts, lengths - 1) + tf.range(tf.size(packing.order))
    return tf.gather(tf.gather(states, last), tf.argsort(packing.order))
