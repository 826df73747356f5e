"""A trained model as two ONNX files, for runtimes without TensorFlow.

    sentences.onnx   word_ids [n, time] int32, padded with 0 on the right -> embeddings [n, dim] float32, norm 1
    pictures.onnx    for each CNN its squares [n, crops, size, size, 3] uint8 -> embeddings [n, dim] float32, norm 1

ONNX has no tokenizer and no decoder of pictures that every runtime knows, so words are ids (vocabulary.txt, written
beside, has them) and pictures are decoded and resized by whoever sends them. The GRU is ONNX's own operator.
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from cmr import extras
from cmr.config import ModelConfig
from cmr.pictures.cnn import Cnn
from cmr.serving.saved_model import features_of_squares, unit
from cmr.trained.retriever import RetrieverParts
from cmr.workspace.vocabulary import END_ID, PAD_ID

SENTENCES_ONNX, PICTURES_ONNX, VOCABULARY_TXT = "sentences.onnx", "pictures.onnx", "vocabulary.txt"

# Versions of 2021, which runtimes of these years all read.
_OPSET, _IR_VERSION = 15, 8


def check_installed() -> None:
    """Checks that the extra is there.

    Raises:
      ConfigError: it is not.
    """
    extras.check_installed("--format=onnx needs", "onnx", "onnx", "tf2onnx")


def write(folder: pathlib.Path, parts: RetrieverParts) -> None:
    """Writes both files and the vocabulary into a folder.

    Args:
      folder: is made.
      parts: of the model.

    Raises:
      CmrError: the model has no CNN for new pictures.
    """
    import onnx

    cnns = parts.cnns()
    folder.mkdir(parents=True)
    onnx.save(_sentences(parts.text_encoder(), parts.config), folder / SENTENCES_ONNX)
    _write_pictures(folder / PICTURES_ONNX, parts.image_encoder(), cnns)
    parts.vocabulary.write(folder / VOCABULARY_TXT)


def input_name(name: str) -> str:
    """The name under which pictures.onnx takes squares: `vgg_pictures` for the CNN of `vgg_features`."""
    return name.replace("_features", "_pictures")


def _write_pictures(path: pathlib.Path, encoder: keras.Model, cnns: dict[str, Cnn]) -> None:
    import tf2onnx

    specs = [
        tf.TensorSpec([None, cnn.crops, cnn.input_size, cnn.input_size, 3], tf.uint8, input_name(name))
        for name, cnn in cnns.items()
    ]

    # A scope around Keras's own, whose names may begin with _.
    @tf.function(input_signature=specs, autograph=False)
    def embed(*pictures):
        with tf.name_scope("model"):
            features = {
                name: features_of_squares(cnn.model, squares)
                for (name, cnn), squares in zip(cnns.items(), pictures, strict=True)
            }
            embeddings = unit(encoder(features, training=False))
        return tf.identity(embeddings, "embeddings")

    tf2onnx.convert.from_function(embed, specs, opset=_OPSET, output_path=str(path))


def _sentences(encoder: keras.Model, config: ModelConfig):
    """The text encoder made of ONNX's operators: see `text_encoder.text_encoder`."""
    from onnx import TensorProto, helper

    graph, terms = _Graph(), []
    if "ngrams" in config.levels:
        terms.append(_ngram_level(graph, encoder))
    if "gru" in config.levels or "words" in config.levels:
        ids = graph.add("Cast", "word_ids", to=TensorProto.INT64)
        words = graph.add("Gather", graph.array(encoder.get_layer("word_embedding").embeddings), ids)
    if "gru" in config.levels:
        terms.append(_gru_level(graph, encoder, config, ids, words))
    if "words" in config.levels:
        terms.append(_word_level(graph, encoder, ids, words))
    graph.add("LpNormalization", graph.add("Sum", *terms), axis=1, p=2, name="embeddings")
    inputs = [helper.make_tensor_value_info("word_ids", TensorProto.INT32, ["n", "time"])]
    outputs = [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", config.gru_units])]
    made = helper.make_graph(graph.nodes, "sentences", inputs, outputs, graph.arrays)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def _gru_level(graph: "_Graph", encoder: keras.Model, config: ModelConfig, ids: str, words: str) -> str:
    from onnx import TensorProto

    is_word = graph.add("Not", graph.add("Equal", ids, graph.array(PAD_ID)))
    lengths = graph.add("ReduceSum", graph.add("Cast", is_word, to=TensorProto.INT32), graph.array([1]), keepdims=0)
    # [time, batch, size], as ONNX's GRU reads them.
    words = graph.add("Transpose", words, perm=[1, 0, 2])
    directions = (("gru", "forward"), ("backward_gru", "reverse"))[: 1 + config.bidirectional]
    # Of each reader the states behind every word, [batch, time, units], and the last one, [batch, units].
    every, last = zip(*(_gru(graph, encoder, config, *each, words, lengths) for each in directions), strict=True)
    if config.text_pooling == "last":
        return graph.add("Mean", *last)
    states = graph.add("Mean", *every)
    weighted = graph.add("Mul", states, _weights(graph, encoder, config, states, is_word))
    return graph.add("ReduceSum", weighted, graph.array([1]), keepdims=0)


def _ngram_level(graph: "_Graph", encoder: keras.Model) -> str:
    """See `text_levels.NgramLevel`; ONNX's own operator counts the n-grams."""
    level = encoder.get_layer("ngrams_fuse")
    singles = [(row, first) for row, (first, second) in enumerate(level.rows) if second == PAD_ID]
    pairs = [(row, *ngram) for row, ngram in enumerate(level.rows) if ngram[1] != PAD_ID]
    counts = graph.add(
        "TfIdfVectorizer",
        "word_ids",
        mode="TF",
        min_gram_length=1,
        max_gram_length=2,
        max_skip_count=0,
        ngram_counts=[0, len(singles)],
        ngram_indexes=[row for row, *_ in (*singles, *pairs)],
        pool_int64s=[word for _, *words in (*singles, *pairs) for word in words],
    )
    inverse = np.array(level.inverse_frequencies, np.float32)
    squares = graph.add("MatMul", counts, graph.array(np.square(inverse)[:, None]))
    # A sentence without a known n-gram is the zero vector.
    length = graph.add("Max", graph.add("Sqrt", squares), graph.array(np.float32(1e-12)))
    bags = graph.add("Div", graph.add("Mul", counts, graph.array(inverse)), length)
    return graph.add("MatMul", bags, graph.array(np.array(level.kernel)))


def _word_level(graph: "_Graph", encoder: keras.Model, ids: str, words: str) -> str:
    """See `text_levels.word_level`."""
    from onnx import TensorProto

    no_word = graph.add("Or", *(graph.add("Equal", ids, graph.array(number)) for number in (PAD_ID, END_ID)))
    is_word = graph.add("Cast", graph.add("Not", no_word), to=TensorProto.FLOAT)
    weights = graph.add("Unsqueeze", is_word, graph.array([2]))
    total = graph.add("ReduceSum", graph.add("Mul", words, weights), graph.array([1]), keepdims=0)
    count = graph.add("ReduceSum", is_word, graph.array([1]), keepdims=1)
    mean = graph.add("Div", total, graph.add("Max", count, graph.array(np.float32(1))))
    return graph.add("MatMul", mean, graph.array(np.array(encoder.get_layer("words_fuse").kernel)))


class _Graph:
    """Nodes and arrays of an ONNX graph in the making."""

    def __init__(self):
        self.nodes, self.arrays = [], []

    def add(self, operator: str, *inputs: str, name: str = "", outputs: int = 1, **attributes) -> str | list[str]:
        """Adds a node; returns the name of its output, or the names of its outputs where it has several."""
        from onnx import helper

        names = [name or f"{operator}_{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def array(self, value) -> str:
        """Adds an array; returns its name."""
        from onnx import numpy_helper

        name = f"array_{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(np.array(value), name))
        return name


def _gru(graph: _Graph, encoder: keras.Model, config: ModelConfig, name: str, direction: str, words: str, lengths: str):
    """A GRU that reads in one direction: the names of its states and of its last state."""
    cell, units = encoder.get_layer(name).cell, config.gru_units
    if config.gru_reset_after:
        kernel, recurrent = np.array(cell.kernel), np.array(cell.recurrent_kernel)
        biases = np.concatenate(np.array(cell.bias))
    else:
        read = encoder.get_layer(f"{name}_input")
        kernel, recurrent = np.array(read.kernel), np.concatenate([cell.gates_kernel, cell.candidate_kernel], axis=1)
        biases = np.concatenate([read.bias, np.zeros(3 * units, np.float32)])
    every, last = graph.add(
        "GRU",
        words,
        *(graph.array(weight[None]) for weight in (kernel.T, recurrent.T, biases)),
        lengths,
        outputs=2,
        hidden_size=units,
        direction=direction,
        linear_before_reset=int(config.gru_reset_after),
    )
    # [time, 1, batch, units] and [1, batch, units].
    every = graph.add("Transpose", graph.add("Squeeze", every, graph.array([1])), perm=[1, 0, 2])
    return every, graph.add("Squeeze", last, graph.array([0]))


def _weights(graph: _Graph, encoder: keras.Model, config: ModelConfig, states: str, is_word: str) -> str:
    """What each state counts for, `[batch, time, 1]`: see `text_encoder.pooled`. A padded one counts for nothing."""
    is_word = graph.add("Unsqueeze", is_word, graph.array([2]))
    if config.text_pooling == "attention":
        scores = graph.add("MatMul", states, graph.array(encoder.get_layer("attention_score").kernel))
    else:
        scores = graph.array(np.float32(0))
    return graph.add("Softmax", graph.add("Where", is_word, scores, graph.array(np.float32(-1e9))), axis=1)
