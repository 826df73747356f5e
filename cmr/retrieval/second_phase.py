"""The second phase of a run: what it begins with, and the CNNs that are trained with the model."""

import dataclasses
import functools
import pathlib

import keras
import tensorflow as tf
from absl import flags

from cmr.config import FinetuneConfig
from cmr.data import input_names
from cmr.data.teacher_rows import TeacherRows
from cmr.errors import ConfigError
from cmr.finetuning import blocks, cnn_in_training, tuned_features
from cmr.finetuning.feature_maps import MapsMaker
from cmr.finetuning.tuned_cnns import TunedCnns, tuned_cnn
from cmr.retrieval import kept_model
from cmr.retrieval.phase import Phase
from cmr.retrieval.setup import RunSetup
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
from cmr.retrieval.trainer import Trainer
from cmr.training.workers import Workers
from cmr.workspace import paths, runs
from cmr.workspace.runs import Run

_ROLES = {"vgg": input_names.VGG_FEATURES, "image": input_names.IMAGE_FEATURES}


@dataclasses.dataclass(frozen=True)
class SecondPhase(Phase):
    """A run that goes on from another one's weights and trains its CNNs too.

    Attributes:
      begins_with: the run with the CNNs as they were extracted.
      max_pixels: as in `pictures.files.read_rgb`.
    """

    begins_with: Run
    max_pixels: int

    @classmethod
    def from_flags(cls, values: flags.FlagValues) -> "SecondPhase":
        """Checks that the run can be gone on from.

        Args:
          values: the parsed flags, with `finetune_cnn`.

        Raises:
          WorkspaceError: the run is missing, not finished or damaged, or a CNN is missing.
          ConfigError: the run is of other settings than these, or tuned itself, or a CNN can't be trained.
        """
        begins_with = Run(pathlib.Path(values.finetune_from))
        before = begins_with.read_config()
        fingerprints = runs.fingerprints_of(before, begins_with.read_metrics())
        begins_with.check_best_weights()
        if before.finetune is not None:
            raise ConfigError(f"the CNN of {begins_with.path} is tuned already; give the run that it began with")
        setup = RunSetup.from_flags(values, before)
        before = dataclasses.replace(before, checksums=setup.inputs.recognised(fingerprints))
        run_config = dataclasses.replace(setup.run_config, text_pretraining=before.text_pretraining)
        changed = {
            name: text
            for name, text in runs.differences(before, run_config).items()
            if not name.startswith(("train.", "distillation."))
        }
        learnt = before.text_pretraining
        if values.sentences_of and (
            learnt is None
            or (sorted(values.sentences_of), values.sentence_epochs)
            != (sorted(learnt.sentences_of), learnt.sentence_epochs)
        ):
            raise ConfigError(
                f"what a text encoder learns from sentences that of {begins_with.path} has learnt, or not; leave "
                "--sentences_of and --sentence_epochs out"
            )
        if changed:
            raise ConfigError(
                f"{begins_with.path} is of another model or data ({next(iter(changed.values()))}), from whose weights "
                "these flags can't go on; leave them out, or give another --finetune_from"
            )
        names = [_ROLES[role] for role in _ROLES if values.finetune_which in ("both", role)]
        folders = {name: setup.inputs.features[name].path for name in names if name in setup.inputs.features}
        if not folders:
            raise ConfigError(
                f"--model={before.model.model} reads no features of --finetune_which={values.finetune_which}"
            )
        for folder in folders.values():
            cnn_in_training.read_trained_cnn(folder, setup.inputs.image_dir)
        finetune = FinetuneConfig(
            begins_with=runs.weights_sha256(begins_with),
            cnns={name: cnn_in_training.checksum(folder) for name, folder in folders.items()},
            finetune_blocks=values.finetune_blocks,
            finetune_rate=values.finetune_rate,
            finetune_crops=values.finetune_crops if values.finetune_blocks else 0,
            taught_by=before.distillation,
        )
        setup = dataclasses.replace(setup, run_config=dataclasses.replace(run_config, finetune=finetune))
        return cls(setup, begins_with, values.max_pixels)

    def num_untaught(self, run: Run) -> int:
        """Nothing to say again: the run that it begins with has said it."""
        return 0

    def begin(self, model: keras.Model, strategy: tf.distribute.Strategy, run: Run, flags_text: str) -> None:
        """Gives the model the weights of the run that it begins with.

        Raises:
          WorkspaceError: they are damaged.
        """
        vocabulary = self.setup.inputs.vocabulary
        before = kept_model.best_model(self.begins_with, self.begins_with.read_config(), vocabulary)
        model.set_weights(before.get_weights())

    def trainer(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        run: Run,
        recorder: RetrievalRecorder | SilentRecorder,
        teachers: TeacherRows | None = None,
    ) -> Trainer:
        """Makes the trainer of model and CNNs.

        Raises:
          CmrError: as `tuned_cnns`.
        """
        inputs, run_config = self.setup.inputs, self.setup.run_config
        trainer = Trainer(
            model,
            run_config.train,
            strategy,
            run,
            inputs.split("train"),
            inputs.split("val"),
            recorder,
            self.tuned_cnns(strategy),
            run_config.finetune.finetune_rate,
            run_config.distillation,
            teachers,
        )
        trainer.take_temperature(self.begins_with)
        return trainer

    def finish(self, run: Run) -> None:
        """Writes the features that the run's tuned CNNs give the pictures, where they are not there yet.

        Raises:
          DataError: a picture can't be read.
          WorkspaceError: a CNN is missing or damaged.
        """
        inputs = self.setup.inputs
        splits = [inputs.split(split) for split in paths.SPLITS]
        image_ids = [image_id for split in splits for image_id in split.image_ids]
        pictures = [inputs.image_dir / name for split in splits for name in split.file_names]
        for name in self.setup.run_config.finetune.cnns:
            before = inputs.features[name]
            folder = run.tuned_features_dir(name, before.name)
            tuned_features.write_tuned_features(folder, before, image_ids, pictures, self.max_pixels)

    def tuned_cnns(self, strategy: tf.distribute.Strategy) -> TunedCnns:
        """Reads the CNNs, and makes the feature maps that are not there yet, which may take long.

        Args:
          strategy: in whose scope their weights are made.

        Raises:
          DataError: pictures are missing or can't be read.
          ConfigError: there is no room for the maps, or a CNN has no weights to train.
        """
        inputs, finetune = self.setup.inputs, self.setup.run_config.finetune
        splits = inputs.split("train"), inputs.split("val")
        cnns = {}
        for name in finetune.cnns:
            features = inputs.features[name]
            with strategy.scope():
                trained = cnn_in_training.read_trained_cnn(features.path, inputs.image_dir, self.max_pixels)
                parts = blocks.parts_of(trained.encoder.model, finetune.finetune_blocks)
            folder = self.setup.workspace.feature_maps_dir(features.name, finetune.finetune_blocks)
            maker = MapsMaker(folder, trained.encoder, parts, finetune.cnns[name], self.max_pixels)
            make = functools.partial(tuned_cnn, features.name, trained, parts, maker, splits, finetune.finetune_crops)
            cnns[name] = Workers(strategy).in_turn(make)
        return TunedCnns(cnns, splits[0], self.setup.run_config.train.seed)
