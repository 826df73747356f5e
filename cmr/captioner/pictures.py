"""Captions of picture files: file -> CNN -> captioner -> sentence."""

import dataclasses
import itertools
import pathlib
import shlex
from collections.abc import Iterator, Sequence

import numpy as np

from cmr import shell
from cmr.captioner import decoding
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.decoding import Decoder
from cmr.captioner.files import Captioner
from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.pictures.cnn import Cnn
from cmr.pictures.streaming import stream_features

# Few enough that the first captions are soon there.
_PICTURES_AT_ONCE = 16


@dataclasses.dataclass(frozen=True)
class PictureCaption:
    """What became of one picture.

    Attributes:
      path: its file.
      caption: the best sentence, or "" where there is none.
      log_probability: of the sentence, end word included.
      failure: why the picture can't be read, or "".
    """

    path: pathlib.Path
    caption: str
    log_probability: float
    failure: str


def find_pictures(pattern: str) -> list[pathlib.Path]:
    """The files that a pattern names, sorted.

    Args:
      pattern: a path, or one with the shell's `*`, `?`, `[...]`, and `**` for any folders.

    Raises:
      DataError: there is none.
    """
    path = shell.expanded(pattern)
    # A file that exists is meant as it stands, whatever brackets it has.
    if path.is_file():
        return [path]
    if path.is_dir():
        raise DataError(f"--images={pattern} is a folder; give --images={shlex.quote(f'{path}/*.jpg')}")
    root = pathlib.Path(path.anchor)
    try:
        files = sorted(file for file in root.glob(str(path.relative_to(root))) if file.is_file())
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"--images={pattern} is no pattern of files ({error})") from error
    if not files:
        raise DataError(f"--images={pattern} matches no file")
    return files


def caption_pictures(
    paths: Sequence[pathlib.Path],
    cnn: Cnn,
    captioner: Captioner,
    config: SearchConfig,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[PictureCaption]:
    """Captions picture files, a few at once.

    Args:
      paths: the files.
      cnn: what gives X_img.
      captioner: what gives the sentence.
      config: of the beam search.
      max_pixels: as in `pictures.files.read_rgb`.

    Yields:
      One for each path, in order.
    """
    decoder = Decoder(captioner.model)
    remaining = iter(paths)
    for batch in stream_features(cnn, paths, _PICTURES_AT_ONCE, max_pixels):
        readable = [place for place in range(len(batch.rows)) if place not in batch.failures]
        sentences = iter(())
        if readable:
            sentences = iter(decoding.caption_features(decoder, batch.rows[readable], config))
        for place, path in enumerate(itertools.islice(remaining, len(batch.rows))):
            if place in batch.failures:
                yield PictureCaption(path, "", -np.inf, batch.failures[place])
                continue
            best = next(sentences)[0]
            yield PictureCaption(path, decoding.text(best.words, captioner.vocabulary), best.log_probability, "")
