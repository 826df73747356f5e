"""Where a gallery lies, and gallery.json, which says which of its indexes is in use.

<pictures>/.cmr/            or the folder of --gallery_dir
  gallery.json              see `Description`
  index-<n>/                an index; a second one only while the gallery is built anew
  thumbnails/<SHA-256>.jpg  of contents that the index has; those of rows that are reclaimed go with them
  shards/<k>-of-<n>/        galleries of a part of the pictures each, of `cmr.index --shard=k/n`
    shard.json              see `Place.mark_whole`
  .lock
"""

import contextlib
import dataclasses
import pathlib

from cmr import shell
from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files, json_files, shards, writer_lock
from cmr.workspace.json_kinds import OneOf, Record, Text
from cmr.workspace.shards import Shard

FORMAT = 1
FOLDER = ".cmr"

GALLERY_JSON, THUMBNAILS = "gallery.json", "thumbnails"


@dataclasses.dataclass(frozen=True)
class Description:
    """gallery.json.

    Attributes:
      index: folder of the index in use.
      model: path of the model that it was made with.
      model_checksum: of that; vectors of another model mean nothing beside these.
      pictures: folder of the pictures where the gallery lies elsewhere; "" below them.
    """

    index: str
    model: str
    model_checksum: str
    pictures: str


_GALLERY = Record(
    {"format": OneOf((FORMAT,)), "index": Text(), "model": Text(), "model_checksum": Text(), "pictures": Text()},
    others=False,
)


@dataclasses.dataclass(frozen=True)
class Place:
    """A gallery's folders.

    Attributes:
      pictures: folder of the pictures, absolute.
      folder: of the index, absolute.
      shard: the part of the pictures that it is of; None for all.
    """

    pictures: pathlib.Path
    folder: pathlib.Path
    shard: Shard | None = None

    @classmethod
    def of(
        cls, pictures: pathlib.Path | None, gallery_dir: pathlib.Path | None = None, shard: Shard | None = None
    ) -> "Place":
        """The gallery of a folder of pictures, or of a part of them.

        Args:
          pictures: their folder; None where `gallery_dir` knows it.
          gallery_dir: folder of the index, where it does not lie below the pictures.
          shard: the part.

        Raises:
          WorkspaceError: the folder is not there, or `gallery_dir` holds the index of another one.
        """
        if pictures is None:
            if gallery_dir is None:
                raise WorkspaceError("name the folder of pictures: python -m cmr.index ~/Pictures")
            home = cls(gallery_dir.resolve().parent, gallery_dir.resolve())
            _check_is_gallery(home)
            pictures = pathlib.Path(home.pictures_named() or home.pictures)
        elif gallery_dir is not None:
            _check_pictures(pictures, gallery_dir)
        pictures = shell.expanded(pictures).resolve()
        if not pictures.is_dir():
            kind = "is no folder" if pictures.exists() else "does not exist"
            raise WorkspaceError(f"{pictures} {kind}; give the folder that holds the pictures")
        home = cls(pictures, gallery_dir.resolve() if gallery_dir else pictures / FOLDER)
        return home if shard is None else home.of_shard(shard)

    @property
    def home(self) -> pathlib.Path:
        """The gallery's folder; of a shard that of the whole."""
        return self.folder if self.shard is None else self.folder.parent.parent

    def of_shard(self, shard: Shard) -> "Place":
        """The place of a part."""
        return Place(self.pictures, shard.folder(self.home), shard)

    def shards_begun(self) -> list["Place"]:
        """The places of all shards that have a folder."""
        return [self.of_shard(shard) for shard in shards.begun(self.home)]

    def shards_indexed(self) -> list["Place"]:
        """Of those the ones that can be searched."""
        return [place for place in self.shards_begun() if place.gallery_json.exists()]

    @property
    def is_indexed(self) -> bool:
        """Whether there is an index of it, or of a shard of it."""
        return self.gallery_json.exists() or bool(self.shards_indexed())

    @property
    def whole(self) -> "Place":
        """The place of the gallery that a shard is a part of; of another one itself."""
        return Place(self.pictures, self.home)

    @property
    def command(self) -> list[str]:
        """Module and arguments of the command that indexes the pictures, of a shard that shard's."""
        elsewhere = [] if self.home == self.pictures / FOLDER else [f"--gallery_dir={self.home}"]
        return [
            "cmr.index",
            str(self.pictures),
            *elsewhere,
            *([f"--shard={self.shard}"] if self.shard else []),
        ]

    @property
    def gallery_json(self) -> pathlib.Path:
        return self.folder / GALLERY_JSON

    @property
    def thumbnails(self) -> pathlib.Path:
        return self.home / THUMBNAILS

    @property
    def is_whole(self) -> bool:
        """Whether a shard has gone through all its pictures once."""
        return self._shard_json.exists()

    def mark_whole(self) -> None:
        """Writes shard.json: a shard is known by it to have gone through all its pictures."""
        json_files.write_json(self._shard_json, {"format": FORMAT, "shard": str(self.shard)})

    def mark_begun(self) -> None:
        """Takes back `mark_whole`."""
        self._shard_json.unlink(missing_ok=True)

    @property
    def _shard_json(self) -> pathlib.Path:
        return self.folder / "shard.json"

    def read(self) -> Description:
        """Reads gallery.json.

        Raises:
          WorkspaceError: there is no index, or one of another version.
        """
        if not self.gallery_json.exists():
            raise WorkspaceError(
                f"{self.folder.parent if self.folder.name == FOLDER else self.folder} has no index; run: "
                + shell.python_command(*self.command)
            )
        mend = f"remove {self.folder} and run cmr.index{shards.flag_of(self.folder)} again"
        values = json_files.read_workspace_json(self.gallery_json, _GALLERY, mend)
        return Description(**{name: value for name, value in values.items() if name != "format"})

    def pictures_named(self) -> str:
        """The folder of pictures that gallery.json, or that of a shard, names; "" where it is the one above.

        Raises:
          WorkspaceError: as of `read`.
        """
        indexed = self.shards_indexed()
        return (indexed[0] if indexed and not self.gallery_json.exists() else self).read().pictures

    def write(self, description: Description) -> None:
        """Writes gallery.json: from here on the index that it names is the one in use."""
        json_files.write_json(self.gallery_json, {"format": FORMAT, **dataclasses.asdict(description)})

    def described(self, index: str, model: str, checksum: str) -> Description:
        """What gallery.json says of an index.

        Args:
          index: its folder's name.
          model: path of the model.
          checksum: of that.

        Raises:
          WorkspaceError: JSON can't hold the path of the model or of the pictures.
        """
        pictures = "" if self.home.parent == self.pictures else str(self.pictures)
        for path, mend in ((model, "rename it"), (pictures, "rename it, or index it without --gallery_dir")):
            try:
                path.encode()
            except UnicodeEncodeError as error:
                raise WorkspaceError(f"the path {path} is not UTF-8, so gallery.json can't name it; {mend}") from error
        return Description(index, model, checksum, pictures)

    def indexes(self) -> list[pathlib.Path]:
        """Folders of indexes, the oldest first."""
        named = [path for path in self.folder.glob("index-*") if path.name[6:].isdigit()]
        return sorted(named, key=lambda path: int(path.name[6:]))

    def remove_others(self, index: str) -> None:
        """Removes every index but one."""
        for path in self.indexes():
            if path.name != index:
                atomic_files.remove_folder(path)

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """Keeps every other writer out until the block ends; searches go on meanwhile.

        Raises:
          WorkspaceError: another one is writing, or the folder can't be written.
        """
        # Servers keep thumbnails without the lock: one whose half-written file is removed shows it all the same.
        return writer_lock.writer_lock(self.folder, (THUMBNAILS,), flag="gallery_dir")

    @property
    def is_being_written(self) -> bool:
        """Whether a process of this machine is writing it, or a shard of it."""
        return any(writer_lock.is_held(place.folder) for place in (self, *self.shards_begun()))


def _check_is_gallery(home: Place) -> None:
    """Refuses a --gallery_dir that is none, whose pictures nobody knows.

    Raises:
      WorkspaceError: it holds no index, and its name does not say that it lies below its pictures.
    """
    if home.folder.name == FOLDER or home.is_indexed:
        return
    own = Place(home.folder, home.folder / FOLDER).gallery_json
    mend = (
        f"it is a folder of pictures with an index of its own, so give --pictures={home.folder}"
        if own.exists()
        else "give the folder that cmr.index --gallery_dir has written, or --pictures=FOLDER of indexed pictures"
    )
    raise WorkspaceError(f"--gallery_dir={home.folder} holds no index; {mend}")


def _check_pictures(pictures: pathlib.Path, gallery_dir: pathlib.Path) -> None:
    """Refuses the gallery of another folder, whose scores would stand beside files of the same names here.

    Raises:
      WorkspaceError: it is one; not where that folder is gone, since it may have been moved here.
    """
    home = Place(pictures, gallery_dir.resolve())
    if not home.is_indexed:
        return
    named = home.pictures_named()
    if not named and home.folder.name != FOLDER:
        # It may have been moved here out of its pictures' folder.
        return
    indexed = pathlib.Path(named or home.folder.parent)
    if indexed.resolve() != shell.expanded(pictures).resolve() and indexed.is_dir():
        raise WorkspaceError(
            f"--gallery_dir={gallery_dir} holds the index of {indexed}, not of {pictures}; give another --gallery_dir"
        )
