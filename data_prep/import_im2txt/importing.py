"""From an im2txt checkpoint to <dataset>/captioner/."""

import pathlib

from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.pictures import cnn
from cmr.workspace import atomic_files, checksums
from data_prep.extract import cnns
from data_prep.import_im2txt import captioner
from data_prep.import_im2txt.checkpoint import Checkpoint
from data_prep.import_im2txt.inception import inception_of, is_in
from data_prep.import_im2txt.words import read_word_counts

INCEPTION_WEIGHTS = "inception_v3.weights.h5"

# Its features have a name of their own: ImageNet's Inception v3 gives others.
_OWN_FEATURES = "inception_v3-im2txt"
_IMAGENET_FEATURES = "inception_v3"

# What im2txt's data script takes: MSCOCO's training images and most of its validation images.
_TRAINED_ON = "mscoco"


def import_im2txt(checkpoint_path: str, word_counts: pathlib.Path, folder: pathlib.Path) -> Captioner:
    """Writes the captioner of an im2txt checkpoint, and its Inception v3 where the checkpoint has one.

    im2txt shows its CNN the central 299 of a picture's 346 x 346 pixels; here it sees the whole picture.

    Args:
      checkpoint_path: the checkpoint's name.
      word_counts: its word_counts.txt.
      folder: of the captioner.

    Raises:
      DataError: the checkpoint or the words can't be read or are not im2txt's.
    """
    words = read_word_counts(word_counts)
    checkpoint = Checkpoint(checkpoint_path)
    model = captioner.captioner_of(checkpoint, words)
    features = _IMAGENET_FEATURES
    if is_in(checkpoint):
        features = _OWN_FEATURES
        weights = folder / INCEPTION_WEIGHTS
        inception = inception_of(checkpoint)
        with atomic_files.atomic_path(weights) as temporary:
            inception.save_weights(temporary)
        cnn.write_cnn(folder, cnns.inception_v3(str(weights), seed=0, crops=1).build())
    trained = Captioner(
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
    files.write_captioner(folder, trained)
    return trained
