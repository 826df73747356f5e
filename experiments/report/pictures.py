"""Pictures as data URIs, so that a page needs no file beside it: plots, photographs, a model's diagram."""

import base64
import dataclasses
import io
import pathlib
import re

import keras
import matplotlib
from matplotlib import figure as figure_lib

from cmr.errors import DataError
from cmr.pictures import files
from cmr.retrieval.model import model_diagram

_JPEG_QUALITY = 80
# Text stays text, which is a tenth of its outlines' size. Ids are hashes: with one salt the same plot is the same file.
_PLOT_SETTINGS = {"svg.hashsalt": "cmr", "svg.fonttype": "none"}


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph, reduced.

    Attributes:
      src: data URI of a JPEG.
      width: in pixels.
      height: in pixels.
    """

    src: str
    width: int
    height: int


def photograph(path: pathlib.Path, side: int) -> Photograph | None:
    """Reads a picture file.

    Args:
      path: in any format that Pillow reads.
      side: longest one in pixels; a smaller picture stays as it is.

    Returns:
      The picture; None where it can't be read.
    """
    try:
        picture = files.read_rgb(path, side)
    except DataError:
        return None
    picture.thumbnail((side, side))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return Photograph(_data_uri("image/jpeg", content.getvalue()), picture.width, picture.height)


def plot(figure: figure_lib.Figure) -> str:
    """A plot as the data URI of an SVG without a date."""
    content = io.BytesIO()
    with matplotlib.rc_context(_PLOT_SETTINGS):
        figure.savefig(content, format="svg", metadata={"Date": None})
    return _data_uri("image/svg+xml", content.getvalue())


def diagram(model: keras.Model) -> str | None:
    """A model's diagram as the data URI of an SVG; None where Graphviz is not installed."""
    graph = model_diagram(model)
    # Graphviz cuts off an SVG of any other resolution.
    graph.set("dpi", 72)
    try:
        svg = graph.create_svg()
    except FileNotFoundError:
        return None
    # Keras names nodes by their address in memory, which is another each time.
    numbers: dict[bytes, bytes] = {}
    svg = re.sub(rb"\b\d{9,}\b", lambda match: numbers.setdefault(match[0], b"%d" % len(numbers)), svg)
    return _data_uri("image/svg+xml", svg)


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
