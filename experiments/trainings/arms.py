"""The arms of an experiment: a baseline row, and its variants, each a flagfile that holds only what it changes."""

import dataclasses
import pathlib
from collections.abc import Sequence

from absl.flags import FlagValues

from cmr.cli.flagfiles import find_flagfile
from cmr.config import ModelConfig
from cmr.errors import ConfigError
from experiments.trainings import plan, results, train_flags
from experiments.trainings.results import RowResult
from experiments.trainings.training import Training, with_seeds


@dataclasses.dataclass(frozen=True)
class Arm:
    """The baseline or a variant of it.

    Attributes:
      name: its row's.
      description: a sentence; the first line of a variant's flagfile.
      flags: what a variant changes, such as `--negatives=batch`; the baseline changes nothing.
      trainings: one a seed.
    """

    name: str
    description: str
    flags: tuple[str, ...]
    trainings: tuple[Training, ...]


@dataclasses.dataclass(frozen=True)
class Arms:
    """What an experiment compares.

    Attributes:
      baseline: what every variant is compared with.
      variants: each another setting.
      left_out: a sentence for each variant that changes nothing.
    """

    baseline: Arm
    variants: tuple[Arm, ...]
    left_out: tuple[str, ...]

    @property
    def all(self) -> tuple[Arm, ...]:
        """The baseline, then its variants."""
        return (self.baseline, *self.variants)

    @property
    def trainings(self) -> list[Training]:
        """Those of all arms, the baseline's first."""
        return [training for arm in self.all for training in arm.trainings]

    def read_rows(self, workspace_dir: pathlib.Path) -> list[RowResult]:
        """Reads the finished runs, a row an arm.

        Raises:
          WorkspaceError: a run is not finished, or two were trained on different versions of an input.
        """
        rows = [results.read_trained_row(arm.name, arm.trainings, workspace_dir) for arm in self.all]
        results.check_same_inputs(rows)
        return rows


@dataclasses.dataclass(frozen=True)
class TrainedArms:
    """Arms with their finished runs.

    Attributes:
      arms: what is compared.
      rows: of each arm, the baseline's first.
      experiments_dir: folder of the data set that what is made of them goes into.
    """

    arms: Arms
    rows: list[RowResult]
    experiments_dir: pathlib.Path


def train_from_flags(values: FlagValues, folder: str, known: Sequence[str]) -> TrainedArms | None:
    """Plans the arms that the flags ask for, trains what is missing and reads all; with `--dry_run` prints it alone.

    Args:
      values: parsed flags, --row, --variants and --seeds, and those of preparation and trainings.
      folder: of the experiment's flagfiles.
      known: names of its variants.

    Returns:
      The trained arms; None with `--dry_run`.

    Raises:
      CmrError: see `plan` and `plan.carry_out`.
    """
    arms = plan_arms(values.row, values.overlay, values.variants, values.seeds, folder, known)
    for sentence in arms.left_out:
        print(f"# {sentence}" if values.dry_run else sentence)
    if not values.dry_run:
        print(f"the baseline and {len(arms.variants)} variants, {values.seeds} runs of each", flush=True)
    if not plan.follow_flags(values, arms.trainings):
        return None
    workspace_dir = pathlib.Path(values.workspace_dir)
    experiments_dir = arms.trainings[0].workspace(workspace_dir).experiments_dir
    return TrainedArms(arms, arms.read_rows(workspace_dir), experiments_dir)


def plan_arms(
    row: str, overlays: Sequence[str], variants: Sequence[str], seeds: int, folder: str, known: Sequence[str]
) -> Arms:
    """The arms of an experiment. Flags are read in this order: the baseline's, the overlays', the variant's.

    Args:
      row: flagfile of the baseline, by its path or its name below experiments/flagfiles/, such as `flickr8k/fusion`.
      overlays: flagfiles, likewise.
      variants: names of `known`, or paths of other flagfiles.
      seeds: their number.
      folder: of experiments/flagfiles/, that holds the flagfiles of `known`.
      known: names of the experiment's own variants.

    Returns:
      The arms. A variant whose values are the baseline's, or those of a variant before it, is left out: its
      runs would be trained twice and its difference compared for nothing.

    Raises:
      ConfigError: a flagfile is missing or can't be read, two rows have one name, a variant changes the data set, or
        none is left.
    """
    files = tuple(find_flagfile(name) for name in (row, *overlays))
    base = Training(files[0].stem, files)
    if "system" in base.values:
        raise ConfigError(f"--row={row} is a row of {train_flags.COMPARE}; give one of {train_flags.TRAIN}")
    kept = [Arm(base.name, _baseline_sentence(*files), (), _of_seeds(base, seeds))]
    left_out = []
    planned = [(base.name, _effect(base))]
    for path in [_find_variant(name, folder, known) for name in variants]:
        training = Training(path.stem, (*files, path))
        _check(training, base, [name for name, _ in planned])
        equal = [name for name, effect in planned if effect == _effect(training)]
        planned.append((training.name, _effect(training)))
        if equal:
            left_out.append(f"{training.name} is left out: it trains what {equal[0]} trains.")
        else:
            flags = train_flags.given(path)
            kept.append(Arm(training.name, _first_comment(path) or " ".join(flags), flags, _of_seeds(training, seeds)))
    if len(kept) == 1:
        raise ConfigError(
            f"--variants={','.join(variants)} names nothing that differs from {row}; choose another of "
            f"{', '.join(known)}"
        )
    return Arms(kept[0], tuple(kept[1:]), tuple(left_out))


def _find_variant(name: str, folder: str, known: Sequence[str]) -> pathlib.Path:
    try:
        return find_flagfile(f"{folder}/{name}" if name in known else name)
    except ConfigError as error:
        raise ConfigError(
            f"--variants: {name} is unknown; choose from {', '.join(known)}, or give the path of a flagfile"
        ) from error


def _check(training: Training, base: Training, names: Sequence[str]) -> None:
    if training.name in names:
        raise ConfigError(f"two rows have the name {training.name}; rename {training.flagfiles[-1]}")
    if training.dataset != base.dataset:
        raise ConfigError(
            f"{training.flagfiles[-1]} changes --dataset to {training.dataset}; give one of {base.dataset}"
        )


def _effect(training: Training) -> dict[str, object]:
    """The values that count for its kind of model."""
    values = train_flags.counting(training.values)
    if not ModelConfig(training.values.model, 0, 0, 0).reads_image_features:
        del values["image_embedding"]
    return values


def _of_seeds(training: Training, seeds: int) -> tuple[Training, ...]:
    return tuple(with_seeds(training, seeds))


def _baseline_sentence(row: pathlib.Path, *overlays: pathlib.Path) -> str:
    read_after = f", with {', '.join(path.stem for path in overlays)}" if overlays else ""
    return f"The baseline: {row.parent.name}/{row.stem}{read_after}."


def _first_comment(path: pathlib.Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
