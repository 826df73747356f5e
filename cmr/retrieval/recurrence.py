"""The GRU's recurrence over packed sentences, in both its forms, with its gradient written out."""

import tensorflow as tf

from cmr.recurrent import turns


def reset_before(
    projected: tf.Tensor, rows: tf.Tensor, gates_kernel: tf.Tensor, candidate_kernel: tf.Tensor, precision: tf.DType
) -> tf.Tensor:
    """The states of a GRU whose reset gate acts before the product (Eq. 2), from `h_0 = 0` on.

        z_t, r_t = sigmoid(x_z + h_{t-1} U_z), sigmoid(x_r + h_{t-1} U_r)
        c_t = tanh(x_h + (r_t * h_{t-1}) U_h)
        h_t = z_t * h_{t-1} + (1 - z_t) * c_t

    Args:
      projected: `[num_words, 3 * units]` float32, packed: the words times the input weights, with their biases.
      rows: of `padding.Packing`.
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

        def turn(words, before):
            (state,) = before
            gates = tf.sigmoid(words[:, : 2 * units] + turns.product(state, gates_factor))
            update, reset = gates[:, :units], gates[:, units:]
            candidate = tf.tanh(words[:, 2 * units :] + turns.product(reset * state, candidate_factor))
            return (candidate + update * (state - candidate),), (gates, candidate)

        (states,), (previous,), (gates, candidates) = turns.forwards(
            turn, projected, rows, (units,), (2 * units, units)
        )

        def gradient(upstream):
            # Of last states alone it comes as slices.
            upstream = tf.convert_to_tensor(upstream)
            gates_back, candidate_back = tf.transpose(gates_factor), tf.transpose(candidate_factor)

            def turn_back(later, words):
                state_gradient = later[0] + upstream[words]
                state, both, candidate = previous[words], gates[words], candidates[words]
                update, reset = both[:, :units], both[:, units:]
                of_candidate = state_gradient * (1 - update) * (1 - candidate * candidate)
                of_reset_state = turns.product(of_candidate, candidate_back)
                of_gates = tf.concat([state_gradient * (state - candidate), of_reset_state * state], axis=1)
                of_gates *= both * (1 - both)
                before = state_gradient * update + of_reset_state * reset + turns.product(of_gates, gates_back)
                return (before,), tf.concat([of_gates, of_candidate], axis=1)

            of_words = turns.backwards(turn_back, rows, (units,), 3 * units)
            of_gates, of_candidates = of_words[:, : 2 * units], of_words[:, 2 * units :]
            reset_states = gates[:, units:] * previous
            return (
                of_words,
                turns.outer(previous, of_gates, rows, precision),
                turns.outer(reset_states, of_candidates, rows, precision),
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

        def turn(words, before):
            (state,) = before
            recurrent = turns.product(state, factor) + bias
            gates = tf.sigmoid(words[:, : 2 * units] + recurrent[:, : 2 * units])
            update, reset = gates[:, :units], gates[:, units:]
            inner = recurrent[:, 2 * units :]
            candidate = tf.tanh(words[:, 2 * units :] + reset * inner)
            return (candidate + update * (state - candidate),), (gates, candidate, inner)

        (states,), (previous,), (gates, candidates, inners) = turns.forwards(
            turn, projected, rows, (units,), (2 * units, units, units)
        )

        def gradient(upstream):
            # Of last states alone it comes as slices.
            upstream = tf.convert_to_tensor(upstream)
            back = tf.transpose(factor)

            def turn_back(later, words):
                state_gradient = later[0] + upstream[words]
                state, both, candidate, inner = previous[words], gates[words], candidates[words], inners[words]
                update, reset = both[:, :units], both[:, units:]
                of_candidate = state_gradient * (1 - update) * (1 - candidate * candidate)
                of_gates = tf.concat([state_gradient * (state - candidate), of_candidate * inner], axis=1)
                of_gates *= both * (1 - both)
                recurrent = tf.concat([of_gates, of_candidate * reset], axis=1)
                before = state_gradient * update + turns.product(recurrent, back)
                return (before,), tf.concat([of_gates, of_candidate], axis=1)

            of_words = turns.backwards(turn_back, rows, (units,), 3 * units)
            of_recurrent = tf.concat([of_words[:, : 2 * units], of_words[:, 2 * units :] * gates[:, units:]], axis=1)
            return (
                of_words,
                turns.outer(previous, of_recurrent, rows, precision),
                tf.reduce_sum(of_recurrent, axis=0),
            )

        return states, gradient

    return states_of(projected, kernel, bias)
