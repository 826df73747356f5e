"""The flags of the phase of cmr.train in which the text encoder learns from sentences alone."""

from absl import flags

from cmr.cli import command


@command.flag_group("Learning from sentences first")
def text_pretraining_flags() -> None:
    flags.DEFINE_list(
        "sentences_of",
        [],
        "Other data sets of the workspace whose sentences the text encoder learns from before the model sees an image, "
        "beside the training split's: two sentences of one image are to be near each other. They need no pictures "
        "(data_prep.prepare --pictures=optional). Images that are measured on are left out.",
    )
    flags.DEFINE_integer(
        "sentence_epochs", 5, "Epochs over the pairs of those sentences at most, half as many as sentences.", 1
    )


def without_effect(values: flags.FlagValues) -> frozenset[str]:
    """The flags that say nothing of a training without the phase; they came with it."""
    of_module = values.flags_by_module_dict().get(__name__, ())
    if not of_module or values.sentences_of:
        return frozenset()
    return frozenset(flag.name for flag in of_module)
