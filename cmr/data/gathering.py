"""Sentences of several data sets together, without the photographs that one of them is measured on."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

import pandas as pd

from cmr import shell
from cmr.errors import WorkspaceError
from cmr.workspace import captions
from cmr.workspace.captions import EVALUATED
from cmr.workspace.paths import Workspace


@dataclasses.dataclass(frozen=True)
class Gathered:
    """Sentences to learn from.

    Attributes:
      captions: a table as captions.csv, every image in the split `train`.
      left_out: photographs of the other data sets that are measured on in this one.
    """

    captions: pd.DataFrame
    left_out: int


def captions_csv_of_others(workspace: Workspace, names: Iterable[str], flag: str) -> dict[str, pathlib.Path]:
    """Looks for other data sets beside a workspace's own.

    Args:
      workspace: of the own one.
      names: of the others.
      flag: that names them.

    Returns:
      captions.csv of each by its name, in the names' order.

    Raises:
      WorkspaceError: one is not prepared.
    """
    others = [Workspace(workspace.root, name) for name in sorted(names)]
    for other in others:
        if not (other.dataset_json.exists() and other.captions_csv.exists()):
            needed = f"--dataset={other.dataset}", f"--workspace_dir={other.root}", "--pictures=optional"
            raise WorkspaceError(
                f"--{flag}={other.dataset}: {other.dataset_dir} holds no prepared data set; its sentences are enough: "
                f"run {shell.python_command('data_prep.prepare', *needed)}"
            )
        other.read_description()
    return {other.dataset: other.captions_csv for other in others}


def gather(own: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> Gathered:
    """Puts the sentences of other data sets beside the training sentences, each photograph's once.

    A photograph of the val or test split is left out wherever it comes from: Flickr30K holds those of Flickr8K.

    Args:
      own: captions.csv of the data set.
      others: name of another data set -> its captions.csv, of which all splits are taken.
    """
    photographs = own["image_id"].map(captions.photograph)
    evaluated = set(photographs[own["split"].isin(EVALUATED)])
    is_train = own["split"] == "train"
    parts, taken, left_out = [own[is_train]], set(photographs[is_train]), 0
    for table in others.values():
        photographs = table["image_id"].map(captions.photograph)
        left_out += photographs[photographs.isin(evaluated)].nunique()
        parts.append(table[~photographs.isin(evaluated | taken)].assign(split="train"))
        taken |= set(photographs)
    return Gathered(pd.concat(parts, ignore_index=True), left_out)
