"""Settings of a captioner's training: plain frozen values, made by a command from its flags."""

import dataclasses
import json

from cmr.captioner.model import CaptionerConfig
from cmr.config import DecayName, OptimizerName


@dataclasses.dataclass(frozen=True)
class CaptionerTrainConfig:
    """How a captioner is trained.

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
    """

    optimizer: OptimizerName
    batch_size: int
    learning_rate: float
    halve_every: int
    clip_norm: float
    max_epochs: int
    patience: int
    checkpoint_steps: int
    seed: int
    decay: DecayName = "none"
    label_smoothing: float = 0.0


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
    def trains_cnn(self) -> bool:
        """Whether it is the second phase."""
        return bool(self.begins_with)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "CaptionerRunConfig":
        values = json.loads(text)
        model = CaptionerConfig(**values["model"])
        return cls(**{**values, "model": model, "train": CaptionerTrainConfig(**values["train"])})
