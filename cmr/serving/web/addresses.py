"""A query as it stands in an address, so that it can be sent, and that the browser's back button finds it again."""

import dataclasses
import re
import urllib.parse
from collections.abc import Sequence
from typing import Protocol

from cmr.errors import ConfigError
from cmr.gallery import nearest_sentences

# A sentence of the data sets has 80 letters at most; this is a paragraph.
_MAX_TEXT = 1000
_MAX_PICTURES = 20
# Further down nobody looks, and each result that is left out costs a look at its file.
_MAX_OFFSET = 5000


class Params(Protocol):
    """An address's parameters, or a form's fields; a name may have several values."""

    def getlist(self, name: str) -> list: ...


@dataclasses.dataclass(frozen=True)
class WebQuery:
    """What to look for.

    Attributes:
      text: sentences, with + and - between them.
      like: rows of the gallery that are added.
      unlike: rows that are subtracted.
      uploads: keys of pictures that were given, which are added.
    """

    text: str = ""
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()
    uploads: tuple[str, ...] = ()

    @classmethod
    def read(cls, params: Params) -> "WebQuery":
        """The query of an address or a form.

        Raises:
          ConfigError: it is too long, or a row is no number.
        """
        text = " ".join(" ".join(sentences(params)).split())
        if len(text) > _MAX_TEXT:
            raise ConfigError(f"the query has {len(text):,} letters; say it in {_MAX_TEXT:,} at most")
        like, unlike = (tuple(_rows(texts(params, name))) for name in ("like", "unlike"))
        uploads = tuple(dict.fromkeys(key for key in texts(params, "upload") if key))
        if len(like) + len(unlike) + len(uploads) > _MAX_PICTURES:
            raise ConfigError(f"the query has more than {_MAX_PICTURES} pictures; leave some out")
        return cls(text, like, unlike, uploads)

    @property
    def is_empty(self) -> bool:
        return self == WebQuery()

    def address(self, path: str = "/", **more: int | None) -> str:
        """Path and query.

        Args:
          path: what is asked.
          more: further parameters; None and 0 are left out.
        """
        pairs = [(name, str(value)) for name, value in self.fields() if value]
        # Row 0 is a row.
        pairs += [(name, str(value)) for name, value in more.items() if value]
        return f"{path}?{urllib.parse.urlencode(pairs)}" if pairs else path

    def fields(self) -> list[tuple[str, str]]:
        """Names and values, as a form's hidden fields have them."""
        return [
            ("q", self.text),
            *(("like", str(row)) for row in self.like),
            *(("unlike", str(row)) for row in self.unlike),
            *(("upload", key) for key in self.uploads),
        ]

    def adding(self, row: int) -> "WebQuery":
        """The query and a picture of the gallery."""
        without = self.without(row)
        return dataclasses.replace(without, like=(*without.like, row))

    def subtracting(self, row: int) -> "WebQuery":
        """The query less a picture of the gallery."""
        without = self.without(row)
        return dataclasses.replace(without, unlike=(*without.unlike, row))

    def without(self, row: int) -> "WebQuery":
        """The query without this picture."""
        like, unlike = (tuple(each for each in rows if each != row) for rows in (self.like, self.unlike))
        return dataclasses.replace(self, like=like, unlike=unlike)

    def adding_upload(self, key: str) -> "WebQuery":
        """The query and a picture that was given."""
        return dataclasses.replace(self, uploads=tuple(dict.fromkeys((*self.uploads, key))))

    def without_upload(self, key: str) -> "WebQuery":
        """The query without this given picture."""
        return dataclasses.replace(self, uploads=tuple(each for each in self.uploads if each != key))


def texts(params: Params, name: str) -> list[str]:
    """The values of a parameter that are text; a form may hold files too."""
    # A browser drops what no text has, such as half of a surrogate pair; others need not.
    return [value.encode("utf-8", "replace").decode() for value in params.getlist(name) if isinstance(value, str)]


def sentences(params: Params) -> list[str]:
    """The texts of `q`.

    Raises:
      ConfigError: one is too long.
    """
    given = texts(params, "q")
    longest = max(map(len, given), default=0)
    if longest > _MAX_TEXT:
        raise ConfigError(f"a sentence has {longest:,} letters; say it in {_MAX_TEXT:,} at most")
    return given


def number(params: Params, name: str, default: int, least: int, most: int) -> int:
    """A whole number of an address or a form.

    Raises:
      ConfigError: it is none, or out of its range.
    """
    given = texts(params, name)
    value = _whole(given[-1]) if given else default
    if value is None or not least <= value <= most:
        raise ConfigError(f"{name}={given[-1][:50]} is not a whole number from {least:,} to {most:,}")
    return value


def offset(params: Params) -> int:
    """How many first results are left out.

    Raises:
      ConfigError: it is no number, or too far down.
    """
    return number(params, "offset", 0, 0, _MAX_OFFSET)


def next_offset(offset: int, top: int, count: int) -> int | None:
    """The offset of the next page; None where there is none, or it would be too far down.

    Args:
      offset: of this page.
      top: results of a page at most.
      count: results of this one.
    """
    following = offset + top
    return following if count == top and following <= _MAX_OFFSET else None


def as_query(sentence: str) -> str:
    """A sentence as a query: a sign that stands alone would be one of the query's own."""
    words = nearest_sentences.as_printed(sentence).split()
    return re.sub(r"\.$", "", " ".join(word for word in words if word not in ("+", "-")))


def _rows(given: Sequence[str]) -> list[int]:
    rows = [_whole(text) for text in given]
    if None in rows:
        raise ConfigError(f"{given[rows.index(None)][:50]} is no picture's number; like and unlike take rows")
    return list(dict.fromkeys(rows))


def _whole(text: str) -> int | None:
    # int() takes a sign, blanks, underscores and thousands of digits too.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
