"""The flags of work that several machines share, of every command that writes shards."""

from absl import flags

from cmr.cli import command
from cmr.errors import ConfigError
from cmr.workspace import shards
from cmr.workspace.shards import Shard

# For those who print a command of all of them.
NAMES = ("shard", "merge", "shards")


class ShardParser(flags.ArgumentParser):
    """A part of so many: `3/16`."""

    syntactic_help = "k/n"

    def parse(self, argument: str | Shard) -> Shard:
        if isinstance(argument, Shard):
            return argument
        try:
            return Shard.parse(argument)
        except ConfigError as error:
            raise ValueError(str(error)) from error


@command.flag_group("Several machines")
def shard_flags() -> None:
    flags.DEFINE(
        ShardParser(),
        "shard",
        None,
        "Do one part of the work, such as 3/16, into a folder of its own; other processes or machines with the same "
        "disk do the others. A picture's part is that of its name's hash, so a new picture changes one.",
        serializer=flags.ArgumentSerializer(),
    )
    flags.DEFINE_bool(
        "merge", False, "Join the shards, once all of them are there and whole; the other flags are theirs."
    )
    flags.DEFINE_integer(
        "shards",
        None,
        "With --merge: how many shards there are; by default as many as lie there. Needed where there are those of two "
        "counts.",
        lower_bound=1,
        upper_bound=shards.MOST,
    )


def check() -> None:
    """Refuses flags of shards that can't go together.

    Raises:
      ConfigError: --merge or --shards where they have no sense.
    """
    values = flags.FLAGS
    if values.merge and values.shard:
        raise ConfigError("--merge joins all shards and --shard makes one; give one of them")
    if values.shards and not values.merge:
        raise ConfigError("--shards is of --merge; one shard is made by --shard=1/16")
