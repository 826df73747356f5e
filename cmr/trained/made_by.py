"""The commands that make a run again, from what it keeps; also those of its features, and of what it stems from."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from cmr import shell
from cmr.workspace import feature_names
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run

# How a run was called, where it lies and how it was run decide none of its numbers.
_SAYS_NOTHING = frozenset(
    (
        "checkpoint_steps",
        "logical_cpus",
        "noprint_model",
        "print_model",
        "run_name",
        "strategy",
        "worker_timeout",
        "workspace_dir",
    )
)

# Flags that name other runs: the one whose second phase it is, and those that it learnt from.
_BEGINS_WITH = "--finetune_from"
_TEACHERS = "--teachers"

_COLUMNS = 100


def runs_behind(flags: Sequence[str]) -> list[Run]:
    """The runs that a run stems from, each behind those that it stems from itself; one that was removed too.

    Args:
      flags: of the run, as `flags.txt` has them.
    """
    behind = {}
    for path in _named(flags, _BEGINS_WITH) + _named(flags, _TEACHERS):
        run = Run(pathlib.Path(path))
        behind |= {str(before.path): before for before in runs_behind(_flags_of(run))}
        behind[path] = run
    return list(behind.values())


def extraction(extractor: Mapping[str, Any], dataset: str) -> list[str]:
    """The lines of the command that extracts features again.

    Args:
      extractor: extractor.json of the features.
      dataset: their data set.

    Returns:
      No lines for features of other CNNs, imported ones, and those of a CNN that a run has tuned.
    """
    name, model, crops = extractor["name"], extractor["model"], extractor.get("crops")
    layer, size = feature_names.layer_and_size(name)
    if model.startswith("vgg"):
        usual = "" if layer else extractor.get("layer", "")
        cnn = ["--cnn=vgg", f"--vgg_model={model}", *([f"--vgg_layer={usual}"] if usual else [])]
        own_name = feature_names.of_vgg(model, layer or usual, crops or 1, size=size)
    else:
        cnn = ["--cnn=image", f"--image_model={model}"]
        own_name = feature_names.of_image(model, crops=crops or 1, layer=layer, size=size)
    if model not in feature_names.OWN_SIZES or crops is None or name != own_name:
        return []
    of_pictures = [*feature_names.layer_flags(layer), *([f"--input_size={size}"] if size else [])]
    several = [f"--crops={crops}"] if crops != 1 else []
    flags = [f"--dataset={dataset}", *cnn, *of_pictures, *several, f"--weights={extractor['weights']}"]
    return _lines("data_prep.extract", flags)


def commands(flags: Sequence[str], dataset: str) -> list[str]:
    """The lines of the commands that train a run again.

    Args:
      flags: of the run, as `flags.txt` has them.
      dataset: its data set.
    """
    lines = []
    for run in runs_behind(flags):
        kept = _flags_of(run)
        lines += _command(kept, dataset, f"--run_name={run.path.name}") if kept else []
    return lines + _command(flags, dataset)


def _flags_of(run: Run) -> list[str]:
    """Those that a run keeps; none where it was removed."""
    return run.flags_txt.read_text(encoding="utf-8").splitlines() if run.flags_txt.exists() else []


def _named(flags: Sequence[str], name: str) -> list[str]:
    """The folders that a flag names."""
    values = [flag.partition("=")[2] for flag in flags if flag.startswith(f"{name}=")]
    return [path for value in values for path in value.split(",") if path]


def _command(flags: Sequence[str], dataset: str, *last: str) -> list[str]:
    """A command of flags, those that say something and then the last ones, on lines that a shell takes as one."""
    # Flags of a second phase that are not given are those of the run that it goes on from.
    before = [flag for path in _named(flags, _BEGINS_WITH) for flag in _flags_of(Run(pathlib.Path(path)))]
    given, elsewhere = [], []
    for flag in flags:
        name, _, value = flag.partition("=")
        if flag in before or name.lstrip("-") in _SAYS_NOTHING or flag.endswith("="):
            # A flag that is set to nothing is as good as left out.
            continue
        if name in (_BEGINS_WITH, _TEACHERS):
            # Whoever reads this has them elsewhere.
            places = [_place(path, dataset) for path in value.split(",")]
            elsewhere.append(f"{name}={','.join(places)}")
        else:
            given.append(flag)
    return _lines("cmr.train", (*given, *elsewhere, *last))


def _lines(module: str, flags: Sequence[str]) -> list[str]:
    lines = [shell.python_command(module)]
    for flag in flags:
        word = shell.typed(flag)
        if len(lines[-1]) + len(word) > _COLUMNS:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def _place(path: str, dataset: str) -> str:
    return str(Workspace(pathlib.Path("workspace"), dataset).run_dir(pathlib.Path(path).name))
