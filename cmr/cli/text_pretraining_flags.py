"""The flags of the phase of cmr.train in which the text encoder learns from sentences alone."""

from absl import flags

from cmr.cli import command, flag_kinds


@command.flag_group("Learning from sentences first")
def text_pretraining_flags() -> None:
    flag_kinds.define_other_datasets(
        "sentences_of",
        "Other data sets of the workspace whose sentences the text encoder learns from before the model sees an image, "
        "beside the training split's: two sentences of one image are to be near each other. They need no pictures "
        "(data_prep.prepare --pictures=optional). Images that are measured on are left out.",
    )
    flag_kinds.define_count(
        "sentence_epochs",
        12,
        "Epochs of that phase, of which the best one is kept; an epoch is a pair for every two sentences of an image.",
        lower_bound=1,
    )
    flag_kinds.define_path(
        "sentences_from",
        "",
        "Folder of a run that has been through this phase with the same settings, whatever its pictures' features, its "
        "negatives and its course with pictures: what its text encoder learnt is copied and not learnt again, which "
        "comes to the same numbers where it was trained by the same version on the same kind of device.",
    )
    flags.register_multi_flags_validator(
        ("sentences_from", "sentences_of"),
        lambda given: not given["sentences_from"] or given["sentences_of"],
        "--sentences_from is of --sentences_of; give both",
    )
