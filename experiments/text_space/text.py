"""The measured text spaces as a Markdown table."""

from collections.abc import Sequence

from experiments.tables import markdown
from experiments.text_space.measuring import MeasuredSpace

_HEADER = (
    "W_img",
    "dim",
    "effective rank of W_img",
    "of X_txt",
    "variance in 10 directions",
    "of X_img given back",
    "CCA: sentence R@1",
    "image R@1",
    "sum",
    "scaled equal: sentence R@1",
    "image R@1",
    "sum",
)


def table(spaces: Sequence[MeasuredSpace]) -> str:
    """A line a text space, as they come."""
    return markdown.aligned(_HEADER, [_line(space) for space in spaces])


def _line(space: MeasuredSpace) -> list[str]:
    recalls = [
        f"{value:.1f}"
        for both in (space.as_it_is, space.equalised)
        for value in (both.sentence_retrieval.recall_at_1, both.image_retrieval.recall_at_1, both.sum_of_recalls)
    ]
    return [
        space.name,
        str(space.dim),
        f"{space.map_rank:.0f}" if space.map_rank else "",
        f"{space.rank:.0f}",
        f"{100 * space.share_of_ten:.0f} %",
        f"{100 * space.variance_kept:.0f} %",
        *recalls,
    ]
