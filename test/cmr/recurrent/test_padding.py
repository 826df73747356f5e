"""Packed sentences hold each word once, and unpacking puts it back."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.recurrent import padding


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=9), backwards=st.booleans())
def test_packing_holds_each_word_once_by_falling_length_and_unpacking_puts_it_back(lengths, backwards):
    mask = np.arange(max(lengths))[None, :] < np.array(lengths)[:, None]
    numbers = np.arange(mask.size).reshape(mask.shape)

    packing = padding.pack(tf.constant(mask), backwards)

    packed = tf.gather_nd(numbers, packing.places)
    assert packing.rows.numpy().tolist() == [sum(length > turn for length in lengths) for turn in range(max(lengths))]
    assert sorted(packed.numpy().tolist()) == numbers[mask].tolist()
    unpacked = padding.unpack(packed[:, None], packing, tf.constant(mask.shape, tf.int32))
    assert np.array_equal(unpacked[..., 0], numbers * mask)
