"""Sentences for scenes: five a scene, each worded differently, all true of the picture.

Every sentence says how the things stand to each other, so that it fits a scene and not its twin.
"""

import random
from collections.abc import Sequence

from data_prep.scenes.scene import Scene, Thing

SENTENCES_PER_SCENE = 5

PLACES = {
    "meadow": ("on a meadow", "on the green grass", "in a grassy field"),
    "beach": ("on the beach", "on the sand by the sea", "at the seaside"),
    "snow": ("in the snow", "on a snowy field", "on a white winter day"),
    "desert": ("in the desert", "on dry desert ground", "under the desert sun"),
    "street": ("on a street", "in the city", "on the grey road"),
    "night": ("at night", "in the dark", "under the stars"),
    "room": ("in a room", "on a wooden floor", "inside the house"),
}
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}
_PLURALS = {"box": "boxes"}

# The slots: {a}, {b} and {c} are the scene's things ("a red ball"), {place} where it is.
TEMPLATES = {
    "left": (
        "{a} is to the left of {b} {place}.",
        "{b} stands right of {a} {place}.",
        "There is {a} on the left and {b} on the right.",
        "{place}, {b} can be seen on the right side of {a}.",
        "Left of {b} we see {a}.",
        "On the right there is {b}, on the left {a} {place}.",
    ),
    "front": (
        "{a} is in front of {b} {place}.",
        "{b} stands behind {a} {place}.",
        "{a} hides a part of {b}.",
        "{place}, {b} is partly covered by {a}.",
        "Behind {a} there is {b}.",
        "{a} is closer to us than {b} {place}.",
    ),
    "stack": (
        "{a} is on top of {b} {place}.",
        "{b} carries {a} {place}.",
        "{a} rests on {b}.",
        "{place}, {a} has been put on {b}.",
        "Under {a} there is {b}.",
        "{b} is below {a}, holding it up {place}.",
    ),
    "above": (
        "{a} floats above {b} {place}.",
        "{b} is below {a} {place}.",
        "High over {b} there is {a}.",
        "{place}, {a} is up in the air above {b}.",
        "{a} hangs over {b}.",
        "Beneath {a} we see {b} {place}.",
    ),
    "between": (
        "{b} is between {a} and {c} {place}.",
        "From left to right there are {a}, {b} and {c}.",
        "{a} on the left, {c} on the right and {b} in the middle.",
        "{place}, {b} stands in the middle with {a} on its left and {c} on its right.",
        "On the right of {b} is {c}, on its left {a} {place}.",
        "Three things {place}: first {a}, then {b}, last {c}.",
    ),
    "size": (
        "{a} is larger than {b} {place}.",
        "{b} is smaller than {a} {place}.",
        "There is {a} and {b}, the second one much smaller.",
        "{place}, {a} makes {b} look tiny.",
        "Next to {b} stands {a}, twice as large.",
        "{b} is the little one, {a} the large one {place}.",
    ),
    "count": (
        "{a} and {b} {place}.",
        "There are {a} but only {b} {place}.",
        "{place}, one can count {a} and {b}.",
        "We see {b} together with {a}.",
        "{b} and {a}, all of them small.",
        "More {a_kinds} that are {a_colour} than {b_kinds} that are {b_colour}: {a} and {b}.",
    ),
}


def sentences(scene: Scene) -> list[str]:
    """Five sentences of a scene; the same scene gives the same sentences."""
    rng = random.Random(f"{scene.name} sentences")
    chosen = rng.sample(TEMPLATES[scene.relation], SENTENCES_PER_SCENE)
    return [_sentence(scene, template, rng) for template in chosen]


def _sentence(scene: Scene, template: str, rng: random.Random) -> str:
    slots = _count_slots(scene) if scene.relation == "count" else _thing_slots(scene, rng)
    text = template.format(**slots, place=rng.choice(PLACES[scene.setting]))
    return text[0].upper() + text[1:]


def _thing_slots(scene: Scene, rng: random.Random) -> dict[str, str]:
    # In a scene about size it must be said once which thing is which, and two of a kind differ in colour too.
    slots = {}
    for letter, thing in zip("abc", scene.things, strict=False):
        size = f"{thing.size} " if scene.relation == "size" or rng.random() < 0.3 else ""
        slots[letter] = _with_article(f"{size}{thing.colour} {thing.kind}", rng)
    return slots


def _count_slots(scene: Scene) -> dict[str, str]:
    slots = {}
    for letter, group in zip("ab", _groups(scene.things), strict=True):
        thing, count = group[0], len(group)
        noun = thing.kind if count == 1 else plural(thing.kind)
        slots[letter] = f"{NUMBERS[count]} {thing.colour} {noun}"
        slots[f"{letter}_kinds"] = plural(thing.kind)
        slots[f"{letter}_colour"] = thing.colour
    return slots


def _groups(things: Sequence[Thing]) -> list[list[Thing]]:
    """Things of one kind and colour together, in the order in which they first appear."""
    groups: dict[tuple[str, str], list[Thing]] = {}
    for thing in things:
        groups.setdefault((thing.kind, thing.colour), []).append(thing)
    return list(groups.values())


def _with_article(noun: str, rng: random.Random) -> str:
    if rng.random() < 0.3:
        return f"the {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def plural(kind: str) -> str:
    """The plural of a kind of thing."""
    return _PLURALS.get(kind, f"{kind}s")
