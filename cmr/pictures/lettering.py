"""Text in any script, drawn with the fonts of the machine; a character that they all lack is written as its number."""

import contextlib
import functools
import itertools
import pathlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from PIL import ImageDraw, ImageFont

# Pillow looks for these in the system's folders; the first that has a character draws it. DejaVu covers the alphabets
# of Europe and Arabic, the others what it lacks.
_NAMES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "wqy-zenhei.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "Nirmala.ttf",
)

# No font has a glyph for this one, so its drawing is the font's sign for what it lacks.
_NOT_A_CHARACTER = "\U0010fffe"


class _Font:
    """A font, and which characters it has."""

    def __init__(self, font: ImageFont.FreeTypeFont):
        self.font = font
        # Composed with others, a mark that the font lacks would look like something it has.
        self._single = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
        self._lacking = self._drawn(_NOT_A_CHARACTER)

    def has(self, character: str) -> bool:
        return self._drawn(character) not in (None, self._lacking)

    def _drawn(self, character: str) -> tuple | None:
        try:
            mask = self._single.getmask(character)
        # Half a surrogate pair is no character.
        except UnicodeError:
            return None
        return mask.size, bytes(mask)


def draw_line(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, colour: tuple[int, int, int], size: int
) -> None:
    """Draws one line.

    Args:
      draw: what to draw on.
      place: of its left upper corner, in pixels.
      text: of `wrapped`.
      colour: of the text.
      size: of the letters in pixels.
    """
    left, top = place
    # A common baseline, as fonts differ in what they leave above their letters.
    for part, font in _runs(text, size):
        draw.text((left, top + size), part, fill=colour, font=font, anchor="ls")
        left += font.getlength(part)


def wrapped(text: str, size: int, width: int, max_lines: int) -> list[str]:
    """Breaks a text into lines; one too long ends in dots.

    Args:
      text: in any script. Characters that no font has stand as `\\\\u4e2d` in the lines.
      size: of the letters in pixels.
      width: of a line in pixels.
      max_lines: at most.
    """
    lines, line = [], ""
    for word in _drawable(text, size).split():
        longer = f"{line} {word}" if line else word
        if _length(longer, size) <= width:
            line = longer
        elif _length(word, size) <= width:
            lines.append(line)
            line = word
        else:
            # A sentence in Chinese is one word.
            *whole, line = _filled(longer, size, width)
            lines += whole
    lines += [line] if line else []
    if len(lines) > max_lines:
        lines = lines[:max_lines]
        while lines[-1] and _length(lines[-1] + " ...", size) > width:
            lines[-1] = lines[-1][:-1]
        lines[-1] += " ..."
    return lines


def _filled(text: str, size: int, width: int) -> Iterator[str]:
    """A text in lines that are full to the character."""
    line = ""
    for character in text:
        if line and _length(line + character, size) > width:
            yield line
            line = ""
        line += character
    yield line


def _length(text: str, size: int) -> float:
    return sum(font.getlength(part) for part, font in _runs(text, size))


def _drawable(text: str, size: int) -> str:
    return "".join(map(_escaped(size), text))


@functools.cache
def _escaped(size: int) -> Callable[[str], str]:
    """What is drawn for a character: itself, nothing for a sign of layout, or its number."""

    @functools.lru_cache(maxsize=1 << 16)
    def escaped(character: str) -> str:
        if character.isspace():
            return " "
        if _font_of(character, size) is not None:
            return character
        # Joiners and marks of direction have no glyph of their own.
        if unicodedata.category(character) == "Cf":
            return ""
        code = ord(character)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return escaped


def _runs(text: str, size: int) -> Iterator[tuple[str, ImageFont.FreeTypeFont]]:
    """Parts of a text that one font draws; spaces belong to the part before them."""
    current = 0
    numbers = []
    for character in text:
        number = _font_of(character, size)
        current = current if character == " " or number is None else number
        numbers.append(current)
    for number, group in itertools.groupby(zip(numbers, text, strict=True), key=lambda pair: pair[0]):
        yield "".join(character for _, character in group), fonts(size)[number].font


@functools.lru_cache(maxsize=1 << 16)
def _font_of(character: str, size: int) -> int | None:
    """Number of the first font that has a character; None where none has."""
    return next((number for number, font in enumerate(fonts(size)) if font.has(character)), None)


@functools.cache
def fonts(size: int) -> Sequence[_Font]:
    """The machine's fonts, at least the Latin one that Pillow brings."""
    opened = list(_opened(_NAMES, size)) or list(_opened(_of_matplotlib(), size))
    return (*opened, _Font(ImageFont.load_default(size)))


def _opened(paths: Iterable[str], size: int) -> Iterator[_Font]:
    for path in paths:
        # Fonts are missing, or of a kind that this Pillow does not draw.
        with contextlib.suppress(Exception):
            yield _Font(ImageFont.truetype(path, size))


def _of_matplotlib() -> list[str]:
    """DejaVu Sans as matplotlib brings it, for machines without a font."""
    try:
        import matplotlib
    except ImportError:
        return []
    return [str(pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")]
