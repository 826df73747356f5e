"""The GRU's recurrence over sentences of different lengths, with its gradient written out.

Sentences are packed: sorted by falling length, so that the words at one place of all sentences that are that long stand
together and no padding is computed. The gradient keeps what every turn of the backward loop gives and multiplies it
once, behind the loop, where automatic differentiation adds up a kernel's gradient turn by turn.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

# Projected words `[rows, 3 * units]` and the states before them `[rows, units]` to the states behind them, and to what
# the gradient needs of the turn.
Turn = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, Sequence[tf.Tensor]]]


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


def reset_before(
    projected: tf.Tensor, rows: tf.Tensor, gates_kernel: tf.Tensor, candidate_kernel: tf.Tensor, precision: tf.DType
) -> tf.Tensor:
    """The states of a GRU whose reset gate acts before the product (Eq. 2), from `h_0 = 0` on.

        z_t, r_t = sigmoid(x_z + h_{t-1} U_z), sigmoid(x_r + h_{t-1} U_r)
        c_t = tanh(x_h + (r_t * h_{t-1}) U_h)
        h_t = z_t * h_{t-1} + (1 - z_t) * c_t

    Args:
      projected: `[num_words, 3 * units]` float32, packed: the words times the input weights, with their biases.
      rows: of `Packing`.
      gates_kernel: `[units, 2 * units]` float32, `U_z` and `U_r`.
      candidate_kernel: `[units, units]` float32, `U_h`.
      precision: of the factors of every product; sums and all else are float32.

    Returns:
      `[num_words, units]` float32, packed.
    """
    units = candidate_kernel.shape[0]

    @tf.custom_gradient
    def states_of(projected, gates_kernel, candidate_kernel):
        gates_factor, candidate_factor = tf.cast(gates_kernel, precision), tf.cast(candidate_kernel, precision)

        def turn(words, state):
            gates = tf.sigmoid(words[:, : 2 * units] + _product(state, gates_factor))
            update, reset = gates[:, :units], gates[:, units:]
            candidate = tf.tanh(words[:, 2 * units :] + _product(reset * state, candidate_factor))
            return candidate + update * (state - candidate), (gates, candidate)

        states, previous, (gates, candidates) = _forwards(turn, projected, rows, units, (2 * units, units))

        def gradient(upstream):
            gates_back, candidate_back = tf.transpose(gates_factor), tf.transpose(candidate_factor)

            def turn_back(state_gradient, words):
                state, both, candidate = previous[words], gates[words], candidates[words]
                update, reset = both[:, :units], both[:, units:]
                of_candidate = state_gradient * (1 - update) * (1 - candidate * candidate)
                of_reset_state = _product(of_candidate, candidate_back)
                of_gates = tf.concat([state_gradient * (state - candidate), of_reset_state * state], axis=1)
                of_gates *= both * (1 - both)
                before = state_gradient * update + of_reset_state * reset + _product(of_gates, gates_back)
                return before, tf.concat([of_gates, of_candidate], axis=1)

            of_words = _backwards(turn_back, upstream, rows, units)
            of_gates, of_candidates = of_words[:, : 2 * units], of_words[:, 2 * units :]
            reset_states = gates[:, units:] * previous
            return (
                of_words,
                _outer(previous, of_gates, rows, precision),
                _outer(reset_states, of_candidates, rows, precision),
            )

        return states, gradient

    return states_of(projected, gates_kernel, candidate_kernel)


def reset_after(
    projected: tf.Tensor, rows: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, precision: tf.DType
) -> tf.Tensor:
    """The same with the reset gate after the product, cuDNN's form:

        z_t, r_t = sigmoid(x_z + h_{t-1} U_z + b_z), sigmoid(x_r + h_{t-1} U_r + b_r)
        c_t = tanh(x_h + r_t * (h_{t-1} U_h + b_h))
        h_t = z_t * h_{t-1} + (1 - z_t) * c_t

    Args:
      projected: see `reset_before`, and so `rows` and `precision`.
      kernel: `[units, 3 * units]` float32, `U_z`, `U_r` and `U_h`.
      bias: `[3 * units]` float32, of the recurrent product.

    Returns:
      `[num_words, units]` float32, packed.
    """
    units = kernel.shape[0]

    @tf.custom_gradient
    def states_of(projected, kernel, bias):
        factor = tf.cast(kernel, precision)

        def turn(words, state):
            recurrent = _product(state, factor) + bias
            gates = tf.sigmoid(words[:, : 2 * units] + recurrent[:, : 2 * units])
            update, reset = gates[:, :units], gates[:, units:]
            inner = recurrent[:, 2 * units :]
            candidate = tf.tanh(words[:, 2 * units :] + reset * inner)
            return candidate + update * (state - candidate), (gates, candidate, inner)

        states, previous, (gates, candidates, inners) = _forwards(
            turn, projected, rows, units, (2 * units, units, units)
        )

        def gradient(upstream):
            back = tf.transpose(factor)

            def turn_back(state_gradient, words):
                state, both, candidate, inner = previous[words], gates[words], candidates[words], inners[words]
                update, reset = both[:, :units], both[:, units:]
                of_candidate = state_gradient * (1 - update) * (1 - candidate * candidate)
                of_gates = tf.concat([state_gradient * (state - candidate), of_candidate * inner], axis=1)
                of_gates *= both * (1 - both)
                recurrent = tf.concat([of_gates, of_candidate * reset], axis=1)
                before = state_gradient * update + _product(recurrent, back)
                return before, tf.concat([of_gates, of_candidate], axis=1)

            of_words = _backwards(turn_back, upstream, rows, units)
            of_recurrent = tf.concat([of_words[:, : 2 * units], of_words[:, 2 * units :] * gates[:, units:]], axis=1)
            return (
                of_words,
                _outer(previous, of_recurrent, rows, precision),
                tf.reduce_sum(of_recurrent, axis=0),
            )

        return states, gradient

    return states_of(projected, kernel, bias)


def _product(rows: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """`[rows, n]` float32 times `[n, m]` of any precision, as float32."""
    return tf.cast(tf.matmul(tf.cast(rows, factor.dtype), factor), tf.float32)


def _outer(states: tf.Tensor, gradients: tf.Tensor, rows: tf.Tensor, precision: tf.DType) -> tf.Tensor:
    """A kernel's gradient: state times gradient, summed over the words; before the first ones states are zero."""
    first = rows[0]
    states, gradients = tf.cast(states[first:], precision), tf.cast(gradients[first:], precision)
    return tf.cast(tf.matmul(states, gradients, transpose_a=True), tf.float32)


def _forwards(
    turn: Turn, projected: tf.Tensor, rows: tf.Tensor, units: int, sizes: Sequence[int]
) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
    """Packed states, the states before them, and what each turn keeps (of `sizes`)."""
    starts, num_turns = tf.cumsum(rows, exclusive=True), tf.size(rows)
    kept = [
        tf.TensorArray(tf.float32, num_turns, element_shape=[None, size], infer_shape=False)
        for size in (units, units, *sizes)
    ]

    def body(number, state, kept):
        active = rows[number]
        before = state[:active]
        words = projected[starts[number] : starts[number] + active]
        state, inner = turn(words, before)
        values = (state, before, *inner)
        return number + 1, state, [array.write(number, value) for array, value in zip(kept, values, strict=True)]

    zero = tf.zeros([rows[0], units])
    _, _, kept = tf.while_loop(
        lambda number, *_: number < num_turns,
        body,
        (0, zero, kept),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, units]), [tf.TensorShape(None)] * len(kept)),
        parallel_iterations=1,
    )
    states, previous, *inner = [array.concat() for array in kept]
    return states, previous, inner


def _backwards(
    turn_back: Callable[[tf.Tensor, slice], tuple[tf.Tensor, tf.Tensor]],
    upstream: tf.Tensor,
    rows: tf.Tensor,
    units: int,
) -> tf.Tensor:
    """The gradient of the projected words `[num_words, 3 * units]`, from that of all states."""
    # Of last states alone it comes as slices.
    upstream = tf.convert_to_tensor(upstream)
    starts, num_turns = tf.cumsum(rows, exclusive=True), tf.size(rows)
    kept = tf.TensorArray(tf.float32, num_turns, element_shape=[None, 3 * units], infer_shape=False)

    def body(number, later, kept):
        active = rows[number]
        words = slice(starts[number], starts[number] + active)
        # Sentences that end here have no later state.
        later = tf.pad(later, [[0, active - tf.shape(later)[0]], [0, 0]])
        before, of_words = turn_back(later + upstream[words], words)
        return number - 1, before, kept.write(number, of_words)

    nothing = tf.zeros([0, units])
    _, _, kept = tf.while_loop(
        lambda number, *_: number >= 0,
        body,
        (num_turns - 1, nothing, kept),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, units]), tf.TensorShape(None)),
        parallel_iterations=1,
    )
    return kept.concat()
