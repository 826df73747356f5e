"""How good captions are: BLEU-1 ... BLEU-4 and CIDEr of the MSCOCO evaluation, beside the published numbers of NIC.

The scorers are pycocoevalcap's, the MSCOCO evaluation code itself without its Java tokenizer: words are those of
`vocabulary.tokenize`, lower case and without punctuation, as that tokenizer gives them too but for rare cases.

References: Papineni, Roukos, Ward, Zhu, "BLEU", 2002; Vedantam, Zitnick, Parikh, "CIDEr", 2015 (the scorer computes
the paper's CIDEr-D); Chen et al., "Microsoft COCO Captions: Data Collection and Evaluation Server", 2015.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cmr import extras
from cmr.workspace import vocabulary

BLEU_NAMES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
CIDER_NAME = "CIDEr"
NAMES = (*BLEU_NAMES, CIDER_NAME)

# Vinyals, Toshev, Bengio, Erhan, "Show and Tell: A Neural Image Caption Generator", 2015: Table 2, and for MSCOCO
# Table 1. Every number as printed; the paper gives no others for these data sets.
NIC = {
    "flickr8k": {"BLEU-1": "63"},
    "flickr30k": {"BLEU-1": "66"},
    "mscoco": {"BLEU-4": "27.7", CIDER_NAME: "85.5"},
}

_COLUMN_WIDTH = 8
_LABEL_WIDTH = 24


@dataclasses.dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions.

    Attributes:
      scores: `{name of NAMES: percent}`; CIDEr, whose best is ten and not one, is multiplied by 100 as is usual.
      cider_of_images: `[num_images]` float64, each caption's CIDEr, on the same scale.
    """

    scores: dict[str, float]
    cider_of_images: np.ndarray


def has_scorers() -> bool:
    """Whether the scorers' package, the extra `captions`, is installed."""
    return extras.is_installed("pycocoevalcap")


def score_captions(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Scores captions against what people wrote.

    Args:
      captions: `[num_images]`, one sentence an image.
      references: `[num_images]`, the sentences of each image as published.

    Raises:
      ConfigError: the scorers' package is not installed.
    """
    extras.check_installed("scoring captions needs", "captions", "pycocoevalcap")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    said = {image: [_tokens(caption)] for image, caption in enumerate(captions)}
    written = {image: [_tokens(sentence) for sentence in texts] for image, texts in enumerate(references)}
    bleu, _ = Bleu(len(BLEU_NAMES)).compute_score(written, said, verbose=0)
    cider, cider_of_images = Cider().compute_score(written, said)
    scores = dict(zip(NAMES, (100 * float(score) for score in (*bleu, cider)), strict=True))
    return CaptionScores(scores, 100 * np.asarray(cider_of_images, np.float64))


def scores_table(scores: dict[str, float], dataset: str) -> str:
    """The scores as a table, with NIC's published row where there is one."""
    lines = [_row("", NAMES), _row("captioner", [f"{scores[name]:.1f}" for name in NAMES])]
    published = NIC.get(dataset)
    if published:
        lines.append(_row("NIC (paper, as printed)", [published.get(name, "") for name in NAMES]))
        lines.append("NIC: Vinyals et al., 2015, Tables 1 and 2: another CNN; on MSCOCO its own development set.")
    return "\n".join(lines)


def _row(label: str, cells: Sequence[str]) -> str:
    return (f"{label:<{_LABEL_WIDTH}}" + "".join(f"{cell:>{_COLUMN_WIDTH}}" for cell in cells)).rstrip()


def _tokens(sentence: str) -> str:
    return " ".join(vocabulary.tokenize(sentence))
