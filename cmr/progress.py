"""Progress bars with a rate and an estimate, calm when the output is a file."""

import sys

import tqdm


def progress_bar(total: int, unit: str, description: str, initial: int = 0, disable: bool = False) -> tqdm.tqdm:
    """A tqdm bar on standard error: every half second on a terminal, every ten seconds in a log."""
    return tqdm.tqdm(
        total=total,
        initial=initial,
        unit=f" {unit}",
        desc=description,
        mininterval=0.5 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        disable=disable,
    )
