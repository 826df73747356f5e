"""The plot of a margin sweep, readable in grey: recalls on validation over the margin, with and without unit images.

    figure = margin_plot.draw(sweep.scores(True) + sweep.scores(False), chosen=0.2, title="flickr8k/fusion")
    figures.write(figure, folder / "margin_sweep.png")

Needs matplotlib (`pip install 'cmr[report]'`), through its figures alone: no window, no state of pyplot's.
"""

from collections.abc import Callable, Sequence

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from experiments.margin_sweep import points
from experiments.margin_sweep.points import MarginScore

# Lightness tells the two settings apart in print, and so do line and marker.
_STYLES = {
    True: {"color": "#123a7a", "linestyle": "-"},
    False: {"color": "#e08a2e", "linestyle": "--", "markerfacecolor": "white"},
}
_SETTINGS = {True: "unit images", False: "images as they are"}
_X_LABEL = "margin (cosine distance; without unit images, dot product)"

_SIZE_INCHES = (10.0, 4.4)


def draw(scores: Sequence[MarginScore], chosen: float | None, title: str) -> figure_lib.Figure:
    """Draws two panels: the sum of recalls, and R@1 of both directions.

    Args:
      scores: of every margin and setting, in any order.
      chosen: the margin to mark as chosen; None marks none.
      title: what was swept.
    """
    figure = figure_lib.Figure(figsize=_SIZE_INCHES, layout="constrained")
    figure.suptitle(f"Margin of the ranking loss, validation split: {title}", fontsize=11)
    sums, firsts = figure.subplots(1, 2)
    for panel in (sums, firsts):
        _mark_margins(panel, chosen)
    for image_norm, name in _SETTINGS.items():
        of_setting = sorted((s for s in scores if s.image_norm == image_norm), key=lambda score: score.margin)
        if not of_setting:
            continue
        _line(sums, of_setting, lambda score: score.sum_of_recalls, "o", name)
        _line(firsts, of_setting, lambda score: score.sentence_recall_at_1, "s", f"sentence retrieval, {name}")
        _line(firsts, of_setting, lambda score: score.image_recall_at_1, "^", f"image retrieval, {name}")
    sums.set_ylabel("sum of the six recalls (percent; 600 is perfect)")
    firsts.set_ylabel("R@1 (percent of the queries)")
    for panel in (sums, firsts):
        panel.set_xlabel(_X_LABEL)
        panel.grid(alpha=0.3)
        panel.margins(y=0.12)
    figure.legend(*_entries(sums, firsts), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _mark_margins(panel: axes_lib.Axes, chosen: float | None) -> None:
    paper = points.PAPER_MARGIN
    panel.axvline(paper, color="black", linestyle=":", linewidth=1.2, label=f"the paper's margin, {paper:g}")
    if chosen is not None:
        panel.axvline(chosen, color="black", alpha=0.15, linewidth=9, label=f"chosen here: {chosen:g}")


def _line(
    panel: axes_lib.Axes,
    scores: Sequence[MarginScore],
    value: Callable[[MarginScore], float],
    marker: str,
    label: str,
) -> None:
    margins = [score.margin for score in scores]
    values = [value(score) for score in scores]
    panel.plot(margins, values, marker=marker, markersize=6, label=label, **_STYLES[scores[0].image_norm])


def _entries(*panels: axes_lib.Axes) -> tuple[list, list[str]]:
    """Handles and labels of the legend, each label once."""
    handles = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    return list(handles.values()), list(handles)
