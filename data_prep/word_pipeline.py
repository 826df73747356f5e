"""The words of a data set, counted by the workers of a pipeline: the same as `word_counts.count` counts here."""

import collections
import json
import pathlib
import uuid
from collections.abc import Iterator, Sequence

import pandas as pd

from cmr.errors import WorkspaceError
from cmr.pipelines import batches, running, work
from cmr.pipelines.quiet_beam import beam
from cmr.pipelines.runners import Runner
from cmr.pipelines.work import Items, Work
from cmr.workspace import json_files, vocabulary
from cmr.workspace.json_kinds import ByName, Record, Whole
from cmr.workspace.paths import SPLITS
from data_prep.word_counts import WordCounts

_SENTENCES_AT_ONCE = 4096

_COUNTS = Record({"sentences": Whole(), "words": ByName(Whole())}, others=False)

# Number of sentences, and how often each of their words is said.
_Counted = tuple[int, collections.Counter[str]]


def count(captions: pd.DataFrame, runner: Runner, folder: pathlib.Path) -> WordCounts:
    """Counts the words of a data set.

    Args:
      captions: columns `captions.COLUMNS`.
      runner: the engine.
      folder: of the data set, which the workers share with this process, its only writer.

    Raises:
      CmrError: the pipeline failed, or its counts are not of these sentences.
    """
    expected = {split: int((captions["split"] == split).sum()) for split in SPLITS}
    counted = captions[captions["split"].isin(SPLITS)]
    # No sentence is so long to count that the counts of a stopped command are worth keeping.
    place = Work(folder, {"run": uuid.uuid4().hex})
    place.begin()
    try:
        items = place.write_items(map(list, zip(counted["split"], counted["caption"], strict=True)), _SENTENCES_AT_ONCE)
        running.run(runner, lambda pipeline: _build(pipeline, items, place.parts))
        written = {split: _read(place.parts / f"{split}.json") for split in SPLITS}
    finally:
        work.remove(folder)
    if {split: each["sentences"] for split, each in written.items()} != expected:
        raise WorkspaceError(
            f"the pipeline on {runner.name} did not count every sentence once; run the same command again, or leave "
            "--runner out"
        )
    return WordCounts({split: each["words"] for split, each in written.items()}, expected)


def _read(path: pathlib.Path) -> dict:
    mend = "it must lie on a disk that the workers share with the command, under the same path"
    return json_files.read_workspace_json(path, _COUNTS, mend)


def _build(pipeline: beam.Pipeline, items: Items, folder: pathlib.Path) -> None:
    _ = (
        batches.read(pipeline, items, _SENTENCES_AT_ONCE)
        | "Count" >> beam.ParDo(_Count())
        | "Sum" >> beam.CombinePerKey(_Sum())
        | "Write" >> beam.ParDo(_Write(folder))
    )


class _Count(beam.DoFn):
    """Batches of lines to the counts of each split."""

    def process(self, element: Sequence[str]) -> Iterator[tuple[str, _Counted]]:
        of_split = collections.defaultdict(list)
        for line in element:
            split, sentence = json.loads(line)
            of_split[split].append(sentence)
        for split, sentences in of_split.items():
            yield split, (len(sentences), vocabulary.count_words(sentences))


class _Sum(beam.CombineFn):
    """Counts to their sum."""

    def create_accumulator(self) -> _Counted:
        return 0, collections.Counter()

    def add_input(self, accumulator: _Counted, element: _Counted) -> _Counted:
        sentences, words = accumulator
        words.update(element[1])
        return sentences + element[0], words

    def merge_accumulators(self, accumulators: Sequence[_Counted]) -> _Counted:
        total = self.create_accumulator()
        for each in accumulators:
            total = self.add_input(total, each)
        return total

    def extract_output(self, accumulator: _Counted) -> _Counted:
        return accumulator


class _Write(beam.DoFn):
    """The counts of a split to a file, which a second try replaces."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def process(self, element: tuple[str, _Counted]) -> None:
        split, (sentences, words) = element
        json_files.write_json(self._folder / f"{split}.json", {"sentences": sentences, "words": words}, indent=None)
