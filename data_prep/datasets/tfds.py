"""Reads a data set of tensorflow-datasets that has pictures with sentences, such as coco_captions.

The pictures are written out as they are encoded, beside the captions, so that everything else finds files.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cmr import progress
from cmr.errors import ConfigError, DataError
from cmr.workspace import paths
from data_prep.datasets import drawn_splits, raw_dataset
from data_prep.datasets.raw_dataset import RawDataset, RawPictures, Sentence

IMAGE_DIR = "images"

_SPLIT_NAMES = {
    "train": ("train",),
    "val": ("val", "validation", "dev"),
    "test": ("test",),
    # coco_captions has Karpathy's splits.
    "restval": ("restval",),
}
_CAPTION_KEYS = ("captions", "caption", "sentences", "sentence")
# Of a sentence that is a record.
_TEXT_KEYS = ("text", "caption", "raw")
_NAME_KEYS = ("image/filename", "filename", "image/id", "image_id", "id")
_ENDINGS = {b"\xff\xd8": ".jpg", b"\x89P": ".png"}


@dataclasses.dataclass(frozen=True)
class _Example:
    """An example of a builder: the picture as it is encoded, its name if it has one, its sentences."""

    picture: bytes
    name: str
    sentences: tuple[str, ...]


def load_builder(name: str, data_dir: pathlib.Path | None) -> Any:
    """Opens a data set, which tensorflow-datasets downloads where it has not yet.

    Args:
      name: as tensorflow-datasets names it, such as `coco_captions` or `coco_captions/2014`.
      data_dir: its folder of data sets; None: its own choice.

    Returns:
      The `tfds.core.DatasetBuilder`, prepared.

    Raises:
      ConfigError: tensorflow-datasets is not installed, or knows no such data set.
      DataError: the data set can't be downloaded or prepared.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ConfigError(
            f"--dataset=tfds:{name} needs tensorflow-datasets; install it with: pip install '.[tfds]'"
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"tensorflow-datasets has no data set {name} ({_first_line(error)}); see its catalogue of data sets"
        ) from error
    try:
        builder.download_and_prepare()
    # Builders fail in every way that a download and foreign code can.
    except Exception as error:
        raise DataError(
            f"tensorflow-datasets can't prepare {name} ({type(error).__name__}: {_first_line(error)}); prepare it with "
            "its own command, tfds build, and name its folder with --data_dir"
        ) from error
    return builder


def read_tfds(
    builder: Any,
    images_dir: pathlib.Path,
    restval: bool = False,
    seed: int = 0,
    before_replacing: Callable[[], None] = lambda: None,
) -> RawDataset:
    """Writes the pictures out and reads the sentences.

    Args:
      builder: a prepared `tfds.core.DatasetBuilder`.
      images_dir: where the pictures go; the workspace's `images/`.
      restval: whether a split `restval` joins the training images; otherwise it is left out.
      seed: of the splits, where the builder lacks val or test.
      before_replacing: called before a picture that is there is replaced by another.

    Raises:
      DataError: the data set has no pictures with sentences, or a text of it is not UTF-8.
    """
    own = {split: name for split, names in _SPLIT_NAMES.items() for name in names if name in builder.info.splits}
    if not restval:
        own.pop("restval", None)
    total = sum(builder.info.splits[name].num_examples for name in own.values())
    images: dict[str, list[str]] = {split: [] for split in own}
    sentences: list[Sentence] = []
    with progress.progress_bar(total, "image", f"writing {images_dir}") as bar:
        for split, name in own.items():
            for number, example in enumerate(_examples(builder, name)):
                image_id = _file_name(example, f"{name}-{number:06d}")
                _write_picture(images_dir / image_id, example.picture, before_replacing)
                images[split].append(image_id)
                sentences += [
                    Sentence(f"{image_id}#{position}", image_id, text)
                    for position, text in enumerate(example.sentences)
                ]
                bar.update()
    listed = [image_id for image_ids in images.values() for image_id in image_ids]
    if len(set(listed)) < len(listed):
        raise DataError(f"{builder.info.full_name} names two pictures alike; it can't be read here")
    splits, words = _splits(images, sentences, seed)
    return raw_dataset.assemble(
        sentences=sentences,
        splits=splits,
        pictures=RawPictures(pathlib.Path(IMAGE_DIR), frozenset(listed)),
        sources=(),
        protocol=f"tensorflow-datasets' {builder.info.full_name}, {words}",
    )


def _splits(
    images: Mapping[str, list[str]], sentences: Sequence[Sentence], seed: int
) -> tuple[dict[str, list[str]], str]:
    """The builder's splits, or drawn ones where it lacks val or test, and how they came about."""
    if all(images.get(split) for split in paths.SPLITS):
        rest = images.get("restval", [])
        joined = f" with the {len(rest):,} images of restval in training" if rest else ""
        return {**{split: images[split] for split in paths.SPLITS}, "train": images["train"] + rest}, (
            f"its own splits{joined}"
        )
    listed = [image_id for image_ids in images.values() for image_id in image_ids]
    drawn = drawn_splits.draw_among_usable(listed, lambda image_id: True, sentences, seed)
    return drawn, (
        f"which lacks val or test: {len(drawn['test']):,} test and {len(drawn['val']):,} validation images are drawn "
        f"with seed {seed}"
    )


def _examples(builder: Any, split: str) -> Iterator[_Example]:
    import tensorflow_datasets as tfds

    features = builder.info.features
    picture_key = next((key for key, feature in features.items() if isinstance(feature, tfds.features.Image)), None)
    caption_key = next((key for key in _CAPTION_KEYS if key in features), None)
    if picture_key is None or caption_key is None:
        raise DataError(
            f"{builder.info.full_name} has no pictures with sentences, but {', '.join(features)}; choose one that has"
        )
    name_key = next((key for key in _NAME_KEYS if key in features), None)
    # Decoding and encoding again would change the pictures.
    decoders = {picture_key: tfds.decode.SkipDecoding()}
    for example in builder.as_dataset(split=split, decoders=decoders, shuffle_files=False).as_numpy_iterator():
        name = example[name_key] if name_key else ""
        yield _Example(
            example[picture_key],
            _decoded(name) if isinstance(name, bytes) else str(name),
            tuple(_texts(example[caption_key])),
        )


def _texts(value: Any) -> Iterator[str]:
    """The sentences in a text, a sequence of texts, or a sequence of records with a text."""
    if isinstance(value, dict):
        value = next((value[key] for key in _TEXT_KEYS if key in value), ())
    for text in [value] if isinstance(value, bytes) else value:
        yield _decoded(text)


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"the data set holds a text that is not UTF-8, {text[:60]!r}; it can't be read here") from error


def _file_name(example: _Example, otherwise: str) -> str:
    """A plain file name with the ending of the picture's encoding."""
    # A name may come from foreign data: no folder of it is kept.
    stem = pathlib.PurePosixPath(example.name.replace("\\", "/")).stem or otherwise
    return stem + _ENDINGS.get(example.picture[:2], ".jpg")


def _write_picture(path: pathlib.Path, picture: bytes, before_replacing: Callable[[], None]) -> None:
    # A command that was stopped goes on with what it had written.
    if path.is_file():
        if path.stat().st_size == len(picture) and path.read_bytes() == picture:
            return
        before_replacing()
    # Not atomic_path, which looks through the folder for leftovers each time: there may be 100,000 pictures in it.
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(".partial")
    temporary.write_bytes(picture)
    temporary.replace(path)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
