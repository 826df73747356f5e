"""What TensorBoard's HParams page compares the runs of a workspace by: their settings, and their best validation."""

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from cmr.config import LOSSES, MODELS, NEGATIVES, TEXT_SPACES, RunConfig
from cmr.evaluation import metrics
from cmr.evaluation.metrics import BothDirections

_NO_TEXT_SPACE = "not used"
_SUM = "best/sum_of_recalls"

# The settings on the page, with their choices; None: any number. TensorBoard sorts them with capitals first, and hides
# all but the first five until they are ticked.
_COLUMNS = {
    "Model": MODELS,
    "W_img": (*TEXT_SPACES, _NO_TEXT_SPACE),
    "Loss": LOSSES,
    "Margin": None,
    "Negatives": NEGATIVES,
    "batch_size": None,
    "learning_rate": None,
    "gru_units": None,
    "word_dim": None,
    "text_space_dim": None,
    "seed": None,
}


def settings_of(run_config: RunConfig) -> dict[str, str | int | float]:
    """The settings in which runs differ most, by their names on the page; the margin only where the loss has one."""
    model, train = run_config.model, run_config.train
    settings = {
        "Model": model.model,
        "W_img": _text_space_kind(run_config.text_space),
        "Loss": train.loss,
        "Margin": train.margin,
        "Negatives": train.negatives,
        "batch_size": train.batch_size,
        "learning_rate": train.learning_rate,
        "gru_units": model.gru_units,
        "word_dim": model.word_dim,
        "text_space_dim": model.text_space_dim,
        "seed": train.seed,
    }
    if train.loss != "hinge":
        del settings["Margin"]
    return settings


def title(run_config: RunConfig) -> str:
    """One line that tells a run from others: `fusion, W_img linear, hinge, margin 0.7, epoch negatives, seed 0`."""
    settings = settings_of(run_config)
    margin = [f"margin {settings['Margin']:g}"] if "Margin" in settings else []
    parts = [settings["Model"]]
    parts += [] if settings["W_img"] == _NO_TEXT_SPACE else [f"W_img {settings['W_img']}"]
    parts += [settings["Loss"], *margin, f"{settings['Negatives']} negatives", f"seed {settings['seed']}"]
    return ", ".join(map(str, parts))


def write_session(run_config: RunConfig, run_name: str) -> None:
    """Writes a run's settings to the default summary writer.

    Args:
      run_config: of the run.
      run_name: of its folder, which keeps apart runs that differ in what the page does not show.
    """
    # TensorBoard takes the page's columns from whichever run it meets first, so every run brings the same.
    columns = [hp.HParam(name, values and hp.Discrete(values)) for name, values in _COLUMNS.items()]
    shown = [(_SUM, "best sum of recalls")]
    shown += [(_recall_tag(direction), f"best {direction.replace('_', ' ')} R@1") for direction in metrics.DIRECTIONS]
    hp.hparams_config(columns, [hp.Metric(tag, display_name=name) for tag, name in shown])
    hp.hparams(settings_of(run_config), trial_id=f"{run_name}: {title(run_config)}")


def write_best(measured: BothDirections) -> None:
    """Writes the numbers of the best validation so far to the default summary writer."""
    tf.summary.scalar(_SUM, measured.sum_of_recalls)
    for direction in metrics.DIRECTIONS:
        tf.summary.scalar(_recall_tag(direction), getattr(measured, direction).recall_at_1)


def _recall_tag(direction: str) -> str:
    return f"best/{direction}_recall_at_1"


def _text_space_kind(origin: str) -> str:
    """Which of `TEXT_SPACES` an origin of `RunConfig.text_space` is; a checksum is that of a captioner's."""
    if not origin:
        return _NO_TEXT_SPACE
    kind = origin.partition(",")[0]
    return kind if kind in TEXT_SPACES else "captioner"
