"""The flags of the phase of cmr.train in which the text encoder learns from sentences alone."""

from absl import flags

from cmr.cli import command, datasets


@command.flag_group("Learning from sentences first")
def text_pretraining_flags() -> None:
    flags.DEFINE_list(
        "sentences_of",
        [],
        "Other data sets of the workspace whose sentences the text encoder learns from before the model sees an image, "
        "beside the training split's: two sentences of one image are to be near each other. They need no pictures "
        "(data_prep.prepare --pictures=optional). Images that are measured on are left out.",
    )
    flags.register_validator(
        "sentences_of",
        lambda names: len(set(names)) == len(names) and all(map(datasets.is_dataset, names)),
        message=f"name each data set once: {', '.join(datasets.NAMES)} or {datasets.TFDS}NAME",
    )
    flags.register_multi_flags_validator(
        ("sentences_of", "dataset"),
        lambda given: given["dataset"] not in given["sentences_of"],
        "the training sentences of --dataset are there anyway; leave it out of --sentences_of",
    )
    flags.DEFINE_integer(
        "sentence_epochs",
        12,
        "Epochs of that phase, of which the best one is kept; an epoch is a pair for every two sentences of an image.",
        lower_bound=1,
    )
