"""A stage of a pipeline whose work is to double numbers, and what can go wrong with it."""

import dataclasses
import os
import pathlib
import uuid

import numpy as np

from cmr.errors import WorkspaceError
from cmr.pipelines.parts import ROWS, UNREADABLE, Part


class Model:
    """What `load` gives."""


@dataclasses.dataclass(frozen=True)
class Doubling:
    """Items are a key and a number; a negative one is unreadable.

    Attributes:
      folder: where each load leaves a file `load-...`.
      trouble: what happens at the item of the number `at`: "killed" once, "lost", "error", or "refused" when it loads.
      at: see `trouble`.
      batch_size: items at once.
    """

    folder: pathlib.Path
    trouble: str = ""
    at: int = 7
    batch_size: int = 3

    def load(self) -> Model:
        if self.trouble == "refused":
            raise WorkspaceError("the model /models/a.cmr is damaged; pack it again")
        (self.folder / f"load-{uuid.uuid4().hex}").touch()
        return Model()

    def compute(self, model: Model, items):
        assert isinstance(model, Model)
        numbers = [int(number) for _, number in items]
        if self.at in numbers and self.trouble == "killed" and not (self.folder / "killed").exists():
            (self.folder / "killed").touch()
            os._exit(1)
        if self.at in numbers and self.trouble == "error":
            raise ZeroDivisionError("of a worker")
        good = [place for place, number in enumerate(numbers) if number >= 0 and not self._loses(number)]
        bad = [place for place, number in enumerate(numbers) if number < 0]
        doubled = np.array([[2 * number] for number in numbers], np.float32)
        yield Part(ROWS, [items[place][0] for place in good], {"rows": doubled[good]})
        yield Part(
            UNREADABLE, [items[place][0] for place in bad], {}, [f"{numbers[place]} is negative" for place in bad]
        )

    def _loses(self, number: int) -> bool:
        return self.trouble == "lost" and number == self.at

    @property
    def loads(self) -> int:
        """How often a worker has loaded the model."""
        return len(list(self.folder.glob("load-*")))
