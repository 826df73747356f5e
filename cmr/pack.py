"""Packs a finished run into one file that can be carried: the model, its CNNs, its words and a card.

    python -m cmr.pack --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d --to=flickr8k.cmr

Prints the card: what the model was trained on, how good it is, what it is bad at.
"""

import contextlib
import pathlib

from absl import flags

from cmr import progress
from cmr.cli import command, search_flags
from cmr.cli import flags as cmr_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.run_flags, search_flags.pack_flags)


def main() -> None:
    from cmr.serving import packing

    path = pathlib.Path(FLAGS.to)
    with contextlib.ExitStack() as stack:
        bars = []

        def on_sentences(count: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(progress.progress_bar(total, "sentence", "sentences")))
            bars[0].update(count)

        text = packing.pack(
            pathlib.Path(FLAGS.run_dir), path, FLAGS.weights_dtype, FLAGS.sentences_per_image, on_sentences
        )
    print(f"{text}\nwritten {path}, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
