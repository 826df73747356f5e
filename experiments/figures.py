"""A matplotlib figure as files, without a window and without any of pyplot's state."""

import io
import pathlib

from matplotlib import figure as figure_lib

from cmr.workspace import atomic_files

_DPI = 150


def write(figure: figure_lib.Figure, path: pathlib.Path) -> None:
    """Writes a figure as a picture (`.png`) and, beside it, as `.svg`."""
    with atomic_files.atomic_path(path.with_suffix(".png")) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)
    atomic_files.write_text(path.with_suffix(".svg"), svg_text(figure))


def svg_text(figure: figure_lib.Figure) -> str:
    """A figure as SVG, to stand in a file or, from its `<svg` on, in a page."""
    text = io.StringIO()
    figure.savefig(text, format="svg")
    return text.getvalue()
