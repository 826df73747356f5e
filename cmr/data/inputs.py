"""What a run reads of the workspace: captions, vocabulary, features and their checksums."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import pandas as pd

from cmr.data import examples, input_names
from cmr.data.examples import Examples
from cmr.errors import WorkspaceError
from cmr.workspace import paths
from cmr.workspace.captions import images_of, in_split, read_captions
from cmr.workspace.checksums import files_sha256
from cmr.workspace.features import Features, read_stored
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The workspace's tables, opened.

    Attributes:
      captions: captions.csv.
      vocabulary: of the data set.
      features: model input name -> features of all images, one vector an image or a grid.
      image_dir: folder of the pictures.
      protocol: how the images came to their splits; "" where dataset.json does not say.
      test_folds: equal parts of the test split that are evaluated apart and averaged.
      fingerprints: of captions.csv, of the vocabulary and of the features, by name.
    """

    captions: pd.DataFrame
    vocabulary: Vocabulary
    features: Mapping[str, Features]
    image_dir: pathlib.Path
    protocol: str
    test_folds: int
    fingerprints: dict[str, Fingerprint]
    _splits: dict[str, Examples] = dataclasses.field(default_factory=dict, init=False, repr=False)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of all that has a fingerprint, by name."""
        return {name: found.sha256 for name, found in self.fingerprints.items()}

    def has(self, name: str, known: Fingerprint) -> bool:
        """Whether that is among what is read, equal but for rounding."""
        return name in self.fingerprints and self.fingerprints[name].is_same(known)

    def recognised(self, known: Mapping[str, Fingerprint]) -> dict[str, str]:
        """The checksums of what another run has read, those of the inputs here in the place of the same ones."""
        return {
            name: self.fingerprints[name].sha256 if self.has(name, each) else each.sha256
            for name, each in known.items()
        }

    def split(self, name: str) -> Examples:
        """Examples of `train`, `val` or `test`; put into numbers once, which takes a while at MSCOCO's size."""
        if name not in self._splits:
            self._splits[name] = examples.split_examples(self.captions, name, self.vocabulary, self.features)
        return self._splits[name]

    def with_features(self, features: Mapping[str, Features]) -> "Inputs":
        """The same with other features of the same images, by the model's inputs."""
        return dataclasses.replace(self, features={**self.features, **features})

    def split_sizes(self) -> dict[str, tuple[int, int]]:
        """Images and sentences of each split."""
        grouped = self.captions.groupby("split", sort=False)
        images, sentences = grouped["image_id"].nunique(), grouped.size()
        return {split: (int(images.get(split, 0)), int(sentences.get(split, 0))) for split in paths.SPLITS}

    def folds(self, split: str) -> int:
        """Equal parts of a split that are evaluated apart and averaged."""
        return self.test_folds if split == "test" else 1

    def check_splits(self, names: Sequence[str] = paths.SPLITS) -> None:
        """Refuses before a training what would end it, or make it senseless.

        That is a split without images, a single training image, or fewer test images than folds.

        Args:
          names: of the splits that are read.

        Raises:
          WorkspaceError: naming the split.
        """
        for name in names:
            in_split(self.captions, name)
        sizes = self.split_sizes()
        training_images, _ = sizes["train"]
        if "train" in names and training_images < 2:
            raise WorkspaceError(
                "captions.csv has 1 training image, and nothing is learnt without a second one to tell it from; add "
                "training images and run data_prep.prepare again"
            )
        images, _ = sizes["test"]
        if "test" in names and images < self.test_folds:
            raise WorkspaceError(
                f"captions.csv has {images} test images and dataset.json says {self.test_folds} test folds; run "
                "data_prep.prepare again"
            )

    def first_images(self, train: int = 0, val: int = 0, test: int = 0) -> "Inputs":
        """The same with the first images of a split alone; all of them where its number is 0 or there are fewer."""
        numbers = {name: number for name, number in (("train", train), ("val", val), ("test", test)) if number}
        if not numbers:
            return self
        images = images_of(self.captions)
        place = images.groupby("split").cumcount()
        left_out = images["image_id"][place >= images["split"].map(numbers).fillna(float("inf"))]
        return dataclasses.replace(self, captions=self.captions[~self.captions["image_id"].isin(left_out)])

    def feature_dim(self, name: str) -> int:
        """Size of a model input of one vector an image; 0 where the model does not read it.

        Raises:
          WorkspaceError: the features are a grid.
        """
        return self.features[name].of_kind(is_grid=False).feature_dim if name in self.features else 0


def read_inputs(workspace: Workspace, vgg_features: str, image_features: str) -> Inputs:
    """Opens what a run reads; of the features only rows are read, once all of them are checked.

    Args:
      workspace: of the data set.
      vgg_features: folder name of X_vgg's features; "" reads none.
      image_features: folder name of X_img's features; "" reads none.

    Raises:
      WorkspaceError: something is missing or does not fit.
    """
    description = workspace.read_description()
    names = {input_names.VGG_FEATURES: vgg_features, input_names.IMAGE_FEATURES: image_features}
    features = {key: read_stored(workspace.features_dir(name)) for key, name in names.items() if name}
    vocabulary = Vocabulary.read(workspace.vocabulary_txt)
    captions = read_captions(workspace.captions_csv)
    _check_described(workspace, description, captions, vocabulary)
    fingerprints = {
        "captions.csv": Fingerprint(files_sha256([workspace.captions_csv])),
        "vocabulary": Fingerprint(vocabulary.checksum()),
        **{stored.name: stored.fingerprint() for stored in features.values()},
    }
    # An absolute image_dir stays as it is; the scenes' pictures lie in the workspace.
    image_dir = workspace.dataset_dir / description["image_dir"]
    return Inputs(
        captions=captions,
        vocabulary=vocabulary,
        features=features,
        image_dir=image_dir,
        protocol=description.get("protocol", ""),
        test_folds=description.get("test_folds", 1),
        fingerprints=fingerprints,
    )


def _check_described(workspace: Workspace, description: dict, captions: pd.DataFrame, vocabulary: Vocabulary) -> None:
    """Refuses tables that are not the ones that dataset.json was written for, as when lines were lost."""
    sizes = captions["split"].value_counts()
    counts = {
        (workspace.vocabulary_txt, "words"): (len(vocabulary), description.get("vocabulary_size")),
        **{
            (workspace.captions_csv, f"{split} sentences"): (int(sizes.get(split, 0)), size["captions"])
            for split, size in description.get("splits", {}).items()
        },
    }
    for (path, what), (there, described) in counts.items():
        if described is not None and there != described:
            raise WorkspaceError(
                f"{path} has {there} {what} and {workspace.dataset_json.name} says {described}; run data_prep.prepare "
                "again"
            )
