"""The table of recalls that a command prints at its end: what was measured, beside the paper's numbers as printed."""

import csv
import dataclasses
import functools
import pathlib
import textwrap
from collections.abc import Sequence

from cmr.evaluation.bootstrap import Interval, OfMetrics
from cmr.evaluation.metrics import METRICS, RECALLS_AT, BothDirections

WIDTH = 110

# A user's own data set or one of tensorflow-datasets goes by its name.
DATASET_TITLES = {"flickr8k": "Flickr8K", "flickr30k": "Flickr30K", "mscoco": "MSCOCO"}
# Names in the paper's tables of a model of ours or of a comparator; that of Flickr8K's table is the shorter one.
PAPER_SYSTEMS = {
    "vse": ("VSE",),
    "single": ("Ours_single",),
    "fusion": ("Ours_fusion",),
    "devise": ("DeViSE",),
    "m_rnn": ("m-RNN", "m-RNN-vgg"),
    "deep_fragment": ("Deep Fragment",),
    "dvsa": ("DVSA",),
    "dcca": ("DCCA",),
    "m_cnn_wd": ("m-CNN_wd",),
    "m_cnn_phs": ("m-CNN_phs",),
    "m_cnn_phl": ("m-CNN_phl",),
    "m_cnn_st": ("m-CNN_st",),
    "m_cnn_ens": ("m-CNN_ENS",),
    "fv": ("FV(GMM+HGLMM)",),
}
RANDOM_SYSTEM = "Random Ranking"

# What the paper uses in each role, and the networks whose features may pass for it ("" is imported ones, whose importer
# says what they are).
_ROLES = {
    "VGG features": ("VGG16 fc7", ("vgg16", "vgg19", "")),
    "image features": ("Inception v3", ("inception_v3", "hub", "")),
}

# Of fewer candidates than this many times k, chance alone finds the right one often.
_CANDIDATES_PER_K = 10
# With fewer, a single query moves a recall by more than a point.
_ENOUGH_QUERIES = 100

_COLUMNS = ("R@1", "R@5", "R@10", "Med r", "mean r")
# 100.00 and a space.
_COLUMN_WIDTHS = (7, 7, 7, 6, 8)
_LABEL_WIDTH = len(f"{RANDOM_SYSTEM} (paper, as printed)")
_SEPARATOR = "  | "

_RANDOM_FOOTNOTE = (
    "The paper's random row is one simulated draw (631); over 1,000 images with 5 sentences each the exact values are "
    "0.10 / 0.50 / 1.00 and 647 for sentence retrieval."
)
# What paper_tables.csv can't say of a row, by data set and system.
_FOOTNOTES = {
    ("flickr8k", RANDOM_SYSTEM): _RANDOM_FOOTNOTE,
    ("flickr30k", RANDOM_SYSTEM): _RANDOM_FOOTNOTE,
    ("mscoco", RANDOM_SYSTEM): _RANDOM_FOOTNOTE,
    ("flickr8k", "VSE"): (
        "The paper quotes VSE's paper here; VSE's repository reports 22.3 48.7 59.8 6 | 14.9 38.3 51.6 10 for its code "
        "(VGG19, one crop)."
    ),
    ("flickr30k", "VSE"): (
        "The paper quotes VSE's paper here; VSE's repository reports 29.8 58.4 70.5 4 | 22.0 47.9 59.3 6 for its code "
        "(VGG19, one crop)."
    ),
    ("mscoco", "VSE"): "The paper quotes VSE's repository here.",
    ("mscoco", "m-RNN-vgg"): "m-RNN-vgg's 42.2 is printed so; it is probably an old typo.",
}


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """One system's row of one of the paper's tables, every number as printed.

    Attributes:
      system: its name there.
      sentence_retrieval: R@1, R@5, R@10, Med r of image queries.
      image_retrieval: likewise of sentence queries.
    """

    system: str
    sentence_retrieval: tuple[str, ...]
    image_retrieval: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class SplitCounts:
    """What the numbers were measured on: a split's name, its images and its sentences."""

    split: str
    images: int
    captions: int


@functools.cache
def paper_table(dataset: str) -> tuple[PaperRow, ...]:
    """The paper's table of a data set in its own order; empty where it has none (scenes).

    Read from paper_tables.csv: columns table, dataset, system, then sentence_ and image_ r1, r5, r10, med_r as text.
    """
    with open(pathlib.Path(__file__).with_name("paper_tables.csv"), encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["dataset"] == dataset]
    return tuple(
        PaperRow(
            line["system"],
            *(tuple(line[f"{way}_{name}"] for name in ("r1", "r5", "r10", "med_r")) for way in ("sentence", "image")),
        )
        for line in lines
    )


def dataset_title(dataset: str) -> str:
    """A data set's name as papers write it; one's own goes by its name here."""
    return DATASET_TITLES.get(dataset, dataset)


def paper_row(dataset: str, model: str) -> PaperRow | None:
    """The paper's row for a model of ours or a comparator; None where its table of the data set has none."""
    rows = (_row_of(dataset, system) for system in PAPER_SYSTEMS.get(model, ()))
    return next((row for row in rows if row is not None), None)


def printed_rows(dataset: str, system: str) -> list[PaperRow]:
    """The paper's rows to print above what a system does on its test split: chance, and the same system's."""
    return [row for row in (_row_of(dataset, RANDOM_SYSTEM), paper_row(dataset, system)) if row is not None]


def footnotes(dataset: str, systems: Sequence[str]) -> list[str]:
    """What a reader of the paper's rows of these systems has to know."""
    return [_FOOTNOTES[dataset, system] for system in systems if (dataset, system) in _FOOTNOTES]


def describe_features(vgg: dict | None, image: dict | None) -> str:
    """Names the features behind the numbers, stand-ins as such.

    Args:
      vgg: extractor.json of X_vgg's features; None where the model does not read them.
      image: likewise of X_img's.

    Returns:
      Such as `VGG features vgg16-pool5_avg: stands in for VGG16 fc7; image features inception_v3`.
    """
    stood_for = {each["role"]: f": stands in for {each['for']}" for each in stand_ins(vgg, image)}
    return "; ".join(
        f"{role} {extractor['name']}{stood_for.get(role, '')}" for role, extractor in _in_roles(vgg, image).items()
    )


def stand_ins(vgg: dict | None, image: dict | None) -> list[dict[str, str]]:
    """The features that stand in for the paper's, as metrics.json keeps them.

    Args:
      vgg: as of `describe_features`.
      image: likewise.

    Returns:
      Such as `{"features": "vgg16-pool5_avg", "role": "VGG features", "for": "VGG16 fc7"}`, at most one a role.
    """
    return [
        {"features": extractor["name"], "role": role, "for": _stood_for(role, extractor)}
        for role, extractor in _in_roles(vgg, image).items()
        if _stood_for(role, extractor)
    ]


def _stood_for(role: str, extractor: dict) -> str:
    """What features stand in for; "" where they are what they should be."""
    if "cells" in extractor or extractor.get("layer") == "predictions":
        # No model of ours reads these: the papers that do have others in their place.
        return extractor["stand_in"]
    of_paper, models = _ROLES[role]
    # Features may be used in a role that they were not extracted for.
    return of_paper if extractor["stand_in"] or extractor["model"] not in models else ""


def _in_roles(vgg: dict | None, image: dict | None) -> dict[str, dict]:
    return {role: extractor for role, extractor in zip(_ROLES, (vgg, image), strict=True) if extractor is not None}


def describe_splits(protocol: str, splits: Sequence[SplitCounts]) -> str:
    """Says what was trained and measured on, such as `Splits (the official split lists): train 6,000 images, ...`.

    Args:
      protocol: how the images came to their splits; "" where nobody says.
      splits: their sizes.
    """
    sizes = "; ".join(f"{each.split} {each.images:,} images, {each.captions:,} sentences" for each in splits)
    return f"Splits{f' ({protocol})' if protocol else ''}: {sizes}."


def small_gallery_notes(counts: SplitCounts, folds: int = 1) -> list[str]:
    """Says which numbers mean little because the split is small; nothing where it is large enough.

    Args:
      counts: of the split measured on.
      folds: equal parts of it whose numbers are averaged.
    """
    notes = []
    candidates = {"sentence retrieval": (counts.captions, "sentences"), "image retrieval": (counts.images, "images")}
    easy = []
    for direction, (size, what) in candidates.items():
        in_fold = size // folds
        recalls = [f"R@{k}" for k in RECALLS_AT if k * _CANDIDATES_PER_K >= in_fold]
        if recalls:
            easy.append(f"{', '.join(recalls)} of {direction} ({in_fold:,} {what} to choose from)")
    if easy:
        notes.append(
            f"The gallery is too small for {' and '.join(easy)} to mean much: a tenth of it or more counts as a hit."
        )
    queries = {"image": counts.images, "sentence": counts.captions}
    few = [f"{count} {what} queries" for what, count in queries.items() if count < _ENOUGH_QUERIES]
    if few:
        notes.append(
            f"{' and '.join(few)} are too few for a number of theirs to mean much: one of them moves a recall by "
            "more than a point."
        )
    return notes


def format_results(
    dataset: str,
    model: str,
    metrics: BothDirections,
    intervals: OfMetrics[Interval],
    random: BothDirections,
    counts: SplitCounts,
    features_note: str,
    notes: Sequence[str] = (),
    printed: Sequence[PaperRow] = (),
) -> str:
    """The table, for a terminal or a Markdown code block, at most `WIDTH` columns wide.

    Args:
      dataset: its name.
      model: name of what was measured.
      metrics: what was measured.
      intervals: 95% intervals of it, of `bootstrap.intervals`.
      random: `metrics.random_ranking` of the very same images and sentences.
      counts: of the split measured on.
      features_note: as `describe_features` writes it.
      notes: further sentences to print beneath.
      printed: rows of the paper to print above, of `printed_rows`.

    Returns:
      Lines without a closing newline: title, header, one row a system, then the notes. The paper prints no mean rank.
    """
    lines = [
        f"{model} on {dataset_title(dataset)}, {counts.split} split (recalls in percent)",
        "",
        _line("", ["sentence retrieval".center(sum(_COLUMN_WIDTHS))], ["image retrieval".center(sum(_COLUMN_WIDTHS))]),
        _row("", _COLUMNS, _COLUMNS),
        "-" * len(_row("", _COLUMNS, _COLUMNS)),
        # Two decimals: with one, 0.05 and 0.14 would both read 0.1.
        _row("Random ranking (exact)", *_both(random, decimals=2)),
        *(
            _row(f"{row.system} (paper, as printed)", (*row.sentence_retrieval, "-"), (*row.image_retrieval, "-"))
            for row in printed
        ),
        _row(f"{model} (measured here)", *_both(metrics, decimals=1)),
        *(_row(f"  95% interval, {end}", *_bounds(intervals, end)) for end in ("low", "high")),
        "",
        *_wrapped(f"{counts.split} split: {counts.images:,} images, {counts.captions:,} sentences."),
        *_wrapped(f"Features: {features_note}."),
    ]
    for note in (*footnotes(dataset, [row.system for row in printed]), *notes):
        lines.extend(_wrapped(note))
    return "\n".join(lines)


def _row_of(dataset: str, system: str) -> PaperRow | None:
    return next((row for row in paper_table(dataset) if row.system == system), None)


def _both(metrics: BothDirections, decimals: int) -> tuple[list[str], list[str]]:
    return tuple(
        [
            *(f"{recall:.{decimals}f}" for recall in direction.recalls),
            f"{round(direction.median_rank, 1):g}",
            f"{direction.mean_rank:.1f}",
        ]
        for direction in (metrics.sentence_retrieval, metrics.image_retrieval)
    )


def _bounds(intervals: OfMetrics[Interval], end: str) -> tuple[list[str], list[str]]:
    return tuple(
        [f"{getattr(direction[name], end):{'g' if name == 'median_rank' else '.1f'}}" for name in METRICS]
        for direction in (intervals.sentence_retrieval, intervals.image_retrieval)
    )


def _row(label: str, sentence: Sequence[str], image: Sequence[str]) -> str:
    return _line(
        label, *([f"{c:>{w}}" for c, w in zip(cells, _COLUMN_WIDTHS, strict=True)] for cells in (sentence, image))
    )


def _line(label: str, sentence: Sequence[str], image: Sequence[str]) -> str:
    return f"{label:<{_LABEL_WIDTH}}{''.join(sentence)}{_SEPARATOR}{''.join(image)}".rstrip()


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(note, WIDTH, initial_indent="* ", subsequent_indent="  ")
