"""The flags of those commands whose work Apache Beam can spread over workers."""

from absl import flags

from cmr.cli import command
from cmr.errors import ConfigError
from cmr.pipelines import runners
from cmr.pipelines.runners import Runner


@command.flag_group("Pipeline")
def pipeline_flags() -> None:
    flags.DEFINE_string(
        "runner",
        "",
        f"Let workers do it, through an engine of Apache Beam: {', '.join(runners.RUNNERS)}; by default this process "
        "does. The workers need this package and the same paths. DirectRunner is this machine, for trying. Needs the "
        "extra: pip install 'cmr[beam]'.",
    )
    flags.DEFINE_string(
        "runner_options",
        "",
        "Beam's own options for --runner, as on its command line: "
        '--runner_options="--flink_master=host:8081 --parallelism=8".',
    )


def chosen_runner() -> Runner | None:
    """What the two flags ask for; None: no pipeline.

    Raises:
      ConfigError: as of `runners.chosen`.
    """
    return runners.chosen(flags.FLAGS.runner, flags.FLAGS.runner_options)


def check() -> None:
    """Refuses, before anything is done, what can't work.

    Raises:
      ConfigError: as of `runners.chosen`, or the command is also told to do a shard.
    """
    if chosen_runner() is None:
        return
    for name in ("shard", "merge"):
        if name in flags.FLAGS and flags.FLAGS[name].value:
            raise ConfigError(f"--runner spreads the work over its workers itself; leave --{name} out")
