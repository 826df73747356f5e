"""Goes through everything at MSCOCO's size, beside a tenth of it, on simulated data; prints memory and time.

    python -m experiments.mscoco_size --data_dir=~/data/mscoco

Real sentences are sampled to MSCOCO's number, features are random: 123,287 images, 616,767 sentences, 3 GB of features
that are imported. A small model is trained for an epoch of some hundred steps, killed and resumed, and measured on
Karpathy's 5,000 test images with their 25,000 sentences; the paper's fusion with a random W_img is timed for some
steps. Memory is read from Linux's /proc.
"""

import json
import pathlib
from collections.abc import Mapping

from absl import flags

from cmr.cli import command
from cmr.errors import DataError
from experiments import flags as experiments_flags
from experiments.scale import own_process, size_stages, training_start
from experiments.scale.size_stages import Measured
from experiments.scale.work_folder import work_folder

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.size_flags,)

_LIMIT_MIB = 3 * 1024


def main() -> None:
    sentences = _sentences(pathlib.Path(FLAGS.data_dir))
    with work_folder("mscoco_size", FLAGS.work_dir) as folder:
        workspaces, stages = {}, {}
        for share in map(int, FLAGS.shares):
            size = "full size" if share == 1 else f"1/{share}"
            print(f"\n{size}", flush=True)
            workspaces[size], stages[size] = size_stages.measure(folder / str(share), sentences, share)
        _print_stages(stages)
        print("\nmedian of a step for each word of its longest sentence, the sizes in turn")
        steps = own_process.call(training_start.time_steps, list(workspaces.values()), FLAGS.steps)[0]
        for size, seconds in zip(workspaces, steps, strict=True):
            print(f"  {size:10} {seconds:7.3f} s")
    last = list(stages)[-1]
    highest = max(measured.peak.total for measured in stages[last].values())
    verdict = "under" if highest < _LIMIT_MIB else "OVER"
    print(f"\nhighest peak at {last}: {highest:,.0f} MiB, {verdict} {_LIMIT_MIB:,} MiB")


def _sentences(data_dir: pathlib.Path) -> list[str]:
    path = data_dir / "annotations" / "captions_val2017.json"
    if not path.is_file():
        raise DataError(f"{path} is missing; name MSCOCO's folder with --data_dir")
    return [note["caption"] for note in json.loads(path.read_text(encoding="utf-8"))["annotations"]]


def _print_stages(stages: Mapping[str, Mapping[str, Measured]]) -> None:
    sizes = list(stages.values())
    print(f"\n{'':32}" + "".join(f"{size:>30}" for size in stages))
    print(f"{'':32}" + "".join(f"{'s   MiB (own, files)':>30}" for _ in stages))
    for stage in sizes[0]:
        print(f"{stage:32}" + "".join(f"{_cell(each[stage]):>30}" for each in sizes))


def _cell(measured: Measured) -> str:
    peak = measured.peak
    return f"{measured.seconds:.1f}  {peak.total:,.0f} ({peak.anonymous:,.0f}, {peak.file:,.0f})"


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
