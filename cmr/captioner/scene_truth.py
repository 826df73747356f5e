"""Whether captions of the scenes are true: every scene is known, so its captions can be checked word by word.

scene_contents.json, which data_prep.prepare writes, holds the grammar of the scenes' sentences and what every picture
shows. A caption is read by that grammar; its places, things, and how they stand to each other are looked up.
"""

import collections
import dataclasses
import itertools
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cmr.workspace import vocabulary

# Things that touch or hide one another overlap by a few pixels.
_SLACK = 4.0


@dataclasses.dataclass(frozen=True)
class Mention:
    """What a caption says there is: so many things of a kind, colour and, where it says one, size."""

    kind: str
    colour: str
    size: str = ""
    count: int = 1

    def fits(self, thing: Mapping[str, Any]) -> bool:
        """Whether a thing of the picture may be meant."""
        return (self.kind, self.colour) == (thing["kind"], thing["colour"]) and self.size in ("", thing["size"])


@dataclasses.dataclass(frozen=True)
class CaptionTruth:
    """What is true of one caption.

    Attributes:
      places: of the places that it names, whether each is the picture's.
      things: of the things that it names, whether the picture has one of that kind and colour.
      sizes: of the sizes that it names, whether the picture has such a thing of that size.
      relation: whether its things stand as it says; None where it is no sentence of the grammar.
    """

    places: tuple[bool, ...]
    things: tuple[bool, ...]
    sizes: tuple[bool, ...]
    relation: bool | None

    @property
    def whole(self) -> bool:
        """Whether it is a sentence of the grammar and all that it says is true."""
        return bool(self.relation) and all((*self.places, *self.things, *self.sizes))


class SceneTruth:
    """Checks captions against what their pictures show.

    Args:
      contents: of `scene_contents.read_contents`.
    """

    def __init__(self, contents: Mapping[str, Any]):
        grammar = contents["grammar"]
        self._scenes = contents["scenes"]
        self._numbers = grammar["numbers"]
        self._singular = {plural: kind for kind, plural in grammar["kinds"].items()}
        self._places = {
            " ".join(vocabulary.tokenize(phrase)): setting
            for setting, phrases in grammar["places"].items()
            for phrase in phrases
        }
        nouns = (*grammar["kinds"], *self._singular)
        counted = f"(?:{_any((*self._numbers, 'a', 'an', 'the'))}) "
        self._thing = (
            f"(?P<count>{_any(self._numbers)})? ?(?P<size>{_any(grammar['sizes'])})? ?"
            f"(?P<colour>{_any(grammar['colours'])}) (?P<kind>{_any(nouns)})"
        )
        slot = f"{counted}(?:(?:{_any(grammar['sizes'])}) )?(?:{_any(grammar['colours'])}) (?:{_any(nouns)})"
        values = {
            **dict.fromkeys("abc", slot),
            "place": f"(?:{_any(self._places)})",
            **dict.fromkeys(("a_kinds", "b_kinds"), f"(?:{_any(self._singular)})"),
            **dict.fromkeys(("a_colour", "b_colour"), f"(?:{_any(grammar['colours'])})"),
        }
        self._patterns = [
            (relation, _pattern(template, values))
            for relation, templates in grammar["templates"].items()
            for template in templates
        ]

    def check(self, image_id: str, caption: str) -> CaptionTruth:
        """Checks a caption of an image, however it is written: punctuation and capitals do not count."""
        text = " ".join(vocabulary.tokenize(caption))
        scene = self._scenes[image_id]
        things = scene["things"]
        mentions = [self._mention(match) for match in re.finditer(rf"\b{self._thing}\b", text)]
        settings = [self._places[match.group()] for match in re.finditer(rf"\b(?:{_any(self._places)})\b", text)]
        return CaptionTruth(
            places=tuple(setting == scene["setting"] for setting in settings),
            things=tuple(
                any(dataclasses.replace(mention, size="").fits(thing) for thing in things) for mention in mentions
            ),
            sizes=tuple(any(mention.fits(thing) for thing in things) for mention in mentions if mention.size),
            relation=self._relation(text, things),
        )

    def _relation(self, text: str, things: Sequence[Mapping[str, Any]]) -> bool | None:
        readings = [(relation, match) for relation, pattern in self._patterns if (match := pattern.fullmatch(text))]
        if not readings:
            return None
        return any(self._is_true(relation, match.groupdict(), things) for relation, match in readings)

    def _is_true(self, relation: str, slots: Mapping[str, str], things: Sequence[Mapping[str, Any]]) -> bool:
        named = [self._mention(re.search(self._thing, slots[letter])) for letter in "abc" if letter in slots]
        if relation == "count":
            return self._counted(slots, named, things)
        return any(_RELATIONS[relation](*meant) for meant in _meanings(named, things))

    def _counted(self, slots: Mapping[str, str], named: Sequence[Mention], things: Sequence[Mapping[str, Any]]) -> bool:
        for letter, mention in zip("ab", named, strict=True):
            # "More balls that are red than cups that are blue: three red balls and one blue cup" says each twice.
            said = slots.get(f"{letter}_kinds"), slots.get(f"{letter}_colour")
            if said[0] and (self._singular[said[0]], said[1]) != (mention.kind, mention.colour):
                return False
            if sum(mention.fits(thing) for thing in things) != mention.count:
                return False
        first, second = named
        return first.count > second.count and (first.kind, first.colour) != (second.kind, second.colour)

    def _mention(self, match: re.Match) -> Mention:
        kind = match["kind"]
        return Mention(
            self._singular.get(kind, kind), match["colour"], match["size"] or "", self._numbers.get(match["count"], 1)
        )


def truth_table(checked: Iterable[CaptionTruth]) -> str:
    """Which shares of captions are true, as lines for people."""
    checked = list(checked)
    parts = collections.defaultdict(list)
    for one in checked:
        parts["places"] += one.places
        parts["things with their colours"] += one.things
        parts["sizes"] += one.sizes
        parts["how things stand to each other"] += [] if one.relation is None else [one.relation]
        parts["wholly true captions"].append(one.whole)
    lines = [f"true of the pictures, of {len(checked):,} captions:"]
    for name, values in parts.items():
        share = f"{100 * sum(values) / len(values):5.1f} %" if values else "    none"
        lines.append(f"  {name:<31} {share} of {len(values):,}")
    strange = sum(one.relation is None for one in checked)
    if strange:
        lines.append(f"  ({strange:,} are no sentences of the scenes' grammar, and count as not wholly true)")
    return "\n".join(lines)


def _any(words: Iterable[str]) -> str:
    # The longest first: "on the green grass" before "on".
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _pattern(template: str, values: Mapping[str, str]) -> re.Pattern:
    """A template as a pattern of tokenised sentences, with a group for each slot; one said twice is said alike."""
    words, seen = [], set()
    for literal, slot, _, _ in string.Formatter().parse(template):
        words += map(re.escape, vocabulary.tokenize(literal))
        if slot:
            words.append(f"(?P={slot})" if slot in seen else f"(?P<{slot}>{values[slot]})")
            seen.add(slot)
    return re.compile(" ".join(words))


def _meanings(named: Sequence[Mention], things: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], ...]]:
    """Every choice of different things of the picture for those that are named."""
    for chosen in itertools.permutations(things, len(named)):
        if all(mention.count == 1 and mention.fits(thing) for mention, thing in zip(named, chosen, strict=True)):
            yield chosen


def _middle(thing: Mapping[str, Any]) -> float:
    return (thing["left"] + thing["right"]) / 2


def _overlaps(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one["left"] < other["right"] and other["left"] < one["right"]


def _is_stacked(top: Mapping[str, Any], bottom: Mapping[str, Any]) -> bool:
    # A box is drawn seen from above, and what stands on it hides a part of its upper face.
    face = 0.2 * (bottom["bottom"] - bottom["top"]) + _SLACK
    return _overlaps(top, bottom) and abs(top["bottom"] - bottom["top"]) <= face


def _is_above(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> bool:
    return _overlaps(upper, lower) and upper["bottom"] < lower["top"]


# By the relations' names in the grammar: the things in the order of the slots {a}, {b} and {c}.
_RELATIONS: Mapping[str, Callable[..., bool]] = {
    "left": lambda first, second: _middle(first) < _middle(second),
    "between": lambda first, second, third: _middle(first) < _middle(second) < _middle(third),
    "front": lambda front, back: front["bottom"] > back["bottom"] and _overlaps(front, back),
    "stack": _is_stacked,
    "above": _is_above,
    "size": lambda large, small: (large["size"], small["size"]) == ("big", "small"),
}
