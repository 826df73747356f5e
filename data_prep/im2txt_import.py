"""From an im2txt checkpoint to <dataset>/captioner/."""

import pathlib

from cmr import atomic_files, captioner_files, checksums
from cmr import cnn as cnn_lib
from data_prep import cnns, im2txt_captioner, im2txt_words, slim_inception, tf1_checkpoint

INCEPTION_WEIGHTS = "inception_v3.weights.h5"

# Its features have a name of their own: ImageNet's Inception v3 gives others.
_OWN_FEATURES = "inception_v3-im2txt"
_IMAGENET_FEATURES = "inception_v3"

# What im2txt's data script takes: MSCOCO's training images and most of its validation images.
_TRAINED_ON = "mscoco"


def import_im2txt(checkpoint_path: str, word_counts: pathlib.Path, folder: pathlib.Path) -> captioner_files.Captioner:
    """Writes the captioner of an im2txt checkpoint, and its Inception v3 where the checkpoint has one.

    im2txt shows its CNN the central 299 of a picture's 346 x 346 pixels; here it sees the whole picture.

    Args:
      checkpoint_path: the checkpoint's name.
      word_counts: its word_counts.txt.
      folder: of the captioner.

    Raises:
      DataError: the checkpoint or the words can't be read or are not im2txt's.
    """
    words = im2txt_words.read_word_counts(word_counts)
    checkpoint = tf1_checkpoint.Checkpoint(checkpoint_path)
    model = im2txt_captioner.captioner_of(checkpoint, words)
    features = _IMAGENET_FEATURES
    if slim_inception.is_in(checkpoint):
        features = _OWN_FEATURES
        weights = folder / INCEPTION_WEIGHTS
        inception = slim_inception.inception_of(checkpoint)
        with atomic_files.atomic_path(weights) as temporary:
            inception.save_weights(temporary)
        cnn_lib.write_cnn(folder, cnns.inception_v3(str(weights), seed=0, crops=1).build())
    found = captioner_files.Captioner(
        model=model,
        vocabulary=words.vocabulary,
        train_image_ids=(),
        dataset=_TRAINED_ON,
        features=features,
        checksums={},
        validation_perplexity=None,
        settings={
            "checkpoint": pathlib.Path(checkpoint.path).name,
            "word_counts_sha256": checksums.files_sha256([word_counts]),
        },
        seed=None,
    )
    captioner_files.write_captioner(folder, found)
    return found
