r"""Tables of results as LaTeX: a float that needs the packages booktabs and graphicx, intervals beneath a row.

\usepackage{booktabs,graphicx}
...
\input{table1.tex}
"""

import re
from typing import Any

from experiments.tables import templates, texts
from experiments.tables.table import DIRECTION_TITLES, METRIC_TITLES, ResultTable


def to_latex(table: ResultTable) -> str:
    """A `table*` float with caption, groups of rows and footnotes.

    A number of its own that the title begins with (`Table 1: `) is left out, since LaTeX counts by itself.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return templates.latex("tables/table.tex.jinja", **template_values(table))


def template_values(table: ResultTable) -> dict[str, Any]:
    """What table.tex.jinja names."""
    return {
        "table": table,
        "caption": re.sub(r"^Table \w+[:.,] *", "", table.title),
        "groups": texts.groups(table),
        "direction_titles": DIRECTION_TITLES,
        "metric_titles": METRIC_TITLES,
    }
