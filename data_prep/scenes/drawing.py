"""Draws scenes with Pillow: a background with light and grain, shadows, shaded things."""

import pathlib
import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cmr import progress
from data_prep.scenes.scene import FLOATING, SIZE, Scene, Thing

Rgb = tuple[int, int, int]
Paint = Callable[[float], Rgb]

# Drawn larger, then reduced: Pillow's shapes have hard edges.
_SCALE = 2
_CANVAS = SIZE * _SCALE

_COLOURS = {
    "red": (204, 36, 34),
    "green": (38, 150, 62),
    "blue": (36, 78, 205),
    "yellow": (244, 208, 48),
    "purple": (134, 52, 166),
    "orange": (242, 126, 24),
    "white": (238, 238, 236),
    "black": (42, 42, 46),
}
_DARK = (48, 44, 42)
_WOOD = (104, 72, 46)
_GLASS = (186, 214, 232)

# Sky at the top and at the horizon, ground at the horizon and at the bottom.
_BACKGROUNDS = {
    "meadow": ((104, 164, 224), (206, 226, 240), (122, 164, 84), (80, 132, 56)),
    "beach": ((88, 166, 226), (220, 234, 240), (226, 206, 160), (206, 180, 128)),
    "snow": ((150, 176, 204), (224, 230, 238), (226, 230, 238), (248, 250, 252)),
    "desert": ((118, 178, 222), (240, 222, 196), (214, 160, 104), (188, 126, 76)),
    "street": ((160, 176, 190), (214, 218, 220), (136, 136, 140), (104, 104, 108)),
    "night": ((10, 14, 38), (44, 46, 84), (44, 56, 50), (30, 40, 34)),
    "room": ((226, 216, 198), (240, 232, 216), (172, 128, 88), (144, 102, 66)),
}
_HILLS = {"meadow": (94, 140, 92), "snow": (196, 206, 220), "desert": (196, 138, 92), "night": (24, 30, 40)}
_SEA = (54, 122, 168)


def draw_scenes(drawn: Sequence[Scene], folder: pathlib.Path) -> None:
    """Writes one PNG a scene into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    with progress.progress_bar(len(drawn), "picture", "drawing scenes") as bar:
        for scene in drawn:
            draw_scene(scene).save(folder / scene.image_id, compress_level=1)
            bar.update()


def draw_scene(scene: Scene) -> Image.Image:
    """The picture of a scene, `[SIZE, SIZE]` RGB; the same scene gives the same picture."""
    rng = random.Random(f"{scene.name} picture")
    canvas = _background(scene, rng)
    order = sorted(scene.things, key=lambda thing: thing.base) if scene.relation != "stack" else scene.things[::-1]
    canvas = _with_shadows(canvas, [thing for thing in order if thing.kind not in FLOATING])
    pen = ImageDraw.Draw(canvas)
    dim = 0.86 if scene.setting == "night" else 1.0
    for thing in order:
        _DRAWERS[thing.kind](Frame(pen, thing), _paint(_COLOURS[thing.colour], dim * rng.uniform(0.93, 1.05)))
    return _photograph(canvas.resize((SIZE, SIZE), Image.Resampling.BOX), rng)


def _photograph(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A camera's doing: uneven light, another white balance, grain."""
    random_values = np.random.default_rng(rng.getrandbits(64))
    axis = np.linspace(-1.0, 1.0, SIZE, dtype=np.float32)
    light = 1.0 + rng.uniform(-0.06, 0.06) * axis[None, :] - 0.05 * (axis[None, :] ** 2 + axis[:, None] ** 2)
    balance = np.array([rng.uniform(0.96, 1.04) for _ in range(3)], np.float32)
    pixels = np.asarray(picture, np.float32) * light[..., None] * (rng.uniform(0.94, 1.06) * balance)
    # The same grain in all three channels: photographs vary in light more than in colour.
    pixels += random_values.normal(0.0, 3.0, (SIZE, SIZE, 1))
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def _background(scene: Scene, rng: random.Random) -> Image.Image:
    horizon = scene.horizon * _SCALE
    high, low, far, near = (np.array(colour, np.float32) for colour in _BACKGROUNDS[scene.setting])
    down = np.linspace(0.0, 1.0, horizon, dtype=np.float32)[:, None]
    sky = high + down * (low - high)
    down = np.linspace(0.0, 1.0, _CANVAS - horizon, dtype=np.float32)[:, None]
    rows = np.concatenate([sky, far + down * (near - far)])
    canvas = Image.fromarray(np.repeat(rows[:, None].round().astype(np.uint8), _CANVAS, axis=1))
    pen = ImageDraw.Draw(canvas)
    if scene.setting in _HILLS:
        _hills(pen, horizon, _HILLS[scene.setting], rng)
    if scene.setting == "beach":
        pen.rectangle((0, horizon - 20, _CANVAS, horizon), fill=_SEA)
    if scene.setting == "street":
        _street(pen, horizon, rng)
    if scene.setting == "room":
        _floor(pen, horizon)
    if scene.setting == "night":
        for _ in range(30):
            x, y = rng.randrange(_CANVAS), rng.randrange(horizon - 20)
            pen.rectangle((x, y, x + 1, y + 1), fill=(210, 210, 220))
    elif scene.setting != "room":
        canvas = _with_clouds(canvas, horizon, rng)
    return canvas


def _hills(pen: ImageDraw.ImageDraw, horizon: int, colour: Rgb, rng: random.Random) -> None:
    for _ in range(3):
        x, width, height = rng.randrange(_CANVAS), rng.randint(60, 130), rng.randint(8, 26)
        pen.pieslice((x - width, horizon - height, x + width, horizon + height), 180, 360, fill=colour)


def _street(pen: ImageDraw.ImageDraw, horizon: int, rng: random.Random) -> None:
    x = 0
    while x < _CANVAS:
        width, height = rng.randint(30, 60), rng.randint(14, 50)
        shade = rng.randint(138, 182)
        pen.rectangle((x, horizon - height, x + width, horizon), fill=(shade, shade - 4, shade - 6))
        x += width
    for x in range(rng.randrange(30), _CANVAS, 64):
        pen.rectangle((x, _CANVAS - 18, x + 34, _CANVAS - 13), fill=(206, 204, 196))


def _floor(pen: ImageDraw.ImageDraw, horizon: int) -> None:
    for step in range(1, 7):
        y = horizon + (_CANVAS - horizon) * (step / 7) ** 1.6
        pen.line((0, y, _CANVAS, y), fill=(134, 96, 62), width=1)
    pen.rectangle((0, horizon - 6, _CANVAS, horizon), fill=(206, 196, 178))


def _with_clouds(canvas: Image.Image, horizon: int, rng: random.Random) -> Image.Image:
    # Blurred at an eighth of the size, which looks the same and takes no time.
    small = Image.new("L", (_CANVAS // 8, _CANVAS // 8))
    pen = ImageDraw.Draw(small)
    for _ in range(rng.randint(1, 4)):
        x, y = rng.randrange(_CANVAS // 8), rng.randint(1, max(2, horizon // 8 - 6))
        pen.ellipse((x - rng.randint(3, 7), y - 1, x + rng.randint(3, 7), y + 1), fill=150)
    mask = small.filter(ImageFilter.GaussianBlur(1.2)).resize(canvas.size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", canvas.size, (248, 248, 250)), canvas, mask)


def _with_shadows(canvas: Image.Image, things: Sequence[Thing]) -> Image.Image:
    small = Image.new("L", (_CANVAS // 4, _CANVAS // 4))
    pen = ImageDraw.Draw(small)
    unit = _SCALE / 4
    for thing in things:
        x, y, half = thing.x * unit, thing.base * unit, thing.width * unit / 2
        pen.ellipse((x - half, y - 0.18 * half - 1, x + 1.35 * half, y + 0.22 * half), fill=150)
    mask = small.filter(ImageFilter.GaussianBlur(1.0)).resize(canvas.size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", canvas.size, (20, 20, 28)), canvas, mask)


def _paint(colour: Rgb, brightness: float) -> Paint:
    """A function from a shade (1 is the colour itself, 0 black, 2 white) to a colour."""

    def paint(shade: float) -> Rgb:
        base = [min(255.0, channel * brightness) for channel in colour]
        if shade <= 1.0:
            return tuple(round(channel * shade) for channel in base)
        return tuple(round(channel + (255 - channel) * (shade - 1.0)) for channel in base)

    return paint


class Frame:
    """A thing's rectangle on the canvas; shapes are given in its own coordinates, (0, 0) its upper left corner."""

    def __init__(self, pen: ImageDraw.ImageDraw, thing: Thing):
        self._pen = pen
        self._left, self._top = (thing.x - thing.width / 2) * _SCALE, (thing.base - thing.height) * _SCALE
        self._width, self._height = thing.width * _SCALE, thing.height * _SCALE

    def _at(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(self._left + u * self._width, self._top + v * self._height) for u, v in points]

    def polygon(self, fill: Rgb, *points: tuple[float, float]) -> None:
        self._pen.polygon(self._at(points), fill=fill)

    def ellipse(self, fill: Rgb, left: float, top: float, right: float, bottom: float) -> None:
        self._pen.ellipse([*self._at([(left, top), (right, bottom)])], fill=fill)

    def rectangle(self, fill: Rgb, left: float, top: float, right: float, bottom: float) -> None:
        self._pen.rectangle([*self._at([(left, top), (right, bottom)])], fill=fill)

    def line(self, fill: Rgb, width: int, *points: tuple[float, float]) -> None:
        self._pen.line(self._at(points), fill=fill, width=width)

    def ring(self, fill: Rgb, width: float, left: float, top: float, right: float, bottom: float) -> None:
        self._pen.ellipse(
            [*self._at([(left, top), (right, bottom)])], outline=fill, width=max(2, round(width * self._width))
        )

    def globe(self, paint: Paint, left: float, top: float, right: float, bottom: float) -> None:
        """An ellipse that the light meets from the upper left."""
        steps = 7
        for step in range(steps):
            inner = step / steps
            self.ellipse(
                paint(0.66 + 0.5 * inner),
                left + 0.28 * inner * (right - left),
                top + 0.22 * inner * (bottom - top),
                right - 0.72 * inner * (right - left),
                bottom - 0.78 * inner * (bottom - top),
            )


def _ball(frame: Frame, paint: Paint) -> None:
    frame.globe(paint, 0, 0, 1, 1)


def _box(frame: Frame, paint: Paint) -> None:
    frame.polygon(paint(1.3), (0, 0.2), (0.2, 0), (1, 0), (0.8, 0.2))
    frame.polygon(paint(0.62), (0.8, 0.2), (1, 0), (1, 0.8), (0.8, 1))
    frame.polygon(paint(1.0), (0, 0.2), (0.8, 0.2), (0.8, 1), (0, 1))


def _house(frame: Frame, paint: Paint) -> None:
    frame.rectangle(paint(1.0), 0.08, 0.42, 0.92, 1)
    frame.polygon(paint(0.8), (0.7, 0.42), (0.92, 0.42), (0.92, 1), (0.7, 1))
    frame.polygon((112, 84, 76), (0, 0.44), (0.5, 0), (1, 0.44))
    frame.rectangle(_DARK, 0.42, 0.68, 0.6, 1)
    frame.rectangle(_GLASS, 0.16, 0.54, 0.34, 0.72)
    frame.rectangle(_GLASS, 0.68, 0.54, 0.84, 0.72)


def _tree(frame: Frame, paint: Paint) -> None:
    frame.polygon(_WOOD, (0.44, 0.55), (0.56, 0.55), (0.6, 1), (0.4, 1))
    for left, top, right, bottom in ((0, 0.25, 0.62, 0.7), (0.38, 0.25, 1, 0.7), (0.16, 0, 0.84, 0.5)):
        frame.globe(paint, left, top, right, bottom)


def _car(frame: Frame, paint: Paint) -> None:
    frame.polygon(paint(0.85), (0.2, 0.42), (0.32, 0), (0.7, 0), (0.84, 0.42))
    frame.polygon(_GLASS, (0.27, 0.4), (0.36, 0.1), (0.49, 0.1), (0.49, 0.4))
    frame.polygon(_GLASS, (0.53, 0.4), (0.53, 0.1), (0.66, 0.1), (0.76, 0.4))
    frame.polygon(paint(1.0), (0, 0.5), (0.06, 0.38), (0.94, 0.38), (1, 0.5), (1, 0.8), (0, 0.8))
    frame.rectangle(paint(0.7), 0, 0.7, 1, 0.8)
    for middle in (0.22, 0.78):
        frame.ellipse((26, 26, 28), middle - 0.11, 0.58, middle + 0.11, 1)
        frame.ellipse((150, 150, 154), middle - 0.045, 0.7, middle + 0.045, 0.87)


def _cone(frame: Frame, paint: Paint) -> None:
    frame.ellipse(paint(0.7), 0, 0.82, 1, 1)
    for step in range(6):
        edge = step / 6
        frame.polygon(paint(0.7 + 0.09 * step), (0.5, 0), (1 - 0.62 * edge, 0.91), (0.02 + 0.25 * edge, 0.91))


def _cup(frame: Frame, paint: Paint) -> None:
    frame.ring(paint(0.8), 0.08, 0.62, 0.25, 1, 0.75)
    frame.polygon(paint(0.95), (0, 0.1), (0.8, 0.1), (0.68, 0.94), (0.12, 0.94))
    frame.polygon(paint(0.75), (0.58, 0.1), (0.8, 0.1), (0.68, 0.94), (0.54, 0.94))
    frame.ellipse(paint(0.85), 0.12, 0.88, 0.68, 1)
    frame.ellipse(paint(1.2), 0, 0, 0.8, 0.2)
    frame.ellipse(paint(0.4), 0.06, 0.04, 0.74, 0.18)


def _bottle(frame: Frame, paint: Paint) -> None:
    frame.polygon(
        paint(0.9), (0.34, 0.06), (0.66, 0.06), (0.66, 0.28), (1, 0.44), (1, 0.97), (0, 0.97), (0, 0.44), (0.34, 0.28)
    )
    frame.ellipse(paint(0.9), 0, 0.93, 1, 1)
    frame.polygon(paint(1.4), (0.16, 0.46), (0.32, 0.4), (0.32, 0.94), (0.16, 0.94))
    frame.polygon(paint(0.65), (0.78, 0.38), (1, 0.46), (1, 0.95), (0.78, 0.97))
    frame.rectangle(_DARK, 0.3, 0, 0.7, 0.09)


def _balloon(frame: Frame, paint: Paint) -> None:
    frame.line((90, 90, 92), 2, (0.5, 0.7), (0.46, 0.85), (0.52, 1))
    frame.polygon(paint(0.7), (0.5, 0.66), (0.38, 0.76), (0.62, 0.76))
    frame.globe(paint, 0, 0, 1, 0.72)


def _kite(frame: Frame, paint: Paint) -> None:
    frame.line((90, 90, 92), 2, (0.5, 0.68), (0.62, 0.8), (0.44, 0.9), (0.56, 1))
    frame.polygon(paint(1.1), (0.5, 0), (0.5, 0.7), (0, 0.28))
    frame.polygon(paint(0.75), (0.5, 0), (1, 0.28), (0.5, 0.7))
    frame.line(_DARK, 2, (0.5, 0), (0.5, 0.7))
    frame.line(_DARK, 2, (0, 0.28), (1, 0.28))


_DRAWERS: dict[str, Callable[[Frame, Paint], None]] = {
    "ball": _ball,
    "box": _box,
    "house": _house,
    "tree": _tree,
    "car": _car,
    "cone": _cone,
    "cup": _cup,
    "bottle": _bottle,
    "balloon": _balloon,
    "kite": _kite,
}
