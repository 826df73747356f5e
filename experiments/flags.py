"""Every flag of the experiments' commands, defined once, in the groups that `--help` prints."""

from absl import flags


def size_flags() -> None:
    """Simulation"""
    flags.DEFINE_string(
        "data_dir", None, "Folder of MSCOCO that holds annotations/captions_val2017.json, whose sentences are sampled."
    )
    flags.DEFINE_string(
        "work_dir",
        "",
        "Folder that the simulated data goes into (4 GB), removed at the end; by default a temporary one.",
    )
    flags.DEFINE_integer("steps", 20, "Steps timed at each size, in turn; their median is printed.", lower_bound=1)
    flags.mark_flag_as_required("data_dir")
