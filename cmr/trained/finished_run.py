"""A finished run opened again: its settings, what it reads, and its model with the best weights."""

import dataclasses
import functools
import os
import pathlib

import keras

from cmr.config import ComparatorRunConfig, RunConfig
from cmr.data.inputs import Inputs, read_inputs
from cmr.errors import WorkspaceError
from cmr.evaluation import query_bank, similarities
from cmr.evaluation.encoding import Embeddings, SplitEmbedder
from cmr.evaluation.similarities import Similarities
from cmr.retrieval import kept_model
from cmr.workspace import features, runs
from cmr.workspace.ngrams import Ngrams
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import MeasuredConfig, Run


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run and its inputs.

    Attributes:
      run: its folder.
      config: its settings.
      inputs: what it reads, the same as when it was trained.
    """

    run: Run
    config: MeasuredConfig
    inputs: Inputs

    def model(self) -> keras.Model:
        """Builds the model with its best weights; see `kept_model.best_model`.

        Raises:
          WorkspaceError: also where it is a comparator's run, which keeps no model.
        """
        self.check_model()
        return kept_model.best_model(self.run, self.config, self.inputs.vocabulary)

    def check_model(self) -> None:
        """Refuses a comparator's run.

        Raises:
          WorkspaceError: it is one.
        """
        if isinstance(self.config, ComparatorRunConfig):
            raise WorkspaceError(
                f"{self.run.path} is a run of cmr.compare, which keeps what its system says of the data set's splits "
                "and no model; give a run of cmr.train"
            )

    @functools.cached_property
    def ngrams(self) -> Ngrams | None:
        """The n-grams that a level of its text encoder reads; None where there is none."""
        return kept_model.read_ngrams(self.run, self.config, self.inputs.vocabulary)

    def similarities(self, split: str) -> Similarities:
        """What the run says of the pairs of `val` or `test`.

        Raises:
          WorkspaceError: the weights, or a comparator's file of them, are missing or damaged.
        """
        if isinstance(self.config, ComparatorRunConfig):
            path = self.run.similarities_npz(split)
            return similarities.read(path, self.inputs.split(split), self.inputs.folds(split))
        return self._embedder.embed(self.inputs.split(split))

    def query_bank(self) -> Embeddings:
        """Embeddings of the training split's queries, of very many a part (`evaluation.query_bank.bank_of`).

        Raises:
          ConfigError: a comparator's run whose system scores pairs.
          WorkspaceError: the weights, or a comparator's file of them, are missing or damaged.
        """
        is_comparator = isinstance(self.config, ComparatorRunConfig)
        if is_comparator:
            query_bank.check_embeddings(self.similarities("val"))
        bank = query_bank.bank_of(self.inputs.split("train"))
        return (
            similarities.read(self.run.similarities_npz("train"), bank) if is_comparator else self._embedder.embed(bank)
        )

    @functools.cached_property
    def _embedder(self) -> SplitEmbedder:
        return SplitEmbedder(self.model())


def open_run(run_dir: str | os.PathLike) -> FinishedRun:
    """Opens a finished run where it lies, below its data set in a workspace.

    >>> opened = cmr.open_run("workspace/scenes/runs/fusion-1a2b3c4d")
    >>> opened.config.model.model, opened.config.dataset
    ('fusion', 'scenes')
    >>> sorted(opened.model().output)
    ['caption', 'image']
    >>> test = opened.inputs.split("test")

    Args:
      run_dir: `<workspace>/<dataset>/runs/<name>`.

    Raises:
      WorkspaceError: it is no finished run, not in its place, or its inputs have changed since.
    """
    run = Run(pathlib.Path(run_dir).resolve())
    run_config = run.read_measured_config()
    fingerprints = runs.fingerprints_of(run_config, run.read_metrics())
    workspace = Workspace.of_run(run.path, run_config.dataset)
    inputs = read_inputs(workspace, run_config.vgg_features, run_config.image_features)
    # Features may have been extracted on another machine since.
    changed = [name for name, kept in fingerprints.items() if not inputs.has(name, kept)]
    if changed:
        raise WorkspaceError(
            f"{workspace.dataset_dir} has another {changed[0]} than when {run.path.name} was trained; "
            "prepare and extract it as it was, or train again"
        )
    if inputs.test_folds != run_config.test_folds:
        raise WorkspaceError(
            f"{workspace.dataset_dir} is prepared for {inputs.test_folds} test folds and {run.path.name} was trained "
            f"for {run_config.test_folds}; prepare it as it was, or train again"
        )
    if isinstance(run_config, ComparatorRunConfig):
        val, test = (run_config.settings.get(name, 0) for name in ("measured_val_images", "measured_images"))
        return FinishedRun(run, run_config, inputs.first_images(val=val, test=test))
    inputs = inputs.first_images(train=run_config.train_images)
    return FinishedRun(run, run_config, tuned_inputs(run, run_config, inputs))


def tuned_inputs(run: Run, run_config: RunConfig, inputs: Inputs) -> Inputs:
    """What a run is measured on: features of the CNNs that it has tuned in the place of those it began with.

    Args:
      run: the run's folder.
      run_config: its settings.
      inputs: what it reads; returned as they are where it has tuned no CNN.

    Raises:
      WorkspaceError: the tuned CNNs' features are missing or damaged.
    """
    if run_config.finetune is None:
        return inputs
    folders = {name: run.tuned_features_dir(name, inputs.features[name].name) for name in run_config.finetune.cnns}
    try:
        return inputs.with_features({name: features.read_features(folder) for name, folder in folders.items()})
    except WorkspaceError as error:
        raise WorkspaceError(
            f"the features of the CNN that {run.path} has tuned are missing or damaged; the run's own command makes "
            f"them again: {run.command}"
        ) from error
