"""Results as JSON text that is read back exactly, and the sentence where it can't be."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from cmr.errors import DataError


def written(value: Any) -> str:
    """The text of a dataclass, closed by a newline."""
    return json.dumps(dataclasses.asdict(value), indent=2, ensure_ascii=False) + "\n"


@contextlib.contextmanager
def refusing(what: str, mend: str) -> Iterator[None]:
    """Turns whatever a text of another form makes of the block into one sentence.

    Args:
      what: such as `this is not a table of results`.
      mend: what makes the text again.

    Raises:
      DataError: the block took a text apart that is not of its form.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{what} ({error}); {mend}") from error
