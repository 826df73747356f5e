"""Prepares a data set: captions and splits, the vocabulary, and what of the raw data had to be left out.

python -m data_prep.prepare
python -m data_prep.prepare --dataset=flickr8k --data_dir=~/data/flickr8k
python -m data_prep.prepare --dataset=mscoco --data_dir=~/data/mscoco --coco_protocol=karpathy_5k
python -m data_prep.prepare --dataset=custom --data_dir=~/pictures --captions_file=~/sentences.csv
"""

import pathlib

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from cmr.workspace import captions
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import SPECIAL, Vocabulary
from cmr.workspace.writer_lock import writer_lock
from data_prep import flags as prep_flags
from data_prep.datasets import readers
from data_prep.datasets.raw_dataset import RawDataset
from data_prep.datasets.readers import Choices
from data_prep.scenes import contents, drawing, reader, scene

FLAGS = flags.FLAGS

_CAPTIONING_SHARE = 5

GROUPS = (cmr_flags.workspace_flags, prep_flags.prepare_flags, prep_flags.split_flags)


def main() -> None:
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    with writer_lock(workspace.dataset_dir, (reader.IMAGE_DIR,)):
        _prepare(workspace)
    following = "extract" if FLAGS.pictures == "required" else "import_features"
    print(f"next: python -m data_prep.{following} --dataset={FLAGS.dataset} --workspace_dir={FLAGS.workspace_dir}")


def _prepare(workspace: Workspace) -> None:
    if FLAGS.dataset == "scenes":
        _prepare_scenes(workspace)
        return
    raw = _read(workspace)
    if FLAGS.on_flaw == "refuse":
        raw.refuse_flaws()
    _write(workspace, raw, _vocabulary(raw))


def _prepare_scenes(workspace: Workspace) -> None:
    if FLAGS.data_dir:
        raise ConfigError(
            "--dataset=scenes draws its own pictures and reads no --data_dir; leave it out, or name another --dataset"
        )
    drawn = scene.make_scenes(FLAGS.scenes_seed, FLAGS.num_scenes, _num_captioning())
    raw = reader.raw_scenes(drawn)
    vocabulary = _vocabulary(raw)
    # While pictures and captions change, nothing may say that they are whole.
    workspace.dataset_json.unlink(missing_ok=True)
    drawing.draw_scenes(drawn, workspace.dataset_dir / reader.IMAGE_DIR)
    contents.write_contents(workspace.scene_contents_json, drawn)
    _write(workspace, raw, vocabulary)


def _num_captioning() -> int:
    return _CAPTIONING_SHARE * FLAGS.num_scenes if FLAGS.captioning_scenes is None else FLAGS.captioning_scenes


def _read(workspace: Workspace) -> RawDataset:
    from_tfds = FLAGS.dataset.startswith(cmr_flags.TFDS)
    if not FLAGS.data_dir and not from_tfds:
        raise ConfigError(f"--dataset={FLAGS.dataset} needs --data_dir=FOLDER, where its pictures and sentences lie")
    # A shell leaves the ~ of --data_dir=~/data as it is.
    data_dir = pathlib.Path(FLAGS.data_dir).expanduser() if FLAGS.data_dir else None
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

    builder = tfds.load_builder(FLAGS.dataset.removeprefix(cmr_flags.TFDS), data_dir)
    # While pictures and captions change, nothing may say that they are whole.
    workspace.dataset_json.unlink(missing_ok=True)
    images_dir = workspace.dataset_dir / tfds.IMAGE_DIR
    return tfds.read_tfds(builder, images_dir, FLAGS.coco_restval, FLAGS.split_seed)


def _vocabulary(raw: RawDataset) -> Vocabulary:
    training = raw.captions[raw.captions["split"] == "train"]["caption"]
    vocabulary = Vocabulary.from_captions(training, FLAGS.min_word_count)
    if len(vocabulary) == len(SPECIAL):
        raise ConfigError(f"--min_word_count={FLAGS.min_word_count} leaves no word; give a smaller one")
    return vocabulary


def _write(workspace: Workspace, raw: RawDataset, vocabulary: Vocabulary) -> None:
    """Writes captions.csv, vocabulary.txt and dataset.json, and prints what is in them."""
    splits = raw.split_sizes()
    workspace.dataset_json.unlink(missing_ok=True)
    captions.write_captions(workspace.captions_csv, raw.captions)
    vocabulary.write(workspace.vocabulary_txt)
    workspace.write_description(
        {
            "dataset": workspace.dataset,
            "image_dir": raw.image_dir,
            "splits": splits,
            "protocol": raw.protocol,
            "test_folds": raw.test_folds,
            "vocabulary_size": len(vocabulary),
            "min_word_count": FLAGS.min_word_count,
            "flaws": [{"kind": flaw.kind, "count": len(flaw.names), "names": flaw.names} for flaw in raw.flaws],
            "sources": dict(raw.sources),
        }
    )
    print(workspace.dataset_dir)
    width = max(map(len, splits))
    for split, size in splits.items():
        print(f"  {split:{width}} {size['images']:7,} images {size['captions']:8,} sentences")
    if raw.protocol:
        print(f"  splits: {raw.protocol}")
    special = SPECIAL
    print(f"  vocabulary of {len(vocabulary) - len(special):,} words and {' '.join(special)}")
    for flaw in raw.flaws:
        print(f"dropped: {flaw}" + ("" if flaw.shows_all_names else f" (all in {workspace.dataset_json})"))


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
