"""Settings of a model and of its training: plain frozen values, made by a command from its flags."""

import dataclasses
import hashlib
import json
import typing
from typing import Literal

# The choices as types, by which the files that keep them are checked, and as values for the flags.
ModelName = Literal["vse", "single", "fusion"]
LossName = Literal["hinge", "softmax"]
NegativesName = Literal["epoch", "batch", "hardest"]
ReductionName = Literal["sum", "mean"]
TextPoolingName = Literal["last", "mean", "attention"]
OptimizerName = Literal["adam", "sgd"]
DecayName = Literal["none", "cosine"]
PrecisionName = Literal["float32", "mixed_bfloat16", "mixed_float16"]

MODELS = typing.get_args(ModelName)
LOSSES = typing.get_args(LossName)
NEGATIVES = typing.get_args(NegativesName)
REDUCTIONS = typing.get_args(ReductionName)
TEXT_POOLINGS = typing.get_args(TextPoolingName)
OPTIMIZERS = typing.get_args(OptimizerName)
DECAYS = typing.get_args(DecayName)
PRECISIONS = typing.get_args(PrecisionName)
STRATEGIES = ("default", "mirrored", "multi_worker")
IMAGE_EMBEDDINGS = ("captioner", "linear", "raw", "random")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What the Keras model is made of.

    Attributes:
      model: `vse` (X_vgg), `single` (X_txt) or `fusion` (both, Eq. 5).
      vgg_dim: size of X_vgg; 0 where the model does not read it.
      image_dim: size of X_img; 0 where the model does not read it.
      vocabulary_size: number of ids, the special ones included.
      word_dim: size of a word embedding (Eq. 1).
      word_dropout: share of the words that training replaces by `<unk>`.
      gru_units: units of the GRU, which is the size of the joint embedding.
      text_space_dim: size of X_txt (Eq. 4); 0: there is no W_img and X_txt is X_img itself.
      bidirectional: average the GRU's states with those of a second one that reads backwards.
      gru_reset_after: reset gate after the recurrent product (cuDNN's form) and not before it (Eq. 2).
      text_pooling: `last`, `mean` or `attention` of the GRU's states.
      normalize_features: L2-normalise X_vgg and X_txt before their maps.
      image_norm_in_loss: unit image embeddings in the loss; false is the VSE code's behaviour.
      train_text_space: whether W_img goes on learning.
      dropout: rate, in training, on the image's features.
    """

    model: ModelName
    vgg_dim: int
    image_dim: int
    vocabulary_size: int
    word_dim: int = 1024
    word_dropout: float = 0.0
    gru_units: int = 1024
    text_space_dim: int = 512
    bidirectional: bool = False
    gru_reset_after: bool = False
    text_pooling: TextPoolingName = "last"
    normalize_features: bool = True
    image_norm_in_loss: bool = True
    train_text_space: bool = False
    dropout: float = 0.0

    @property
    def reads_vgg(self) -> bool:
        return self.model in ("vse", "fusion")

    @property
    def reads_image_features(self) -> bool:
        return self.model in ("single", "fusion")


def features_read(model: str, vgg_features: str, image_features: str) -> tuple[str, str]:
    """The names of the features that a kind of model reads, "" for those it does not."""
    kind = ModelConfig(model, 0, 0, 0)
    return (vgg_features if kind.reads_vgg else "", image_features if kind.reads_image_features else "")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How the model is trained.

    Attributes:
      loss: `hinge` (Eq. 6) or `softmax` (cmr/retrieval/losses.py).
      margin: of Eq. 6, in cosine distance.
      reduction: `sum` or `mean` of the loss over the batch's queries.
      negatives: `epoch`, `batch` or `hardest` (cmr/retrieval/negatives.py).
      num_negatives: sentences, and as many images, that `epoch` brings to each batch; 0: as many as the batch.
      warm_up_epochs: first epochs in which `hardest` takes all negatives of the batch, as `batch` does.
      batch_size: sentence-image pairs a step, over all replicas.
      learning_rate: Adam's.
      decay_epochs: epochs after which the rate falls to a tenth; 0: never.
      clip_norm: global norm to which the gradient is clipped.
      average_weights: decay a step of the weights' moving average, which is validated and kept; 0: no average.
      max_epochs: passes over the training sentences at most.
      patience: epochs without a better validation sum of recalls before training stops.
      checkpoint_steps: steps between two saved states; the end of an epoch saves one too.
      seed: of the initial weights and the order of batches.
      precision: of the factors of the text encoder's products; weights, optimizer, loss and similarities are float32.
    """

    margin: float
    reduction: ReductionName
    negatives: NegativesName
    num_negatives: int
    batch_size: int
    learning_rate: float
    clip_norm: float
    max_epochs: int
    patience: int
    checkpoint_steps: int
    seed: int
    warm_up_epochs: int = 0
    decay_epochs: int = 0
    average_weights: float = 0.0
    loss: LossName = "hinge"
    precision: PrecisionName = "float32"

    @property
    def negatives_per_batch(self) -> int:
        """Extra pairs that each batch carries as negatives."""
        if self.negatives != "epoch":
            return 0
        return self.num_negatives or self.batch_size


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """All that decides the numbers of a run; kept as config.json in its folder.

    Attributes:
      dataset: name of the data set.
      model: the model's settings.
      train: the training's settings.
      vgg_features: folder name of X_vgg's features, "" where the model does not read them.
      image_features: folder name of X_img's features, likewise.
      text_space: where W_img came from: "" (not used), `linear`, `raw` (there is none), `random, seed N`, or the
        SHA-256 of a captioner's.
      checksums: SHA-256 of captions.csv, of the vocabulary and of the features, by name.
      captioner: what the captioner is, "" without one.
      leak: what is to be said of the images that it shares with the evaluated splits, "" where it shares none.
      test_folds: equal parts of the test split whose numbers are averaged.
    """

    dataset: str
    model: ModelConfig
    train: TrainConfig
    vgg_features: str
    image_features: str
    text_space: str
    checksums: dict[str, str]
    captioner: str = ""
    leak: str = ""
    test_folds: int = 1

    def to_json(self) -> str:
        values = dataclasses.asdict(self)
        # Runs from before there was a choice keep their names.
        if self.train.precision == "float32":
            del values["train"]["precision"]
        return json.dumps(values, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunConfig":
        values = json.loads(text)
        return cls(**{**values, "model": ModelConfig(**values["model"]), "train": TrainConfig(**values["train"])})

    def short_hash(self) -> str:
        """Eight hexadecimal digits that change with any setting or input; part of a run's default name."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()[:8]
