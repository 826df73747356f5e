"""A gallery that stays open for a server and follows what cmr.index does to it."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator

from cmr.errors import WorkspaceError
from cmr.gallery.searching import Gallery

# What was indexed is searched after so many seconds, or a moment later.
_SECONDS_BETWEEN_LOOKS = 1.0

# Opening large shards takes seconds, in which nobody is answered: for so many times as long it is not done again.
_OPENINGS_BETWEEN_LOOKS = 20


@dataclasses.dataclass
class _Opened:
    """A state of the gallery, which is closed when nobody searches it any more."""

    gallery: Gallery
    users: int = 0


class LiveGallery:
    """A gallery for many threads, opened anew when it has changed.

    Args:
      gallery: the gallery as it was opened, be it a while ago.
    """

    def __init__(self, gallery: Gallery):
        self._place, self._checksum = gallery.place, gallery.description.model_checksum
        self._lock = threading.Lock()
        self._opened = _Opened(gallery)
        # Of the last look, where it was at shards.
        self._looked, self._seconds = time.monotonic(), 0.0
        self._has_other_model = False

    @property
    def has_other_model(self) -> bool:
        """Whether it was indexed with another model meanwhile; the old rows are searched until the server's end."""
        return self._has_other_model

    @property
    def is_being_indexed(self) -> bool:
        """Whether a writer is at work."""
        return self._place.is_being_written

    @contextlib.contextmanager
    def opened(self) -> Iterator[Gallery]:
        """The gallery as it is now; it stays as it is until the block ends."""
        with self._lock:
            started = time.monotonic()
            if started - self._looked > max(_SECONDS_BETWEEN_LOOKS, _OPENINGS_BETWEEN_LOOKS * self._seconds):
                self._look()
                self._looked = time.monotonic()
                self._seconds = self._looked - started if self._opened.gallery.shards else 0.0
            opened = self._opened
            opened.users += 1
        try:
            yield opened.gallery
        finally:
            with self._lock:
                opened.users -= 1
                self._close_unused(opened)

    def close(self) -> None:
        """Lets go of the gallery, once no thread searches it."""
        with self._lock:
            self._opened.gallery.close()

    def _look(self) -> None:
        before = self._opened
        # A gallery that is damaged or gone is searched as it was.
        with contextlib.suppress(WorkspaceError):
            if not self._needs_opening(before.gallery):
                return
            gallery = Gallery.open(self._place.pictures, self._place.folder)
            self._has_other_model = gallery.description.model_checksum != self._checksum
            if self._has_other_model:
                gallery.close()
                return
            self._opened = _Opened(gallery)
            self._close_unused(before)

    def _needs_opening(self, gallery: Gallery) -> bool:
        try:
            return gallery.has_changed()
        except WorkspaceError:
            # Half a commit of a writer that was killed hides the rows until the next opening takes it back.
            return True

    def _close_unused(self, opened: _Opened) -> None:
        if opened is not self._opened and not opened.users:
            opened.gallery.close()
