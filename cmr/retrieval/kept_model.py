"""The model that a run keeps: that of its best epoch."""

import keras
import numpy as np

from cmr.config import RunConfig
from cmr.errors import WorkspaceError
from cmr.retrieval.model import retrieval_model
from cmr.workspace.ngrams import Ngrams
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary


def read_ngrams(run: Run, run_config: RunConfig, vocabulary: Vocabulary) -> Ngrams | None:
    """The n-grams that a run was trained with; None where its model reads none.

    Raises:
      WorkspaceError: they are missing, damaged or others.
    """
    if not run_config.ngrams:
        return None
    mend = "remove it, and the same cmr.train command writes it again"
    ngrams = Ngrams.read(run.ngrams_txt, vocabulary, mend)
    if ngrams.checksum() != run_config.ngrams:
        raise WorkspaceError(f"{run.ngrams_txt} holds other n-grams than the run was trained with; {mend}")
    return ngrams


def best_model(run: Run, run_config: RunConfig, vocabulary: Vocabulary) -> keras.Model:
    """The model of a run with the weights of its best epoch.

    Args:
      run: the run's folder.
      run_config: its settings.
      vocabulary: of the data set.

    Raises:
      WorkspaceError: the weights, or the n-grams that they are of, are missing or damaged, or weights are not finite.
    """
    run.check_best_weights()
    model = retrieval_model(run_config.model, ngrams=read_ngrams(run, run_config, vocabulary))
    try:
        model.load_weights(run.best_weights)
    except (OSError, ValueError, KeyError) as error:
        raise WorkspaceError(
            f"{run.best_weights} is missing or damaged; remove {run.path} and train the run again"
        ) from error
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise WorkspaceError(
            f"{run.best_weights} holds NaN or infinite weights; remove {run.path} and train the run again"
        )
    return model
