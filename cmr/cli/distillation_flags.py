"""The flags of cmr.train by which a run learns from finished runs too."""

from absl import flags

from cmr.cli import command, flag_kinds
from cmr.config import DistillationConfig
from cmr.errors import ConfigError


@command.flag_group("Learning from other runs")
def distillation_flags() -> None:
    flag_kinds.define_paths(
        "teachers",
        [],
        "Folders of finished runs of cmr.train on the same sentences, whatever their features and models, with commas "
        "between them: the run learns also how similar they find a batch's images and sentences, by their mean cosine. "
        "They stay where they are as long as this run is to go on or to print its table again by this command.",
    )
    flag_kinds.define_float(
        "distillation_weight",
        DistillationConfig.distillation_weight,
        "Share of what is learnt that is the teachers'; the rest is which sentence belongs to which image.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    flag_kinds.define_float(
        "distillation_temperature",
        DistillationConfig.distillation_temperature,
        "What the teachers' cosines are divided by before their softmax: the larger, the more they say of all that is "
        "not the nearest.",
        lower_bound=0.001,
    )


def check_start(values: flags.FlagValues) -> None:
    """Raises ConfigError where teachers are given to a loss without targets, that of a first phase taken over."""
    if values.teachers and values.loss != "softmax":
        raise ConfigError(
            "--teachers teach by --loss=softmax, whose targets theirs join; give it, or leave --teachers out"
        )
