"""Draws pictures with lines of text, for TensorBoard; whatever they are, it never fails."""

import contextlib
import math
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from cmr.errors import DataError
from cmr.pictures import files, fitting, lettering

# TensorBoard brings every picture to a width of 350 pixels by its nearest pixels: letters of that width stay whole.
_PICTURE = 240
_WIDTH = 350
_LINE = 18
_MARGIN = 10
_LETTERS = 15
_TEXT = _WIDTH - 2 * _MARGIN
# Longer texts end in dots; five of two lines are as high as any panel gets.
_LINES_A_TEXT = 2
# Pictures of a sentence stand in rows of three, each with a frame.
_COLUMNS = 3
_FRAME = 5
_SMALL = (_WIDTH - (_COLUMNS + 1) * _MARGIN) // _COLUMNS - 2 * _FRAME

GREEN = (0, 120, 50)
GREY = (70, 70, 70)
_PALE = (225, 225, 225)
# Light enough to be tinted by the projector's colours.
_DOT = (150, 150, 150, 255)


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
    panel.paste(_thumbnail(picture, _PICTURE, "picture can't be read"), ((_WIDTH - _PICTURE) // 2, _MARGIN))
    draw = ImageDraw.Draw(panel)
    top = _PICTURE + 2 * _MARGIN
    for text, colour in zip(texts, colours, strict=True):
        _draw_text(draw, (_MARGIN, top), text, colour, _TEXT)
        top += _LINES_A_TEXT * _LINE + _MARGIN
    return np.asarray(panel)


def pictures_panel(
    text: str, pictures: Sequence[pathlib.Path], labels: Sequence[str], framed: Sequence[bool]
) -> np.ndarray:
    """A text with pictures below, three in a row.

    Args:
      text: at most two lines of it are shown.
      pictures: the image files; a grey square with its name stands in for one that can't be read.
      labels: a short line below each picture.
      framed: whether a picture has a green frame, and its label is green.

    Returns:
      `[height, width, 3]` uint8, the same height for the same number of pictures.
    """
    cell = _SMALL + 2 * _FRAME
    row_height = cell + _LINE + _MARGIN
    top_of_rows = 2 * _MARGIN + _LINES_A_TEXT * _LINE
    height = top_of_rows + math.ceil(len(pictures) / _COLUMNS) * row_height
    panel = Image.new("RGB", (_WIDTH, height), "white")
    draw = ImageDraw.Draw(panel)
    _draw_text(draw, (_MARGIN, _MARGIN), text, GREY, _TEXT)
    for place, (picture, label, is_framed) in enumerate(zip(pictures, labels, framed, strict=True)):
        left = _MARGIN + place % _COLUMNS * (cell + _MARGIN)
        top = top_of_rows + place // _COLUMNS * row_height
        if is_framed:
            draw.rectangle((left, top, left + cell - 1, top + cell - 1), fill=GREEN)
        panel.paste(_thumbnail(picture, _SMALL, picture.name), (left + _FRAME, top + _FRAME))
        _draw_text(draw, (left, top + cell), label, GREEN if is_framed else GREY, cell)
    return np.asarray(panel)


def sprite(pictures: Sequence[pathlib.Path], num_others: int, side: int) -> Image.Image:
    """Tiles in one square, row by row, as TensorBoard's projector reads them: thumbnails, then dots for the others.

    Args:
      pictures: the image files; one that can't be read has a pale tile.
      num_others: points that have no picture.
      side: of a tile in pixels.

    Returns:
      An RGBA picture, transparent around the dots.
    """
    columns = max(1, math.ceil(math.sqrt(len(pictures) + num_others)))
    whole = Image.new("RGBA", (columns * side, columns * side))
    draw = ImageDraw.Draw(whole)
    for place in range(len(pictures) + num_others):
        left, top = place % columns * side, place // columns * side
        if place < len(pictures):
            whole.paste(_thumbnail(pictures[place], side, ""), (left, top))
        else:
            # Whole tiles of so many would hide the pictures.
            far = side * 5 // 8
            draw.rectangle((left + side - far, top + side - far, left + far - 1, top + far - 1), fill=_DOT)
    return whole


def _draw_text(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    width: int,
    max_lines: int = _LINES_A_TEXT,
) -> None:
    left, top = place
    # A font of the machine may be broken in ways of its own, and no sentence is worth a training.
    with contextlib.suppress(Exception):
        for number, line in enumerate(lettering.wrapped(text, _LETTERS, width, max_lines)):
            lettering.draw_line(draw, (left, top + number * _LINE), line, colour, _LETTERS)


def _thumbnail(picture: pathlib.Path, side: int, instead: str) -> Image.Image:
    """A picture in the middle of a square; the square with the text `instead` where it can't be read."""
    square = Image.new("RGB", (side, side), _PALE)
    try:
        whole = files.read_rgb(picture, side)
    except DataError:
        # The name of a file is told from others by its end: it has lines enough.
        _draw_text(ImageDraw.Draw(square), (_MARGIN, _MARGIN), instead, GREY, side - 2 * _MARGIN, 4)
        return square
    small = fitting.fitted(whole, (side, side))
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return square
