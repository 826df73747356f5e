"""Names of images and files: the first few of many in a message, and those that would break a line."""

import unicodedata
from collections.abc import Collection

# More names than this make a line that nobody reads.
MOST_SHOWN = 10
_SHOWN_OF_MANY = 3
_LONGEST = 200


def first_few(names: Collection[str]) -> str:
    """Lists up to ten names, of more the first three and dots; whoever calls it says how many there are.

    Characters that would break the line or can't be seen stand as escapes, and a name that goes on and on is cut.
    """
    shown = list(names)[: MOST_SHOWN if len(names) <= MOST_SHOWN else _SHOWN_OF_MANY]
    return ", ".join([*map(visible, shown), *(["..."] if len(names) > len(shown) else [])])


def visible(name: str) -> str:
    """A name with escapes for what can't be printed, cut after 200 characters."""
    if not name.isprintable():
        name = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def breaks_lines(name: str) -> bool:
    """Whether a name holds a control character, an end of a line of any kind, or no character at all (a surrogate)."""
    # ASCII is quick, and nearly every name.
    if name.isascii() and name.isprintable():
        return False
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in name)
