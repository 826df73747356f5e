"""A setting with its default, its reason and its range, from which its flag is made."""

import dataclasses
from typing import Any, ClassVar

# Settings that a run keeps as the course of its training, of which they are limits.
LIMITS = ("max_epochs", "patience")


def setting(
    default: Any,
    reason: str,
    *,
    lower: float | None = None,
    upper: float | None = None,
    choices: tuple[str, ...] = (),
    later: bool = False,
) -> Any:
    """A field of a dataclass of settings.

    Args:
      default: a str, bool, int or float: the paper's value where it names one, as `reason` says.
      reason: of the flag's help: what it is, its unit, and where the default comes from.
      lower: of numbers, the least.
      upper: of numbers, the greatest.
      choices: of texts, those that there are; a text without choices is a path, or a word that can stand for one.
      later: whether there were runs before it came, which its default describes: a run says another value alone.
    """
    metadata = {"reason": reason, "lower": lower, "upper": upper, "choices": choices, "later": later}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What every system has.

    Attributes:
      flag_prefix: its flags are `--<flag_prefix>_<field>`.
      title: of its flags' group in `--help`.
      reads: which features of a CNN: `pooled`, or the layer that their folder's name ends with: `grid4x4`, vectors of
        that many cells, or `predictions`.
      reads_grid: whether that is a vector for each of some cells or regions.
      notes: sentences for every table of what stands in for what its paper had.
    """

    flag_prefix: ClassVar[str]
    title: ClassVar[str]
    reads: ClassVar[str] = "pooled"
    reads_grid: ClassVar[bool] = False
    notes: ClassVar[tuple[str, ...]] = ()

    @property
    def takes_word_vectors(self) -> bool:
        """Whether it reads word vectors (`cmr.data.word_vectors`)."""
        return False

    @property
    def takes_captioner(self) -> bool:
        """Whether it reads a trained captioner, and the features that it takes."""
        return False

    @property
    def measured_images(self) -> int:
        """Images of test, the first ones, that are measured; 0: all of them."""
        return 0

    @property
    def measured_val_images(self) -> int:
        """Likewise of val."""
        return 0

    @property
    def max_epochs(self) -> int:
        """Epochs at most; 0 for a system that is fitted at once."""
        return 0

    @property
    def patience(self) -> int:
        """Epochs without a better validation before training stops."""
        return 0


def unsaid(settings: Settings) -> frozenset[str]:
    """Names of the settings that came later and have their default: runs are recognised without them."""
    fields = dataclasses.fields(settings)
    return frozenset(
        field.name for field in fields if field.metadata.get("later") and getattr(settings, field.name) == field.default
    )


def said(settings: Settings) -> dict[str, Any]:
    """The others with their values, as a run keeps them."""
    without = unsaid(settings)
    return {name: value for name, value in dataclasses.asdict(settings).items() if name not in without}


@dataclasses.dataclass(frozen=True)
class NeuralSettings(Settings):
    """What the shared trainer needs; a system's own class has its own values."""

    batch_size: int = setting(100, "Sentences a step.", lower=2)
    learning_rate: float = setting(1e-3, "Adam's rate.", lower=0.0)
    clip_norm: float = setting(5.0, "Global norm to which the gradient is clipped.", lower=1e-6)
    max_epochs: int = setting(20, "Epochs at most.", lower=1)
    patience: int = setting(3, "Epochs without a better validation sum of recalls before training stops.", lower=1)
    val_images: int = setting(
        0, "Validation images, the first ones, by which epochs are judged; 0: all of them.", lower=0
    )
