"""The paper's comparisons as files of every format: what it prints of two systems, and what was measured here."""

import dataclasses
import itertools
import os
from collections.abc import Iterator
from typing import Any

import pandas as pd

from experiments.claims.comparing import Claim, Claims, Reading
from experiments.tables import differences, formats, html, markdown, templates
from experiments.tables.differences import DifferenceText

_OF_PAPER = "Which of the paper's comparisons hold on equal features"
_NOT_OF_PAPER = "Each system less the others, on the same test images"
_MEASURE_TITLES = ("sum of recalls", "sentence R@1", "image R@1")


@dataclasses.dataclass(frozen=True)
class ClaimText:
    """A pair to print.

    Attributes:
      second: what is taken from the system that it stands under.
      cells: for each measure the paper's difference, "" where there is none, and ours.
    """

    second: str
    cells: tuple[tuple[str, DifferenceText], ...]


@dataclasses.dataclass(frozen=True)
class GroupText:
    """The pairs of one system in a reading.

    Attributes:
      heading: such as `fusion less`.
      pairs: in their order.
    """

    heading: str
    pairs: tuple[ClaimText, ...]


def groups(reading: Reading) -> Iterator[GroupText]:
    """The pairs of a reading by the system that others are taken from."""
    for first, claims in itertools.groupby(reading.claims, key=lambda claim: claim.first):
        yield GroupText(f"{first} less", tuple(_text(claim) for claim in claims))


def _text(claim: Claim) -> ClaimText:
    return ClaimText(
        claim.second,
        tuple(
            (
                "" if claim.printed[name] is None else differences.signed(claim.printed[name]),
                differences.text(claim.measured[name], claim.verdict(name), claim.measured[name].is_found_corrected),
            )
            for name in differences.MEASURES
        ),
    )


def to_html(claims: Claims) -> str:
    """A `<figure>` for each reading, to be put into a page that has table.css.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return templates.html("claims/claims.html.jinja", **_template_values(claims))


def to_page(claims: Claims) -> str:
    """A whole page that reads nothing else.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return templates.html("claims/page.html.jinja", **_template_values(claims))


def to_markdown(claims: Claims) -> str:
    """A table for each reading, the notes as a list."""
    whose = ("the paper", "here") if claims.is_of_paper else ("",)
    columns = [f"{title}, {each}".strip(", ") for title in _MEASURE_TITLES for each in whose]
    parts = [f"# {markdown.escaped(claims.title)}", f"{_subtitle(claims)}."]
    for reading in claims.readings:
        lines = []
        for group in groups(reading):
            lines.append([f"*{markdown.in_cell(group.heading)}*", *[""] * len(columns)])
            lines.extend(
                [markdown.in_cell(pair.second), *(str(text) for cell in pair.cells for text in cell[-len(whose) :])]
                for pair in group.pairs
            )
        counts = [reading.counts] if claims.is_of_paper else []
        table = markdown.aligned(["system", *columns], lines)
        parts += [f"## {markdown.escaped(reading.heading)}", *counts, table]
    parts.append("\n".join(f"- {markdown.escaped(note)}" for note in claims.notes))
    return "\n\n".join(parts) + "\n"


def _subtitle(claims: Claims) -> str:
    return _OF_PAPER if claims.is_of_paper else _NOT_OF_PAPER


def to_csv(claims: Claims) -> str:
    """For programs, unrounded: a line a pair.

    Columns reading, first, second, and for each measure `<measure>_<printed|estimate|low|high|p_value|corrected_p|
    verdict>`, empty where the paper prints none.
    """
    lines = [
        {"reading": reading.heading, "first": claim.first, "second": claim.second, **_csv_measures(claim)}
        for reading in claims.readings
        for claim in reading.claims
    ]
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def _csv_measures(claim: Claim) -> dict[str, Any]:
    values = {}
    for name, difference in claim.measured.items():
        parts = {"printed": claim.printed[name], **dataclasses.asdict(difference), "verdict": claim.verdict(name)}
        values.update({f"{name}_{part}": value for part, value in parts.items()})
    return values


def _template_values(claims: Claims) -> dict[str, Any]:
    return {
        "title": claims.title,
        "subtitle": _subtitle(claims),
        "is_of_paper": claims.is_of_paper,
        "measure_titles": _MEASURE_TITLES,
        "readings": [
            {
                "heading": reading.heading,
                "anchor": html.anchor(f"claims {reading.heading}"),
                "counts": reading.counts,
                "groups": list(groups(reading)),
            }
            for reading in claims.readings
        ],
        "notes": claims.notes,
    }


_FORMATS = {".md": to_markdown, ".csv": to_csv, ".html": to_page, ".json": Claims.to_json}


def write_all(claims: Claims, path_without_ending: str | os.PathLike) -> None:
    """Writes `.md`, `.csv`, `.html` (a page of its own) and `.json`, which `Claims.from_json` reads.

    Raises:
      ConfigError: the package jinja2 is missing; nothing is written.
    """
    formats.write_formats(claims, _FORMATS, path_without_ending)
