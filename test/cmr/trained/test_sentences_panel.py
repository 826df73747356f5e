"""The panels of a picture with its sentences and of a sentence with its pictures: any picture, correct ones green."""

import numpy as np
import pytest
from PIL import Image

from cmr.retrieval import summaries

RED = (250, 10, 20)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (60, 40), RED).save(path)
    return path


def panel(picture, captions=("A dog.", "A cat."), correct=(True, False)):
    return summaries.sentences_panel(picture, captions, [0.5] * len(captions), correct)


def share(drawn, condition):
    """Share of the pixels of which the condition holds, given their red, green and blue."""
    return np.mean(condition(*np.moveaxis(drawn.astype(int), -1, 0)))


def is_green(red, green, blue):
    return (green > red + 60) & (green > blue + 40)


def test_a_panel_holds_the_picture_above_its_sentences(picture):
    drawn = panel(picture)

    assert drawn.dtype == np.uint8
    assert drawn.ndim == 3
    top, bottom = drawn[: len(drawn) // 2], drawn[-60:]
    assert share(top, lambda red, green, blue: (red > 200) & (green < 60)) > 0.2
    assert share(bottom, lambda red, green, blue: red < 150) > 0


@pytest.mark.parametrize(("correct", "expected"), [((True, False), True), ((False, False), False)])
def test_correct_sentences_alone_are_green(picture, correct, expected):
    assert (share(panel(picture, correct=correct), is_green) > 0) == expected


def test_panels_of_as_many_sentences_are_of_one_size(picture):
    short = panel(picture, ["A dog.", ""])
    long = panel(picture, ["A dog " * 90, "\u00e9t\u00e9 \U0001f415 " + "x" * 500])

    assert short.shape == long.shape


def test_sentences_in_any_number_get_their_lines(picture):
    five = panel(picture, ["A dog."] * 5, [False] * 5)

    assert len(five) > len(panel(picture))


def missing(path):
    path.unlink()


def cut(path):
    Image.effect_noise((200, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def claims_to_be_huge(path):
    # An uncompressed picture whose header names 2 billion pixels.
    Image.new("RGB", (60, 40)).save(path, "BMP")
    content = bytearray(path.read_bytes())
    content[18:26] = np.array([50000, 40000], "<i4").tobytes()
    path.write_bytes(content)


def a_size_that_is_no_number(path):
    path.write_bytes(b"P6 6x 40 255\n")


@pytest.mark.parametrize(
    "damage", [missing, cut, claims_to_be_huge, a_size_that_is_no_number, lambda path: path.write_bytes(b"")]
)
def test_a_picture_that_cannot_be_read_leaves_the_sentences(picture, damage):
    whole = panel(picture)
    damage(picture)

    drawn = panel(picture)

    assert drawn.shape == whole.shape
    assert share(drawn, is_green) > 0


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_any_mode_are_drawn(picture, mode):
    Image.new("L", (60, 40), 90).convert(mode).save(picture.with_suffix(".tif"))

    drawn = panel(picture.with_suffix(".tif"))

    assert drawn.shape == panel(picture).shape


def pictures_panel(pictures, correct, caption="A dog."):
    return summaries.retrieved_pictures_panel(caption, pictures, [0.5] * len(pictures), correct)


@pytest.mark.parametrize(("correct", "expected"), [((False, True, False), True), ((False,) * 3, False)])
def test_a_sentences_own_picture_alone_has_a_green_frame(picture, correct, expected):
    assert (share(pictures_panel([picture] * 3, correct), is_green) > 0.01) == expected


def test_every_retrieved_picture_is_shown(picture):
    def red_pixels(number):
        red, green, _ = np.moveaxis(pictures_panel([picture] * number, [False] * number), -1, 0)
        return np.sum((red > 200) & (green < 60))

    assert red_pixels(5) == 5 * red_pixels(1) > 0


@pytest.mark.parametrize(
    "damage", [missing, cut, claims_to_be_huge, a_size_that_is_no_number, lambda path: path.write_bytes(b"")]
)
def test_a_retrieved_picture_that_cannot_be_read_leaves_the_others_and_its_frame(tmp_path, picture, damage):
    bad = tmp_path / ("unusually_long_name_" * 9 + "\u72d7.png")
    bad.write_bytes(picture.read_bytes())
    whole = pictures_panel([bad, picture], [True, False])
    damage(bad)

    drawn = pictures_panel([bad, picture], [True, False])

    assert drawn.shape == whole.shape
    assert share(drawn, is_green) > 0.01
    assert share(drawn, lambda red, green, blue: (red > 200) & (green < 60)) > 0.01
