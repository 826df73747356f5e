"""The stylesheet's colours: text on its ground has the contrast of WCAG's level AA, light and dark."""

import pathlib
import re

import pytest

from cmr.serving.web import pages

CSS = (pathlib.Path(pages.__file__).parent / "static" / "page.css").read_text(encoding="utf-8")

TEXT = [
    ("ink", "paper"),
    ("ink", "surface"),
    ("ink", "raised"),
    ("soft", "paper"),
    ("soft", "surface"),
    ("soft", "raised"),
    ("accent", "paper"),
    ("accent", "surface"),
    ("accent", "raised"),
    ("on-accent", "accent"),
    ("warn", "warn-paper"),
    ("bad", "bad-paper"),
]
# The edge of a field, and the outline of what has the focus.
SIGNS = [("edge", "paper"), ("edge", "surface"), ("accent", "paper")]


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_is_wcags():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read(theme, text, ground):
    palette = palettes()[theme]

    assert contrast(palette[text], palette[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("sign", "ground"), SIGNS)
def test_edges_and_outlines_can_be_seen(theme, sign, ground):
    palette = palettes()[theme]

    assert contrast(palette[sign], palette[ground]) >= 3
