"""Measures how cmr.serve answers many visitors at once: time of an answer, answers a second, errors.

    python -m cmr.serve --pictures=~/Pictures
    python -m experiments.serve_load --clients=50 --seconds=60

Each visitor asks a page of results, three thumbnails, a search as JSON and pictures like one, in turn and without a
pause, by sentences near the gallery's own pictures. The visitors share the machine's cores with a server on it.
"""

import itertools
import sys

import numpy as np
from absl import flags

from cmr.cli import command
from experiments import flags as experiments_flags
from experiments.scale import visitors

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.load_flags,)


def main() -> None:
    print(f"{FLAGS.clients} visitors at {FLAGS.url} for {FLAGS.seconds:g} s\n", flush=True)
    visits = visitors.visit(FLAGS.url, FLAGS.clients, FLAGS.seconds)
    print(f"{'':>10}{'answers':>10}{'a second':>10}{'p50 s':>9}{'p95 s':>9}{'max s':>9}")
    everything = list(itertools.chain(*visits.seconds.values()))
    for kind, seconds in [*visits.seconds.items(), ("all", everything)]:
        middle, high, most = np.percentile(seconds, (50, 95, 100))
        rate = len(seconds) / FLAGS.seconds
        print(f"{kind:>10}{len(seconds):>10,}{rate:>10.1f}{middle:>9.3f}{high:>9.3f}{most:>9.3f}")
    print(f"\nerrors: {visits.errors.total():,}")
    for sentence, count in visits.errors.most_common(10):
        print(f"{count:>7,}  {sentence}")
    sys.stdout.flush()


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
