"""Draws a picture with the sentences retrieved for it, the correct ones marked."""

import pathlib
from collections.abc import Sequence

import numpy as np

from cmr import picture_panel


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
    rows = zip(captions, similarities, correct, strict=True)
    texts = [
        f"{'[x]' if is_correct else '[ ]'} {similarity:.2f}  {caption}" for caption, similarity, is_correct in rows
    ]
    colours = [picture_panel.GREEN if is_correct else picture_panel.GREY for is_correct in correct]
    return picture_panel.picture_panel(picture, texts, colours)
