"""Draws a picture with lines of text below, for TensorBoard."""

import pathlib
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from cmr.errors import DataError
from cmr.pictures import files

# TensorBoard shows a picture some 400 pixels wide: this stays readable there without a click.
_PICTURE = 240
_WIDTH = 400
_LINE = 18
_MARGIN = 10
_CHARACTERS = 52
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
    font = ImageFont.load_default(size=15)
    top = _PICTURE + 2 * _MARGIN
    for text, colour in zip(texts, colours, strict=True):
        for line in textwrap.wrap(text, _CHARACTERS, max_lines=_LINES_A_TEXT, placeholder=" ..."):
            draw.text((_MARGIN, top), line, fill=colour, font=font)
            top += _LINE
        top += _MARGIN
    return np.asarray(panel)


def _thumbnail(picture: pathlib.Path) -> Image.Image:
    square = Image.new("RGB", (_PICTURE, _PICTURE), (225, 225, 225))
    try:
        small = ImageOps.contain(files.read_rgb(picture, _PICTURE), (_PICTURE, _PICTURE))
    except DataError:
        ImageDraw.Draw(square).text((60, 110), "picture not found", fill=GREY, font=ImageFont.load_default(size=14))
        return square
    square.paste(small, ((_PICTURE - small.width) // 2, (_PICTURE - small.height) // 2))
    return square
