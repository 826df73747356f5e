"""feature_maps/<features>-last<blocks>/: what a CNN makes of crops of pictures before its first trained block.

Made once, and read by every training that trains the same blocks of the same CNN.
"""

import dataclasses
import functools
import math
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np

from cmr.config import MAX_PIXELS
from cmr.errors import ConfigError, WorkspaceError
from cmr.finetuning import crops
from cmr.finetuning.blocks import CnnParts
from cmr.finetuning.crops import Crop
from cmr.pictures import row_filling
from cmr.pictures.cnn import Cnn
from cmr.workspace import checksums, features, json_files
from cmr.workspace.json_kinds import Listed, Record, Sha256, Text, Whole
from cmr.workspace.partial_rows import PartialRows
from cmr.workspace.stored_rows import StoredRows
from cmr.workspace.writer_lock import writer_lock

MAPS_NPY = "maps.npy"
MAPS_JSON = "maps.json"

_DTYPE = np.dtype("<f2")

_DESCRIPTION = Record(
    {
        "cnn_sha256": Sha256(),
        "cut": Text(),
        "shape": Listed(Whole(at_least=1)),
        "crop": Whole(),
        "image_ids_sha256": Sha256(),
        "images": Whole(at_least=1),
    },
    optional={features.PICTURES_SHA256: Sha256()},
    others=False,
)


@dataclasses.dataclass(frozen=True)
class MapsMaker:
    """Makes the maps of crops, those that are not there yet.

    Attributes:
      folder: `feature_maps/<features>-last<blocks>`.
      encoder: the CNN as features were extracted with it.
      parts: the same, cut.
      cnn_sha256: of its file.
      max_pixels: as in `pictures.files.read_rgb`.
    """

    folder: pathlib.Path
    encoder: Cnn
    parts: CnnParts
    cnn_sha256: str
    max_pixels: int = MAX_PIXELS

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the maps of a picture, such as `(9, 9, 208)`."""
        return tuple(self.parts.frozen.output.shape[1:])

    def make(self, images: Sequence[tuple[Sequence[str], Sequence[pathlib.Path]]]) -> list[StoredRows]:
        """Makes the maps of each crop, or goes on making them.

        Args:
          images: for each crop, from number 0 on, ids and files of the images that it is made of.

        Returns:
          For each crop the maps, `[num_images, values of a map]` float16, on the disk.

        Raises:
          DataError: a picture can't be read.
          ConfigError: there is not enough room on the disk.
          WorkspaceError: another process makes them.
        """
        of_pictures = _fingerprints([paths for _, paths in images])
        missing = [
            number for number, (ids, _) in enumerate(images) if not self._is_whole(number, ids, of_pictures[number])
        ]
        if missing:
            with writer_lock(self.folder):
                self._announce([len(images[number][0]) for number in missing])
                for number in missing:
                    title = f"crop {number + 1} of {len(images)}"
                    self._make_crop(number, *images[number], of_pictures[number], title)
        return [self._stored(number) for number in range(len(images))]

    def _make_crop(
        self, number: int, ids: Sequence[str], paths: Sequence[pathlib.Path], of_pictures: str, title: str
    ) -> None:
        path, described = self._folder(number) / MAPS_NPY, self._folder(number) / MAPS_JSON
        described.unlink(missing_ok=True)
        settings = self._settings(number, ids)
        rows = PartialRows(path, settings, ids, (math.prod(self.shape),), _DTYPE)
        sources = [(path, crops.crop_of(image_id, number)) for image_id, path in zip(ids, paths, strict=True)]
        row_filling.fill_rows(rows, self._frozen, ids, sources, title, max_pixels=self.max_pixels, read=_read_source)
        rows.finish()
        # No setting of a crop in the making, which goes on once a damaged picture is mended.
        json_files.write_json(described, {**settings, features.PICTURES_SHA256: of_pictures})
        rows.forget()

    def _announce(self, counts: Sequence[int]) -> None:
        """Says what will be written where, and refuses what has no room."""
        size = sum(counts) * math.prod(self.shape) * _DTYPE.itemsize
        what = f"feature maps {' x '.join(map(str, self.shape))} of {sum(counts):,} pictures"
        print(f"{what}, {size / 1e9:.2f} GB, are made once in {self.folder}", flush=True)
        begun = sum(path.stat().st_size for path in self.folder.glob(f"*/{MAPS_NPY}.partial"))
        free = shutil.disk_usage(self.folder).free
        if size - begun > free:
            raise ConfigError(
                f"{what} need {size / 1e9:.2f} GB and {self.folder} has {free / 1e9:.2f} GB left; lower "
                "--finetune_crops, or train other --finetune_blocks"
            )

    @functools.cached_property
    def _frozen(self) -> Cnn:
        return Cnn(self.parts.frozen, 1)

    def _folder(self, number: int) -> pathlib.Path:
        return self.folder / f"crop{number}"

    def _settings(self, number: int, ids: Sequence[str]) -> dict:
        return {
            "cnn_sha256": self.cnn_sha256,
            "cut": self.parts.cut,
            "shape": list(self.shape),
            "crop": number,
            "image_ids_sha256": features.image_ids_sha256(ids),
            "images": len(ids),
        }

    def _is_whole(self, number: int, ids: Sequence[str], of_pictures: str) -> bool:
        path = self._folder(number) / MAPS_JSON
        try:
            written = json_files.read_workspace_json(path, _DESCRIPTION, "remove it")
            rows = self._stored(number)
        # Missing or damaged, they are made again.
        except (WorkspaceError, ValueError):
            return False
        is_sound = rows.dtype == _DTYPE and rows.shape == (len(ids), math.prod(self.shape))
        known = written.pop(features.PICTURES_SHA256, of_pictures)
        return is_sound and known == of_pictures and written == self._settings(number, ids)

    def _stored(self, number: int) -> StoredRows:
        return StoredRows(self._folder(number) / MAPS_NPY)


def _fingerprints(of_crops: Sequence[Sequence[pathlib.Path]]) -> list[str]:
    """What tells the pictures of each crop from others of their names; several crops are of the same ones."""
    known = {paths: checksums.files_fingerprint(paths) for paths in {tuple(paths) for paths in of_crops}}
    return [known[tuple(paths)] for paths in of_crops]


def _read_source(source: tuple[pathlib.Path, Crop], size: int, _: int, max_pixels: int) -> np.ndarray:
    return crops.read_crop(*source, size, max_pixels)[None]
