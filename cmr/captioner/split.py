"""Captions of a split of a data set and their scores; captions.json."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from cmr.captioner import decoding
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.decoding import Decoder
from cmr.captioner.files import Captioner
from cmr.captioner.scores import CaptionScores, has_scorers, score_captions
from cmr.config import MAX_PIXELS
from cmr.errors import WorkspaceError
from cmr.pictures import streaming
from cmr.pictures.cnn import Cnn
from cmr.workspace import atomic_files
from cmr.workspace.captions import images_of, in_split, read_captions
from cmr.workspace.features import Features, read_features
from cmr.workspace.paths import Workspace

CAPTIONS_JSON = "captions.json"


@dataclasses.dataclass(frozen=True)
class SplitCaptions:
    """What a captioner says of a split.

    Attributes:
      dataset: the data set.
      split: `train`, `val` or `test`.
      config: of the beam search.
      image_ids: `[num_images]`.
      captions: `[num_images]`, the best sentence of each.
      log_probabilities: `[num_images]`.
      references: `[num_images]`, what people wrote of each.
      scores: BLEU and CIDEr; None where the scorers' package is not installed.
    """

    dataset: str
    split: str
    config: SearchConfig
    image_ids: Sequence[str]
    captions: Sequence[str]
    log_probabilities: Sequence[float]
    references: Sequence[Sequence[str]]
    scores: CaptionScores | None

    def write(self, path: pathlib.Path) -> None:
        """Writes captions.json of WORKSPACE.md."""
        listed = [
            {"image_id": image_id, "caption": caption, "log_probability": log_p}
            for image_id, caption, log_p in zip(self.image_ids, self.captions, self.log_probabilities, strict=True)
        ]
        content = {"dataset": self.dataset, "split": self.split, "search": dataclasses.asdict(self.config)}
        if self.scores:
            content["scores"] = self.scores.scores
            for each, cider in zip(listed, self.scores.cider_of_images, strict=True):
                each["cider"] = float(cider)
        content["captions"] = listed
        atomic_files.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def samples(self, count: int) -> str:
        """The captions of highest and of lowest CIDEr, half of `count` each, with a sentence of somebody's each.

        Without scores the first ones.
        """
        if not self.scores:
            return "\n".join(["the first:", *self._lines(range(min(count, len(self.captions))))])
        order = np.argsort(-self.scores.cider_of_images, kind="stable")
        half = min(count, len(order)) // 2
        of_halves = (("best by CIDEr:", order[:half]), ("worst by CIDEr:", order[len(order) - half :]))
        return "\n".join(line for title, images in of_halves for line in (title, *self._lines(images)))

    def _lines(self, images: Iterable[int]) -> Iterator[str]:
        for image in images:
            cider = f"{self.scores.cider_of_images[image]:5.0f}" if self.scores else " " * 5
            yield f"  {cider}  {self.image_ids[image]}"
            yield f"         captioner: {self.captions[image]}"
            yield f"         somebody:  {self.references[image][0]}"


def seen_in_training(captioner: Captioner, dataset: str, image_ids: Sequence[str]) -> str:
    """A sentence on the images that a captioner learnt from and now captions; "" where it saw none of them."""
    if captioner.dataset == dataset and not captioner.train_image_ids:
        return f"It learnt from images of {dataset}, and it is not known from which: some may be among these."
    seen = set(captioner.train_image_ids).intersection(image_ids)
    return f"It learnt from {len(seen):,} of these {len(image_ids):,} images." if seen else ""


def matching_features(workspace: Workspace, captioner: Captioner) -> Features:
    """The features that a captioner takes.

    Raises:
      WorkspaceError: they are missing, or others than those it learnt from.
    """
    features = read_features(workspace.features_dir(captioner.features))
    if features.feature_dim != captioner.feature_dim:
        raise WorkspaceError(
            f"{features.path} has {features.feature_dim} values an image, the captioner takes {captioner.feature_dim}; "
            f"extract the features {captioner.features} as they were when it was trained"
        )
    learnt_from = captioner.fingerprint
    # Of another data set the features are others, though their CNN may be the same.
    if captioner.dataset == workspace.dataset and learnt_from and not features.fingerprint().is_same(learnt_from):
        raise WorkspaceError(
            f"{features.path} is not what the captioner learnt from; extract it as it was, or train the captioner again"
        )
    return features


def caption_split(
    workspace: Workspace,
    captioner: Captioner,
    own_cnn: Cnn | None,
    split: str,
    config: SearchConfig,
    max_pixels: int = MAX_PIXELS,
) -> SplitCaptions:
    """Captions every image of a split.

    Args:
      workspace: of the data set.
      captioner: what gives the sentences.
      own_cnn: of `cnn.read_own_cnn`; None takes the cached features.
      split: `train`, `val` or `test`.
      config: of the beam search.
      max_pixels: as in `pictures.files.read_rgb`; of pictures that go through `own_cnn`.

    Raises:
      WorkspaceError: the features are missing or others than the captioner's.
      DataError: a picture can't be read.
    """
    image_dir = workspace.dataset_dir / workspace.read_description()["image_dir"]
    rows = in_split(read_captions(workspace.captions_csv), split)
    references = rows.groupby("image_id", sort=False)["caption"].agg(list)
    if own_cnn is None:
        features = matching_features(workspace, captioner)
        vectors = np.asarray(features.array[features.rows(references.index.tolist())])
    else:
        vectors = streaming.features_of_files(
            own_cnn, [image_dir / name for name in images_of(rows)["file_name"]], max_pixels
        )
    best_sentences = decoding.caption_features(Decoder(captioner.model), vectors, config, show_progress=True)
    texts = [decoding.text(sentences[0].words, captioner.vocabulary) for sentences in best_sentences]
    return SplitCaptions(
        dataset=workspace.dataset,
        split=split,
        config=config,
        image_ids=references.index.tolist(),
        captions=texts,
        log_probabilities=[sentences[0].log_probability for sentences in best_sentences],
        references=references.tolist(),
        scores=score_captions(texts, references.tolist()) if has_scorers() else None,
    )
