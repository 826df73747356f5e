"""Plots of how the runs of a row learnt: the loss and the validation recalls over the epochs, a thin line a seed.

Needs matplotlib (`pip install 'cmr[report]'`), through its figures alone: no window, no state of pyplot's.
"""

from collections.abc import Callable, Sequence

from matplotlib import figure as figure_lib
from matplotlib import ticker
from matplotlib.axes import Axes

from experiments.tables import table
from experiments.trainings.results import RunResult

_SIZE_INCHES = (3.4, 2.5)
_FONT_SIZE = 8
_LOSS_COLOUR = "#333333"
# Line and lightness tell them apart in print.
_RECALLS = {
    "recall_at_10": ("R@10", {"color": "#c8781e", "linestyle": ":"}),
    "recall_at_5": ("R@5", {"color": "#2e8b73", "linestyle": "--"}),
    "recall_at_1": ("R@1", {"color": "#123a7a", "linestyle": "-"}),
}
_DIRECTIONS = dict(zip(table.DIRECTIONS, table.DIRECTION_TITLES, strict=True))


def draw(results: Sequence[RunResult]) -> dict[str, figure_lib.Figure]:
    """Draws the runs of one row.

    Args:
      results: its runs.

    Returns:
      A small figure for each of the loss, sentence retrieval and image retrieval, by what it shows. A dot is the epoch
      whose weights were kept.
    """
    figures = {"loss (mean of a step)": _loss(results)}
    for direction, title in _DIRECTIONS.items():
        figures[f"validation, {title}"] = _recalls(results, direction)
    return figures


def _loss(results: Sequence[RunResult]) -> figure_lib.Figure:
    figure, panel = _panel("loss (mean of a step)")
    for result in results:
        _line(panel, result, lambda entry: entry["loss"], {"color": _LOSS_COLOUR})
    # The first epoch's loss is many times the last one's.
    panel.set_yscale("log")
    _label_log_axis(panel)
    return figure


def _recalls(results: Sequence[RunResult], direction: str) -> figure_lib.Figure:
    figure, panel = _panel(f"{_DIRECTIONS[direction]}, % (validation)")
    for name, (title, style) in _RECALLS.items():
        for number, result in enumerate(results):
            label = title if number == 0 else None
            _line(panel, result, lambda entry, name=name: entry["val"][direction][name], style, label)
    panel.set_ylim(bottom=0)
    # Beneath the panel, where no curve can go.
    figure.legend(fontsize=_FONT_SIZE - 1, frameon=False, ncols=3, loc="outside lower center")
    return figure


def _label_log_axis(panel: Axes) -> None:
    """Puts labels on the vertical axis: within a decade 1, 2 and 5 may all lie outside, and even steps never do."""
    low, high = panel.get_ylim()
    steps = ticker.LogLocator(subs=(1, 2, 5)) if high > 10 * low else ticker.MaxNLocator(nbins=5, min_n_ticks=3)
    panel.yaxis.set_major_locator(steps)
    panel.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    panel.yaxis.set_minor_formatter(ticker.NullFormatter())


def _panel(title: str) -> tuple[figure_lib.Figure, Axes]:
    figure = figure_lib.Figure(figsize=_SIZE_INCHES, layout="constrained")
    panel = figure.subplots()
    panel.set_title(title, fontsize=_FONT_SIZE + 1)
    panel.set_xlabel("epoch", fontsize=_FONT_SIZE)
    panel.tick_params(labelsize=_FONT_SIZE)
    panel.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    return figure, panel


def _line(panel, result: RunResult, value: Callable[[dict], float], style: dict, label: str | None = None) -> None:
    epochs = [entry["epoch"] for entry in result.history]
    values = [value(entry) for entry in result.history]
    panel.plot(epochs, values, linewidth=1.1, label=label, **style)
    kept = epochs.index(result.best_epoch)
    panel.plot(epochs[kept], values[kept], marker="o", markersize=3, color=style["color"])
