"""Fetches, checks and unpacks a raw data set, where it may be fetched freely.

    python -m data_prep.download --dataset=flickr8k --data_dir=data/flickr8k
    python -m data_prep.download --dataset=mscoco --data_dir=data/mscoco --dry_run
    python -m data_prep.download --dataset=mscoco --data_dir=data/mscoco --parts=annotations2017,val2017

A download that was stopped goes on when the same command is given again. Archives that are already in the folder,
fetched in some other way, are checked and unpacked.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from cmr import shell
from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from data_prep import disk_space
from data_prep import flags as prep_flags
from data_prep.download import sources
from data_prep.download.sources import Archive

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, prep_flags.download_flags)

_STATES = {
    "done": "fetched and unpacked before",
    "present": "its files are there, not fetched by this command and so not checked; remove them to fetch it",
    "here": "the zip file is there, to be checked and unpacked",
    "missing": "to fetch",
}


def main() -> None:
    from data_prep.download import fetching, steps

    chosen = sources.chosen(FLAGS.dataset, FLAGS.parts)
    if not FLAGS.data_dir:
        raise ConfigError(f"--data_dir is missing; name the folder to fetch {FLAGS.dataset} into")
    data_dir = pathlib.Path(FLAGS.data_dir)
    if data_dir.exists() and not data_dir.is_dir():
        raise ConfigError(f"--data_dir={data_dir} is a file; name a folder")
    planned = steps.plan(chosen, data_dir, FLAGS.mirror)
    for step in planned:
        print(_line(step))
    to_fetch = sum(step.to_fetch for step in planned)
    print(f"to fetch into {data_dir}: {disk_space.readable(to_fetch)}", flush=True)
    if FLAGS.dry_run:
        steps.require_space(planned, data_dir)
        return
    steps.carry_out(planned, data_dir, fetching.session())
    print(f"next: {shell.python_command('data_prep.prepare', *_prepare_flags(chosen, data_dir))}")


def _prepare_flags(chosen: Sequence[Archive], data_dir: pathlib.Path) -> list[str]:
    named = [f"--dataset={FLAGS.dataset}", f"--data_dir={data_dir}", f"--workspace_dir={FLAGS.workspace_dir}"]
    if [archive.part for archive in chosen] == ["karpathy"]:
        # Captions and splits without photographs, for features computed elsewhere.
        named += [f"--karpathy_json={data_dir / chosen[0].holds}", "--pictures=optional"]
    return named


def _line(step) -> str:
    archive = step.archive
    state = _STATES.get(step.state) or f"{disk_space.readable(step.arrived)} of it arrived before"
    return f"{archive.part}: {step.url}, {disk_space.readable(archive.size)}, {state}"


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
