"""Measures time and memory of a search in galleries of up to a million pictures, on simulated vectors.

    python -m experiments.search_scale --rows=10000,100000,1000000

Exact search, and faiss's where the extra `index` is installed. Memory is read from Linux's /proc.
"""

import importlib.util
import pathlib
import tempfile

from absl import flags

from cmr.cli import command
from experiments import flags as experiments_flags
from experiments.scale import own_process, simulated_gallery

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.gallery_size_flags,)


def main() -> None:
    has_faiss = importlib.util.find_spec("faiss") is not None
    print(f"{FLAGS.dim} values a row, float16; median of {FLAGS.queries} queries, first ten results\n")
    print(f"{'':>10}  {'exact':^48}{'  faiss IVF,SQfp16' if has_faiss else ''}")
    print(f"{'rows':>10}  {'first s':>8}{'s':>8}{'CPU s':>8}{'own MiB':>10}{'of it rows':>14}", end="")
    print(f"{'build s':>12}{'s':>9}{'recall@10':>11}{'lists':>14}{'MiB':>8}" if has_faiss else "")
    for text in FLAGS.rows:
        with tempfile.TemporaryDirectory(prefix="search_scale-", dir=FLAGS.work_dir or None) as name:
            folder = pathlib.Path(name) / "index-1"
            simulated_gallery.write(folder, int(text), FLAGS.dim)
            exact, peak = own_process.call(simulated_gallery.search, folder, FLAGS.queries)
            print(
                f"{int(text):>10,}  {exact.first:>8.3f}{exact.seconds:>8.3f}{exact.cpu_seconds:>8.3f}"
                f"{peak.anonymous:>10.0f}{peak.anonymous - exact.own_mib:>14.0f}",
                end="",
                flush=True,
            )
            if has_faiss:
                faiss, _ = own_process.call(simulated_gallery.search_approximately, folder, FLAGS.queries)
                lists = f"{faiss.lists_searched}/{faiss.lists}"
                print(f"{faiss.build:>12.1f}{faiss.seconds:>9.4f}{100 * faiss.recall:>10.1f}%", end="")
                print(f"{lists:>14}{faiss.mib:>8.0f}", end="")
            print(flush=True)
    print(
        "\nown MiB: the process's own memory at its peak (RssAnon), TensorFlow's included; of it rows: what searches"
        "\nadded to it. The rows themselves are pages of the file, which Linux takes back when it needs them."
    )


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
