"""Brings a trained im2txt, the original Show-and-Tell of TensorFlow 1, into the workspace as its captioner.

    python -m data_prep.import_im2txt --dataset=flickr8k --checkpoint=model.ckpt-2000000 --word_counts=word_counts.txt

A checkpoint with its fine-tuned Inception v3 captions pictures at once; data_prep.extract reads its weights too.
"""

import pathlib

from absl import flags

from cmr import shell
from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from cmr.workspace.paths import Workspace
from cmr.workspace.writer_lock import writer_lock
from data_prep import flags as prep_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, prep_flags.im2txt_flags)


def main() -> None:
    from cmr.captioner import files
    from data_prep.import_im2txt import importing

    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    folder = workspace.captioner_dir
    with writer_lock(folder):
        if (folder / files.CAPTIONER_JSON).exists():
            raise ConfigError(f"{folder} holds a captioner already; remove the folder, or give another --workspace_dir")
        imported = importing.import_im2txt(FLAGS.checkpoint, pathlib.Path(FLAGS.word_counts), folder)
    size = f"{len(imported.vocabulary):,} words, X_img of {imported.feature_dim} into {imported.text_space.shape[1]}"
    print(f"wrote {folder}: {size}; it learnt from MSCOCO, from which images is not known")
    place = f"--dataset={FLAGS.dataset}", f"--workspace_dir={FLAGS.workspace_dir}"
    extract = "data_prep.extract", *place, "--cnn=image", "--image_model=inception_v3"
    weights = folder / importing.INCEPTION_WEIGHTS
    if weights.exists():
        own = f"--weights={weights}", f"--features_name={imported.features}"
        print(f"next: {shell.python_command(*extract, *own)}")
        print(f"or:   {shell.python_command('cmr.caption', *place, '--images=photos/*.jpg')}")
    else:
        print(f"the checkpoint has no Inception v3; the captioner takes the features {imported.features}")
        print(f"next: {shell.python_command(*extract)}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
