"""What finished runs came to, read back from their folders."""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Sequence

from cmr.errors import WorkspaceError
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace import runs
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.runs import MeasuredConfig, Run
from experiments.trainings.training import Training

# As notes name that of a run, which is another one for each run of a row.
_SEED = re.compile(r"\bseed (\d+)")
# A run from before metrics.json had `stand_ins` says them in the sentence `features` alone.
_STAND_IN_SENTENCE = re.compile(
    r"(?P<role>VGG features|image features) (?P<features>[^:;]+): stands in for (?P<for>[^;]+)"
)


@dataclasses.dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
      run: its folder.
    """

    run: Run

    @functools.cached_property
    def metrics_json(self) -> dict:
        """All of metrics.json (WORKSPACE.md)."""
        return self.run.read_metrics()

    @property
    def stand_ins(self) -> list[dict[str, str]]:
        """The features that stand in for the paper's; see `results_table.stand_ins`."""
        kept = self.metrics_json.get("stand_ins")
        return _stand_ins_of_sentence(self.metrics_json["features"]) if kept is None else kept

    @functools.cached_property
    def run_config(self) -> MeasuredConfig:
        return self.run.read_measured_config()

    @functools.cached_property
    def test(self) -> BothDirections:
        """Test metrics."""
        return BothDirections.from_dict(self.metrics_json["test"])

    @functools.cached_property
    def random_ranking(self) -> BothDirections:
        """What a random order of the same test images and sentences scores, exactly."""
        return BothDirections.from_dict(self.metrics_json["random_ranking"])

    @functools.cached_property
    def test_ranks(self) -> QueryRanks:
        """Ranks of the single test queries."""
        return QueryRanks.read(self.run.test_ranks_npz)

    @property
    def seconds(self) -> float | None:
        """What training and measuring took; None where it is not known."""
        return self.metrics_json.get("cost", {}).get("seconds")

    @property
    def peak_memory_mb(self) -> float | None:
        """The most memory that a process of it held, in 2^20 bytes; None where it is not known."""
        return self.metrics_json.get("cost", {}).get("peak_memory_mb")

    @functools.cached_property
    def history(self) -> list[dict]:
        """history.json: an entry an epoch."""
        return self.run.read_history()

    @property
    def best_val(self) -> BothDirections:
        """Validation metrics of the epoch whose weights were kept."""
        return BothDirections.from_dict(self._best_entry["val"])

    @property
    def kept_val(self) -> BothDirections:
        """The same of the whole split, where a comparator's epochs are judged by a part of it."""
        return BothDirections.from_dict(self.metrics_json.get("val", self._best_entry["val"]))

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept, from 1 on."""
        return self._best_entry["epoch"]

    @property
    def _best_entry(self) -> dict:
        # Of equal epochs the first one: only a better one replaces the weights.
        return max(self.history, key=lambda entry: entry["val"]["sum_of_recalls"])


@dataclasses.dataclass(frozen=True)
class RowResult:
    """A row of a table: the runs of one setting, which differ in their seed.

    Attributes:
      name: of the row.
      runs: at least one.
    """

    name: str
    runs: tuple[RunResult, ...]

    @property
    def is_trained(self) -> bool:
        """Whether its runs have settings and weights of their own, which an ensemble has not."""
        return all(result.run.config_json.exists() for result in self.runs)

    @property
    def has_course(self) -> bool:
        """Whether its runs were trained by epochs, which ensembles and what is fitted at once were not."""
        return self.is_trained and all("loss" in entry for result in self.runs for entry in result.history)

    @property
    def ranks(self) -> list[QueryRanks]:
        """Test ranks, one a seed."""
        return [result.test_ranks for result in self.runs]

    @property
    def features(self) -> str:
        """The sentence that names the features of all runs, stand-ins as such."""
        parts = [part for result in self.runs for part in result.metrics_json["features"].split("; ")]
        return "; ".join(_united(parts))

    @property
    def stand_ins(self) -> list[dict[str, str]]:
        """The features of all its runs that stand in for the paper's, each once."""
        return distinct_stand_ins(self.runs)

    @property
    def notes(self) -> list[str]:
        """What else has to be said of any of its runs, such as where W_img came from."""
        return _united([note for result in self.runs for note in result.metrics_json["notes"]])


def _united(sentences: Sequence[str]) -> list[str]:
    """Each sentence once, in order; of those that differ in a seed alone one that names all the seeds."""
    seeds_of: dict[str, list[str]] = {}
    for sentence in sentences:
        seeds = seeds_of.setdefault(_SEED.sub("", sentence), [])
        seeds.extend(seed for seed in _SEED.findall(sentence) if seed not in seeds)
    return [
        _with_seeds(sentence, seeds_of.pop(key))
        for sentence in sentences
        if (key := _SEED.sub("", sentence)) in seeds_of
    ]


def _with_seeds(sentence: str, seeds: Sequence[str]) -> str:
    return _SEED.sub(f"seeds {', '.join(seeds)}", sentence) if len(seeds) > 1 else sentence


def by_features(rows: Sequence[RowResult]) -> dict[str, list[RowResult]]:
    """The sentence that names features -> the rows that read them, both in the rows' order."""
    readers: dict[str, list[RowResult]] = {}
    for row in rows:
        readers.setdefault(row.features, []).append(row)
    return readers


def distinct_stand_ins(results: Sequence[RunResult]) -> list[dict[str, str]]:
    """The features of several runs that stand in for the paper's, each once."""
    each_once = {tuple(stand_in.items()): stand_in for result in results for stand_in in result.stand_ins}
    return list(each_once.values())


def _stand_ins_of_sentence(features: str) -> list[dict[str, str]]:
    return [match.groupdict() for match in _STAND_IN_SENTENCE.finditer(features)]


def read_row(name: str, row_runs: Sequence[Run]) -> RowResult:
    """Reads a row from its runs, all finished.

    Raises:
      WorkspaceError: one is not.
    """
    results = tuple(RunResult(run) for run in row_runs)
    for result in results:
        result.run.read_metrics()
    return RowResult(name, results)


def read_trained_row(name: str, trainings: Sequence[Training], workspace_dir: pathlib.Path) -> RowResult:
    """The same from the trainings whose runs they are."""
    return read_row(name, [training.run(workspace_dir) for training in trainings])


def check_same_inputs(rows: Sequence[RowResult]) -> None:
    """Refuses rows that were trained on different versions of the same captions, vocabulary or features.

    Raises:
      WorkspaceError: naming two of the runs.
    """
    different = different_input(rows)
    if different:
        name, first, second = different
        raise WorkspaceError(
            f"{first} and {second} were trained on different versions of {name}; remove the older one and give the "
            "command again"
        )


def different_input(rows: Sequence[RowResult]) -> tuple[str, pathlib.Path, pathlib.Path] | None:
    """What two runs have read different versions of, and which two; None where there are none.

    Features that another machine extracted, equal but for rounding, are the same.
    """
    read = [
        (result.run.path, name, found)
        for row in rows
        for result in row.runs
        for name, found in runs.fingerprints_of(result.run_config, result.metrics_json).items()
    ]
    # Of the same bytes an older version knew less.
    whole = {found.sha256: found for _, _, found in read if found.is_whole}
    first: dict[str, tuple[pathlib.Path, Fingerprint]] = {}
    for path, name, found in read:
        best = whole.get(found.sha256, found)
        run, known = first.setdefault(name, (path, best))
        if not known.is_same(best):
            return name, run, path
    return None
