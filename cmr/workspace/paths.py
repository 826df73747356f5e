"""Paths of the workspace (WORKSPACE.md): the contract between `data_prep` and `cmr`."""

import dataclasses
import pathlib
import re

from cmr import shell
from cmr.errors import WorkspaceError
from cmr.workspace import json_files
from cmr.workspace.json_kinds import Anything, ByName, Listed, OneOf, Record, Text, Whole

FORMAT = 1
SPLITS = ("train", "val", "test")
# Images for the captioner and the CNNs alone; retrieval never reads them. Most data sets have none.
CAPTIONING = "captioning"


# Older versions wrote no protocol and no test_folds.
_DESCRIPTION = Record(
    {"dataset": Text(), "image_dir": Text()},
    optional={
        "splits": Record(
            {}, {split: Record({"images": Whole(), "captions": Whole()}) for split in (*SPLITS, CAPTIONING)}
        ),
        "vocabulary_size": Whole(),
        "min_word_count": Whole(),
        "words_of": Listed(Text()),
        "protocol": Text(),
        "test_folds": Whole(at_least=1),
        "flaws": Listed(Record({"kind": Text(), "count": Whole(), "names": Listed(Text())})),
        "sources": ByName(Text()),
        "flags": Listed(Text()),
    },
)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Where each file of one data set lies.

    Attributes:
      root: the folder of `--workspace_dir`.
      dataset: name of the data set, which is also its folder's name; `tfds:coco_captions` lies in `tfds-coco_captions`.
    """

    root: pathlib.Path
    dataset: str

    @classmethod
    def of_run(cls, run_dir: pathlib.Path, dataset: str) -> "Workspace":
        """The one that a run of this data set lies in, below it in `runs`.

        Raises:
          WorkspaceError: the run lies elsewhere.
        """
        path = run_dir.resolve()
        workspace = cls(path.parent.parent.parent, dataset)
        if workspace.run_dir(path.name) != path:
            raise WorkspaceError(
                f"{path} is not where cmr.train writes a run, below its data set in {workspace.dataset_dir.name}/runs; "
                "move it back"
            )
        return workspace

    @property
    def dataset_dir(self) -> pathlib.Path:
        return self.root / re.sub(r"[:/]", "-", self.dataset)

    @property
    def dataset_json(self) -> pathlib.Path:
        return self.dataset_dir / "dataset.json"

    @property
    def captions_csv(self) -> pathlib.Path:
        return self.dataset_dir / "captions.csv"

    @property
    def scene_contents_json(self) -> pathlib.Path:
        return self.dataset_dir / "scene_contents.json"

    @property
    def vocabulary_txt(self) -> pathlib.Path:
        return self.dataset_dir / "vocabulary.txt"

    @property
    def images_dir(self) -> pathlib.Path:
        """Pictures of data sets that bring none as files: scenes and tfds."""
        return self.dataset_dir / "images"

    @property
    def captioner_dir(self) -> pathlib.Path:
        return self.dataset_dir / "captioner"

    @property
    def experiments_dir(self) -> pathlib.Path:
        return self.dataset_dir / "experiments"

    def features_dir(self, name: str) -> pathlib.Path:
        return self.dataset_dir / "features" / name

    def feature_maps_dir(self, features: str, blocks: int) -> pathlib.Path:
        return self.dataset_dir / "feature_maps" / f"{features}-last{blocks}"

    def linear_text_space_npz(self, image_features: str) -> pathlib.Path:
        return self.dataset_dir / "linear_embedding" / f"{image_features}.npz"

    def word_vectors_npz(self, name: str) -> pathlib.Path:
        return self.dataset_dir / "word_vectors" / f"{name}.npz"

    def run_dir(self, name: str) -> pathlib.Path:
        return self.dataset_dir / "runs" / name

    def write_description(self, description: dict) -> None:
        """Writes dataset.json, the last file of a prepared data set: its presence means that the rest is whole."""
        json_files.write_json(self.dataset_json, {"format": FORMAT, **description})

    def read_description(self) -> dict:
        """Reads dataset.json.

        Raises:
          WorkspaceError: the data set is not prepared, or by a version with another layout, or the file is damaged.
        """
        place = f"--dataset={self.dataset}", f"--workspace_dir={self.root}"
        prepare = f"run: {shell.python_command('data_prep.prepare', *place)}"
        if not self.dataset_json.exists():
            raise WorkspaceError(f"{self.dataset_dir} holds no prepared data set; {prepare}")
        description = json_files.read_workspace_json(self.dataset_json, Record({"format": Anything()}), prepare)
        if OneOf((FORMAT,)).flaw(description["format"], "format") is not None:
            raise WorkspaceError(
                f"{self.dataset_json} has workspace format {description['format']!r:.40}, this version reads {FORMAT}; "
                f"{prepare}"
            )
        json_files.check(self.dataset_json, description, _DESCRIPTION, WorkspaceError, prepare)
        return description


def plain_name(name: str) -> str:
    """A name of which `is_plain_name` holds, like this one."""
    return re.sub(r"[^\w.+-]", "_", name).lstrip(".+-") or "run"


def is_plain_name(name: str) -> bool:
    """Whether a name can be a folder's of features or of a run: letters, digits, _, -, + and . alone."""
    return re.fullmatch(r"\w[\w.+-]*", name) is not None
