"""The plot of X_txt's variances, direction by direction, of each kind of W_img; readable in grey."""

from collections.abc import Sequence

from matplotlib import figure as figure_lib

from experiments.text_space.measuring import MeasuredSpace

# Lightness and line tell them apart in print.
_STYLES = (
    {"color": "#123a7a", "linestyle": "-"},
    {"color": "#e08a2e", "linestyle": "--"},
    {"color": "#7a7a7a", "linestyle": ":"},
    {"color": "#4f9d69", "linestyle": "-."},
)


def draw(spaces: Sequence[MeasuredSpace], title: str) -> figure_lib.Figure:
    """Draws the variances as shares of their sum, falling, on a logarithmic scale.

    Args:
      spaces: up to four.
      title: what was measured.
    """
    figure = figure_lib.Figure(figsize=(7.0, 4.4), layout="constrained")
    panel = figure.subplots()
    for space, style in zip(spaces, _STYLES, strict=False):
        shares = space.variances / space.variances.sum()
        label = f"{space.name} ({space.dim}-d, effective rank {space.rank:.0f})"
        panel.plot(range(1, len(shares) + 1), shares, label=label, linewidth=1.8, **style)
    panel.set_yscale("log")
    panel.set_ylim(bottom=1e-6)
    panel.set_xlabel("direction of X_txt, by falling variance")
    panel.set_ylabel("share of the variance")
    panel.set_title(f"What W_img leaves of an image: {title}", fontsize=11)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=9)
    return figure
