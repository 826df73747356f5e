"""The scenes of the embedded data set: what stands where, from a seed.

Scenes come in twins: the same things in the same surroundings, in another arrangement (left and right exchanged,
another one in the middle, the other one big ...), so that knowing which things are there does not tell the two apart.
"""

import dataclasses
import random
from collections.abc import Callable, Sequence

from cmr.workspace import paths

SIZE = 128

# Width and height in pixels of a big one.
STANDING = {
    "ball": (34, 34),
    "box": (36, 34),
    "house": (40, 42),
    "tree": (34, 48),
    "car": (46, 24),
    "cone": (30, 38),
    "cup": (34, 30),
    "bottle": (16, 42),
}
FLOATING = {"balloon": (28, 42), "kite": (32, 42)}
_SCALE = {"big": 1.0, "small": 0.55}
SIZES = tuple(_SCALE)

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")

# Colours that would be lost on the ground or against the sky.
_HIDDEN_COLOURS = {
    "meadow": ("green",),
    "beach": ("yellow", "white"),
    "snow": ("white",),
    "desert": ("orange", "yellow"),
    "street": ("black", "white"),
    "night": ("black", "blue", "purple"),
    "room": ("orange", "white"),
}
SETTINGS = tuple(_HIDDEN_COLOURS)
_INDOORS = ("ball", "box", "cone", "cup", "bottle")
_STACKABLE = ("ball", "box", "cone", "cup", "bottle")
_NARROW = ("ball", "box", "tree", "cone", "cup", "bottle")

_MARGIN = 5
_GAP = 6


@dataclasses.dataclass(frozen=True)
class _Look:
    """What a thing is, wherever it stands.

    Attributes:
      kind: of `STANDING` or `FLOATING`.
      colour: of `COLOURS`; things of different kinds in a scene differ in colour too.
      size: `big` or `small`.
    """

    kind: str
    colour: str
    size: str

    @property
    def width(self) -> float:
        return _width(self.kind, self.size)

    @property
    def height(self) -> float:
        return _height(self.kind, self.size)


@dataclasses.dataclass(frozen=True)
class Thing(_Look):
    """One object of a scene.

    Attributes:
      x: its middle, in pixels from the left.
      base: its lower end, in pixels from the top.
    """

    x: float
    base: float


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a picture shows.

    Attributes:
      image_id: also the picture's file name. It names seed, split and number, so that features of other scenes are
        never taken for these.
      split: `train`, `val`, `test` or `captioning`.
      setting: of `SETTINGS`.
      horizon: where the ground ends, in pixels from the top.
      relation: `left` (the first thing is left of the second), `front` (in front of), `stack` (on top of), `above`,
        `between` (first, second and third from left to right), `size` (the first is big, the second small) or `count`
        (two groups; the first has more).
      things: in the relation's order.
    """

    image_id: str
    split: str
    setting: str
    horizon: int
    relation: str
    things: tuple[Thing, ...]

    @property
    def name(self) -> str:
        return self.image_id.removesuffix(".png")


@dataclasses.dataclass(frozen=True)
class _Actor(_Look):
    """A thing, or several alike, before it has a place."""

    count: int = 1


_Cast = tuple[_Actor, ...]


def make_scenes(seed: int, num_scenes: int, num_captioning: int = 0) -> tuple[Scene, ...]:
    """Thinks up scenes: two thirds train, a sixth val, a sixth test; twins are in one split.

    Args:
      seed: of all of them.
      num_scenes: of the three splits that retrieval is trained and measured on.
      num_captioning: further ones, the split `captioning`, that captioner and CNNs learn from, as the paper's learnt
        from MSCOCO and ImageNet.

    Raises:
      ValueError: fewer than six scenes, which leave a split empty.
    """
    if num_scenes < 6:
        raise ValueError(f"{num_scenes} scenes can't be split; at least 6 are needed")
    sixth = num_scenes // 6
    sizes = dict(zip(paths.SPLITS, (num_scenes - 2 * sixth, sixth, sixth), strict=True))
    sizes |= {paths.CAPTIONING: num_captioning}
    return tuple(_scene(seed, split, number) for split, size in sizes.items() for number in range(size))


def _scene(seed: int, split: str, number: int) -> Scene:
    pair, is_second = divmod(number, 2)
    relation, composition = list(_COMPOSITIONS.items())[pair % len(_COMPOSITIONS)]
    # Seeded by a string, which Python hashes in the same way everywhere; both twins draw the same cast.
    shared = random.Random(f"{seed} {split} {pair}")
    setting = shared.choice(SETTINGS)
    cast = composition.cast(shared, setting)
    if is_second:
        cast = composition.twin(cast)
    own = random.Random(f"{seed} {split} {number} places")
    horizon = own.randint(48, 64)
    return Scene(
        image_id=f"seed{seed}-{split}-{number:04d}.png",
        split=split,
        setting=setting,
        horizon=horizon,
        relation=relation,
        things=tuple(composition.place(own, cast, horizon)),
    )


def _colours(rng: random.Random, setting: str, count: int) -> list[str]:
    return rng.sample([colour for colour in COLOURS if colour not in _HIDDEN_COLOURS[setting]], count)


def _standing_kinds(setting: str) -> tuple[str, ...]:
    return _INDOORS if setting == "room" else tuple(STANDING)


def _standing_cast(count: int) -> Callable[[random.Random, str], _Cast]:
    """A function that picks `count` standing things which fit into one row."""

    def cast(rng: random.Random, setting: str) -> _Cast:
        while True:
            kinds = rng.sample(_standing_kinds(setting), count)
            sizes = [rng.choice(("big", "small")) for _ in kinds]
            widths = [_width(kind, size) for kind, size in zip(kinds, sizes, strict=True)]
            if sum(widths) + _GAP * (count - 1) <= SIZE - 2 * _MARGIN:
                return tuple(map(_Actor, kinds, _colours(rng, setting, count), sizes))

    return cast


def _stack_cast(rng: random.Random, setting: str) -> _Cast:
    colours = _colours(rng, setting, 2)
    return _Actor(rng.choice(_STACKABLE), colours[0], rng.choice(("big", "small"))), _Actor("box", colours[1], "big")


def _above_cast(rng: random.Random, setting: str) -> _Cast:
    upper, lower = rng.sample(tuple(FLOATING), 2)
    if rng.random() < 0.5:
        lower = rng.choice(_standing_kinds(setting))
    colours = _colours(rng, setting, 2)
    return tuple(map(_Actor, (upper, lower), colours, [rng.choice(("big", "small")) for _ in colours]))


def _size_cast(rng: random.Random, setting: str) -> _Cast:
    kinds = rng.sample(_standing_kinds(setting), 2)
    if rng.random() < 0.6:
        kinds[1] = kinds[0]
    return tuple(map(_Actor, kinds, _colours(rng, setting, 2), ("big", "small")))


def _count_cast(rng: random.Random, setting: str) -> _Cast:
    kinds = [rng.choice([kind for kind in _NARROW if kind in _standing_kinds(setting)]) for _ in range(2)]
    counts = rng.choice(((2, 1), (3, 1), (4, 1), (3, 2)))
    return tuple(map(_Actor, kinds, _colours(rng, setting, 2), ("small", "small"), counts))


def _exchanged(cast: _Cast) -> _Cast:
    return (cast[1], cast[0], *cast[2:])


def _recoloured(cast: _Cast) -> _Cast:
    """The first two with each other's colours; for two of a kind and size that is `_exchanged`."""
    first, second = cast
    return dataclasses.replace(first, colour=second.colour), dataclasses.replace(second, colour=first.colour)


def _above_twin(cast: _Cast) -> _Cast:
    return _exchanged(cast) if cast[1].kind in FLOATING else _recoloured(cast)


def _size_twin(cast: _Cast) -> _Cast:
    first, second = cast
    return dataclasses.replace(second, size="big"), dataclasses.replace(first, size="small")


def _count_twin(cast: _Cast) -> _Cast:
    first, second = cast
    return dataclasses.replace(second, count=first.count), dataclasses.replace(first, count=second.count)


def _in_a_row(rng: random.Random, cast: _Cast, horizon: int) -> list[Thing]:
    """From left to right in the cast's order."""
    actors = [actor for actor in cast for _ in range(actor.count)]
    free = SIZE - 2 * _MARGIN - sum(actor.width for actor in actors) - _GAP * (len(actors) - 1)
    cuts = sorted(rng.uniform(0, free) for _ in actors)
    base = rng.randint(horizon + 26, SIZE - 10)
    things, left = [], float(_MARGIN)
    for actor, cut in zip(actors, cuts, strict=True):
        things.append(_thing(actor, left + cut + actor.width / 2, base + rng.randint(-5, 5)))
        left += actor.width + _GAP
    return things


def _in_any_order(rng: random.Random, cast: _Cast, horizon: int) -> list[Thing]:
    """In a row, with either group of the cast on the left."""
    if rng.random() < 0.5:
        return _in_a_row(rng, cast, horizon)
    row = _in_a_row(rng, cast[::-1], horizon)
    return row[cast[1].count :] + row[: cast[1].count]


def _one_behind(rng: random.Random, cast: _Cast, horizon: int) -> list[Thing]:
    """The first hides a part of the second, seldom more than half of it."""
    front, back = cast
    side = rng.choice((-1, 1))
    offset = side * ((front.width + back.width) / 2 - 0.45 * min(front.width, back.width))
    low, high = _MARGIN + front.width / 2, SIZE - _MARGIN - front.width / 2
    low, high = max(low, _MARGIN + back.width / 2 - offset), min(high, SIZE - _MARGIN - back.width / 2 - offset)
    x = rng.uniform(low, high)
    base = rng.randint(horizon + 16, SIZE - 24)
    return [_thing(front, x, base + rng.randint(8, 13)), _thing(back, x + offset, base)]


def _stacked(rng: random.Random, cast: _Cast, horizon: int) -> list[Thing]:
    top, bottom = cast
    x, base = rng.uniform(32, SIZE - 32), rng.randint(max(horizon + 26, 92), SIZE - 8)
    # A box is drawn seen from above: its upper face is the upper fifth of its height.
    return [_thing(top, x, base - 0.88 * bottom.height), _thing(bottom, x, base)]


def _one_above(rng: random.Random, cast: _Cast, horizon: int) -> list[Thing]:
    upper, lower = cast
    x = rng.uniform(36, SIZE - 36)
    base = rng.randint(106, SIZE - 8)
    if lower.kind in FLOATING:
        base = rng.randint(int(upper.height + lower.height) + 12, 112)
    ceiling = base - lower.height - 6
    return [
        _thing(upper, x + rng.randint(-12, 12), rng.uniform(max(upper.height + 4, ceiling - 14), ceiling)),
        _thing(lower, x, base),
    ]


@dataclasses.dataclass(frozen=True)
class _Composition:
    """Picks things for a setting, rearranges them for the twin, and gives them places."""

    cast: Callable[[random.Random, str], _Cast]
    twin: Callable[[_Cast], _Cast]
    place: Callable[[random.Random, _Cast, int], Sequence[Thing]]


_COMPOSITIONS = {
    "left": _Composition(_standing_cast(2), _exchanged, _in_a_row),
    "front": _Composition(_standing_cast(2), _exchanged, _one_behind),
    "between": _Composition(_standing_cast(3), _exchanged, _in_a_row),
    "stack": _Composition(_stack_cast, _recoloured, _stacked),
    "size": _Composition(_size_cast, _size_twin, _in_any_order),
    "above": _Composition(_above_cast, _above_twin, _one_above),
    "count": _Composition(_count_cast, _count_twin, _in_any_order),
}


def _thing(actor: _Actor, x: float, base: float) -> Thing:
    return Thing(actor.kind, actor.colour, actor.size, x, base)


def _width(kind: str, size: str) -> float:
    return (STANDING | FLOATING)[kind][0] * _SCALE[size]


def _height(kind: str, size: str) -> float:
    return (STANDING | FLOATING)[kind][1] * _SCALE[size]
