"""The turns of a recurrence over packed sentences, one after the other, and back again for its gradient.

The gradient keeps what every turn of the backward loop gives, so that a kernel's gradient is one product behind the
loop (`outer`), where automatic differentiation adds it up turn by turn.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

# The parts of a state, such as an LSTM's h and c: `[rows, size]` float32 each.
State = tuple[tf.Tensor, ...]
# Projected words `[rows, n]` and the state before them to the state behind them, and to what the gradient needs of the
# turn.
Turn = Callable[[tf.Tensor, State], tuple[State, Sequence[tf.Tensor]]]
# The gradient of the state behind some words, as far as later turns know it, and those words' place among the packed
# ones, to the gradient of the state before them, and to that of the projected words.
TurnBack = Callable[[State, slice], tuple[State, tf.Tensor]]


def product(rows: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """`[rows, n]` float32 times `[n, m]` of any precision, as float32."""
    return tf.cast(tf.matmul(tf.cast(rows, factor.dtype), factor), tf.float32)


def outer(states: tf.Tensor, gradients: tf.Tensor, rows: tf.Tensor, precision: tf.DType) -> tf.Tensor:
    """A kernel's gradient: state times gradient, summed over the words; before the first ones states are zero."""
    first = rows[0]
    states, gradients = tf.cast(states[first:], precision), tf.cast(gradients[first:], precision)
    return tf.cast(tf.matmul(states, gradients, transpose_a=True), tf.float32)


def forwards(
    turn: Turn, projected: tf.Tensor, rows: tf.Tensor, sizes: Sequence[int], kept_sizes: Sequence[int]
) -> tuple[State, State, Sequence[tf.Tensor]]:
    """Takes all turns, from a state of zeros on.

    Args:
      turn: one of them.
      projected: `[num_words, n]` float32, packed.
      rows: of `padding.Packing`.
      sizes: of the parts of the state.
      kept_sizes: of what each turn keeps.

    Returns:
      The states, the states before them, and what each turn kept, all packed.
    """
    starts, num_turns = tf.cumsum(rows, exclusive=True), tf.size(rows)
    kept = [
        tf.TensorArray(tf.float32, num_turns, element_shape=[None, size], infer_shape=False)
        for size in (*sizes, *sizes, *kept_sizes)
    ]

    def body(number, state, kept):
        active = rows[number]
        before = tuple(part[:active] for part in state)
        words = projected[starts[number] : starts[number] + active]
        state, inner = turn(words, before)
        values = (*state, *before, *inner)
        return number + 1, state, [array.write(number, value) for array, value in zip(kept, values, strict=True)]

    zero = tuple(tf.zeros([rows[0], size]) for size in sizes)
    _, _, kept = tf.while_loop(
        lambda number, *_: number < num_turns,
        body,
        (0, zero, kept),
        shape_invariants=(tf.TensorShape([]), _any_rows(sizes), [tf.TensorShape(None)] * len(kept)),
        parallel_iterations=1,
    )
    packed = [array.concat() for array in kept]
    parts = len(sizes)
    return tuple(packed[:parts]), tuple(packed[parts : 2 * parts]), packed[2 * parts :]


def backwards(turn_back: TurnBack, rows: tf.Tensor, sizes: Sequence[int], words_size: int) -> tf.Tensor:
    """Goes back through all turns.

    Args:
      turn_back: one of them; it adds what comes from outside the recurrence.
      rows: of `padding.Packing`.
      sizes: of the parts of the state.
      words_size: of a projected word.

    Returns:
      The gradient of the projected words, `[num_words, words_size]` float32.
    """
    starts, num_turns = tf.cumsum(rows, exclusive=True), tf.size(rows)
    kept = tf.TensorArray(tf.float32, num_turns, element_shape=[None, words_size], infer_shape=False)

    def body(number, later, kept):
        active = rows[number]
        words = slice(starts[number], starts[number] + active)
        # Sentences that end here have no later state.
        later = tuple(tf.pad(part, [[0, active - tf.shape(part)[0]], [0, 0]]) for part in later)
        before, of_words = turn_back(later, words)
        return number - 1, before, kept.write(number, of_words)

    nothing = tuple(tf.zeros([0, size]) for size in sizes)
    _, _, kept = tf.while_loop(
        lambda number, *_: number >= 0,
        body,
        (num_turns - 1, nothing, kept),
        shape_invariants=(tf.TensorShape([]), _any_rows(sizes), tf.TensorShape(None)),
        parallel_iterations=1,
    )
    return kept.concat()


def _any_rows(sizes: Sequence[int]) -> tuple[tf.TensorShape, ...]:
    return tuple(tf.TensorShape([None, size]) for size in sizes)
