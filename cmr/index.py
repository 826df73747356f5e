"""Indexes a folder of pictures with a model, so that cmr.search can look through it.

    python -m cmr.index ~/Pictures
    python -m cmr.index ~/Pictures --model=flickr8k.cmr

Given again it computes only what is new or changed; stopped at any time it goes on from where it was.
"""

import pathlib
import shlex
import sys
import time

import tqdm
from absl import flags

from cmr.cli import command, search_flags
from cmr.errors import ConfigError

FLAGS = flags.FLAGS

GROUPS = (search_flags.gallery_flags, search_flags.index_flags)

_SECONDS_BETWEEN_LOOKS = 10.0


def main() -> None:
    from cmr.gallery.place import Place
    from cmr.serving import packed_model

    if len(FLAGS.pictures) > 1:
        given = shlex.join(FLAGS.pictures)
        raise ConfigError(f"one folder at a time, not {given}; give the folder above them, or run the command for each")
    gallery_dir = pathlib.Path(FLAGS.gallery_dir) if FLAGS.gallery_dir else None
    place = Place.of(pathlib.Path(FLAGS.pictures[0]) if FLAGS.pictures else None, gallery_dir)
    if FLAGS.model:
        model = packed_model.absolute(FLAGS.model)
    else:
        model = place.read().model if place.gallery_json.exists() else packed_model.PRETRAINED
    retriever = packed_model.load(model)
    if FLAGS.dry_run:
        _tell(place, retriever, model)
        return
    while True:
        _index(place, retriever, model)
        if not FLAGS.watch:
            return
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _index(place, retriever, model: str) -> None:
    from cmr.gallery import approximate, updating

    with place.writing():
        index = updating.open_for_update(place, retriever, model, FLAGS.rows_dtype, FLAGS.rebuild)
        done = updating.update(index, place.pictures, retriever, _remark)
        updating.finish(place, index, model)
        # Before the approximate index, which is of these rows.
        index, reclaimed = updating.reclaim(place, index, model, keeps_approximate=not FLAGS.ann)
        if FLAGS.watch and done.is_nothing:
            return
        rate = f" ({done.computed / done.seconds:.1f}/s)" if done.computed else ""
        print(
            f"{place.pictures}: {done.computed:,} pictures computed{rate}, {done.recognised:,} recognised by their "
            f"content, {done.unchanged:,} unchanged, {done.gone:,} gone, {done.unreadable + done.still_unreadable:,} "
            f"unreadable ({done.unreadable:,} of them new)",
            flush=True,
        )
        if reclaimed:
            print(f"{reclaimed:,} rows of deleted and changed pictures reclaimed", flush=True)
        if FLAGS.ann:
            built = approximate.build(index, retriever.sentences.rows if retriever.sentences else None)
            print(
                f"approximate index: {built.num_rows:,} pictures in {built.lists:,} lists, {built.lists_searched:,} of "
                f"them searched; it has {100 * built.recall:.1f}% of the exact search's first ten "
                f"({built.seconds:.0f} s)",
                flush=True,
            )
        index.close()


def _tell(place, retriever, model: str) -> None:
    """Says what indexing would do."""
    from cmr.gallery import updating
    from cmr.gallery.store import Store

    if place.gallery_json.exists():
        description = place.read()
        if description.model_checksum != retriever.parts.checksum:
            raise updating.other_model(place, model)
        index = Store(place.folder / description.index)
        changes = updating.find_changes(index, place.pictures, _remark)
        recognised = updating.count_recognised(index, place.pictures, changes)
    else:
        changes, recognised = updating.everything(place.pictures, _remark), 0
    print(
        f"{place.pictures}: would compute {len(changes.to_read) - recognised:,} pictures, recognise "
        f"{recognised + len(changes.returned):,} by their content, leave {changes.unchanged:,} as they are and drop "
        f"{len(changes.gone):,} that are gone; nothing was written"
    )


def _remark(text: str) -> None:
    # Above the bar, not through it.
    with tqdm.tqdm.external_write_mode(file=sys.stderr):
        print(f"skipped: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
