"""Measures memory and time of preparing and training at MSCOCO's size, beside a tenth of it, on simulated data.

    python -m experiments.mscoco_size --data_dir=~/data/mscoco

Real sentences are sampled to MSCOCO's number, features are random: 123,287 images, 616,767 sentences, 3 GB of features.
The model is the paper's fusion with a random W_img. Memory is read from Linux's /proc.
"""

import dataclasses
import json
import pathlib
import shutil
import tempfile
import time

from absl import flags

from cmr.cli import command
from cmr.errors import DataError
from cmr.workspace.paths import Workspace
from experiments import flags as experiments_flags
from experiments.scale import own_process, simulated_mscoco, training_start
from experiments.scale.process_memory import Peak, Watch
from experiments.trainings import child

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.size_flags,)

_LIMIT_MIB = 3 * 1024
_SHARES = {"a tenth": 10, "full size": 1}


@dataclasses.dataclass(frozen=True)
class _Measured:
    """A stage at one size."""

    seconds: float
    peak: Peak


def main() -> None:
    sentences = _sentences(pathlib.Path(FLAGS.data_dir))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mscoco_size-", dir=FLAGS.work_dir or None))
    try:
        workspaces, stages = {}, {}
        for size, share in _SHARES.items():
            workspaces[size], stages[size] = _measure(folder / size.replace(" ", "_"), sentences, share)
        _print_stages(stages)
        print("\nmedian of a step for each word of its longest sentence, both sizes in turn")
        steps = own_process.call(training_start.time_steps, list(workspaces.values()), FLAGS.steps)[0]
        for size, seconds in zip(workspaces, steps, strict=True):
            print(f"  {size:10} {seconds:7.3f} s")
        print(f"  ratio      {steps[1] / steps[0]:7.3f}")
    finally:
        shutil.rmtree(folder)
    highest = max(measured.peak.total for measured in stages["full size"].values())
    verdict = "under" if highest < _LIMIT_MIB else "OVER"
    print(f"\nhighest peak at full size: {highest:,.0f} MiB, {verdict} {_LIMIT_MIB:,} MiB")


def _sentences(data_dir: pathlib.Path) -> list[str]:
    path = data_dir / "annotations" / "captions_val2017.json"
    if not path.is_file():
        raise DataError(f"{path} is missing; name MSCOCO's folder with --data_dir")
    return [note["caption"] for note in json.loads(path.read_text(encoding="utf-8"))["annotations"]]


def _measure(folder: pathlib.Path, sentences: list[str], share: int) -> tuple[Workspace, dict[str, _Measured]]:
    """Makes a data set and goes through it, every stage in a process of its own."""
    workspace = Workspace(folder / "workspace", "mscoco")
    simulated_mscoco.write_raw(folder / "raw", sentences, share)
    stages = {"prepare": _prepare(folder / "raw", workspace)}
    simulated_mscoco.write_features(workspace)
    for stage in ("first start of training", "later start of training"):
        seconds, peak = own_process.call(training_start.seconds_to_first_step, workspace)
        stages[stage] = _Measured(seconds, peak)
    return workspace, stages


def _prepare(raw: pathlib.Path, workspace: Workspace) -> _Measured:
    arguments = [f"--data_dir={raw}", f"--workspace_dir={workspace.root}", "--coco_restval", "--pictures=optional"]
    started = time.monotonic()
    process = child.start("data_prep.prepare", ["--dataset=mscoco", *arguments])
    watch = Watch(process.pid)
    try:
        code = process.wait()
    finally:
        child.stop(process)
    if code:
        raise DataError("data_prep.prepare failed on the simulated data; see its message")
    return _Measured(time.monotonic() - started, watch.stop())


def _print_stages(stages: dict[str, dict[str, _Measured]]) -> None:
    small, full = (stages[size] for size in _SHARES)
    print(f"\n{'':26}{'a tenth':>30}{'full size':>30}{'ratio':>16}")
    print(f"{'':26}{'s   MiB (own, files)':>30}{'s   MiB (own, files)':>30}{'s    MiB':>16}")
    for stage in full:
        ratios = full[stage].seconds / small[stage].seconds, full[stage].peak.total / small[stage].peak.total
        cells = [_cell(small[stage]), _cell(full[stage])]
        print(f"{stage:26}{cells[0]:>30}{cells[1]:>30}{ratios[0]:>9.2f}{ratios[1]:>7.2f}")


def _cell(measured: _Measured) -> str:
    peak = measured.peak
    return f"{measured.seconds:.1f}  {peak.total:,.0f} ({peak.anonymous:,.0f}, {peak.file:,.0f})"


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
