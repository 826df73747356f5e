"""What replicas send each other, against the collective operations that TensorFlow's graph of a step holds."""

import pytest
import tensorflow as tf

from cmr.config import ModelConfig, TrainConfig
from cmr.data import input_names
from cmr.retrieval import exchange
from cmr.retrieval.exchange import Exchange
from cmr.retrieval.model import retrieval_model
from cmr.retrieval.step import TrainingStep
from cmr.training import distribution

BATCH, DIM = 8, 5


def exchanged_in_graph(negatives):
    """Bytes that the graph of a step of two replicas sums and joins, by the values of one replica."""
    strategy = distribution.mirrored(("CPU:0", "CPU:1"))
    config = TrainConfig(0.7, "sum", negatives, 0, BATCH, 1e-3, 2.0, 1, 1, 500, 0)
    with strategy.scope():
        model = retrieval_model(
            ModelConfig("vse", 6, 0, 20, word_dim=3, gru_units=DIM, text_levels="words", dropout=0.0)
        )
        step = TrainingStep(model, config, strategy, 10)
    pairs = (BATCH + config.negatives_per_batch) // 2
    part = {
        input_names.CAPTION: tf.ones([pairs, 4], tf.int32),
        input_names.IMAGE_ROW: tf.range(pairs),
        input_names.VGG_FEATURES: tf.ones([pairs, 6]),
    }
    batch = {
        name: strategy.experimental_distribute_values_from_function(lambda _, value=value: value)
        for name, value in part.items()
    }
    graph = tf.function(lambda: step._train(batch, negatives)).get_concrete_function().graph
    # Of candidates the graph knows neither the number nor the size; sums are flat.
    candidates = config.negatives_per_batch or BATCH
    unknown = {"CollectiveReduceV2": candidates * DIM, "CollectiveGatherV2": candidates // 2 * DIM}
    sums, joins = 0, 0
    for operation in graph.get_operations():
        if operation.type in unknown and operation.device.endswith("CPU:0"):
            given = operation.inputs[0]
            values = given.shape.num_elements() or unknown[operation.type]
            size = values * given.dtype.size
            sums += size * (operation.type == "CollectiveReduceV2")
            joins += size * (operation.type == "CollectiveGatherV2")
    return model, config, sums, joins


@pytest.mark.parametrize("negatives", ["epoch", "batch"])
def test_what_is_counted_is_what_tensorflows_graph_exchanges(negatives):
    model, config, sums, joins = exchanged_in_graph(negatives)

    counted = exchange.of_step(model, config)

    summed = sum(each.num_bytes for each in counted if each.is_sum)
    joined = sum(each.num_bytes for each in counted if not each.is_sum)
    # Beside it are the loss and a few lengths.
    assert summed <= sums < summed + 64
    # Of its part each replica knows the rows.
    assert joined / 2 <= joins < joined / 2 + 64


def test_a_ring_sends_a_sum_twice_round_and_a_part_once():
    assert Exchange("", 800, is_sum=True).sent(2) == 800
    assert Exchange("", 800, is_sum=True).sent(8) == 1400
    assert Exchange("", 800, is_sum=False).sent(2) == 400
    assert Exchange("", 800, is_sum=False).sent(8) == 700
