"""Everything that is done with a data set, from its raw files to its test table, as commands that are watched."""

import dataclasses
import pathlib
import re
import time
from collections.abc import Callable, Sequence

from cmr.errors import CmrError
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.scale import own_process, simulated_mscoco, training_start
from experiments.scale.process_memory import Peak, Watch
from experiments.trainings import child

# Some hundred steps are an epoch at MSCOCO's size.
_TRAINING = (
    "--model=fusion",
    "--image_embedding=random",
    "--negatives=batch",
    "--batch_size=2048",
    "--word_dim=64",
    "--gru_units=64",
    "--text_space_dim=64",
    "--max_epochs=1",
    "--checkpoint_steps=10",
)
_RUN = "size"
_LOOK_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Measured:
    """A stage at one size.

    Attributes:
      seconds: from start to end.
      peak: of its process.
    """

    seconds: float
    peak: Peak


def measure(folder: pathlib.Path, sentences: Sequence[str], share: int) -> tuple[Workspace, dict[str, Measured]]:
    """Makes a data set and goes through it, every stage in a process of its own.

    Args:
      folder: for raw files, workspace and what the commands print.
      sentences: real ones, to be sampled.
      share: every how many of MSCOCO's images there is to be one.

    Returns:
      The workspace, and what each stage took.

    Raises:
      CmrError: a stage failed.
    """
    workspace = Workspace(folder / "workspace", "mscoco")
    place = [f"--workspace_dir={workspace.root}", "--dataset=mscoco"]
    raw = folder / "raw"
    simulated_mscoco.write_raw(raw, sentences, share)
    commands = _Commands(folder)
    stages = {
        "prepare": commands.run(
            "data_prep.prepare",
            [*place, f"--data_dir={raw}", "--coco_protocol=karpathy_5k", "--coco_restval", "--pictures=optional"],
        )
    }
    for name in simulated_mscoco.FEATURE_DIMS:
        path = simulated_mscoco.write_features(raw, name)
        sources = [f"--features={path}", f"--image_ids={raw / simulated_mscoco.IMAGE_IDS}", "--rows=image"]
        stages[f"import of {name}"] = commands.run(
            "data_prep.import_features",
            [*place, *sources, f"--features_name={name}", "--stand_in=features, in a simulation"],
        )
        path.unlink()
    for stage in ("first start of training", "later start of training"):
        seconds, peak = own_process.call(training_start.seconds_to_first_step, workspace)
        stages[stage] = Measured(seconds, peak)
    run = Run(workspace.run_dir(_RUN))
    training = [*place, *_TRAINING, f"--run_name={_RUN}"]
    stages["training until kill -9"] = commands.run(
        "cmr.train", training, killed_when=(run.checkpoints_dir / "checkpoint").exists
    )
    stages["the same resumed, to its table"] = commands.run("cmr.train", training)
    print(commands.found(r"going on from .*"), commands.found(r"epoch 1: .*"), sep="\n", flush=True)
    stages["cmr.evaluate"] = commands.run("cmr.evaluate", [f"--run_dir={run.path}"])
    print(commands.found(r"\* test split.*|\* Splits.*"), flush=True)
    return workspace, stages


class _Commands:
    """Runs commands one after the other; what the last one printed is kept."""

    def __init__(self, folder: pathlib.Path):
        self._printed = folder / "printed.txt"

    def run(self, module: str, arguments: Sequence[str], killed_when: Callable[[], bool] | None = None) -> Measured:
        """Runs `python -m module arguments` to its end, or kills it (SIGKILL) when something holds.

        Raises:
          CmrError: it failed, or ended before it could be killed.
        """
        print(f"{module} ...", flush=True)
        started = time.monotonic()
        with open(self._printed, "wb") as printed:
            process = child.start(module, arguments, stdout=printed)
            watch = Watch(process.pid)
            try:
                while killed_when is not None and process.poll() is None:
                    time.sleep(_LOOK_SECONDS)
                    if killed_when():
                        process.kill()
                code = process.wait()
            finally:
                child.stop(process)
        if code != 0 if killed_when is None else code >= 0:
            raise CmrError(f"{module} ended with exit code {code} on the simulated data; see its message above")
        return Measured(time.monotonic() - started, watch.stop())

    def found(self, pattern: str) -> str:
        """The first line that matches, of what the last command printed; "" where none does."""
        match = re.search(
            rf"^(?:{pattern})$", self._printed.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
        )
        return match[0] if match else ""
