"""The arms of an ablation: a baseline row, and its variants, each a flagfile that holds only what it changes."""

import dataclasses
import pathlib
from collections.abc import Sequence

from cmr.config import ModelConfig
from cmr.errors import ConfigError
from experiments.trainings import train_flags
from experiments.trainings.training import Training, find_flagfile, with_seeds

# Flagfiles of experiments/ablations/, in the order of their rows: one factor at a time, but for negatives and the
# length of image embeddings, whose product is whole, since without unit images the margin only rescales. The values of
# the paper's fusion have no flagfile.
VARIANTS = (
    "negatives_batch",
    "negatives_hardest",
    "images_of_any_length",
    "negatives_batch_images_of_any_length",
    "negatives_hardest_images_of_any_length",
    "margin_02",
    "gru_reset_after",
    "embedding_linear",
    "embedding_raw",
    "embedding_random",
    "features_not_normalised",
    "model_single",
    "model_vse",
    "vse_on_image_features",
)


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
    """What an ablation compares.

    Attributes:
      baseline: what every variant is compared with.
      variants: each another setting.
      left_out: a sentence for each variant that changes nothing.
    """

    baseline: Arm
    variants: tuple[Arm, ...]
    left_out: tuple[str, ...]

    @property
    def trainings(self) -> list[Training]:
        """Those of all arms, the baseline's first."""
        return [training for arm in (self.baseline, *self.variants) for training in arm.trainings]


def plan(baseline: str, overlays: Sequence[str], variants: Sequence[str], seeds: int) -> Arms:
    """The arms of an ablation. Flags are read in this order: the baseline's, the overlays', the variant's.

    Args:
      baseline: flagfile of a row, by its path or its name below experiments/, such as `flickr8k/fusion`.
      overlays: flagfiles, likewise.
      variants: names of `VARIANTS`, or paths of other flagfiles.
      seeds: their number.

    Returns:
      The arms. A variant whose settings are the baseline's, or those of a variant before it, is left out: its
      runs would be trained twice and its difference compared for nothing.

    Raises:
      ConfigError: a flagfile is missing or can't be read, two rows have one name, a variant changes the data set, or
        none is left.
    """
    files = tuple(find_flagfile(name) for name in (baseline, *overlays))
    base = Training(files[0].stem, files)
    kept = [Arm(base.name, _baseline_sentence(*files), (), _of_seeds(base, seeds))]
    left_out = []
    known = [(base.name, _effect(base))]
    for path in map(_find_variant, variants):
        training = Training(path.stem, (*files, path))
        _check(training, base, [name for name, _ in known])
        equal = [name for name, effect in known if effect == _effect(training)]
        known.append((training.name, _effect(training)))
        if equal:
            left_out.append(f"{training.name} is left out: it trains what {equal[0]} trains.")
        else:
            flags = train_flags.given(path)
            kept.append(Arm(training.name, _first_comment(path) or " ".join(flags), flags, _of_seeds(training, seeds)))
    if len(kept) == 1:
        raise ConfigError(
            f"--variants={','.join(variants)} names nothing that differs from {baseline}; choose another of "
            f"{', '.join(VARIANTS)}"
        )
    return Arms(kept[0], tuple(kept[1:]), tuple(left_out))


def _find_variant(name: str) -> pathlib.Path:
    try:
        return find_flagfile(f"ablations/{name}" if name in VARIANTS else name)
    except ConfigError as error:
        raise ConfigError(
            f"--variants: {name} is unknown; choose from {', '.join(VARIANTS)}, or give the path of a flagfile"
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
