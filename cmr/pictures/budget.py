"""How many pixels the readers of pictures hold at once."""

import contextlib
import threading
from collections.abc import Iterator


class PixelBudget:
    """Lets readers in as long as the pixels that they hold stay under a limit; first come, first served."""

    def __init__(self):
        self._held = 0
        self._changed = threading.Condition()
        # Whoever waits for room keeps the next ones waiting too, or small pictures would pass a large one for ever.
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def hold(self, pixels: int, limit: int) -> Iterator[None]:
        """Waits until there is room for a picture, and holds its pixels during the block.

        Args:
          pixels: of the picture, at most `limit`.
          limit: on what all readers hold.
        """
        with self._turn, self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + pixels <= limit)
            self._held += pixels
        try:
            yield
        finally:
            with self._changed:
                self._held -= pixels
                self._changed.notify_all()
