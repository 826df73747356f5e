"""Draws a picture with lines of text below, for TensorBoard; whatever they are, it never fails."""

import contextlib
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from cmr.errors import DataError
from cmr.pictures import files, lettering

# TensorBoard shows a picture some 400 pixels wide: this stays readable there without a click.
_PICTURE = 240
_WIDTH = 400
_LINE = 18
_MARGIN = 10
_LETTERS = 15
# Longer texts end in dots; five of two lines are as high as any panel gets.
_LINES_A_TEXT = 2

GREEN = (0, 120, 50)
GREY = (70, 70, 70)


def picture_panel(picture: pathlib.Path, texts: Sequence[str], colours: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A picture with texts below.

    Args:
      picture: the image file; a grey square that says so stands in for one that can't be read.
      texts: at most two lines of each are shown.
      colours: of each text.

    Returns:
      `[height, width, 3]` uint8, the same height for the same number of texts.
    """
    height = _PICTURE + 2 * _MARGIN + len(texts) * (_LINES_A_TEXT * _LINE + _MARGIN)
    panel = Image.new("RGB", (_WIDTH, height), "white")
    panel.paste(_thumbnail(picture), ((_WIDTH - _PICTURE) // 2, _MARGIN))
    draw = ImageDraw.Draw(panel)
    top = _PICTURE + 2 * _MARGIN
    for text, colour in zip(texts, colours, strict=True):
        _draw_text(draw, top, text, colour)
        top += _LINES_A_TEXT * _LINE + _MARGIN
    return np.asarray(panel)


def _draw_text(draw: ImageDraw.ImageDraw, top: int, text: str, colour: tuple[int, int, int]) -> None:
    # A font of the machine may be broken in ways of its own, and no sentence is worth a training.
    with contextlib.suppress(Exception):
        for number, line in enumerate(lettering.wrapped(text, _LETTERS, _WIDTH - 2 * _MARGIN, _LINES_A_TEXT)):
            lettering.draw_line(draw, (_MARGIN, top + number * _LINE), line, colour, _LETTERS)


def _thumbnail(picture: pathlib.Path) -> Image.Image:
    square = Image.new("RGB", (_PICTURE, _PICTURE), (225, 225, 225))
    try:
        whole = files.read_rgb(picture, _PICTURE)
    except DataError:
        _draw_text(ImageDraw.Draw(square), 110, "picture can't be read", GREY)
        return square
    scale = _PICTURE / max(whole.size)
    # A picture may be some pixels wide and many thousands high.
    width, height = (max(1, round(side * scale)) for side in whole.size)
    square.paste(whole.resize((width, height)), ((_PICTURE - width) // 2, (_PICTURE - height) // 2))
    return square
