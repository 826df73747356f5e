"""Brings a trained im2txt, the original Show-and-Tell of TensorFlow 1, into the workspace as its captioner.

    python -m data_prep.import_im2txt --dataset=flickr8k --checkpoint=model.ckpt-2000000 --word_counts=word_counts.txt

A checkpoint with its fine-tuned Inception v3 captions pictures at once; data_prep.extract reads its weights too.
"""

import pathlib

from absl import flags

from cmr import command, errors
from cmr import flags as cmr_flags
from cmr import workspace as workspace_lib
from data_prep import flags as prep_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, prep_flags.im2txt_flags)


def main() -> None:
    from cmr import captioner_files
    from data_prep import im2txt_import

    workspace = workspace_lib.Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    folder = workspace.captioner_dir
    if (folder / captioner_files.CAPTIONER_JSON).exists():
        raise errors.ConfigError(
            f"{folder} holds a captioner already; remove the folder, or give another --workspace_dir"
        )
    found = im2txt_import.import_im2txt(FLAGS.checkpoint, pathlib.Path(FLAGS.word_counts), folder)
    size = f"{len(found.vocabulary):,} words, X_img of {found.feature_dim} into {found.image_embedding.shape[1]}"
    print(f"wrote {folder}: {size}; it learnt from MSCOCO, from which images is not known")
    place = f"--dataset={FLAGS.dataset} --workspace_dir={FLAGS.workspace_dir}"
    weights = folder / im2txt_import.INCEPTION_WEIGHTS
    if weights.exists():
        extract = f"--cnn=image --image_model=inception_v3 --weights={weights} --features_name={found.features}"
        print(f"next: python -m data_prep.extract {place} {extract}")
        print(f"or:   python -m cmr.caption {place} --images='photos/*.jpg'")
    else:
        print(f"the checkpoint has no Inception v3; the captioner takes the features {found.features}")
        print(f"next: python -m data_prep.extract {place} --cnn=image --image_model=inception_v3")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
