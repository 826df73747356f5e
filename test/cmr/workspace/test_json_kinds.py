"""Schemas of JSON files: the first wrong key is named, with what it should be."""

import dataclasses
from typing import Literal

import pytest

from cmr.workspace import json_kinds
from cmr.workspace.json_kinds import (
    Anything,
    ByName,
    Flag,
    Listed,
    Nullable,
    Number,
    OneOf,
    Record,
    Sha256,
    Text,
    Whole,
)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Anything(), [None, 1, "a", {}, []], []),
        (Text(), ["", "a"], [None, 1, [], {}, True]),
        (Sha256(), ["0a" * 32], ["0a" * 31, "0A" * 32, "0a" * 32 + "\n", 5, None]),
        (Flag(), [True, False], [0, 1, None, "true"]),
        (Whole(), [0, 7], [-1, 1.0, True, "1", None]),
        (Whole(1, 10), [1, 10], [0, 11]),
        (Number(), [0, 0.5, 7], [-0.1, True, "1", None, float("nan"), float("inf")]),
        (Number(0, 100), [0, 100.0], [100.1]),
        (OneOf((1, 10)), [1, 10], [2, True, 1.0, "1", []]),
        (Nullable(Text()), [None, "a"], [1]),
        (Listed(Text()), [[], ["a"]], ["a", ["a", 1], {}, None]),
        (Listed(Text(), at_least=1), [["a"]], [[]]),
        (ByName(Whole()), [{}, {"a": 1}], [{"a": "1"}, [], None]),
        (Record({"a": Text()}, {"b": Text()}), [{"a": ""}, {"a": "", "b": ""}, {"a": "", "c": 1}], [{}, {"b": ""}]),
        (Record({}, others=False), [{}], [{"c": 1}, []]),
    ],
)
def test_a_kind_tells_its_values_from_others(kind, good, bad):
    assert [value for value in good if kind.flaw(value, "") is not None] == []
    assert [value for value in bad if kind.flaw(value, "") is None] == []


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        ({"rows": [{"count": 1}, {"count": -1}]}, "rows.1.count is -1, not a whole number of at least 0"),
        ({"rows": [{}]}, "rows.0.count is missing"),
        ({"rows": 3}, "rows is 3, not a list"),
        ([], "its content is [], not an object"),
        ({"rows": "x" * 99}, f"rows is '{'x' * 39}..., not a list"),
    ],
)
def test_the_first_wrong_key_is_named_by_the_keys_that_lead_to_it(content, flaw):
    assert Record({"rows": Listed(Record({"count": Whole()}))}).flaw(content, "") == flaw


@dataclasses.dataclass(frozen=True)
class Size:
    width: int
    share: float = 0.5


@dataclasses.dataclass(frozen=True)
class Picture:
    size: Size
    form: Literal["round", "square"]
    sums: dict[str, str]
    seed: int | None = None
    names: tuple[str, ...] = ()
    is_drawn: bool = False


WHOLE = {"size": {"width": 3, "share": 1}, "form": "round", "sums": {"a": "1"}, "seed": None, "is_drawn": True}


def test_settings_are_of_the_kind_of_their_class():
    assert json_kinds.of_dataclass(Picture).flaw(WHOLE, "") is None


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"size": {}}, "size.width is missing"),
        ({"size": {"width": -3}}, "size.width is -3"),
        ({"size": {"width": 3, "depth": 1}}, "size.depth is unknown"),
        ({"form": "oval"}, "form is 'oval', not round or square"),
        ({"sums": {"a": 1}}, "sums.a is 1, not a text"),
        ({"seed": "1"}, "seed is '1'"),
        ({"names": [1]}, "names.0 is 1"),
        ({"is_drawn": 1}, "is_drawn is 1, not true or false"),
    ],
)
def test_settings_of_another_form_are_told_apart(changed, flaw):
    assert json_kinds.of_dataclass(Picture).flaw({**WHOLE, **changed}, "").startswith(flaw)
