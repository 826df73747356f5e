"""The blocks of a CNN, and the CNN in two parts: the first blocks, which stay as they are, and the last, which learn.

A block is what lies between two places of the network through which everything flows: a residual block, an inception
module, a layer of a chain. Where the names of the layers say that several such pieces are one block (`block5_conv1` and
`block5_conv2`; `_blocks.21._expand_conv` and `_blocks.21._project_conv`), they are one.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator

import keras

from cmr.errors import ConfigError

# `block5_conv1` and `_blocks.21._bn0`, not `fc1`: what stands before the last number that something follows.
_BLOCK_NAME = re.compile(r"(.*\d)[._/]")


@dataclasses.dataclass(frozen=True)
class CnnParts:
    """A CNN cut in two, or whole. The parts share its layers and weights.

    Attributes:
      frozen: from `[batch, size, size, 3]` float32 RGB in 0 ... 255 to the maps that the trained part reads; None where
        all of it is trained.
      trained: from those maps, or from the pictures, to `[batch, feature_dim]` float32.
      cut: name of the layer whose output the trained part reads; "" where all of it is trained.
    """

    frozen: keras.Model | None
    trained: keras.Model
    cut: str


def parts_of(cnn: keras.Model, blocks: int) -> CnnParts:
    """Cuts a CNN before its last blocks, and lets those alone be trained: batch normalisation stays as it is.

    Its statistics, scale and offset are frozen in every block, as is common where batches are small or of few kinds.

    Args:
      cnn: a functional model from pictures to features.
      blocks: at the end of it that are trained; 0: all.

    Raises:
      ConfigError: it has nothing to train there.
    """
    cnn = _opened(cnn)
    starts = block_starts(cnn)
    cut = starts[-blocks] if 0 < blocks < len(starts) else starts[0]
    for layer in cnn.layers:
        layer.trainable = False
    if cut is starts[0]:
        parts = CnnParts(None, keras.Model(cnn.input, cnn.output, name=f"{cnn.name}_whole"), "")
    else:
        frozen = keras.Model(cnn.input, cut, name=f"{cnn.name}_frozen")
        parts = CnnParts(frozen, keras.Model(cut, cnn.output, name=f"{cnn.name}_trained"), _operation(cut).name)
    for layer in parts.trained.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    if not parts.trained.trainable_variables:
        raise ConfigError(f"the CNN {cnn.name} has no weights to train; leave --finetune_cnn out")
    return parts


def block_starts(cnn: keras.Model) -> list[keras.KerasTensor]:
    """What each block reads, from the first block, which reads the pictures, to the last; `cnn` has no model in it."""
    starts, name = [cnn.input], None
    start = cnn.input
    for operations, end in _pieces(cnn):
        weighted = next((each for each in operations if _learns(each)), None)
        if weighted is not None:
            match = _BLOCK_NAME.match(weighted.name)
            of_piece = match[1] if match else weighted.name
            # What comes before the first weights, such as scaling, belongs to the first block.
            if name not in (None, of_piece):
                starts.append(start)
            name = of_piece
        start = end
    return starts


def _pieces(cnn: keras.Model) -> Iterator[tuple[list[keras.Operation], keras.KerasTensor]]:
    """What lies between two places through which everything flows, and the tensor at its end."""
    # Not a layer's own input and output, which may be those of another model that it is part of too.
    nodes = {id(node.operation): node for of_depth in cnn._nodes_by_depth.values() for node in of_depth}
    readers = {id(cnn.output): 1}
    for node in nodes.values():
        for tensor in node.input_tensors:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    waiting: dict[int, int] = {}
    piece = []
    # Keras lists them so that each stands behind those it reads.
    for operation in cnn.operations:
        piece.append(operation)
        for tensor in nodes[id(operation)].input_tensors:
            waiting[id(tensor)] -= 1
        outputs = nodes[id(operation)].output_tensors
        waiting.update({id(tensor): readers.get(id(tensor), 0) for tensor in outputs})
        waiting = {key: count for key, count in waiting.items() if count}
        if len(waiting) == 1 and len(outputs) == 1 and id(outputs[0]) in waiting:
            yield piece, outputs[0]
            piece = []


def _operation(tensor: keras.KerasTensor) -> keras.Operation:
    return tensor._keras_history.operation


def _learns(operation: keras.Operation) -> bool:
    return (
        isinstance(operation, keras.layers.Layer)
        and not isinstance(operation, keras.layers.BatchNormalization)
        and bool(operation.weights)
    )


def _opened(cnn: keras.Model) -> keras.Model:
    """The same layers with those of models inside it in their places, so that it can be cut there too."""
    if not any(isinstance(layer, keras.Model) for layer in cnn.layers):
        return cnn
    pictures = keras.Input(cnn.input.shape[1:], name="pictures")
    return keras.Model(pictures, _called(cnn, pictures), name=cnn.name)


def _called(operation: keras.Operation, *inputs, **further):
    """What an operation gives; of a model what its layers give one after the other."""
    if isinstance(operation, keras.Sequential):
        return functools.reduce(lambda tensor, layer: _called(layer, tensor), operation.layers, inputs[0])
    if isinstance(operation, keras.Model):
        # What Keras's own `call` does, one level deeper.
        return operation._run_through_graph(inputs[0], lambda inside: functools.partial(_called, inside))
    return operation(*inputs, **further)
