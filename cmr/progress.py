"""Progress bars with a rate and an estimate, calm when the output is a file."""

import sys

import tqdm


def progress_bar(
    total: int, unit: str, description: str, initial: int = 0, scaled: bool = False, disable: bool = False
) -> tqdm.tqdm:
    """A tqdm bar on standard error: every half second on a terminal, every ten seconds in a log.

    Args:
      total: what it counts to.
      unit: of what it counts.
      description: stands before the bar.
      initial: what was done before; the rate leaves it out.
      scaled: print numbers as 1.2k, 3.4M, 5.6G: for bytes.
      disable: show nothing, for what is done in a moment.
    """
    return tqdm.tqdm(
        total=total,
        initial=initial,
        unit=unit if scaled else f" {unit}",
        unit_scale=scaled,
        desc=description,
        mininterval=0.5 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        disable=disable,
    )
