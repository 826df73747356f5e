"""The diagram of a model, which Graphviz draws."""

import keras
import pydot


def model_diagram(model: keras.Model) -> pydot.Dot:
    """Both encoders opened, with the shapes of what goes in and out and with what is trained.

    Its `to_string()` is the Graphviz source; `create_svg()` and `write_png()` raise FileNotFoundError without Graphviz.
    """
    return keras.utils.model_to_dot(model, show_shapes=True, expand_nested=True, show_trainable=True)
