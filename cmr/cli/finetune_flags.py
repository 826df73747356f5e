"""The flags of cmr.train's second phase, which trains the CNN too."""

import pathlib
from collections.abc import Sequence

from absl import flags

from cmr.cli import command, flag_kinds, flagfiles
from cmr.cli.command import FlagGroup
from cmr.errors import ConfigError
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run

# What a run is called, how it is run, and who teaches it are not handed on from one to another.
_OWN = frozenset(("run_name", "workspace_dir", "strategy", "logical_cpus", "worker_timeout", "print_model", "teachers"))


@command.flag_group("Training the CNN too")
def finetune_flags() -> None:
    flags.DEFINE_bool(
        "finetune_cnn",
        False,
        "Second phase: go on from the weights of --finetune_from and train its CNN too, from the pictures, with batch "
        "normalisation frozen. Flags that are not given are that run's, but for --teachers.",
    )
    flag_kinds.define_path(
        "finetune_from", "", "Folder of the finished run, its CNN as extracted, that --finetune_cnn begins with."
    )
    flags.DEFINE_enum(
        "finetune_which",
        "both",
        ("both", "vgg", "image"),
        "CNN that is trained, where the model reads two: that of X_vgg, that of X_img, or both.",
    )
    flag_kinds.define_count(
        "finetune_blocks",
        2,
        "Blocks at the CNN's end that are trained; 0: all. What comes before them runs over the pictures once and its "
        "maps are kept in feature_maps/ of the workspace. EfficientNet-Lite2's last two are its last stage and head.",
        lower_bound=0,
    )
    flag_kinds.define_float(
        "finetune_rate",
        0.1,
        "Rate of the CNN's weights as a share of --learning_rate.",
        lower_bound=1e-6,
        upper_bound=1.0,
    )
    flag_kinds.define_size(
        "finetune_crops",
        4,
        "Crops of a training picture whose maps are kept, one of which each epoch reads: the whole picture, and random "
        "parts of it, mirrored or not. With --finetune_blocks=0 nothing is kept and each crop is drawn anew.",
        lower_bound=1,
    )


def check_start(values: flags.FlagValues) -> None:
    """Raises ConfigError where one of --finetune_cnn and --finetune_from is given without the other."""
    if values.finetune_cnn != bool(values.finetune_from):
        raise ConfigError(
            "--finetune_cnn goes on from a finished run with frozen CNNs; give --finetune_cnn and "
            "--finetune_from=workspace/DATASET/runs/NAME together"
        )


def take_flags_of_run(values: flags.FlagValues, groups: Sequence[FlagGroup]) -> None:
    """Sets the flags that are not given to those of the run that --finetune_cnn begins with.

    Args:
      values: the parsed flags, before the data set's defaults are applied.
      groups: of the command that wrote the run.

    Raises:
      ConfigError: one of --finetune_cnn and --finetune_from is given without the other.
      WorkspaceError: the folder holds no run, or is not in its place in a workspace.
      flags.Error: flags that are given can't go with those of the run.
    """
    check_start(values)
    if not values.finetune_cnn:
        return
    run = Run(pathlib.Path(values.finetune_from))
    # Before its flags, the sentence about a folder that is none.
    dataset = run.read_config().dataset
    if not run.flags_txt.exists():
        raise ConfigError(f"{run.flags_txt} is missing; restore it, or give another --finetune_from")
    before = command.separate_flags(groups)
    try:
        before(["cmr.train", *flagfiles.expanded([f"--flagfile={run.flags_txt}"])])
    except flags.Error as error:
        raise ConfigError(f"{run.flags_txt} is not of this version ({error}); train that run again") from error
    for name in before:
        if before[name].present and not values[name].present and name not in _OWN:
            values[name].value = before[name].value
    if not values["workspace_dir"].present:
        values["workspace_dir"].value = str(Workspace.of_run(run.path, dataset).root)
    # What was checked at parsing were the defaults of those that are not given.
    values.validate_all_flags()
