"""The parts of a retriever, read from a finished run where it lies in its workspace."""

import functools
import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from cmr.captioner import files as captioner_files
from cmr.captioner.files import Captioner
from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.errors import ConfigError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import Embeddings
from cmr.pictures import cnn as cnns_of_pictures
from cmr.pictures.cnn import Cnn
from cmr.trained import card, run_captioner
from cmr.trained.finished_run import FinishedRun
from cmr.trained.hub_correction import HubCorrection
from cmr.trained.sentences import Sentences
from cmr.workspace.captions import in_split
from cmr.workspace.checksums import files_sha256
from cmr.workspace.features import EXTRACTOR_JSON
from cmr.workspace.vocabulary import Vocabulary

# 50,000 rows of 1024 values in float16 are 100 MB.
MOST_SENTENCES = 50_000


class RunParts:
    """See `retriever.RetrieverParts`.

    Args:
      finished: the run and its inputs.

    Raises:
      WorkspaceError: it is a comparator's run, which keeps no model.
    """

    def __init__(self, finished: FinishedRun):
        finished.check_model()
        self.finished = finished
        self.name = str(finished.run.path)

    @property
    def config(self) -> ModelConfig:
        return self.finished.config.model

    @property
    def vocabulary(self) -> Vocabulary:
        return self.finished.inputs.vocabulary

    @functools.cached_property
    def checksum(self) -> str:
        run, features = self.finished.run, self.finished.inputs.features.values()
        cnns = [each.path / cnns_of_pictures.CNN_KERAS for each in features]
        described = [each.path / EXTRACTOR_JSON for each in features]
        return files_sha256([run.config_json, run.best_weights, *described, *(path for path in cnns if path.exists())])

    @functools.cached_property
    def card(self) -> str:
        return card.text(self.finished)

    @functools.cached_property
    def features(self) -> str:
        return self.finished.run.read_metrics()["features"]

    @functools.cached_property
    def model(self) -> keras.Model:
        """Both encoders with the best weights."""
        return self.finished.model()

    def text_encoder(self) -> keras.Model:
        return self.model.get_layer("text_encoder")

    def image_encoder(self) -> keras.Model:
        return self.model.get_layer("image_encoder")

    def cnns(self) -> Mapping[str, Cnn]:
        """See `retriever.RetrieverParts`.

        Raises:
          ConfigError: features that were imported or are a hub module's.
          WorkspaceError: a CNN is missing or damaged.
        """
        for features in self.finished.inputs.features.values():
            _check_has_cnn(features.name, features.extractor)
        return {name: cnns_of_pictures.read_cnn(each.path) for name, each in self.finished.inputs.features.items()}

    def captioner(self) -> Captioner | None:
        folder = self.captioner_dir
        return captioner_files.read_captioner(folder) if folder else None

    @property
    def has_tuned_x_img(self) -> bool:
        """Whether the CNN of X_img, which a captioner reads, is another than that of the captioner."""
        finetune = self.finished.config.finetune
        return finetune is not None and input_names.IMAGE_FEATURES in finetune.cnns

    @functools.cached_property
    def captioner_dir(self) -> pathlib.Path | None:
        """Folder of the captioner whose W_img the run took; None where there is none, or where it has changed since.

        Nor does a captioner understand the features of a CNN that was tuned without it.
        """
        return None if self.has_tuned_x_img else run_captioner.of_run(self.finished.run, self.finished.config)

    def best_scores(self) -> np.ndarray:
        return best_scores(self.embed_val(), 0.0)

    def embed_val(self) -> Embeddings:
        """The validation split, embedded."""
        return encoding.embed_split(self.model, self.finished.inputs.split("val"))

    def training_sentences(self, per_image: int | None = None) -> list[str]:
        """Different sentences of the training split, in their order; of more than `MOST_SENTENCES` a random choice.

        Args:
          per_image: the first ones of each image, so many at most; None for all.
        """
        captions = in_split(self.finished.inputs.captions, "train")
        if per_image is not None:
            captions = captions.groupby("image_id", sort=False).head(per_image)
        texts = list(dict.fromkeys(captions["caption"]))
        if len(texts) <= MOST_SENTENCES:
            return texts
        chosen = np.random.default_rng(0).choice(len(texts), MOST_SENTENCES, replace=False)
        return [texts[place] for place in np.sort(chosen)]

    def sentences(self) -> Sentences | None:
        """None: embedding them takes too long for a search; cmr.pack does it once."""
        return None

    def hub_correction(self) -> HubCorrection | None:
        """None, for want of the sentences that tell it."""
        return None


def best_scores(val: Embeddings, added: np.ndarray | float) -> np.ndarray:
    """See `retriever.RetrieverParts`.

    Args:
      val: the validation split.
      added: to its images' cosines with any sentence, one number or `[num_images]`.
    """
    # By blocks: MSCOCO's 25,000 sentences and 5,000 images are 500 MB of cosines.
    best = [(block @ val.images.T + added).max(axis=1) for block in np.array_split(val.captions, 20)]
    return np.percentile(np.concatenate(best), np.arange(101)).astype(np.float32)


def _check_has_cnn(name: str, extractor: Mapping) -> None:
    reason = {"": "were imported", "hub": "are of a tensorflow-hub module, which can't be carried"}.get(
        extractor["model"]
    )
    if reason:
        raise ConfigError(
            f"the features {name} {reason}, so this model can't embed a new picture; extract features with a CNN of "
            "data_prep.extract and name them when you train: --vgg_features=efficientnet_lite2 (or --image_features)"
        )
