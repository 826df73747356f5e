"""A panel is drawn whatever the picture and its sentences are: nothing about them ends a training."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from cmr.pictures import lettering, panel


def _panel(path: pathlib.Path, *texts: str) -> np.ndarray:
    return panel.picture_panel(path, texts, [panel.GREY] * len(texts))


@pytest.fixture
def plain(tmp_path):
    Image.new("RGB", (50, 40), "red").save(tmp_path / "plain.png")
    return tmp_path / "plain.png"


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (5000, 4000), (240, 240)])
def test_a_picture_of_any_size_has_its_panel(tmp_path, size):
    Image.new("RGB", size, "red").save(tmp_path / "odd.png")

    drawn = _panel(tmp_path / "odd.png", "a dog")

    assert (drawn == (255, 0, 0)).all(axis=-1).any()


def test_a_photograph_whose_exif_is_damaged_has_its_panel(shared, plain):
    assert _panel(shared / "cases" / "bad-exif.jpg", "a dog").shape == _panel(plain, "a dog").shape


@pytest.mark.parametrize("content", [b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_a_panel_without_its_picture_says_so(tmp_path, plain, content):
    (tmp_path / "bad.jpg").write_bytes(content)

    drawn = _panel(tmp_path / "bad.jpg", "a dog")

    assert drawn.shape == _panel(plain, "a dog").shape
    assert (drawn[: panel._PICTURE] == panel.GREY).all(axis=-1).any()


@pytest.mark.parametrize("text", ["", " ", "\udc80", "\x00\n\t", "狗" * 300, "\u0301" * 50, "\u202e\u200f abc"])
def test_a_sentence_of_any_characters_has_its_panel(plain, text):
    assert _panel(plain, text, text).shape == _panel(plain, "a", "dog").shape


def test_a_font_that_fails_leaves_the_picture(plain, monkeypatch):
    def fail(*_):
        raise OSError("invalid font")

    monkeypatch.setattr(lettering, "draw_line", fail)

    assert (_panel(plain, "a dog") == (255, 0, 0)).all(axis=-1).any()


def test_a_font_that_fails_leaves_the_pictures_of_a_sentence(plain, monkeypatch):
    def fail(*_):
        raise OSError("invalid font")

    monkeypatch.setattr(lettering, "draw_line", fail)

    drawn = panel.pictures_panel("a dog", [plain, plain.with_name("missing.png")], ["1", "2"], [True, False])
    assert (drawn == (255, 0, 0)).all(axis=-1).any()


def test_a_sprite_holds_the_pictures_row_by_row_then_the_dots(plain):
    sprite = panel.sprite([plain, plain.with_name("missing.png"), plain], 2, 16)

    assert sprite.size == (48, 48)
    middles = [sprite.getpixel((place % 3 * 16 + 8, place // 3 * 16 + 8)) for place in range(6)]
    red, pale, transparent = (255, 0, 0, 255), (*panel._PALE, 255), (0, 0, 0, 0)
    assert middles == [red, pale, red, panel._DOT, panel._DOT, transparent]


def test_a_sprite_without_points_can_be_saved(tmp_path):
    panel.sprite([], 0, 10).save(tmp_path / "sprite.png")
