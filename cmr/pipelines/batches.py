"""A pipeline of batches: items to workers, a model once a worker, results to the shared disk, unreadable ones aside."""

import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from cmr import progress
from cmr.errors import WorkspaceError
from cmr.pipelines import parts, running, work
from cmr.pipelines.parts import ROWS, UNREADABLE, Part, Results
from cmr.pipelines.quiet_beam import Shared, TaggedOutput, beam
from cmr.pipelines.runners import Runner
from cmr.pipelines.work import Items, Work


class Stage(Protocol):
    """What a worker does; pickled, so it is made of plain values and of functions that a worker can import.

    Attributes:
      folder: of the pictures, which the worker must see.
      batch_size: items that it takes at once.
    """

    folder: pathlib.Path
    batch_size: int

    def load(self) -> Any:
        """What all batches of a worker share, such as a model: called once a process."""

    def compute(self, model: Any, items: Sequence[list[str]]) -> Iterator[Part]:
        """The results of a batch: a part of `ROWS`, and perhaps others, each item in one of them."""


def compute(place: Work, runner: Runner, stage: Stage, items: Sequence[list[str]], unit: str, title: str) -> Results:
    """Has workers do what is not done yet.

    Args:
      place: on the disk that the workers share.
      runner: the engine.
      stage: what a worker does.
      items: all of them, each its key and what else the stage needs. Those that were unreadable are read again.
      unit: of the bar.
      title: stands before the bar.

    Returns:
      The results of all items.

    Raises:
      CmrError: the pipeline failed, or ended without the results of all items; what was done is kept.
    """
    place.begin()
    results = place.results(forgotten=UNREADABLE)
    waiting = [item for item in items if item[0] not in results]
    if not waiting:
        return results
    listed = place.write_items(waiting, stage.batch_size)
    done_before = len(items) - len(waiting)
    counted_before = parts.count(place.parts)
    with (
        progress.progress_bar(len(items), unit, title, done_before) as bar,
        running.watched(bar, lambda: done_before + parts.count(place.parts) - counted_before),
    ):
        running.run(runner, lambda pipeline: _build(pipeline, listed, stage, place.parts))
    results = place.results()
    missing = [item for item in waiting if item[0] not in results]
    if missing:
        raise WorkspaceError(
            f"the pipeline ended, and {len(missing):,} of {len(items):,} results are not in {place.parts}, such as "
            f"that of {missing[0][-1]!a}; it must lie on a disk that the workers share with the command, under the "
            "same path; the same command does what is missing"
        )
    return results


def _build(pipeline: beam.Pipeline, items: Items, stage: Stage, folder: pathlib.Path) -> None:
    computed = read(pipeline, items, stage.batch_size) | "Compute" >> beam.ParDo(_Compute(stage)).with_outputs(
        UNREADABLE, main=ROWS
    )
    # Behind no grouping: an engine would hold all results back until the last one is there.
    written = (
        computed[ROWS] | "WriteRows" >> beam.ParDo(_Write(folder)),
        computed[UNREADABLE] | "WriteUnreadable" >> beam.ParDo(_Write(folder)),
    )
    # Beam's own job service notices a lost worker only where it waits for something of it.
    _ = written | "All" >> beam.Flatten() | "Count" >> beam.CombinePerKey(sum)


def read(pipeline: beam.Pipeline, items: Items, batch_size: int) -> beam.PCollection:
    """The items spread over the workers: batches of lines, each an item's JSON."""
    return (
        pipeline
        | "Groups" >> beam.Create(items.groups)
        | "Spread" >> beam.Reshuffle()
        | "Items" >> beam.ParDo(_ReadItems(items))
        | "Batches" >> beam.BatchElements(batch_size, batch_size)
    )


class _ReadItems(beam.DoFn):
    """Groups to the lines of their items."""

    def __init__(self, items: Items):
        self._items = items

    def process(self, element: tuple[int, int]) -> Iterator[str]:
        yield from self._items.lines(element)


class _Compute(beam.DoFn):
    """Batches of lines to parts; those of unreadable items are tagged."""

    def __init__(self, stage: Stage):
        self._stage, self._shared, self._model = stage, Shared(), None

    def setup(self) -> None:
        try:
            with os.scandir(self._stage.folder):
                pass
        except OSError as error:
            raise work.not_shared(self._stage.folder, error) from error
        # An engine's threads, each with a DoFn of its own, take one model.
        self._model = self._shared.acquire(self._stage.load)

    # Beam would take a hint of tagged parts for one of the main output.
    def process(self, element: Sequence[str]) -> Iterator[Any]:
        for part in self._stage.compute(self._model, [json.loads(line) for line in element]):
            if part.keys:
                yield TaggedOutput(UNREADABLE, part) if part.kind == UNREADABLE else part

    def teardown(self) -> None:
        self._model = None


class _Write(beam.DoFn):
    """Parts to files, and to their kinds with the number of their items."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def process(self, element: Part) -> Iterator[tuple[str, int]]:
        parts.write(self._folder, element)
        yield element.kind, len(element.keys)
