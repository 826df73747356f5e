"""Tables of results as HTML: a fragment for a page, the style that it wants, and a small page of its own."""

import functools
import re
from typing import Any

from cmr.errors import ConfigError
from experiments.tables import texts
from experiments.tables.table import DIRECTION_TITLES, METRIC_TITLES, ResultTable

# No colours of its own, so that a page's, light or dark, hold; a page whose background is not the browser's names it in
# --background. On a phone the labels stay in sight while the numbers scroll beneath them.
STYLE = """
.results { margin: 1.5rem 0; }
.results-scroll { overflow-x: auto; }
.results-table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
.results-table caption { text-align: left; font-weight: bold; padding-bottom: .5rem; }
.results-table th, .results-table td { padding: .25rem .6rem; text-align: right; vertical-align: top; }
.results-table th { font-weight: normal; }
.results-table thead th { border-bottom: 1px solid; }
.results-table thead th[scope="colgroup"] { text-align: center; }
.results-table th[scope="row"], .results-table th[scope="rowgroup"], .results-table thead th:first-child[rowspan] {
  text-align: left; }
.results-table tbody { border-bottom: 1px solid; }
.results-table th[scope="rowgroup"] { font-style: italic; padding-top: .6rem; }
.results-table tbody td:nth-child(6), .results-table thead tr + tr th:nth-child(5) { padding-left: 1.6rem; }
.results-table .std, .results-table .interval { font-size: .8em; opacity: .8; }
.results-table .interval { display: block; }
.results-table sup { line-height: 0; }
.results-footnotes { font-size: .85em; max-width: 50rem; }
@media (max-width: 40rem) {
  .results-table th[scope="row"] { position: sticky; left: 0; background: var(--background, Canvas); min-width: 6.5rem;
    white-space: normal; }
}
@media print { .results-scroll { overflow: visible; } .results-table { font-size: 8pt; } }
"""

_FRAGMENT = """\
<figure class="results">
<div class="results-scroll" role="region" aria-labelledby="{{ anchor }}-title" tabindex="0">
<table class="results-table">
<caption id="{{ anchor }}-title">{{ table.title }}</caption>
<colgroup><col></colgroup>
{% for title in direction_titles %}
<colgroup span="{{ metric_titles | length }}"></colgroup>
{% endfor %}
<thead>
<tr><th scope="col" rowspan="2">system</th>
{%- for title in direction_titles %}<th scope="colgroup" colspan="{{ metric_titles | length }}">{{ title }}</th>
{%- endfor %}</tr>
<tr>
{%- for title in direction_titles %}{% for metric in metric_titles %}<th scope="col">{{ metric }}</th>{% endfor %}
{%- endfor %}</tr>
</thead>
{% for title, rows in groups %}
<tbody class="results-{{ rows[0].row.kind }}">
<tr><th scope="rowgroup" colspan="{{ 1 + rows[0].cells | length }}">{{ title }}</th></tr>
{% for text in rows %}
<tr><th scope="row"{% if text.row.stand_in %} class="stand-in"{% endif %}>{{ text.row.label }}
{%- if text.row.footnotes %}&#160;<sup>
{%- for number in text.row.footnotes -%}
<a href="#{{ anchor }}-note-{{ number }}">{{ number }}</a>{% if not loop.last %}, {% endif %}
{%- endfor -%}
</sup>{% endif %}</th>
{%- for cell in text.cells %}<td>
{%- if cell.best %}<strong class="best">{{ cell.value }}</strong>{% else %}{{ cell.value }}{% endif %}
{%- if cell.std %} <span class="std">± {{ cell.std }}</span>{% endif %}
{%- if cell.interval %} <span class="interval">{{ cell.interval }}</span>{% endif -%}
</td>{% endfor %}</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>
</div>
<ol class="results-footnotes">
{% for note in table.footnotes %}
<li id="{{ anchor }}-note-{{ loop.index }}">{{ note }}</li>
{% endfor %}
</ol>
</figure>
"""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.45 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 1rem; }
{{- style }}</style>
</head>
<body>
{{ fragment }}</body>
</html>
"""


def to_html(table: ResultTable) -> str:
    """A `<figure>` with the table and its footnotes, to be put into a page that has `STYLE` or its own.

    Footnotes are linked within the page by anchors made of the title, which is to be another for each table of a page.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return render(
        _FRAGMENT,
        table=table,
        groups=texts.groups(table),
        anchor=re.sub(r"\W+", "-", table.title.lower()).strip("-"),
        direction_titles=DIRECTION_TITLES,
        metric_titles=METRIC_TITLES,
    )


def to_page(table: ResultTable) -> str:
    """A whole page that holds the table and reads nothing else; on a phone the table scrolls within its box.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return page(table.title, STYLE, to_html(table))


def page(title: str, style: str, fragment: str) -> str:
    """A whole page that holds a fragment of HTML.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    safe = _environment()[1]
    return render(_PAGE, title=title, style=safe(style), fragment=safe(fragment))


def render(template: str, **values: Any) -> str:
    """Fills a template of Jinja's, every value escaped.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return _environment()[0].from_string(template).render(**values)


@functools.cache
def _environment() -> tuple[Any, Any]:
    """Jinja's environment, which escapes every value, and the type of text that is escaped already."""
    try:
        import jinja2
        import markupsafe
    except ImportError as error:
        raise ConfigError("writing tables as HTML takes jinja2; run: pip install 'cmr[report]'") from error
    return jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined), markupsafe.Markup
