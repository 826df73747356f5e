"""Captions pictures with a trained Show-and-Tell captioner.

    python -m cmr.caption --dataset=flickr8k --images='photos/*.jpg'
    python -m cmr.caption --dataset=flickr8k --split=test

Any picture files; or a split of the data set, whose captions are scored by BLEU and CIDEr, and those of the scenes by
how much of them is true.
"""

import pathlib
import sys

from absl import flags

from cmr.cli import captioner_flags, command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError, DataError
from cmr.workspace.paths import Workspace

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.workspace_flags,
    captioner_flags.caption_flags,
    captioner_flags.beam_search_flags,
    cmr_flags.picture_flags,
)

_SAMPLES = 10


def main() -> None:
    from cmr.captioner import files
    from cmr.captioner.beam_search import SearchConfig
    from cmr.pictures.cnn import read_own_cnn

    if bool(FLAGS.images) == bool(FLAGS.split):
        raise ConfigError("give either --images='photos/*.jpg' or --split=test")
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    config = SearchConfig(FLAGS.beam_width, FLAGS.max_words, FLAGS.length_factor)
    folder = pathlib.Path(FLAGS.captioner) if FLAGS.captioner else workspace.captioner_dir
    captioner = files.read_captioner(folder)
    own_cnn = read_own_cnn(folder)
    if FLAGS.images:
        _caption_pictures(workspace, captioner, own_cnn, config)
    else:
        _caption_split(workspace, captioner, own_cnn, config, folder)


def _caption_pictures(workspace, captioner, own_cnn, config) -> None:
    from cmr.captioner import pictures, split
    from cmr.pictures.cnn import read_cnn

    paths = pictures.find_pictures(FLAGS.images)
    cnn = own_cnn
    if cnn is None:
        cnn = read_cnn(split.matching_features(workspace, captioner).path)
    unreadable = 0
    for picture in pictures.caption_pictures(paths, cnn, captioner, config, FLAGS.max_pixels):
        if picture.failure:
            unreadable += 1
            print(f"skipped: {picture.failure}", file=sys.stderr, flush=True)
        else:
            print(f"{picture.path}: {picture.caption} (log p {picture.log_probability:.2f})", flush=True)
    if unreadable:
        raise DataError(f"{unreadable} of {len(paths)} pictures can't be read; the others have their captions")


def _caption_split(workspace, captioner, own_cnn, config, folder: pathlib.Path) -> None:
    from cmr.captioner import scene_truth, scores, split
    from cmr.captioner.scene_truth import SceneTruth
    from cmr.workspace import scene_contents

    captions = split.caption_split(workspace, captioner, own_cnn, FLAGS.split, config, FLAGS.max_pixels)
    captions.write(folder / split.CAPTIONS_JSON)
    print(captions.samples(_SAMPLES))
    print(f"\n{len(captions.captions):,} captions of the {FLAGS.split} split of {FLAGS.dataset}, beam {config.width}:")
    if captions.scores:
        print(scores.scores_table(captions.scores.scores, FLAGS.dataset))
    else:
        print("BLEU and CIDEr are left out; for them: pip install 'cmr[captions]'")
    if workspace.scene_contents_json.exists():
        truth = SceneTruth(scene_contents.read_contents(workspace.scene_contents_json, captions.image_ids))
        checked = map(truth.check, captions.image_ids, captions.captions)
        print(f"\n{scene_truth.truth_table(checked)}\n")
    if not any(captions.captions):
        print("No caption has a word: the captioner has learnt nothing yet; train it longer (--pretrain_epochs).")
    seen = split.seen_in_training(captioner, FLAGS.dataset, captions.image_ids)
    if seen:
        print(seen)
    print(f"all of them: {folder / split.CAPTIONS_JSON}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
