"""Text from Jinja's templates: `*.html.jinja` and `*.tex.jinja` beside the modules that fill them.

A template of HTML is Jinja as everybody knows it, and every value is escaped. In one of LaTeX, whose own text is full
of braces and percent signs, values stand in `<< >>`, statements in `<% %>`, comments in `<# #>`, and text that may hold
anything goes through the filter `tex`. In HTML, text that may name a flag goes through `flags`, and a
long name in a narrow column through `name`.

Needs jinja2 (`pip install 'cmr[report]'`).
"""

import functools
import pathlib
import re
from typing import Any

from experiments import extras

# Template names are paths below it, such as `tables/table.html.jinja`.
_FOLDER = pathlib.Path(__file__).parents[1]

_HYPHENS = re.compile("--+")
_FLAG = re.compile(r"(?<![\w-])(--\w+=?)")

_TEX_DELIMITERS = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}

_TEX_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        # At the start of a line it would be the optional argument of the line break before it.
        "[": "{[}",
        "†": r"\dag{}",
        "↑": r"\ensuremath{\uparrow}",
        "±": r"\ensuremath{\pm}",
    }
)


def html(name: str, **values: Any) -> str:
    """Fills a template of HTML, every value escaped.

    Args:
      name: path of the template below experiments/, such as `tables/table.html.jinja`.
      values: what it names.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return _environment().get_template(name).render(**values)


def latex(name: str, **values: Any) -> str:
    """Fills a template of LaTeX, as `html` one of HTML; only what goes through the filter `tex` is escaped."""
    return _tex_environment().get_template(name).render(**values)


def escaped_for_tex(text: str) -> str:
    """Text that LaTeX shows as it is."""
    # Two hyphens would be a dash, and a line could end behind them.
    return _HYPHENS.sub(lambda match: rf"\mbox{{{'{}'.join(match[0])}}}", text.translate(_TEX_ESCAPES))


def _whole_flags(text: str) -> Any:
    """Text of HTML, escaped, in which no line ends behind the `--` of a flag; what is copied from it stays the same."""
    import markupsafe

    return markupsafe.Markup(_FLAG.sub(r'<span class="flag">\1</span>', str(markupsafe.escape(text))))


def _breakable_name(text: str) -> Any:
    """Text of HTML, escaped, whose lines may end behind an underscore too."""
    import markupsafe

    return markupsafe.escape(text).replace("_", markupsafe.Markup("_<wbr/>"))


@functools.cache
def _environment() -> Any:
    extras.check_installed("jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(tex=escaped_for_tex, flags=_whole_flags, name=_breakable_name)
    return environment


@functools.cache
def _tex_environment() -> Any:
    # Text of a program's source, and no web page: the filter escapes it.
    return _environment().overlay(autoescape=False, **_TEX_DELIMITERS)
