"""Tables of results as HTML: a fragment for a page that has table.css, and a small page of its own."""

import re
from typing import Any

from experiments.tables import templates, texts
from experiments.tables.table import DIRECTION_TITLES, METRIC_TITLES, ResultTable


def to_html(table: ResultTable) -> str:
    """A `<figure>` with the table and its footnotes, to be put into a page that has table.css or its own style.

    Footnotes are linked within the page by anchors made of the title, which is to be another for each table of a page.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return templates.html("tables/table.html.jinja", **template_values(table))


def to_page(table: ResultTable) -> str:
    """A whole page that holds the table and reads nothing else; on a phone the table scrolls within its box.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return templates.html("tables/page.html.jinja", **template_values(table))


def anchor(title: str) -> str:
    """A title as the name of a place on its page."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def template_values(table: ResultTable) -> dict[str, Any]:
    """What table.html.jinja and page.html.jinja name, for pages that hold more than the table."""
    return {
        "table": table,
        "notes": texts.notes(table),
        "groups": texts.groups(table),
        "anchor": anchor(table.title),
        "direction_titles": DIRECTION_TITLES,
        "metric_titles": METRIC_TITLES,
    }
