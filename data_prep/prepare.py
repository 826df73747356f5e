"""Prepares a data set: captions and splits, the vocabulary, and what of the raw data had to be left out.

python -m data_prep.prepare
python -m data_prep.prepare --dataset=flickr8k --data_dir=~/data/flickr8k
python -m data_prep.prepare --dataset=mscoco --data_dir=~/data/mscoco --coco_protocol=karpathy_5k
python -m data_prep.prepare --dataset=custom --data_dir=~/pictures --captions_file=~/sentences.csv

With --runner the workers of a pipeline count the words; the raw files are read, and the workspace's written, here.
"""

import contextlib
import functools
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from absl import flags

from cmr import shell
from cmr.cli import command, datasets, pipeline_flags
from cmr.cli import flags as cmr_flags
from cmr.data import gathering
from cmr.errors import CmrError, ConfigError
from cmr.workspace import captions, dataset_files, vocabulary
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import SPECIAL, Vocabulary
from cmr.workspace.writer_lock import writer_lock
from data_prep import flags as prep_flags
from data_prep import word_counts
from data_prep.datasets import readers
from data_prep.datasets.raw_dataset import RawDataset
from data_prep.datasets.readers import Choices
from data_prep.scenes import contents, drawing, reader, scene
from data_prep.word_counts import WordCounts

FLAGS = flags.FLAGS

# With more of its words unknown, a sentence says little. Flickr8K has 1%, 48 images of MSCOCO with their sentences 26%.
_MANY_UNKNOWN = 0.5

# Scenes for captioning per other one: the paper's CNNs and captioner saw far more pictures than its models.
_CAPTIONING_SHARE = 5

# Where it is, and who counts its words, decide nothing of it.
_HOW_IT_RUNS = (cmr_flags.workspace_flags, pipeline_flags.pipeline_flags)
GROUPS = (cmr_flags.workspace_flags, prep_flags.prepare_flags, prep_flags.split_flags, pipeline_flags.pipeline_flags)


def check_flags() -> None:
    """Refuses flags that can't go together."""
    pipeline_flags.check()
    if FLAGS.words_of and FLAGS.dataset == "scenes":
        raise ConfigError("--dataset=scenes speaks of what it draws alone; leave --words_of out")
    if FLAGS.runner and FLAGS.dataset == "scenes":
        raise ConfigError(
            "--dataset=scenes is drawn here in a moment, which is no work for a pipeline; leave --runner out"
        )


def main() -> None:
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    with writer_lock(workspace.dataset_dir, (reader.IMAGE_DIR,)):
        _prepare(workspace)
    following = "extract" if FLAGS.pictures == "required" else "import_features"
    place = f"--dataset={FLAGS.dataset}", f"--workspace_dir={FLAGS.workspace_dir}"
    print(f"next: {shell.python_command(f'data_prep.{following}', *place)}")


def _prepare(workspace: Workspace) -> None:
    if FLAGS.dataset == "scenes":
        _prepare_scenes(workspace)
        return
    # Before the raw data is read, and pictures of tensorflow-datasets are written.
    others = gathering.captions_csv_of_others(workspace, FLAGS.words_of, "words_of")
    raw = _read(workspace)
    if FLAGS.on_flaw == "refuse":
        raw.refuse_flaws()
    counts = _counts(workspace, raw)
    _write(workspace, raw, counts, _vocabulary(counts, _further_words(raw, others)))


def _prepare_scenes(workspace: Workspace) -> None:
    if FLAGS.data_dir:
        raise ConfigError(
            "--dataset=scenes draws its own pictures and reads no --data_dir; leave it out, or name another --dataset"
        )
    drawn = scene.make_scenes(FLAGS.scenes_seed, FLAGS.num_scenes, _num_captioning())
    raw = reader.raw_scenes(drawn)
    counts = word_counts.count(raw.captions)
    words = _vocabulary(counts)
    # Named as half-written files are, which the next command removes.
    new_images = workspace.dataset_dir / f".{os.getpid()}.tmp.{reader.IMAGE_DIR}"
    try:
        drawing.draw_scenes(drawn, new_images)
        _write(workspace, raw, counts, words, new_images, {workspace.scene_contents_json: contents.contents(drawn)})
    finally:
        shutil.rmtree(new_images, ignore_errors=True)


def _num_captioning() -> int:
    return _CAPTIONING_SHARE * FLAGS.num_scenes if FLAGS.captioning_scenes is None else FLAGS.captioning_scenes


def _read(workspace: Workspace) -> RawDataset:
    from_tfds = FLAGS.dataset.startswith(datasets.TFDS)
    if not FLAGS.data_dir and not from_tfds:
        raise ConfigError(f"--dataset={FLAGS.dataset} needs --data_dir=FOLDER, where its pictures and sentences lie")
    # A shell leaves the ~ of --data_dir=~/data as it is.
    data_dir = pathlib.Path(FLAGS.data_dir) if FLAGS.data_dir else None
    if from_tfds:
        return _read_tfds(workspace, data_dir)
    return readers.read(
        FLAGS.dataset,
        data_dir,
        Choices(
            pictures_required=FLAGS.pictures == "required",
            karpathy_json=FLAGS.karpathy_json,
            captions_file=FLAGS.captions_file,
            coco_protocol=FLAGS.coco_protocol,
            coco_restval=FLAGS.coco_restval,
            split_seed=FLAGS.split_seed,
        ),
    )


def _read_tfds(workspace: Workspace, data_dir: pathlib.Path | None) -> RawDataset:
    from data_prep.datasets import tfds

    builder = tfds.load_builder(FLAGS.dataset.removeprefix(datasets.TFDS), data_dir)
    images_dir = workspace.dataset_dir / tfds.IMAGE_DIR
    # While pictures and captions differ, nothing may say that they are whole.
    forget = functools.partial(workspace.dataset_json.unlink, missing_ok=True)
    with _said_if_forgotten(workspace):
        return tfds.read_tfds(builder, images_dir, FLAGS.coco_restval, FLAGS.split_seed, forget)


@contextlib.contextmanager
def _said_if_forgotten(workspace: Workspace) -> Iterator[None]:
    """An error in the block also says when it leaves no data set where there was one."""
    was_there = workspace.dataset_json.exists()
    try:
        yield
    except CmrError as error:
        if was_there and not workspace.dataset_json.exists():
            raise type(error)(
                f"{error}; some pictures of the data set prepared before are replaced already, prepare it again"
            ) from error
        raise


def _counts(workspace: Workspace, raw: RawDataset) -> WordCounts:
    runner = pipeline_flags.chosen_runner()
    if runner is None:
        return word_counts.count(raw.captions)
    from data_prep import word_pipeline

    return word_pipeline.count(raw.captions, runner, workspace.dataset_dir)


def _further_words(raw: RawDataset, others: Mapping[str, pathlib.Path]) -> list[str]:
    """Words that the sentences of other data sets and the training sentences say often enough together."""
    if not others:
        return []
    tables = {name: captions.read_captions(path) for name, path in others.items()}
    said = vocabulary.count_words(gathering.gather(raw.captions, tables).captions["caption"])
    return [word for word, count in said.items() if count >= FLAGS.words_of_min_count]


def _vocabulary(counts: WordCounts, further: Iterable[str] = ()) -> Vocabulary:
    words = Vocabulary.from_counts(counts.words["train"], counts.sentences["train"], FLAGS.min_word_count, further)
    if len(words) == len(SPECIAL):
        raise ConfigError(f"--min_word_count={FLAGS.min_word_count} leaves no word; give a smaller one")
    return words


def _write(
    workspace: Workspace,
    raw: RawDataset,
    counts: WordCounts,
    words: Vocabulary,
    new_images: pathlib.Path | None = None,
    others: Mapping[pathlib.Path, dict[str, Any]] | None = None,
) -> None:
    """Writes captions.csv, vocabulary.txt, dataset.json and others, and prints what is in them."""
    splits = raw.split_sizes()
    description = {
        "dataset": workspace.dataset,
        "image_dir": raw.image_dir,
        "splits": splits,
        "protocol": raw.protocol,
        "test_folds": raw.test_folds,
        "vocabulary_size": len(words),
        "min_word_count": FLAGS.min_word_count,
        "words_of": sorted(FLAGS.words_of),
        "flaws": [{"kind": flaw.kind, "count": len(flaw.names), "names": flaw.names} for flaw in raw.flaws],
        "sources": dict(raw.sources),
        "flags": command.changed_flags(FLAGS, GROUPS, _HOW_IT_RUNS),
    }
    dataset_files.write_dataset(workspace, raw.captions, words, description, new_images, others)
    print(workspace.dataset_dir)
    width = max(map(len, splits))
    for split, size in splits.items():
        print(f"  {split:{width}} {size['images']:7,} images {size['captions']:8,} sentences")
    if raw.layout:
        print(f"  read: {raw.layout}")
    if raw.protocol:
        print(f"  splits: {raw.protocol}")
    unsaid = f" ({words.num_unsaid:,} of them of {', '.join(FLAGS.words_of)} alone)" if FLAGS.words_of else ""
    print(f"  vocabulary of {len(words) - len(SPECIAL):,} words{unsaid} and {' '.join(SPECIAL)}")
    unknown = {split: counts.unknown_share(split, words) for split in captions.EVALUATED}
    print("  unknown words: " + ", ".join(f"{share:.1%} of {split}" for split, share in unknown.items()))
    for flaw in raw.flaws:
        print(f"dropped: {flaw}" + ("" if flaw.shows_all_names else f" (all in {workspace.dataset_json})"))
    if max(unknown.values()) > _MANY_UNKNOWN:
        print(
            "warning: many words of val and test are not in the vocabulary; words are cut at spaces and punctuation, "
            "so put spaces between the words of a language written without (Chinese, Japanese, Thai)"
        )


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags, uses_tensorflow=False)
