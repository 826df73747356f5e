"""Folders of captioners that nobody trained, with what a training keeps."""

import pathlib
from collections.abc import Sequence

import keras

from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.captioner.model import captioner_model
from cmr.config import CaptionerConfig, CaptionerRunConfig, CaptionerTrainConfig
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary

WORDS = Vocabulary.from_captions(["a dog runs", "a red cat"])
SIZES = CaptionerConfig(6, len(WORDS), 5, 4)


def write(folder: pathlib.Path, seed: int, flags: Sequence[str] = (), begins_with: str = "") -> Captioner:
    """A captioner with weights of a seed, as if the flags had trained it, after the captioner with that checksum."""
    keras.utils.set_random_seed(seed)
    captioner = Captioner(
        model=captioner_model(SIZES),
        vocabulary=WORDS,
        train_image_ids=(),
        dataset="scenes",
        features="scene_cnn-layout",
        checksums={},
        validation_perplexity=None,
        settings={},
        seed=seed,
    )
    files.write_captioner(folder, captioner)
    samples = 5 if "--self_critical" in flags else 0
    train = CaptionerTrainConfig(seed=seed, samples_per_image=samples)
    config = CaptionerRunConfig("scenes", SIZES, train, captioner.features, {}, begins_with)
    run = Run(folder)
    run.config_json.write_text(config.to_json())
    run.flags_txt.write_text("".join(f"{flag}\n" for flag in ("--dataset=scenes", *flags)))
    return captioner
