"""Sentences in any script are drawn by a font that has their letters, or their numbers stand in the text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from cmr.pictures import lettering

_SIZE = 15
_SENTENCES = {
    "English": "A dog runs across the grass.",
    "French": "Un chien court, été comme hiver — “vite” !",
    "Russian": "Собака бежит по траве",
    "Greek": "Ένας σκύλος τρέχει",
    "Arabic": "كلب يركض على العشب",
    "Hebrew": "כלב רץ על הדשא",
    "Chinese": "一只狗在草地上奔跑",
    "Japanese": "犬が芝生を走る",
    "Korean": "개가 잔디밭을 달린다",
    "Hindi": "कुत्ता घास पर दौड़ता है",
    "Thai": "สุนัขวิ่งบนหญ้า",
    "emoji": "a dog \U0001f415 runs",
    "no character": "half \udc80 a pair, \x00, \ufffe",
}


def _forget_fonts() -> None:
    for cached in (lettering.fonts, lettering._font_of, lettering._escaped):
        cached.cache_clear()


@pytest.fixture(params=["the machine's fonts", "matplotlib's", "no font"])
def machine(request, monkeypatch):
    """A machine with these fonts."""
    if request.param != "the machine's fonts":
        monkeypatch.setattr(lettering, "_NAMES", ("no such font.ttf",))
    if request.param == "no font":
        monkeypatch.setattr(lettering, "_of_matplotlib", list)
    _forget_fonts()
    yield request.param
    _forget_fonts()


@pytest.fixture
def bare_machine(monkeypatch):
    """A machine without a font."""
    monkeypatch.setattr(lettering, "_NAMES", ())
    monkeypatch.setattr(lettering, "_of_matplotlib", list)
    _forget_fonts()
    yield
    _forget_fonts()


def _boxes(text: str) -> list[str]:
    """The characters of a text that the font which draws them lacks."""
    lacking = []
    for part, font in lettering._runs(text, _SIZE):
        plain = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
        box = bytes(plain.getmask("\U0010ffff"))
        lacking += [character for character in part if character != " " and bytes(plain.getmask(character)) == box]
    return lacking


@pytest.mark.parametrize("language", _SENTENCES)
def test_no_letter_becomes_a_box(machine, language):
    lines = lettering.wrapped(_SENTENCES[language], _SIZE, 10_000, 1)

    assert len(lines) == 1
    assert _boxes(lines[0]) == []


def test_what_no_font_has_stands_as_its_number(bare_machine):
    assert lettering.wrapped("the dog 狗 \U0001f415", _SIZE, 1000, 1) == ["the dog \\u72d7 \\U0001f415"]


def test_letters_that_a_font_has_stand_as_they_are(machine):
    if machine == "no font":
        pytest.skip("Pillow's own font is Latin")
    text = f"{_SENTENCES['Russian']} {_SENTENCES['Greek']}"

    assert lettering.wrapped(text, _SIZE, 1000, 1) == [text]


def test_a_long_sentence_without_spaces_is_broken_and_ends_in_dots():
    lines = lettering.wrapped("0.5 " + "x" * 500, _SIZE, 300, 2)

    assert len(lines) == 2
    assert lines[0].startswith("0.5 xxxx")
    assert lines[1].endswith("x ...")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.integers(60, 400), st.integers(1, 3))
def test_no_line_is_wider_than_it_may_be(text, width, max_lines):
    lines = lettering.wrapped(text, _SIZE, width, max_lines)

    assert len(lines) <= max_lines
    assert all(lettering._length(line, _SIZE) <= width for line in lines)


@pytest.mark.parametrize("language", _SENTENCES)
def test_a_line_is_drawn(machine, language):
    picture = Image.new("RGB", (400, 20), "white")
    (line,) = lettering.wrapped(_SENTENCES[language], _SIZE, 390, 1)

    lettering.draw_line(ImageDraw.Draw(picture), (2, 0), line, (0, 0, 0), _SIZE)

    assert np.asarray(picture).min() < 128
