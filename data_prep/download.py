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

from cmr import command, errors
from cmr import flags as cmr_flags
from data_prep import data_sources, disk_space
from data_prep import flags as prep_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, prep_flags.download_flags)

_STATES = {
    "done": "fetched and unpacked before",
    "present": "its files are there, not fetched by this command and so not checked; remove them to fetch it",
    "here": "the zip file is there, to be checked and unpacked",
    "missing": "to fetch",
}


def main() -> None:
    from data_prep import http_download, raw_download

    chosen = data_sources.chosen(FLAGS.dataset, FLAGS.parts)
    if not FLAGS.data_dir:
        raise errors.ConfigError(f"--data_dir is missing; name the folder to fetch {FLAGS.dataset} into")
    data_dir = pathlib.Path(FLAGS.data_dir)
    if data_dir.exists() and not data_dir.is_dir():
        raise errors.ConfigError(f"--data_dir={data_dir} is a file; name a folder")
    steps = raw_download.plan(chosen, data_dir, FLAGS.mirror)
    for step in steps:
        print(_line(step))
    to_fetch = sum(step.to_fetch for step in steps)
    print(f"to fetch into {data_dir}: {disk_space.readable(to_fetch)}", flush=True)
    if FLAGS.dry_run:
        raw_download.require_space(steps, data_dir)
        return
    raw_download.carry_out(steps, data_dir, http_download.session())
    print(f"next: python -m data_prep.prepare --dataset={FLAGS.dataset} {_prepare_flags(chosen, data_dir)}")


def _prepare_flags(chosen: Sequence[data_sources.Archive], data_dir: pathlib.Path) -> str:
    named = f"--data_dir={data_dir} --workspace_dir={FLAGS.workspace_dir}"
    if [archive.part for archive in chosen] == ["karpathy"]:
        # Captions and splits without photographs, for features computed elsewhere.
        named += f" --karpathy_json={data_dir / chosen[0].holds} --pictures=optional"
    return named


def _line(step) -> str:
    archive = step.archive
    state = _STATES.get(step.state) or f"{disk_space.readable(step.arrived)} of it arrived before"
    return f"{archive.part}: {step.url}, {disk_space.readable(archive.size)}, {state}"


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
