"""Readers hold no more pixels together than they may, and the first to come is the first to be let in."""

import queue
import threading

from cmr.pictures.budget import PixelBudget


def _reader(budget: PixelBudget, pixels: int, came_in: queue.Queue, may_leave: threading.Event) -> threading.Thread:
    def read() -> None:
        with budget.hold(pixels, 10):
            came_in.put(pixels)
            may_leave.wait()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def test_readers_come_in_together_while_they_fit():
    budget, came_in, may_leave = PixelBudget(), queue.Queue(), threading.Event()

    readers = [_reader(budget, pixels, came_in, may_leave) for pixels in (3, 3, 4)]

    assert sorted(came_in.get() for _ in readers) == [3, 3, 4]
    may_leave.set()


def test_what_readers_hold_at_once_never_passes_the_limit():
    budget, held, most, lock = PixelBudget(), [0], [0], threading.Lock()

    def read(pixels: int) -> None:
        for _ in range(200):
            with budget.hold(pixels, 10):
                with lock:
                    held[0] += pixels
                    most[0] = max(most[0], held[0])
                with lock:
                    held[0] -= pixels

    readers = [threading.Thread(target=read, args=(pixels,)) for pixels in (1, 3, 4, 6, 10, 2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert held[0] == 0
    assert most[0] <= 10


def test_a_reader_that_fails_gives_its_pixels_back():
    budget, came_in, may_leave = PixelBudget(), queue.Queue(), threading.Event()
    may_leave.set()
    try:
        with budget.hold(10, 10):
            raise ValueError
    except ValueError:
        pass

    _reader(budget, 10, came_in, may_leave).join()

    assert came_in.get_nowait() == 10
