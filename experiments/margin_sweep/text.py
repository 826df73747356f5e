"""What a margin sweep says in words: its points as a table, the choice, how much the margin matters."""

from collections.abc import Sequence

from experiments.margin_sweep.points import PAPER_MARGIN, MarginScore, Point, Sweep

_NORMS = {True: "unit", False: "as is"}
_RESCALES = (
    "With images as they are the margin only rescales in theory: a map and a margin k times as large give k times the "
    "loss. Adam and the scale that training begins with do not scale along."
)


def sweep_text(sweep: Sweep) -> str:
    """All of it, to be printed."""
    parts = [points_table(sweep.points), *findings(sweep)]
    return "\n\n".join(parts)


def points_table(points: Sequence[Point]) -> str:
    """A line a run."""
    lines = [
        f"{'':28}{'sentence retrieval':^22}{'image retrieval':^22}",
        f"margin  image  seed   epoch{'R@1    R@5   R@10':>21} {'R@1    R@5   R@10':>21}      sum",
    ]
    lines.append("-" * len(lines[-1]))
    for point in points:
        setting, val = point.setting, point.validation
        directions = val.sentence_retrieval, val.image_retrieval
        recalls = ["".join(f"{value:7.1f}" for value in direction.recalls) for direction in directions]
        lines.append(
            f"{setting.margin:<8g}{_NORMS[setting.image_norm]:5}{setting.seed:6}{point.epoch:8}"
            f"{recalls[0]} {recalls[1]}{val.sum_of_recalls:9.1f}"
        )
    return "\n".join(lines)


def findings(sweep: Sweep) -> list[str]:
    """What was measured, a paragraph each: where the numbers are from, the choice, how much the margin matters."""
    overlays = f" with {', '.join(sweep.overlays)}" if sweep.overlays else ""
    paragraphs = [
        f"Row {sweep.row}{overlays}, validation split of {sweep.dataset}, best epoch of each run. The test split is "
        "not looked at: what cmr.train measures on it at the end of a run is not read here.",
        _choice(sweep.choice),
    ]
    spreads = [_spread(scores) for norm in (True, False) if len(scores := sweep.scores(norm)) > 1]
    if spreads:
        paragraphs.append("\n".join(spreads))
    if sweep.scores(image_norm=False):
        paragraphs.append(_RESCALES)
    return paragraphs


def _choice(choice: MarginScore | None) -> str:
    if choice is None:
        return "No margin is chosen: that takes runs with unit image vectors (--image_norm=true)."
    seeds = f", mean over {choice.seeds} seeds" if choice.seeds > 1 else ", one seed"
    return (
        f"Chosen: margin {choice.margin:g}, sum of recalls {choice.sum_of_recalls:.1f}{seeds}. "
        f"The paper chose {PAPER_MARGIN:g}."
    )


def _spread(scores: Sequence[MarginScore]) -> str:
    best = max(scores, key=lambda score: score.sum_of_recalls)
    worst = min(scores, key=lambda score: score.sum_of_recalls)
    images = "unit images" if best.image_norm else "images as they are"
    return (
        f"With {images} in the loss, over {len(scores)} margins the sum of recalls goes from "
        f"{worst.sum_of_recalls:.1f} (margin {worst.margin:g}) to {best.sum_of_recalls:.1f} (margin {best.margin:g}), "
        f"a range of {best.sum_of_recalls - worst.sum_of_recalls:.1f}."
    )
