"""Settings of the models and of their training: plain frozen values, whose defaults are the paper's and im2txt's.

    TrainConfig(batch_size=100)
    config.from_values(TrainConfig, flags.FLAGS)

The flags that fill them take their defaults from here.
"""

import dataclasses
import hashlib
import json
import typing
from typing import Any, ClassVar, Literal, TypeVar

# The choices as types, by which the files that keep them are checked, and as values for the flags.
ModelName = Literal["vse", "single", "fusion"]
LossName = Literal["hinge", "softmax"]
NegativesName = Literal["epoch", "batch", "hardest"]
ReductionName = Literal["sum", "mean"]
TextPoolingName = Literal["last", "mean", "attention"]
TextLevelsName = Literal["gru", "ngrams", "words", "gru,ngrams", "gru,words", "ngrams,words", "gru,ngrams,words"]
OptimizerName = Literal["adam", "sgd"]
DecayName = Literal["none", "cosine"]
PrecisionName = Literal["float32", "mixed_bfloat16", "mixed_float16"]

MODELS = typing.get_args(ModelName)
LOSSES = typing.get_args(LossName)
NEGATIVES = typing.get_args(NegativesName)
REDUCTIONS = typing.get_args(ReductionName)
TEXT_POOLINGS = typing.get_args(TextPoolingName)
TEXT_LEVELS = typing.get_args(TextLevelsName)
OPTIMIZERS = typing.get_args(OptimizerName)
DECAYS = typing.get_args(DecayName)
PRECISIONS = typing.get_args(PrecisionName)
STRATEGIES = ("default", "mirrored", "multi_worker")
TEXT_SPACES = ("captioner", "linear", "raw", "random")

Config = TypeVar("Config")


def from_values(kind: type[Config], values: object, **others: Any) -> Config:
    """Makes settings of values that bear the fields' names.

    Args:
      kind: a dataclass.
      values: such as the parsed flags.
      others: fields that stand under other names there, or that are worked out.
    """
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: getattr(values, name) for name in names if name not in others}, **others)


# Pixels that the readers of pictures hold at once. The largest camera phones take 200 million a photograph.
MAX_PIXELS = 200_000_000


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What the Keras model is made of: the paper's sizes, but for those of the inputs.

    >>> config = cmr.ModelConfig("fusion", vgg_dim=4096, image_dim=2048, vocabulary_size=8000)
    >>> config.gru_units, config.text_space_dim
    (1024, 512)

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
      text_levels: what a sentence's embedding is the sum of: the GRU's states, n-grams, the mean of its words.
      num_ngrams: n-grams of the training sentences; 0 where no level reads them.
      ngram_dropout: share of a sentence's n-grams that training leaves out.
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
    text_levels: TextLevelsName = "gru"
    num_ngrams: int = 0
    ngram_dropout: float = 0.0

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of `text_levels`, each by its name."""
        return tuple(self.text_levels.split(","))

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
    """How the model is trained: as in section 4.2 of the paper on Flickr8K, and where it says nothing as the VSE code.

    >>> on_mscoco = cmr.TrainConfig(batch_size=100)
    >>> on_mscoco.margin, on_mscoco.negatives, on_mscoco.negatives_per_batch
    (0.7, 'epoch', 100)

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

    # Settings files of older versions lack these alone.
    ADDED_LATER: ClassVar = ("warm_up_epochs", "decay_epochs", "average_weights", "loss", "precision")

    margin: float = 0.7
    reduction: ReductionName = "sum"
    negatives: NegativesName = "epoch"
    num_negatives: int = 0
    batch_size: int = 40
    learning_rate: float = 2e-4
    clip_norm: float = 2.0
    max_epochs: int = 30
    patience: int = 3
    checkpoint_steps: int = 500
    seed: int = 0
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
class DistillationConfig:
    """How a run learns from other runs beside the pairs themselves (cmr/retrieval/losses.py).

    Attributes:
      teachers: name of a finished run -> SHA-256 of its best weights.
      distillation_weight: share of the target that is the teachers', 0 to 1; the rest is the pair's.
      distillation_temperature: what the teachers' similarities are divided by before their softmax.
      features: folder names of those that the teachers have read, and who taught them.
      sentences_of: likewise names of other data sets.
    """

    teachers: dict[str, str]
    distillation_weight: float = 0.5
    distillation_temperature: float = 0.1
    features: tuple[str, ...] = ()
    sentences_of: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """How a run trains its CNNs too.

    Attributes:
      begins_with: SHA-256 of the best weights of the run whose second phase it is.
      cnns: input name of the image encoder -> SHA-256 of the CNN as it begins; those of other inputs stay as they are.
      finetune_blocks: blocks at a CNN's end that are trained; 0: all.
      finetune_rate: share of the learning rate that is the CNNs'.
      finetune_crops: crops of a picture that are read in turn; 0: each is drawn anew.
      taught_by: how that run learnt from teachers; None where it had none.
    """

    begins_with: str
    cnns: dict[str, str]
    finetune_blocks: int
    finetune_rate: float
    finetune_crops: int
    taught_by: DistillationConfig | None = None


@dataclasses.dataclass(frozen=True)
class TextPretrainingConfig:
    """How a run's text encoder learns from sentences before the model sees an image.

    Attributes:
      sentences_of: name of another data set -> SHA-256 of its captions.csv; the training split's come beside them.
      sentence_epochs: epochs over pairs of them.
    """

    sentences_of: dict[str, str]
    sentence_epochs: int


# What a run may have beside its model and its training.
_PARTS = {"finetune": FinetuneConfig, "text_pretraining": TextPretrainingConfig, "distillation": DistillationConfig}


def _part(kind: type, values: dict[str, Any]) -> Any:
    """A part again, of what `dataclasses.asdict` and JSON have made of it."""
    if values.get("taught_by"):
        values = {**values, "taught_by": _part(DistillationConfig, values["taught_by"])}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


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
      ngrams: checksum of the n-grams that a level reads, "" without one.
      word_vectors: what the word table began with, "" where it was drawn.
      train_images: images of the training split, the first ones, that it learnt from; 0: all of them.
      finetune: how the CNNs are trained too; None: they stay as they are.
      text_pretraining: how the text encoder learns first; None: with the model alone.
      distillation: which runs it learns from too; None: from its own pairs alone.
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
    ngrams: str = ""
    word_vectors: str = ""
    train_images: int = 0
    finetune: FinetuneConfig | None = None
    text_pretraining: TextPretrainingConfig | None = None
    distillation: DistillationConfig | None = None

    @property
    def system(self) -> str:
        """What the run's default name begins with."""
        return self.model.model

    def to_json(self) -> str:
        values = dataclasses.asdict(self)
        # Runs from before there was a choice keep their names.
        if self.train.precision == "float32":
            del values["train"]["precision"]
        if self.model.text_levels == ModelConfig.text_levels:
            del values["model"]["text_levels"]
        for name in ("num_ngrams", "ngram_dropout"):
            if not values["model"][name]:
                del values["model"][name]
        for name in ("ngrams", "word_vectors", "train_images"):
            if not values[name]:
                del values[name]
        if self.finetune and not self.finetune.taught_by:
            del values["finetune"]["taught_by"]
        for name in _PARTS:
            if values[name] is None:
                del values[name]
        return json.dumps(values, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunConfig":
        values = json.loads(text)
        parts = {"model": ModelConfig(**values["model"]), "train": TrainConfig(**values["train"])}
        for name, kind in _PARTS.items():
            if values.get(name) is not None:
                parts[name] = _part(kind, values[name])
        return cls(**{**values, **parts})

    def short_hash(self) -> str:
        """Eight hexadecimal digits that change with any setting or input; part of a run's default name."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()[:8]


@dataclasses.dataclass(frozen=True)
class ComparatorTrainConfig:
    """The course of a comparator's training.

    Attributes:
      max_epochs: passes over the training sentences at most; 0 for a system that is fitted at once.
      patience: epochs without a better validation sum of recalls before training stops.
      checkpoint_steps: steps between two saved states; the end of an epoch saves one too.
      seed: of all that is random.
    """

    max_epochs: int = 0
    patience: int = 0
    checkpoint_steps: int = TrainConfig.checkpoint_steps
    seed: int = TrainConfig.seed


@dataclasses.dataclass(frozen=True)
class ComparatorRunConfig:
    """All that decides the numbers of a system of the paper's tables; kept as config.json in its run's folder.

    Attributes:
      dataset: name of the data set.
      system: name of the system.
      settings: its own settings, plain values by their names.
      train: the course of its training.
      vgg_features: folder name of the features in X_vgg's place, "" without.
      image_features: folder name of the features in X_img's place, "" without.
      checksums: SHA-256 of captions.csv, of the vocabulary and of the features, by name.
      word_vectors: where its word vectors came from; "" where it takes none.
      captioner: SHA-256 of the captioner's weights; "" where it takes none.
      leak: what is to be said of evaluated sentences or images that those learnt from, "" without.
      test_folds: equal parts of the test split whose numbers are averaged.
    """

    dataset: str
    system: str
    settings: dict[str, Any]
    train: ComparatorTrainConfig
    vgg_features: str
    image_features: str
    checksums: dict[str, str]
    word_vectors: str = ""
    captioner: str = ""
    leak: str = ""
    test_folds: int = 1

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ComparatorRunConfig":
        values = json.loads(text)
        return cls(**{**values, "train": ComparatorTrainConfig(**values["train"])})

    def short_hash(self) -> str:
        """As that of `RunConfig`."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()[:8]


@dataclasses.dataclass(frozen=True)
class CaptionerConfig:
    """What the captioner is made of.

    Attributes:
      feature_dim: size of X_img, the CNN's feature.
      vocabulary_size: number of word ids, the special ones included.
      embedding_dim: size of X_txt and of a word embedding: both are the LSTM's input.
      lstm_units: size of the LSTM's state.
      dropout: rate on the LSTM's input, the image included, and on its output; the state is never dropped.
      feature_scale: what X_img is multiplied by before W_img, in training alone: `model.folded` puts it into W_img.
      forget_bias: the forget gates' bias as training begins, im2txt's by default. The memory keeps sigmoid(forget_bias)
        of itself a word, and the LSTM sees the picture once, before the first.
      whitened: whether a map that is not trained stands between X_img and W_img, in training alone, as of the scale.
    """

    feature_dim: int
    vocabulary_size: int
    embedding_dim: int = ModelConfig.text_space_dim
    lstm_units: int = 512
    dropout: float = 0.3
    feature_scale: float = 1.0
    forget_bias: float = 1.0
    whitened: bool = False

    @property
    def start_id(self) -> int:
        """Row of the word table that is the start word."""
        return self.vocabulary_size


@dataclasses.dataclass(frozen=True)
class CaptionerTrainConfig:
    """How a captioner is trained: as im2txt trains it, but by Adam.

    Attributes:
      optimizer: `adam` or `sgd`.
      batch_size: sentences a step.
      learning_rate: of the first step.
      halve_every: epochs after which the rate is halved, again and again; 0: never.
      clip_norm: global norm to which the gradient is clipped.
      max_epochs: passes over the training sentences at most.
      patience: epochs without a better validation perplexity before training stops.
      checkpoint_steps: steps between two saved states; the end of an epoch saves one too.
      seed: of the initial weights, the order of batches and the dropout.
      decay: `none`, or `cosine`: the rate falls to zero along half a cosine over `max_epochs`.
      label_smoothing: share of a word's probability that is spread evenly over the vocabulary.
      feature_whitening: the ridge with which X_img is whitened in training (`data/whitening.py`); 0: it is not.
      samples_per_image: sentences that self-critical training draws of an image; 0: it trains word by word on what
        people wrote.
    """

    # Settings files of older versions lack these alone.
    ADDED_LATER: ClassVar = ("decay", "label_smoothing", "feature_whitening", "samples_per_image")

    optimizer: OptimizerName = "adam"
    batch_size: int = 32
    learning_rate: float = 1e-3
    halve_every: int = 0
    clip_norm: float = 5.0
    max_epochs: int = 30
    patience: int = TrainConfig.patience
    checkpoint_steps: int = TrainConfig.checkpoint_steps
    seed: int = TrainConfig.seed
    decay: DecayName = "none"
    label_smoothing: float = 0.0
    feature_whitening: float = 0.0
    samples_per_image: int = 0

    @property
    def images_per_step(self) -> int:
        """Images that a step of self-critical training draws sentences of."""
        return self.batch_size // self.samples_per_image


@dataclasses.dataclass(frozen=True)
class CaptionerRunConfig:
    """All that decides the weights of a captioner; kept as config.json in its folder.

    Attributes:
      dataset: name of the data set.
      model: the captioner's sizes.
      train: the training's settings.
      image_features: folder name of X_img's features.
      checksums: SHA-256 of captions.csv, of the vocabulary and of the features, by name; of the CNN too where it is
        trained.
      begins_with: SHA-256 of the weights of the captioner whose second phase this is, "" in the first phase.
    """

    dataset: str
    model: CaptionerConfig
    train: CaptionerTrainConfig
    image_features: str
    checksums: dict[str, str]
    begins_with: str = ""

    @property
    def is_self_critical(self) -> bool:
        """Whether it learns from sentences that it draws itself."""
        return self.train.samples_per_image > 0

    @property
    def trains_cnn(self) -> bool:
        """Whether it is the second phase that trains the CNN."""
        return bool(self.begins_with) and not self.is_self_critical

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "CaptionerRunConfig":
        values = json.loads(text)
        model = CaptionerConfig(**values["model"])
        return cls(**{**values, "model": model, "train": CaptionerTrainConfig(**values["train"])})
