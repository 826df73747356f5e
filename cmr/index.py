"""Indexes a folder of pictures with a model, so that cmr.search can look through it.

    python -m cmr.index ~/Pictures
    python -m cmr.index ~/Pictures --model=flickr8k.cmr

Given again it computes only what is new or changed; stopped at any time it goes on from where it was. Machines that
share a disk share the work; cmr.search looks through the shards, too:

    python -m cmr.index ~/Pictures --shard=3/16                  # and 1/16 ... 16/16, anywhere and in any order
    python -m cmr.index ~/Pictures --merge

So do workers of a cluster, through Apache Beam:

    python -m cmr.index ~/Pictures --runner=FlinkRunner --runner_options="--flink_master=host:8081"
"""

import functools
import pathlib
import shlex
import sys
import time

import tqdm
from absl import flags

from cmr import shell
from cmr.cli import command, pipeline_flags, search_flags, shard_flags
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from cmr.workspace import shards

FLAGS = flags.FLAGS

GROUPS = (
    search_flags.gallery_flags,
    search_flags.index_flags,
    shard_flags.shard_flags,
    pipeline_flags.pipeline_flags,
    cmr_flags.picture_flags,
)

_SECONDS_BETWEEN_LOOKS = 10.0

# What all shards are indexed with.
_OF_SHARDS = ("model", "rows_dtype", "ann", "max_pixels")


def check_flags() -> None:
    """Refuses flags that can't go together."""
    shard_flags.check()
    pipeline_flags.check()
    if FLAGS.runner and FLAGS.watch:
        raise ConfigError("--watch looks again every ten seconds, which is no work for a pipeline; leave --runner out")
    for name in ("watch", "dry_run"):
        if FLAGS.merge and FLAGS[name].value:
            raise ConfigError(f"--merge joins the shards that are there; leave --{name} out")


def main() -> None:
    from cmr.gallery.place import Place
    from cmr.serving import packed_model

    if len(FLAGS.pictures) > 1:
        given = shlex.join(FLAGS.pictures)
        raise ConfigError(f"one folder at a time, not {given}; give the folder above them, or run the command for each")
    gallery_dir = pathlib.Path(FLAGS.gallery_dir) if FLAGS.gallery_dir else None
    place = Place.of(pathlib.Path(FLAGS.pictures[0]) if FLAGS.pictures else None, gallery_dir, FLAGS.shard)
    if FLAGS.merge:
        _merge(place)
        return
    model = packed_model.absolute(FLAGS.model) if FLAGS.model else _model_of(place)
    retriever = packed_model.load(model, FLAGS.max_pixels)
    if FLAGS.dry_run:
        _tell(place, retriever, model)
        return
    _index(place, retriever, model)
    while FLAGS.watch:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        # Looks are seconds apart, so a disk that is away at two of them may be back at the next.
        _index(place, retriever, model, reclaims=False)


def _model_of(place) -> str:
    """The model that the gallery is of; of a new shard that of the others."""
    from cmr.serving import packed_model

    of_shards = place.shards_begun() if FLAGS.shard or FLAGS.merge else []
    for each in of_shards if FLAGS.merge else [place, *of_shards]:
        if each.gallery_json.exists():
            return each.read().model
    return packed_model.PRETRAINED


def _index(place, retriever, model: str, reclaims: bool = True) -> None:
    from cmr.gallery import updating

    with place.writing():
        index = updating.open_for_update(place, retriever, model, FLAGS.rows_dtype, FLAGS.rebuild)
        stream = _pipeline_stream(place, index, retriever, model)
        done = updating.update(index, place.pictures, retriever, _remark, place.shard, stream)
        if stream is not None:
            stream.forget()
        updating.finish(place, index, model)
        if place.shard:
            place.mark_whole()
        # Before the approximate index, which is of these rows.
        reclaimed = 0
        if reclaims:
            index, reclaimed = updating.reclaim(place, index, model, done.dead, keeps_approximate=not FLAGS.ann)
        if FLAGS.watch and done.is_nothing and not reclaimed:
            return
        rate = f" ({done.computed / done.seconds:.1f}/s)" if done.computed else ""
        of_shard = f", shard {place.shard}" if place.shard else ""
        print(
            f"{place.pictures}{of_shard}: {done.computed:,} pictures computed{rate}, {done.recognised:,} recognised by "
            f"their content, {done.unchanged:,} unchanged, {done.gone:,} gone, "
            f"{done.unreadable + done.still_unreadable:,} unreadable ({done.unreadable:,} of them new)",
            flush=True,
        )
        _say_reclaimed(reclaimed)
        # A shard may have no picture, which is no mistake.
        if FLAGS.ann and (index.num_rows() or not place.shard):
            _build_approximate(index, retriever)
        index.close()
    if place.shard:
        print(f"next: {_next(place)}", flush=True)


def _build_approximate(index, retriever) -> None:
    from cmr.gallery import approximate

    built = approximate.build(index, retriever.sentences.rows if retriever.sentences else None)
    print(
        f"approximate index: {built.num_rows:,} pictures in {built.lists:,} lists, {built.lists_searched:,} of "
        f"them searched; it has {100 * built.recall:.1f}% of the exact search's first ten "
        f"({built.seconds:.0f} s)",
        flush=True,
    )


def _next(place) -> str:
    from cmr.gallery import sharded_store

    whole = place.whole
    words = [*whole.command, *(FLAGS[name].serialize() for name in _OF_SHARDS if FLAGS[name].present)]
    unmade = [*sharded_store.lacking(whole, place.shard.count)]
    return shards.making(unmade, words) if unmade else shell.python_command(*whole.command, "--merge")


def _merge(place) -> None:
    from cmr.gallery import merging, updating
    from cmr.serving import packed_model

    count = shards.count_of(place.folder, FLAGS.shards)
    with place.writing():
        # Before it is merged, so that a model that is not there is said at once.
        retriever = packed_model.load(FLAGS.model or _model_of(place)) if FLAGS.model or FLAGS.ann else None
        index, done = merging.merge(place, count, FLAGS.rebuild, retriever.parts.checksum if retriever else None)
        index, reclaimed = updating.reclaim(place, index, done.model, done.dead, keeps_approximate=not FLAGS.ann)
        print(
            f"{place.pictures}: {done.files:,} files of {count} shards, {done.changed:,} of them new or changed in the "
            f"index of the whole, {done.added:,} pictures added to it; {place.folder / shards.SHARDS} is no longer "
            "needed, unless more is to be indexed by shards",
            flush=True,
        )
        _say_reclaimed(reclaimed)
        if FLAGS.ann:
            _build_approximate(index, retriever)
        index.close()


def _pipeline_stream(place, index, retriever, model: str):
    """What lets the workers of a pipeline embed; None where this process does."""
    runner = pipeline_flags.chosen_runner()
    if runner is None:
        return None
    from cmr.gallery.pipeline import PipelineStream
    from cmr.serving import packed_model

    load = functools.partial(packed_model.load, model, FLAGS.max_pixels)
    checksum = retriever.parts.checksum
    return PipelineStream(runner, index.folder, place.pictures, load, checksum, index.rows.width)


def _tell(place, retriever, model: str) -> None:
    """Says what indexing would do."""
    from cmr.gallery import updating
    from cmr.gallery.store import Store

    if place.gallery_json.exists():
        description = place.read()
        if description.model_checksum != retriever.parts.checksum:
            raise updating.other_model(place, model)
        index = Store(place.folder / description.index)
        changes = updating.find_changes(index, place.pictures, retriever.max_pixels, _remark, place.shard)
        recognised = updating.count_recognised(index, place.pictures, changes)
    else:
        updating.refuse_unmerged(place)
        changes, recognised = updating.everything(place.pictures, _remark, place.shard), 0
    print(
        f"{place.pictures}: would compute {len(changes.to_read) - recognised:,} pictures, recognise "
        f"{recognised + len(changes.returned):,} by their content, leave {changes.unchanged:,} as they are and drop "
        f"{len(changes.gone):,} that are gone; nothing was written"
    )


def _say_reclaimed(rows: int) -> None:
    if rows:
        print(f"{rows:,} rows of deleted and changed pictures reclaimed", flush=True)


def _remark(text: str) -> None:
    # Above the bar, not through it.
    with tqdm.tqdm.external_write_mode(file=sys.stderr):
        print(f"skipped: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
