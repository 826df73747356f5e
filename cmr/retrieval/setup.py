"""What the flags of a training command amount to: the opened workspace, the run's settings and W_img."""

import dataclasses
import pathlib

import keras
import numpy as np
from absl import flags

from cmr import config
from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.data import input_names, order, word_vectors
from cmr.data.inputs import Inputs, read_inputs
from cmr.data.word_vectors import WordVectors
from cmr.retrieval import text_encoder
from cmr.retrieval.batches import check_replicas
from cmr.retrieval.model import retrieval_model
from cmr.text_space import choice
from cmr.workspace import feature_names
from cmr.workspace.ngrams import Ngrams
from cmr.workspace.paths import Workspace

# What a run's settings say of the weights that it begins with.
_ORIGINS = ("text_space", "captioner", "word_vectors", "leak")


@dataclasses.dataclass(frozen=True)
class RunSetup:
    """All that a training needs beside its strategy.

    Attributes:
      workspace: of the data set.
      inputs: the opened captions, vocabulary and features.
      run_config: the settings.
      text_space: W_img `[image_dim, text_space_dim]` float32; None for a model without one.
      ngrams: of the training sentences; None for a model that reads none.
      word_vectors: that the word table begins with; None where it is drawn.
    """

    workspace: Workspace
    inputs: Inputs
    run_config: RunConfig
    text_space: np.ndarray | None
    ngrams: Ngrams | None
    word_vectors: WordVectors | None

    def model(self) -> keras.Model:
        """Builds the model with its first weights, in the strategy's scope."""
        model = retrieval_model(self.run_config.model, self.text_space, self.run_config.train.precision, self.ngrams)
        if self.word_vectors:
            text_encoder.begin_with(model.get_layer("text_encoder"), self.word_vectors)
        return model

    def check_training(self, num_replicas: int) -> None:
        """Refuses what can't be trained, before anything of it is written.

        Args:
          num_replicas: of all workers.

        Raises:
          WorkspaceError: a split is too small.
          ConfigError: the batches can't be shared out to the replicas.
        """
        self.inputs.check_splits()
        check_replicas(self.run_config.train, num_replicas)

    @classmethod
    def from_flags(cls, values: flags.FlagValues, begins_with: RunConfig | None = None) -> "RunSetup":
        """Reads the workspace as the flags say; trains the linear W_img where there is no captioner.

        Args:
          values: the parsed flags, the data set's defaults applied.
          begins_with: settings of the run whose weights this one takes over, and with them its W_img and word table.

        Raises:
          WorkspaceError: something is missing or does not fit.
          ConfigError: a batch has more sentences than the training split.
        """
        workspace = Workspace(pathlib.Path(values.workspace_dir), values.dataset)
        vgg_features, image_features = config.features_read(values.model, *_feature_names(values))
        inputs = read_inputs(workspace, vgg_features, image_features).first_images(train=values.train_images)
        train = config.from_values(TrainConfig, values)
        # Before a linear W_img is trained, which takes minutes.
        inputs.check_splits(("train",))
        order.check_batches(train, inputs.split_sizes()["train"][1])
        first = (
            _first_weights(values, workspace, inputs, image_features)
            if begins_with is None
            else _FirstWeights(
                begins_with.model.text_space_dim, {name: getattr(begins_with, name) for name in _ORIGINS}
            )
        )
        ngrams = _ngrams(inputs, values.min_ngram_count) if "ngrams" in values.text_levels else None
        run_config = RunConfig(
            dataset=values.dataset,
            model=config.from_values(
                ModelConfig,
                values,
                vgg_dim=inputs.feature_dim(input_names.VGG_FEATURES),
                image_dim=inputs.feature_dim(input_names.IMAGE_FEATURES),
                vocabulary_size=len(inputs.vocabulary),
                text_space_dim=first.text_space_dim,
                num_ngrams=len(ngrams) if ngrams else 0,
            ),
            train=train,
            vgg_features=vgg_features,
            image_features=image_features,
            checksums=inputs.checksums,
            test_folds=inputs.test_folds,
            ngrams=ngrams.checksum() if ngrams else "",
            train_images=values.train_images,
            **first.origins,
        )
        return cls(workspace, inputs, run_config, first.text_space, ngrams, first.word_vectors)


@dataclasses.dataclass(frozen=True)
class _FirstWeights:
    """What a model begins with that is not drawn.

    Attributes:
      text_space_dim: of `ModelConfig`.
      origins: what `RunConfig` says of them, by `_ORIGINS`.
      text_space: as of `RunSetup`; None too where it comes with another run's weights.
      word_vectors: likewise.
    """

    text_space_dim: int
    origins: dict[str, str]
    text_space: np.ndarray | None = None
    word_vectors: WordVectors | None = None


def _first_weights(
    values: flags.FlagValues, workspace: Workspace, inputs: Inputs, image_features: str
) -> _FirstWeights:
    text_space = choice.from_flags(values, workspace, inputs, image_features)
    vectors = None
    if values.word_vectors:
        vectors = word_vectors.source(
            workspace, inputs, values.word_vectors, values.word_dim, values.seed, values.allow_leak
        )
    leak = " ".join(filter(None, (text_space.leak, vectors.leak if vectors else "")))
    said = text_space.origin, text_space.captioner, vectors.origin if vectors else "", leak
    return _FirstWeights(
        text_space.dim if text_space.origin else values.text_space_dim,
        dict(zip(_ORIGINS, said, strict=True)),
        text_space.kernel,
        vectors.vectors() if vectors else None,
    )


def _ngrams(inputs: Inputs, min_count: int) -> Ngrams:
    sentences = inputs.split("train").words_of_captions()
    return Ngrams.from_sentences((words.tolist() for words in sentences), min_count)


def _feature_names(values: flags.FlagValues) -> tuple[str, str]:
    crops = int(values.crops)
    return (
        values.vgg_features or feature_names.of_vgg(values.vgg_model, values.vgg_layer, crops),
        values.image_features or feature_names.of_image(values.image_model, values.hub_module, crops),
    )
