"""What the values of a JSON file must be: small rules that are put together to the schema of a file.

EXTRACTOR = Record({"name": Text(), "images": Whole(at_least=1)}, optional={"crops": Nullable(Whole(1, 10))})
EXTRACTOR.flaw({"name": "vgg16-fc7", "images": 0}, "")    # "images is 0, not a whole number of at least 1"
"""

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Protocol

_SHOWN = 40


class Kind(Protocol):
    """What a value must be."""

    def flaw(self, value: Any, place: str) -> str | None:
        """Says what is wrong with a value.

        Args:
          value: as `json.loads` gives it.
          place: the keys that lead to it, joined by dots; "" for the whole content.

        Returns:
          None for a good one.
        """


@dataclasses.dataclass(frozen=True)
class Anything:
    """Any JSON value."""

    def flaw(self, value: Any, place: str) -> str | None:
        return None


@dataclasses.dataclass(frozen=True)
class Text:
    """A string."""

    def flaw(self, value: Any, place: str) -> str | None:
        return None if isinstance(value, str) else _wrong(value, place, "a text")


@dataclasses.dataclass(frozen=True)
class Sha256:
    """A SHA-256 as 64 hexadecimal digits."""

    def flaw(self, value: Any, place: str) -> str | None:
        is_digest = isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
        return None if is_digest else _wrong(value, place, "a SHA-256")


@dataclasses.dataclass(frozen=True)
class OneOf:
    """One of a few values, of the same type."""

    values: tuple[Any, ...]

    def flaw(self, value: Any, place: str) -> str | None:
        # 1, 1.0 and true are equal.
        if any(type(value) is type(each) and value == each for each in self.values):
            return None
        return _wrong(value, place, " or ".join(map(str, self.values)))


@dataclasses.dataclass(frozen=True)
class Flag:
    """true or false."""

    def flaw(self, value: Any, place: str) -> str | None:
        return None if isinstance(value, bool) else _wrong(value, place, "true or false")


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number of a range."""

    at_least: int = 0
    at_most: int | None = None

    def flaw(self, value: Any, place: str) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and _is_within(value, self.at_least, self.at_most):
            return None
        return _wrong(value, place, f"a whole number of {_range(self.at_least, self.at_most)}")


@dataclasses.dataclass(frozen=True)
class Number:
    """A finite number of a range."""

    at_least: float = 0
    at_most: float | None = None

    def flaw(self, value: Any, place: str) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # A whole number may be too large for a float.
        if is_number and abs(value) <= sys.float_info.max and _is_within(value, self.at_least, self.at_most):
            return None
        return _wrong(value, place, f"a number of {_range(self.at_least, self.at_most)}")


@dataclasses.dataclass(frozen=True)
class Nullable:
    """null, or a value of a kind."""

    kind: Kind

    def flaw(self, value: Any, place: str) -> str | None:
        return None if value is None else self.kind.flaw(value, place)


@dataclasses.dataclass(frozen=True)
class Listed:
    """A list of values of a kind."""

    kind: Kind
    at_least: int = 0

    def flaw(self, value: Any, place: str) -> str | None:
        if not isinstance(value, list):
            return _wrong(value, place, "a list")
        if len(value) < self.at_least:
            return f"{_title(place)} holds {len(value)} entries, fewer than {self.at_least}"
        flaws = (self.kind.flaw(each, _join(place, str(number))) for number, each in enumerate(value))
        return next((flaw for flaw in flaws if flaw is not None), None)


@dataclasses.dataclass(frozen=True)
class ByName:
    """An object of any keys, with values of a kind."""

    kind: Kind

    def flaw(self, value: Any, place: str) -> str | None:
        if not isinstance(value, dict):
            return _wrong(value, place, "an object")
        flaws = (self.kind.flaw(each, _join(place, name)) for name, each in value.items())
        return next((flaw for flaw in flaws if flaw is not None), None)


@dataclasses.dataclass(frozen=True)
class Record:
    """An object with these keys.

    Attributes:
      required: keys that must be there.
      optional: keys that may be.
      others: whether further keys may be.
    """

    required: Mapping[str, Kind]
    optional: Mapping[str, Kind] = dataclasses.field(default_factory=dict)
    others: bool = True

    def flaw(self, value: Any, place: str) -> str | None:
        if not isinstance(value, dict):
            return _wrong(value, place, "an object")
        for name, kind in {**self.required, **self.optional}.items():
            if name in value:
                flaw = kind.flaw(value[name], _join(place, name))
                if flaw is not None:
                    return flaw
            elif name in self.required:
                return f"{_join(place, name)} is missing"
        unknown = [name for name in value if name not in self.required and name not in self.optional]
        return None if self.others or not unknown else f"{_join(place, unknown[0])} is unknown"


def of_dataclass(settings: type) -> Record:
    """The kind of what `dataclasses.asdict` gives of a dataclass of plain values: no further keys, no negative number.

    Args:
      settings: the class. Its fields are of int, float, bool, str, `Any`, `Literal`, `X | None`, `dict[str, X]` and
        `tuple[X, ...]` of these, or such dataclasses. Files of older versions lack fields: those named in the class's
        `ADDED_LATER`, or where it has no such list all that have a default.
    """
    hints = typing.get_type_hints(settings)
    added_later = getattr(settings, "ADDED_LATER", None)
    required, optional = {}, {}
    for field in dataclasses.fields(settings):
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        may_lack = has_default if added_later is None else field.name in added_later
        (optional if may_lack else required)[field.name] = _of_hint(hints[field.name])
    return Record(required, optional, others=False)


def _of_hint(hint: Any) -> Kind:
    plain = {int: Whole(), float: Number(), bool: Flag(), str: Text()}
    if hint in plain:
        return plain[hint]
    if hint is Any:
        return Anything()
    if dataclasses.is_dataclass(hint):
        return of_dataclass(hint)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return OneOf(inner)
    if origin is dict:
        return ByName(_of_hint(inner[1]))
    if origin is tuple:
        return Listed(_of_hint(inner[0]))
    if origin is types.UnionType and len(inner) == 2 and inner[1] is types.NoneType:
        return Nullable(_of_hint(inner[0]))
    raise TypeError(f"no kind for {hint}")


def _wrong(value: Any, place: str, wanted: str) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return f"{_title(place)} is {shown}, not {wanted}"


def _title(place: str) -> str:
    return place or "its content"


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _is_within(value: float, at_least: float, at_most: float | None) -> bool:
    return at_least <= value and (at_most is None or value <= at_most)


def _range(at_least: float, at_most: float | None) -> str:
    return f"at least {at_least}" if at_most is None else f"{at_least} to {at_most}"
