"""runs/<name>/: the files of one training run."""

import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from cmr import shell
from cmr.config import (
    CaptionerRunConfig,
    CaptionerTrainConfig,
    ComparatorRunConfig,
    ComparatorTrainConfig,
    RunConfig,
    TrainConfig,
)
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import atomic_files, fingerprints, json_files, json_kinds, limits
from cmr.workspace.checksums import files_sha256
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.json_kinds import ByName, Kind, Listed, Nullable, Number, Record, Text, Whole
from cmr.workspace.writer_lock import writer_lock


class Settings(Protocol):
    """What config.json keeps: a frozen dataclass of plain values.

    Attributes:
      train: the training's settings, its limits among them.
    """

    train: TrainConfig | CaptionerTrainConfig | ComparatorTrainConfig

    def to_json(self) -> str: ...

    @classmethod
    def from_json(cls, text: str) -> "Settings": ...


_DIRECTION = Record(
    {
        **{f"recall_at_{at}": Number(0, 100) for at in (1, 5, 10)},
        **{name: Number(at_least=1) for name in ("median_rank", "mean_rank")},
        "num_queries": Whole(at_least=1),
    },
    others=False,
)

# What an epoch's validation comes to: of a run, and of a captioner.
BOTH_DIRECTIONS = Record(
    {"sentence_retrieval": _DIRECTION, "image_retrieval": _DIRECTION}, {"sum_of_recalls": Number(0, 600)}
)
PERPLEXITY = Record(
    {"perplexity": Number()},
    {"shuffled_perplexity": Number(), "distinct_captions": Whole(), "images": Whole(at_least=1), "cider": Number()},
)

_SUM_OF_RECALLS = Record({"sum_of_recalls": Number(0, 600)})

# Of cost.json, and of metrics.json, where it may not be known.
COST = Record({"seconds": Number(at_least=0), "peak_memory_mb": Number(at_least=0)})

# An ensemble has members in the place of flags, seed and checksums.
_METRICS = Record(
    {"test": BOTH_DIRECTIONS, "features": Text(), "notes": Listed(Text())},
    optional={
        "stand_ins": Listed(Record({"features": Text(), "role": Text(), "for": Text()})),
        "random_ranking": BOTH_DIRECTIONS,
        "test_folds": Whole(at_least=1),
        "protocol": Text(),
        "splits": ByName(Record({"images": Whole(), "captions": Whole()})),
        "flags": Listed(Text()),
        "seed": Whole(),
        "checksums": ByName(Text()),
        "fingerprints": ByName(fingerprints.KIND),
        "packages": ByName(Text()),
        "python": Text(),
        "git_commit": Nullable(Text()),
        "members": Listed(Text()),
        "cost": Record({}, COST.required),
        # Of older runs of cmr.compare: of fitting alone, in the last process.
        "seconds": Number(),
        "peak_memory_mb": Number(),
    },
)

Kept = TypeVar("Kept", bound=Settings)

# Of a run of either kind: what cmr.train trains, or cmr.compare.
MeasuredConfig = RunConfig | ComparatorRunConfig

# Whose settings a folder can hold.
_COMMANDS = {RunConfig: "cmr.train", ComparatorRunConfig: "cmr.compare", CaptionerRunConfig: "cmr.pretrain"}


@dataclasses.dataclass(frozen=True)
class Run:
    """Paths of a run's folder.

    Attributes:
      path: `runs/<name>`.
    """

    path: pathlib.Path

    @property
    def config_json(self) -> pathlib.Path:
        return self.path / "config.json"

    @property
    def flags_txt(self) -> pathlib.Path:
        return self.path / "flags.txt"

    @property
    def ngrams_txt(self) -> pathlib.Path:
        return self.path / "ngrams.txt"

    @property
    def best_weights(self) -> pathlib.Path:
        return self.path / "best.weights.h5"

    @property
    def best_sha256(self) -> pathlib.Path:
        return self.path / "best.sha256"

    @property
    def checkpoints_dir(self) -> pathlib.Path:
        return self.path / "checkpoints"

    @property
    def history_json(self) -> pathlib.Path:
        return self.path / "history.json"

    @property
    def cost_json(self) -> pathlib.Path:
        return self.path / "cost.json"

    def tuned_features_dir(self, input_name: str, features: str) -> pathlib.Path:
        """Folder of the CNN that the run has tuned, and of what it gives.

        Args:
          input_name: input of the image encoder; one CNN may begin in the place of both.
          features: folder name of the features that it gave before.
        """
        return self.path / "features" / input_name / tuned_features_name(features)

    def teacher_dir(self, name: str, sha256: str) -> pathlib.Path:
        """Folder of what a teacher says of the training split.

        Args:
          name: of the teacher's run.
          sha256: of its weights: another run may have had its name.
        """
        return self.path / "teachers" / f"{name}-{sha256[:8]}"

    @property
    def tensorboard_dir(self) -> pathlib.Path:
        return self.path / "tensorboard"

    @property
    def text_phase(self) -> "Run":
        """Folder of the phase before, in which its text encoder learns from sentences; of the same kind."""
        return Run(self.path / "text")

    @property
    def text_phase_curves(self) -> pathlib.Path:
        """Where TensorBoard finds that phase."""
        return self.tensorboard_dir / "text"

    @property
    def test_ranks_npz(self) -> pathlib.Path:
        return self.path / "test_ranks.npz"

    @property
    def metrics_json(self) -> pathlib.Path:
        return self.path / "metrics.json"

    def blocks_dir(self, split: str) -> pathlib.Path:
        """Where a comparator's run keeps blocks of scores of a split until all of them are there.

        They are of the best weights as they are now, and lie beside those of others.
        """
        weights = self.best_sha256.read_text(encoding="utf-8")[:8] if self.best_sha256.exists() else "fitted"
        return self.path / f"{split}_scores-{weights}"

    def remove_blocks(self) -> None:
        """Removes the blocks of scores, of earlier weights too."""
        for path in self.path.glob("*_scores-*"):
            shutil.rmtree(path)

    def similarities_npz(self, split: str) -> pathlib.Path:
        """What a comparator's run keeps of a split in the place of a model (`cmr.evaluation.similarities`).

        Of `train` it is the queries of a bank (`cmr.evaluation.query_bank`), where its system embeds.
        """
        return self.path / f"{split}_similarities.npz"

    @property
    def is_finished(self) -> bool:
        """Whether it has been trained and measured."""
        return self.metrics_json.exists() and self.test_ranks_npz.exists()

    def writer(self, flag: str = "workspace_dir") -> contextlib.AbstractContextManager[None]:
        """Makes this process the folder's only writer while a block runs; see `writer_lock`.

        Args:
          flag: that names another folder.
        """
        parts = (
            *(self.checkpoints_dir, self.text_phase.path, self.text_phase.checkpoints_dir, self.tensorboard_dir),
            *(self.teacher_dir("*", "*"), self.tuned_features_dir("*", "*")),
        )
        return writer_lock(self.path, tuple(str(part.relative_to(self.path)) for part in parts), flag)

    def goes_on_with(self, run_config: Settings) -> bool:
        """Whether the run that the folder holds has come as far as one of these settings would, or less far.

        Its settings are the same but for the limits, and those would not have stopped it before.

        Raises:
          WorkspaceError: the folder holds no run, or a damaged one.
        """
        changed = differences(self.read_config(type(run_config)), run_config)
        if not changed:
            return True
        if not changed.keys() <= limits.names(run_config.train):
            return False
        scores = self.scores(type(run_config))
        if not scores:
            # Begun a moment ago; or it has ended, and how is not known any more.
            return not self.metrics_json.exists()
        end = _end(scores, run_config)
        # Without its state a run can end, and not be trained further.
        return end == len(scores) or (end is None and (self.checkpoints_dir / "checkpoint").exists())

    def has_more_epochs(self, run_config: Settings) -> bool:
        """Whether the run that the folder holds, if it has ended, goes on under the limits of these settings."""
        if not self.config_json.exists():
            return False
        is_same = not differences(self.read_config(type(run_config)), run_config)
        return not is_same and self.goes_on_with(run_config) and _end(self.scores(type(run_config)), run_config) is None

    def start(
        self,
        run_config: Settings,
        flags_text: str,
        folder_flag: str = "run_name",
        results: Sequence[str] = ("metrics.json", "test_ranks.npz"),
    ) -> str:
        """Makes the folder, or checks that it holds a run of the same settings to go on with.

        Limits may differ. Those that let a run go on which had ended take the place of its own, and what it came to is
        removed, to be measured again.

        Args:
          run_config: the settings.
          flags_text: the command's flags.
          folder_flag: the flag that names another folder.
          results: names of the files that an ended run has; the first says that it has ended.

        Returns:
          The limits that differ from those it was begun with, to be read; "" where none do.

        Raises:
          ConfigError: it holds a run of other settings, or one that has come farther than its new limits allow.
        """
        changed = {}
        if self.config_json.exists():
            changed = differences(self.read_config(type(run_config)), run_config)
            if not self.goes_on_with(run_config):
                free = limits.names(run_config.train)
                named = {name: text for name, text in changed.items() if name not in free} or changed
                raise ConfigError(
                    f"{self.path} holds a run with other settings ({', '.join(named.values())}); give another "
                    f"--{folder_flag} or remove it"
                )
            has_ended = (self.path / results[0]).exists() and not self.has_more_epochs(run_config)
            if not changed or has_ended:
                return ", ".join(changed.values())
            for name in results:
                (self.path / name).unlink(missing_ok=True)
        atomic_files.write_text(self.flags_txt, flags_text)
        atomic_files.write_text(self.config_json, run_config.to_json())
        return ", ".join(changed.values())

    def scores(self, kind: type[Settings] = RunConfig) -> list[float]:
        """What each epoch so far was judged by, the more the better; none before the first.

        Args:
          kind: what the settings are.

        Raises:
          WorkspaceError: history.json is damaged.
        """
        if not self.history_json.exists():
            return []
        val = PERPLEXITY if issubclass(kind, CaptionerRunConfig) else _SUM_OF_RECALLS
        return [limits.score(row["val"]) for row in self.read_history(val)]

    def read_measured_config(self) -> MeasuredConfig:
        """Reads config.json of a run of cmr.train or of cmr.compare.

        Raises:
          WorkspaceError: as of `read_config`.
        """
        return self.read_config(ComparatorRunConfig if self._kind() is ComparatorRunConfig else RunConfig)

    def _kind(self) -> type[Settings]:
        """Whose settings config.json holds; those of cmr.train where there is none."""
        return _kind_of(self._values()) if self.config_json.exists() else RunConfig

    def _values(self) -> dict:
        """config.json, of whatever kind."""
        return json_files.read_workspace_json(self.config_json, Record({}), self._mend)

    @property
    def _mend(self) -> str:
        return f"remove {self.path} and train again"

    def read_config(self, kind: type[Kept] = RunConfig) -> Kept:
        """Reads config.json.

        Args:
          kind: what the settings are.

        Raises:
          WorkspaceError: the folder holds no run, one of another command, or one of another version.
        """
        if not self.config_json.exists():
            raise WorkspaceError(f"{self.path} holds no run (config.json is missing); train one with {_COMMANDS[kind]}")
        values = self._values()
        held = _kind_of(values)
        if held is not kind:
            raise WorkspaceError(
                f"{self.path} holds a run of {_COMMANDS[held]}, not of {_COMMANDS[kind]}; give another folder"
            )
        json_files.check(self.config_json, values, json_kinds.of_dataclass(kind), WorkspaceError, self._mend)
        return kind.from_json(json.dumps(values))

    def seal_best_weights(self) -> None:
        """Writes best.sha256, the sum of best.weights.h5 as `sha256sum -c` reads it."""
        digest = files_sha256([self.best_weights])
        atomic_files.write_text(self.best_sha256, f"{digest}  {self.best_weights.name}\n")

    def check_best_weights(self) -> None:
        """Refuses best.weights.h5 when it is not what training wrote; runs of older versions have no sum of it.

        Raises:
          WorkspaceError: the file is missing, or another than its sum says.
        """
        try:
            digest = files_sha256([self.best_weights])
            is_whole = not self.best_sha256.exists() or self.best_sha256.read_bytes().startswith(digest.encode())
        except OSError:
            is_whole = False
        if not is_whole:
            raise WorkspaceError(
                f"{self.best_weights} is missing or damaged; remove {self.path} and train the run again"
            )

    def write_metrics(self, metrics: Mapping) -> None:
        """Writes metrics.json, the last file of a run: its presence means that the run is finished."""
        json_files.write_json(self.metrics_json, metrics, sort_keys=True)

    def read_metrics(self) -> dict:
        """Reads metrics.json.

        Raises:
          WorkspaceError: there is no run, it is not finished, or the file is damaged.
        """
        if not self.metrics_json.exists() and not self.config_json.exists():
            raise WorkspaceError(f"{self.path} holds no run; where one was removed, write again what names it")
        if not self.metrics_json.exists():
            raise WorkspaceError(
                f"{self.path} is not finished (metrics.json is missing); the command that began it goes on with it: "
                f"{self.command}"
            )
        mend = f"remove it, and {self._module} writes it again"
        return json_files.read_workspace_json(self.metrics_json, _METRICS, mend)

    @property
    def has_answers(self) -> bool:
        """Whether it can say more of the test split than its ranks: by weights, or a comparator's scores."""
        return self.best_weights.exists() or self.similarities_npz("test").exists()

    @property
    def command(self) -> str:
        """The command that began it, and goes on with it."""
        return shell.python_command(self._module, f"--flagfile={self.flags_txt}")

    @property
    def _module(self) -> str:
        return _COMMANDS[self._kind()]

    def write_history(self, history: Sequence[Mapping]) -> None:
        """Writes history.json: an entry an epoch."""
        json_files.write_json(self.history_json, history, indent=1)

    def read_history(self, val: Kind = BOTH_DIRECTIONS) -> list[dict]:
        """Reads history.json.

        Args:
          val: what each entry holds under `val`.

        Raises:
          WorkspaceError: the file is missing or damaged.
        """
        kind = Listed(Record({"epoch": Whole(), "val": val}, {"loss": Number()}), at_least=1)
        return json_files.read_workspace_json(self.history_json, kind, f"remove {self.path} and train again")


def _kind_of(values: Mapping) -> type[Settings]:
    """Whose settings these are, by what only they have; those of cmr.train where nothing tells."""
    if "system" in values:
        return ComparatorRunConfig
    model = values.get("model")
    return CaptionerRunConfig if isinstance(model, Mapping) and "lstm_units" in model else RunConfig


def default_run(runs_dir: pathlib.Path, run_config: MeasuredConfig) -> Run:
    """The run of a command that names none: its own by the hash of its settings, or one that goes on with them.

    Args:
      runs_dir: folder of the data set's runs.
      run_config: the settings.
    """
    system = run_config.system
    own = Run(runs_dir / f"{system}-{run_config.short_hash()}")
    named = [path for path in sorted(runs_dir.glob(f"{system}-*")) if re.fullmatch("[0-9a-f]{8}", path.name[-8:])]
    others = [Run(path) for path in named if path.name == f"{system}-{path.name[-8:]}"]
    runs = [run for run in (own, *others) if _can_go_on(run, run_config)]
    if own in runs:
        return own
    return max(runs, key=lambda run: len(run.scores(type(run_config))), default=own)


def _can_go_on(run: Run, run_config: MeasuredConfig) -> bool:
    try:
        return run.goes_on_with(run_config)
    # A folder without a run, or one of another version.
    except WorkspaceError:
        return False


def _end(scores: Sequence[float], run_config: Settings) -> int | None:
    return limits.last_epoch(scores, run_config.train.max_epochs, run_config.train.patience)


def tuned_features_name(features: str) -> str:
    """Folder name of the features of a CNN that was trained further."""
    return f"{features}-finetuned"


def weights_sha256(run: Run) -> str:
    """SHA-256 of a run's best weights."""
    return files_sha256([run.best_weights])


def fingerprints_of(config: MeasuredConfig, metrics: Mapping[str, Any]) -> dict[str, Fingerprint]:
    """What a finished run has read, by name, as far as is known.

    Args:
      config: its settings.
      metrics: its metrics.json.
    """
    known = {each["sha256"]: Fingerprint.from_dict(each) for each in metrics.get("fingerprints", {}).values()}
    return {name: known.get(sha256, Fingerprint(sha256)) for name, sha256 in config.checksums.items()}


def differences(old: Settings, new: Settings, places: tuple[str, str] = ("there", "now")) -> dict[str, str]:
    """Settings that differ, by their dotted names, each as a text of both values.

    Args:
      old: settings.
      new: others of the same kind.
      places: where each of the two holds, behind its value.
    """
    return {
        name: f"{name}: {_shown(before)} {places[0]}, {_shown(after)} {places[1]}"
        for name, (before, after) in changed_settings(old, new).items()
    }


def _shown(value: Any) -> Any:
    return "none" if value in ("", None) else value


def changed_settings(old: Settings, new: Settings) -> dict[str, tuple[Any, Any]]:
    """Both values of the settings that differ, by their dotted names; None of one that a kind lacks."""
    before, after = (_flat(json.loads(value.to_json())) for value in (old, new))
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in changed}


def _flat(values: Mapping, prefix: str = "") -> dict:
    flat = {}
    for name, value in values.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value})
    return flat
