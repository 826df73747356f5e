"""The flags of the phase of cmr.train in which the text encoder learns from sentences alone."""

from cmr.cli import command, flag_kinds


@command.flag_group("Learning from sentences first")
def text_pretraining_flags() -> None:
    flag_kinds.define_other_datasets(
        "sentences_of",
        "Other data sets of the workspace whose sentences the text encoder learns from before the model sees an image, "
        "beside the training split's: two sentences of one image are to be near each other. They need no pictures "
        "(data_prep.prepare --pictures=optional). Images that are measured on are left out. Where another run "
        "of the data set has learnt the same from them, whatever its pictures' features, that is taken over.",
    )
    flag_kinds.define_count(
        "sentence_epochs",
        12,
        "Epochs of that phase, of which the best one is kept; an epoch is a pair for every two sentences of an image.",
        lower_bound=1,
    )
