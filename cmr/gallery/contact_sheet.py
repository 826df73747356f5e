"""Draws results on one sheet, as photographers print a film: pictures in rows, a line of text or two below each."""

import math
import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.gallery import nearest_sentences, thumbnails
from cmr.gallery.searching import Gallery, Hit
from cmr.pictures import files, fitting

_COLUMNS = 5
_WIDTH, _HEIGHT = 300, 225
_GAP = 20
_LINE = 20
_LINES = 4
_TITLE = 64
_BLACK, _GREY, _PALE = (25, 25, 25), (105, 105, 105), (232, 232, 232)


def draw(
    gallery: Gallery, title: str, hits: Sequence[Hit], sentences: Sequence[str] = (), max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Draws results.

    Args:
      gallery: that they are of.
      title: the query.
      hits: the results, in their order.
      sentences: the nearest sentence of each; none where it is empty.
      max_pixels: as of `thumbnails.thumbnail`.

    Returns:
      An RGB picture, five results a row.
    """
    columns = max(1, min(_COLUMNS, len(hits)))
    rows = max(1, math.ceil(len(hits) / columns))
    cell = _HEIGHT + _LINES * _LINE + _GAP
    sheet = Image.new("RGB", (max(columns, 3) * (_WIDTH + _GAP) + _GAP, _TITLE + rows * cell + _GAP), "white")
    drawing = ImageDraw.Draw(sheet)
    drawing.text((_GAP, _GAP), _fitted(title, sheet.width - 2 * _GAP, _font(24)), fill=_BLACK, font=_font(24))
    for place, hit in enumerate(hits):
        left = _GAP + place % columns * (_WIDTH + _GAP)
        top = _TITLE + place // columns * cell
        picture = _picture(gallery, hit.row, max_pixels)
        sheet.paste(picture, (left + (_WIDTH - picture.width) // 2, top + (_HEIGHT - picture.height) // 2))
        top += _HEIGHT + 6
        drawing.text((left, top), f"{hit.rank}.  {hit.score:.3f}", fill=_BLACK, font=_font(16))
        name = _fitted(hit.path.name, _WIDTH - 100, _font(13))
        drawing.text((left + 90, top + 2), name, fill=_GREY, font=_font(13))
        # A full stop of its own would begin a line.
        sentence = nearest_sentences.as_printed(sentences[place]) if sentences else ""
        for line in textwrap.wrap(sentence, 42, max_lines=_LINES - 2, placeholder=" ..."):
            top += _LINE
            drawing.text((left, top), line, fill=_GREY, font=_font(14))
    return sheet


def _picture(gallery: Gallery, row: int, max_pixels: int) -> Image.Image:
    try:
        small = files.read_rgb(thumbnails.thumbnail(gallery, row, max_pixels).jpeg, _WIDTH)
    except DataError:
        return Image.new("RGB", (_WIDTH, _HEIGHT), _PALE)
    return fitting.fitted(small, (_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=size)


def _fitted(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """The text, cut with dots where it is wider; bytes of a name that are no text as question marks."""
    text = text.encode("utf-8", "replace").decode()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
