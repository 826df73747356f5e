"""Draws a picture with the sentences retrieved for it, the correct ones marked."""

import pathlib
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

# TensorBoard shows a picture some 400 pixels wide: this stays readable there without a click.
_PICTURE = 240
_WIDTH = 400
_LINE = 18
_MARGIN = 10
_CHARACTERS = 52
# Longer sentences end in dots; five of two lines are as high as any panel gets.
_LINES_A_SENTENCE = 2
_CORRECT = (0, 120, 50)
_WRONG = (70, 70, 70)


def sentences_panel(
    picture: pathlib.Path, captions: Sequence[str], similarities: Sequence[float], correct: Sequence[bool]
) -> np.ndarray:
    """A picture with its retrieved sentences below.

    Args:
      picture: the image file; a grey square that says so stands in for one that can't be read.
      captions: the sentences, best first.
      similarities: their cosines.
      correct: whether each belongs to the image; those are green and ticked.

    Returns:
      `[height, width, 3]` uint8, the same height for the same number of sentences.
    """
    height = _PICTURE + 2 * _MARGIN + len(captions) * (_LINES_A_SENTENCE * _LINE + _MARGIN)
    panel = Image.new("RGB", (_WIDTH, height), "white")
    panel.paste(_thumbnail(picture), ((_WIDTH - _PICTURE) // 2, _MARGIN))
    draw = ImageDraw.Draw(panel)
    font = ImageFont.load_default(size=15)
    top = _PICTURE + 2 * _MARGIN
    for caption, similarity, is_correct in zip(captions, similarities, correct, strict=True):
        mark = "[x]" if is_correct else "[ ]"
        text = f"{mark} {similarity:.2f}  {caption}"
        for line in textwrap.wrap(text, _CHARACTERS, max_lines=_LINES_A_SENTENCE, placeholder=" ..."):
            draw.text((_MARGIN, top), line, fill=_CORRECT if is_correct else _WRONG, font=font)
            top += _LINE
        top += _MARGIN
    return np.asarray(panel)


def _thumbnail(picture: pathlib.Path) -> Image.Image:
    square = Image.new("RGB", (_PICTURE, _PICTURE), (225, 225, 225))
    try:
        with Image.open(picture) as opened:
            small = ImageOps.contain(ImageOps.exif_transpose(opened).convert("RGB"), (_PICTURE, _PICTURE))
    # Pillow's decoders raise all of these for damaged files.
    except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError):
        ImageDraw.Draw(square).text((60, 110), "picture not found", fill=_WRONG, font=ImageFont.load_default(size=14))
        return square
    square.paste(small, ((_PICTURE - small.width) // 2, (_PICTURE - small.height) // 2))
    return square
