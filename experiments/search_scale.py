"""Measures time and memory of a search in galleries of up to ten million pictures, on simulated vectors.

    python -m experiments.search_scale --rows=10000,100000,1000000
    python -m experiments.search_scale --rows=10000000 --shards=16

Exact search, and faiss's where the extra `index` is installed. Memory is read from Linux's /proc.
"""

import importlib.util
import time

from absl import flags

from cmr.cli import command
from experiments import flags as experiments_flags
from experiments.scale import own_process, simulated_gallery, simulated_shards
from experiments.scale.work_folder import work_folder

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.gallery_size_flags,)


def main() -> None:
    if FLAGS.shards:
        _compare_shards()
    else:
        _measure()


def _compare_shards() -> None:
    print(f"{FLAGS.dim} values a row, float16; median of {FLAGS.queries} queries, first ten results\n")
    print(f"{'rows':>12}  {'':<10}{'written s':>10}{'first s':>9}{'s':>9}{'CPU s':>9}", end="")
    print(f"{'own MiB':>9}{'of it rows':>12}{'total MiB':>11}{'time':>7}")
    for text in FLAGS.rows:
        with work_folder("search_scale", FLAGS.work_dir) as folder:
            started = time.monotonic()
            simulated_shards.write(folder, int(text), FLAGS.dim, FLAGS.shards)
            written = time.monotonic() - started
            one, peak = own_process.call(simulated_shards.search_one, folder, FLAGS.queries)
            _print_searches(int(text), "one index", f"{written:.0f}", one, peak, 1.0)
            sharded, peak = own_process.call(simulated_shards.search_shards, folder, FLAGS.queries, FLAGS.shards)
            _print_searches(int(text), f"{FLAGS.shards} shards", "", sharded, peak, sharded.seconds / one.seconds)
            differing = sum(first != second for first, second in zip(one.results, sharded.results, strict=True))
            print(
                f"{'':>12}  results, scores and their order: "
                + (f"other in {differing} of {len(one.results)} queries" if differing else "the same in every query")
            )
    print(
        "\nwritten s: both, in blocks. own MiB: the process's own memory at its peak (RssAnon), TensorFlow's included;"
        "\nof it rows: what searches added to it. total MiB: with pages of the files, which Linux takes back"
        "\nwhen it needs them. time: in the unit of one index."
    )


def _print_searches(rows: int, of: str, written: str, searches, peak, ratio: float) -> None:
    print(
        f"{rows:>12,}  {of:<10}{written:>10}{searches.first:>9.3f}{searches.seconds:>9.3f}"
        f"{searches.cpu_seconds:>9.3f}{peak.anonymous:>9.0f}{peak.anonymous - searches.own_mib:>12.0f}"
        f"{peak.total:>11.0f}{ratio:>7.2f}",
        flush=True,
    )


def _measure() -> None:
    has_faiss = importlib.util.find_spec("faiss") is not None
    print(f"{FLAGS.dim} values a row, float16; median of {FLAGS.queries} queries, first ten results\n")
    print(f"{'':>10}  {'exact':^48}{'  faiss IVF,SQfp16' if has_faiss else ''}")
    print(f"{'rows':>10}  {'first s':>8}{'s':>8}{'CPU s':>8}{'own MiB':>10}{'of it rows':>14}", end="")
    print(f"{'build s':>12}{'s':>9}{'recall@10':>11}{'lists':>14}{'MiB':>8}" if has_faiss else "")
    for text in FLAGS.rows:
        with work_folder("search_scale", FLAGS.work_dir) as work:
            folder = work / "index-1"
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
