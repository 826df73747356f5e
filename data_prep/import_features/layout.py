"""How feature files lie: an image a row or a column, and which image each row is of."""

import collections
import itertools
import os
from collections.abc import Iterator, Sequence

from cmr.errors import ConfigError, DataError
from data_prep.import_features import image_ids
from data_prep.import_features.files import FeatureFile


def rows_of(
    parts: Sequence[FeatureFile], image_id_paths: Sequence[str | os.PathLike], rows: str
) -> tuple[tuple[bool, ...], list[str]]:
    """Whether images are the columns, for each part, and the id of every row, by the lists or the parts themselves.

    Args:
      parts: the files, in the order in which they are joined.
      image_id_paths: id lists, one for each part or one for all; none where the parts name their images.
      rows: "image", "caption" or "auto".

    Raises:
      DataError: a list can't be read, or rows and ids don't fit each other.
      ConfigError: there are lists where none are needed, none where they are, or another number than of parts.
    """
    by_themselves = [part for part in parts if part.image_ids]
    if image_id_paths:
        if by_themselves:
            raise ConfigError(
                f"{by_themselves[0].path} has an array for each image, named by it; leave --image_ids out"
            )
        listed = [image_ids.read_image_ids(path) for path in image_id_paths]
        if len(listed) not in (1, len(parts)):
            raise ConfigError(
                f"--image_ids names {len(listed)} files and --features {len(parts)}; give a list for each, or one for "
                "all"
            )
        return _lay_out(parts, listed, rows)
    if len(by_themselves) < len(parts):
        unnamed = next(part for part in parts if not part.image_ids)
        raise ConfigError(
            f"--image_ids is missing, and {unnamed.label} does not name its images; list them in its order"
        )
    for part in parts:
        if part.shape[1] != parts[0].shape[1]:
            raise DataError(
                f"{part.path} has {part.shape[1]} numbers an image, {parts[0].path} has {parts[0].shape[1]}"
            )
    return (False,) * len(parts), [image_id for part in parts for image_id in part.image_ids]


def _lay_out(
    parts: Sequence[FeatureFile], listed: Sequence[list[str]], rows: str
) -> tuple[tuple[bool, ...], list[str]]:
    """Whether images are the columns, for each part, and the listed id of every row of all parts."""
    shapes = ", ".join(f"{part.label} {list(part.shape)}" for part in parts)
    counts = ", ".join(str(len(ids)) for ids in listed)
    fit = _fit(parts, listed, repeat=rows == "caption")
    if fit is None and rows == "auto" and _fit(parts, listed, repeat=True):
        raise DataError(
            f"{shapes} holds several rows for each of {counts} image ids; say --rows=caption if an image's row stands "
            "once for each of its sentences"
        )
    if fit is None:
        raise DataError(f"{shapes} does not fit the number of image ids, {counts}; list the images of its rows")
    name, count = collections.Counter(fit[1]).most_common(1)[0]
    if rows == "image" and count > 1:
        raise DataError(f"the id list names {name} {count} times; --rows=caption takes one row a sentence")
    return fit


def _fit(
    parts: Sequence[FeatureFile], listed: Sequence[list[str]], repeat: bool
) -> tuple[tuple[bool, ...], list[str]] | None:
    for layout in _layouts(parts):
        counts = [part.shape[in_columns] for part, in_columns in zip(parts, layout, strict=True)]
        counts = counts if len(listed) == len(parts) else [sum(counts)]
        ids = [_ids_of_rows(count, ids, repeat) for count, ids in zip(counts, listed, strict=True)]
        if None not in ids:
            return layout, list(itertools.chain.from_iterable(ids))
    return None


def _layouts(parts: Sequence[FeatureFile]) -> Iterator[tuple[bool, ...]]:
    """Whether images are the columns, for each part: each way in which all of them have equally large features."""
    if any(len(part.shape) == 3 for part in parts):
        # Regions stand in one way alone, [images, regions, feature_dim].
        for part in parts:
            if part.shape[1:] != parts[0].shape[1:]:
                raise DataError(
                    f"{part.label} has {list(part.shape[1:])} values an image, {parts[0].label} has "
                    f"{list(parts[0].shape[1:])}; give regions of one detector, equally many an image"
                )
        yield (False,) * len(parts)
        return
    # Where both ways fit, a .mat file stands as Karpathy's do and the others as VSE's.
    mat_first = parts[0].path.suffix.lower() == ".mat"
    for first_in_columns in (mat_first, not mat_first):
        dim = parts[0].shape[not first_in_columns]
        if all(dim in part.shape for part in parts):
            yield tuple(first_in_columns ^ (part.shape[not first_in_columns] != dim) for part in parts)


def _ids_of_rows(num_rows: int, ids: list[str], repeat: bool) -> list[str] | None:
    """The id of each row, or None where `num_rows` doesn't fit."""
    if num_rows == len(ids):
        return ids
    once = list(dict.fromkeys(ids))
    if num_rows == len(once):
        return once
    if repeat and num_rows % len(once) == 0 and len(once) == len(ids):
        return [name for name in ids for _ in range(num_rows // len(ids))]
    return None
