"""The commands that make a run again: of its features, its captioner, the runs that it stems from, and its own."""

import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cmr import shell
from cmr.config import CaptionerRunConfig
from cmr.trained import flags_txt, run_captioner
from cmr.workspace import feature_names
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run, weights_sha256

# How a run or a captioner was called, where it lies and how it was run decide none of its numbers.
_SAYS_NOTHING = frozenset(
    (
        "captioner_dir",
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
_BEGINS_WITH = "finetune_from"
_TEACHERS = "teachers"
# Likewise captioners.
_CAPTIONERS = ("captioner", "phase_1_captioner")

_COLUMNS = 100


def runs_behind(run: Run) -> tuple[list[Run], list[str]]:
    """The runs that a run stems from, which its settings know by the sums of their weights.

    Args:
      run: its folder.

    Returns:
      Those that are where it was told, or beside it, each behind those that it stems from itself; and the names of
      those that are not any more.
    """
    known, unknown = {}, {}
    for name, before in _stems_from(run).items():
        if before is None:
            unknown[name] = None
            continue
        runs, missing = runs_behind(before)
        known |= {each.path: each for each in (*runs, before)}
        unknown |= dict.fromkeys(missing)
    return list(known.values()), list(unknown)


def _stems_from(run: Run) -> dict[str, Run | None]:
    """The run that it went on from and its teachers, by their names; None in the place of one that is not there."""
    config, flags = run.read_config(), flags_txt.read(run)
    first = _runs_named(flags, _BEGINS_WITH)
    sums = {_name(path): config.finetune.begins_with for path in first} if config.finetune else {}
    teachers = config.distillation.teachers if config.distillation else {}
    told = {_name(path): path for path in (*first, *_runs_named(flags, _TEACHERS))}
    return {
        name: _with_weights(_places(run, told.get(name, name)), sha256) for name, sha256 in (sums | teachers).items()
    }


def _places(run: Run, told: str) -> list[pathlib.Path]:
    """Where another run may be: where a run's flags tell it, or beside the run."""
    return [pathlib.Path(told).resolve(), run.path.resolve().with_name(_name(told))]


def _with_weights(folders: Sequence[pathlib.Path], sha256: str) -> Run | None:
    """The first run with these weights: another one may have taken its place since."""
    runs_there = [run for run in map(Run, folders) if run.best_weights.exists()]
    return next((run for run in runs_there if weights_sha256(run) == sha256), None)


def extraction(extractor: Mapping[str, Any], dataset: str) -> list[str]:
    """The lines of the command that extracts features again.

    Args:
      extractor: extractor.json of the features.
      dataset: their data set.

    Returns:
      No lines for those whose name does not say all: of other CNNs and of CNNs that a run has tuned, and imported ones.
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
    corrupt = ["--on_corrupt=blank"] if extractor.get("blank_images") else []
    flags = [f"--dataset={dataset}", *cnn, *of_pictures, *several, f"--weights={extractor['weights']}", *corrupt]
    return _lines("data_prep.extract", flags)


def captioner_commands(folder: pathlib.Path) -> list[str]:
    """The lines of the commands that train a captioner again, of both phases where it has two.

    Args:
      folder: the captioner's.

    Returns:
      No lines for one that was imported.
    """
    run = Run(folder.resolve())
    if not run.config_json.exists():
        return []
    config = run.read_config(CaptionerRunConfig)
    first = run_captioner.phase_1(run.path, config)
    flags = flags_txt.read(run)
    told = flags_txt.value(flags, "captioner_dir")
    named = [f"--captioner_dir={_captioner_dir(told)}"] if told else []
    before = captioner_commands(first) if first else []
    return before + _lines("cmr.pretrain", (*_telling(flags, config.dataset), *named))


def commands(run: Run, behind: Sequence[Run]) -> list[str]:
    """The lines of the commands that train a run again, behind those of the runs that it stems from.

    Args:
      run: its folder.
      behind: of `runs_behind`.
    """
    named = [line for each in behind for line in _command(each, behind, f"--run_name={each.path.name}")]
    return named + _command(run, behind)


def _runs_named(flags: Sequence[str], name: str) -> list[str]:
    """The folders of runs that a flag names: teachers, whose paths have no commas, or one run."""
    if name == _TEACHERS:
        return flags_txt.paths(flags, name)
    path = flags_txt.value(flags, name)
    return [path] if path else []


def _name(path: str) -> str:
    return pathlib.Path(path).resolve().name


def _command(run: Run, behind: Sequence[Run], *last: str) -> list[str]:
    """A run's command, with the last flags."""
    flags = flags_txt.read(run)
    first = [place for path in _runs_named(flags, _BEGINS_WITH) for place in _places(run, path)]
    # Flags of a second phase that are not given are those of the run that it goes on from.
    before = {flag for each in behind if each.path in first for flag in flags_txt.read(each)}
    return _lines("cmr.train", (*_telling(flags, run.read_config().dataset, before), *last))


def _telling(flags: Sequence[str], dataset: str, before: Collection[str] = ()) -> list[str]:
    """The flags that say something, those that name folders behind the others.

    Args:
      flags: of flags.txt.
      dataset: whose runs they name.
      before: those that another command has said.
    """
    given, folders = [], []
    for flag in flags:
        name, _, value = flag.removeprefix("--").partition("=")
        # A flag that is set to nothing is as good as left out.
        if name in _SAYS_NOTHING or flag.endswith("="):
            continue
        # Whoever reads this has them elsewhere.
        if name in (_BEGINS_WITH, _TEACHERS):
            runs_dir = Workspace(pathlib.Path("workspace"), dataset).run_dir
            folders.append(f"--{name}={','.join(str(runs_dir(_name(path))) for path in _runs_named(flags, name))}")
        elif flag not in before and name in _CAPTIONERS:
            folders.append(f"--{name}={_captioner_dir(value)}")
        elif flag not in before:
            given.append(flag)
    return given + folders


def _captioner_dir(path: str) -> pathlib.Path:
    """Where a reader has a captioner: in the folder of the data set that its own lies in, that of another one too."""
    return pathlib.Path("workspace", *pathlib.Path(path).resolve().parts[-2:])


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
