"""What the workspace's files can't hold is refused at the door, with the place where it stands."""

from cmr.errors import DataError
from cmr.workspace import names


def check_image_name(place: str, name: str) -> None:
    """Refuses the name of an image that lists, one name a line, can't hold.

    Args:
      place: what has the image, for the message: a file and line, or "a split".
      name: of the image.

    Raises:
      DataError: it holds a control character or an end of a line.
    """
    if names.breaks_lines(name):
        raise DataError(
            f"{place} has the image {ascii(name)[:200]}, whose name holds a line's end or a control character; rename "
            "the picture, and mend its name there"
        )


def check_sentence(place: str, text: str) -> None:
    """Refuses a sentence that captions.csv can't hold.

    Raises:
      DataError: it holds a zero byte, or half of a surrogate pair, which is no character.
    """
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(f"{place} holds {text[error.start]!a}, which is no character; mend the sentence") from error
    if "\0" in text:
        raise DataError(f"{place} holds a zero byte; mend the sentence")
