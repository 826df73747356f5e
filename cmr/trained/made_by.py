"""The commands that train a run again: of its captioner, of the runs that it stems from, and its own."""

import pathlib
from collections.abc import Collection, Mapping, Sequence

from cmr import shell
from cmr.config import CaptionerRunConfig
from cmr.errors import WorkspaceError
from cmr.pictures import cnn
from cmr.trained import flags_txt, input_commands, run_captioner
from cmr.workspace import features, paths, runs
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run, weights_sha256

# How a run or a captioner was called, where it lies and how it was run decide none of its numbers.
_SAYS_NOTHING = frozenset(
    (
        "captioner_dir",
        "checkpoint_steps",
        "logical_cpus",
        "max_pixels",
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
    return flags_txt.places(told, run.path.resolve().parent)


def _with_weights(folders: Sequence[pathlib.Path], sha256: str) -> Run | None:
    """The first run with these weights: another one may have taken its place since."""
    runs_there = [run for run in map(Run, folders) if run.best_weights.exists()]
    return next((run for run in runs_there if weights_sha256(run) == sha256), None)


def captioner_commands(folder: pathlib.Path) -> list[list[str]]:
    """The commands that train a captioner again, each as its lines: of its features, and of both phases.

    Args:
      folder: the captioner's.

    Returns:
      No commands for one that was imported.
    """
    run = Run(folder.resolve())
    if not run.config_json.exists():
        return []
    config = run.read_config(CaptionerRunConfig)
    dataset, place = config.dataset, _captioner_dir(run.path)
    first = run_captioner.phase_1(run.path, config)
    named = [f"--captioner_dir={place}"] if flags_txt.value(flags_txt.read(run), "captioner_dir") else []
    commands = [
        _extraction_for(run.path.with_name("features") / config.image_features, dataset),
        *(captioner_commands(first) if first else []),
        shell.command_lines("cmr.pretrain", [*_telling(run, dataset, {}), *named]),
    ]
    if config.trains_cnn:
        tuned = f"--features_name={runs.tuned_features_name(config.image_features)}"
        trained = f"--dataset={dataset}", "--cnn=image", f"--weights={place / cnn.CNN_KERAS}", tuned
        commands.append(shell.command_lines("data_prep.extract", trained))
    return [command for command in commands if command]


def commands(run: Run, behind: Sequence[Run]) -> list[str]:
    """The lines of the commands that train a run again, behind those of the runs that it stems from.

    Args:
      run: its folder.
      behind: of `runs_behind`.
    """
    names = _names_for_readers(behind)
    named = [line for each in behind for line in _command(each, names, f"--run_name={names[each.path]}")]
    return named + _command(run, names)


def _names_for_readers(behind: Sequence[Run]) -> dict[pathlib.Path, str]:
    """Folder -> a name that --run_name takes, different ones for runs of one name in different places."""
    names: dict[pathlib.Path, str] = {}
    for run in behind:
        name, number = paths.plain_name(run.path.name), 1
        while name in names.values():
            number += 1
            name = f"{paths.plain_name(run.path.name)}-{number}"
        names[run.path] = name
    return names


def _extraction_for(folder: pathlib.Path, dataset: str) -> list[str]:
    """The lines of the command that extracts the features of this folder; none where they are gone, or damaged."""
    try:
        return input_commands.extraction(features.read_extractor(folder), dataset)
    except WorkspaceError:
        return []


def _runs_named(flags: Sequence[str], name: str) -> list[str]:
    """The folders of runs that a flag names: teachers, or the one run whose second phase it is."""
    if name == _TEACHERS:
        return flags_txt.paths(flags, name)
    path = flags_txt.value(flags, name)
    return [path] if path else []


def _name(path: str) -> str:
    return pathlib.Path(path).resolve().name


def _command(run: Run, names: Mapping[pathlib.Path, str], *last: str) -> list[str]:
    """A run's command, with the last flags."""
    flags = flags_txt.read(run)
    first = [place for path in _runs_named(flags, _BEGINS_WITH) for place in _places(run, path)]
    # Flags of a second phase that are not given are those of the run that it goes on from.
    before = {flag for each in names if each in first for flag in flags_txt.read(Run(each))}
    return shell.command_lines("cmr.train", [*_telling(run, run.read_config().dataset, names, before), *last])


def _telling(run: Run, dataset: str, names: Mapping[pathlib.Path, str], before: Collection[str] = ()) -> list[str]:
    """The flags of a run or a captioner that say something, those that name folders behind the others.

    Args:
      run: its folder.
      dataset: its data set.
      names: of `_names_for_readers`.
      before: flags that another command has said.
    """
    flags = flags_txt.read(run)
    folders = _elsewhere(run, dataset, flags, names)
    given = []
    for flag in flags:
        name = flag.removeprefix("--").partition("=")[0]
        # A flag that is set to nothing is as good as left out.
        if name not in _SAYS_NOTHING and name not in folders and not flag.endswith("=") and flag not in before:
            given.append(flag)
    return [*given, *(f"--{name}={value}" for name, value in folders.items())]


def _elsewhere(run: Run, dataset: str, flags: Sequence[str], names: Mapping[pathlib.Path, str]) -> dict[str, str]:
    """Flags that name folders of runs or captioners -> where whoever reads a command has those."""
    runs_dir = Workspace(pathlib.Path("workspace"), dataset).run_dir

    def of_run(path: str) -> str:
        known = (names[place] for place in _places(run, path) if place in names)
        return str(runs_dir(next(known, paths.plain_name(_name(path)))))

    told = {flag: ",".join(map(of_run, _runs_named(flags, flag))) for flag in (_BEGINS_WITH, _TEACHERS)}
    captioners = {flag: flags_txt.value(flags, flag) for flag in _CAPTIONERS}
    told |= {flag: str(_captioner_dir(pathlib.Path(path))) for flag, path in captioners.items() if path}
    return {flag: value for flag, value in told.items() if value}


def _captioner_dir(path: pathlib.Path) -> pathlib.Path:
    """Where a reader has a captioner: in the folder of the data set that its own lies in, that of another one too."""
    return pathlib.Path("workspace", *path.resolve().parts[-2:])
