"""What the stages of a tf.data pipeline raise, as they raised it."""

import re
from collections.abc import Iterable, Iterator

import tensorflow as tf

from cmr.errors import DataError, WorkspaceError

_KINDS = {kind.__name__: kind for kind in (DataError, WorkspaceError)}
_RAISED = re.compile(rf"({'|'.join(_KINDS)}): (.*)")


def with_stage_errors(dataset: Iterable) -> Iterator:
    """The elements of a data set whose stages read pictures, or rows of the workspace.

    Raises:
      DataError: a picture can't be read.
      WorkspaceError: a file is damaged, or was removed or cut meanwhile. Of both tf.data hands on the text alone.
    """
    try:
        yield from dataset
    except tf.errors.OpError as error:
        raised = _RAISED.search(error.message)
        if raised is None:
            raise
        kind, sentence = raised.groups()
        raise _KINDS[kind](sentence) from error
