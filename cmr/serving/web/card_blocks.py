"""A model's card taken apart, to be shown as a page; it is Markdown of the few kinds that `cmr.trained.card` writes."""

import itertools
from collections.abc import Sequence

Block = tuple[str, str | Sequence[str] | Sequence[Sequence[str]]]


def blocks(card: str) -> list[Block]:
    """The card's parts in their order.

    Args:
      card: its text.

    Returns:
      Kind and content: `h1`, `h2` and `p` with a text, `list` with texts, `table` with rows of texts, the head first.
    """
    taken: list[Block] = []
    for kind, lines in itertools.groupby(card.splitlines(), _kind):
        texts = list(lines)
        if kind == "table":
            rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in texts]
            # The line of dashes; and an empty first cell of the head.
            taken.append((kind, [["", *rows[0]] if len(rows[0]) < len(rows[-1]) else rows[0], *rows[2:]]))
        elif kind == "list":
            taken.append((kind, [line.removeprefix("- ") for line in texts]))
        elif kind:
            taken.extend((kind, line.lstrip("# ")) for line in texts)
    return taken


def _kind(line: str) -> str:
    starts = {"# ": "h1", "## ": "h2", "- ": "list", "|": "table"}
    kinds = (kind for start, kind in starts.items() if line.startswith(start))
    return next(kinds, "p" if line.strip() else "")
