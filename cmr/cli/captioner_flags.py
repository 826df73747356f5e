"""The flags of the captioner: what it is, its training (cmr.pretrain), and its captions (cmr.caption)."""

from absl import flags

from cmr import config
from cmr.cli import command, datasets, flag_kinds
from cmr.cli import flags as cmr_flags
from cmr.config import CaptionerConfig, CaptionerTrainConfig
from cmr.errors import ConfigError


@command.flag_group("Captioner")
def captioner_flags() -> None:
    cmr_flags.define_text_space_dim()
    flag_kinds.define_size(
        "lstm_units", None, "Units of the captioner's LSTM. " + datasets.defaults_of("lstm_units"), lower_bound=1
    )
    flag_kinds.define_float(
        "caption_dropout",
        None,
        "Dropout on the LSTM's input and output (Show and Tell's is 0.3). " + datasets.defaults_of("caption_dropout"),
        0.0,
        upper_bound=0.99,
    )
    flag_kinds.define_float(
        "feature_norm",
        None,
        "Scale X_img in training by one number that brings a row's norm about here, so that the image does not drown "
        "the words, and put it into W_img afterwards; 0: as the CNN gives it (im2txt). "
        + datasets.defaults_of("feature_norm"),
        lower_bound=0.0,
    )
    flag_kinds.define_float(
        "feature_whitening",
        CaptionerTrainConfig.feature_whitening,
        "Ridge of a whitening of X_img in training, as a share of a direction's mean square, which is put into W_img "
        "afterwards: small differences between pictures are learnt as soon as large ones. 0: none (im2txt).",
        lower_bound=0.0,
    )
    flag_kinds.define_float(
        "lstm_forget_bias",
        CaptionerConfig.forget_bias,
        "Bias of the LSTM's forget gates as training begins. 1 (im2txt) keeps 0.73 of the memory a word, 3 keeps 0.95: "
        "the LSTM sees the picture once, before the first word.",
        lower_bound=-10.0,
        upper_bound=10.0,
    )
    flag_kinds.define_path(
        "captioner_dir",
        "",
        "Folder that it is written to; by default captioner/ of the data set in the workspace, with --finetune_cnn "
        "captioner_finetuned/, with --self_critical captioner_self_critical/.",
    )


@command.flag_group("Pretraining")
def pretrain_flags() -> None:
    flags.DEFINE_enum(
        "optimizer",
        CaptionerTrainConfig.optimizer,
        config.OPTIMIZERS,
        "adam, or im2txt's sgd, whose rate is halved every 8 epochs.",
    )
    flag_kinds.define_size(
        "pretrain_batch_size",
        None,
        "Sentences a step (im2txt's is 32), with --self_critical drawn ones. "
        + datasets.defaults_of("pretrain_batch_size"),
        lower_bound=1,
    )
    flag_kinds.define_float(
        "pretrain_learning_rate",
        None,
        "Rate of the first step. Default: adam with --finetune_cnn 1e-5, sgd 2.0, with --finetune_cnn 5e-4 (im2txt's); "
        "with --self_critical 1e-4; adam without them, by data "
        f"set{datasets.defaults_of('captioner_rate').partition('set')[2]}",
        0.0,
    )
    flags.DEFINE_enum(
        "pretrain_decay",
        None,
        config.DECAYS,
        "none, or cosine: the rate falls to zero along half a cosine over --pretrain_epochs. "
        + datasets.defaults_of("pretrain_decay"),
    )
    flags.register_multi_flags_validator(
        ("pretrain_decay", "optimizer"),
        lambda given: given["pretrain_decay"] != "cosine" or given["optimizer"] == "adam",
        "--optimizer=sgd has its own decay (im2txt's); leave --pretrain_decay=cosine out",
    )
    flag_kinds.define_float(
        "label_smoothing",
        0.0,
        "Share of a word's probability that the loss spreads evenly over the vocabulary; im2txt's is 0.",
        lower_bound=0.0,
        upper_bound=0.5,
    )
    flag_kinds.define_float(
        "pretrain_clip_norm",
        CaptionerTrainConfig.clip_norm,
        "Global norm to which the gradient is clipped (im2txt's).",
        1e-6,
    )
    flag_kinds.define_count(
        "pretrain_epochs",
        None,
        "Epochs at most. With more than a captioner was begun with, its training goes on from where it stopped. "
        + datasets.defaults_of("pretrain_epochs"),
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "finetune_cnn",
        False,
        "Second phase: go on from --phase_1_captioner and train the CNN of --image_features too, from the pictures.",
    )
    flags.DEFINE_bool(
        "self_critical",
        False,
        "Second phase: go on from --phase_1_captioner and raise the CIDEr of sentences that it draws (Rennie et al. "
        "2017). The CIDEr on the validation split decides which weights are kept, and when it ends.",
    )
    flags.register_multi_flags_validator(
        ("self_critical", "finetune_cnn", "optimizer", "label_smoothing"),
        lambda given: (
            not given["self_critical"]
            or not (given["finetune_cnn"] or given["optimizer"] != "adam" or given["label_smoothing"])
        ),
        "--self_critical trains the captioner alone, by adam and by rewards; leave --finetune_cnn, --optimizer=sgd and "
        "--label_smoothing out",
    )
    flag_kinds.define_size(
        "samples_per_image",
        5,
        "Sentences that --self_critical draws of an image; each is compared with the others.",
        lower_bound=2,
    )
    flag_kinds.define_path(
        "phase_1_captioner", "", "Folder that --finetune_cnn or --self_critical begins with; by default captioner/."
    )


@command.flag_group("What to caption")
def caption_flags() -> None:
    flag_kinds.define_path(
        "images",
        "",
        "Picture files: a path or a pattern in quotes, such as --images='photos/*.jpg'; ** stands for any folders.",
    )
    flags.DEFINE_enum(
        "split",
        None,
        ("train", "val", "test"),
        "Instead of --images: caption a split of the data set from its cached features, print BLEU and CIDEr, and "
        "write all to captions.json in the captioner's folder.",
    )
    flag_kinds.define_path(
        "captioner", "", "Folder of a captioner; by default captioner/ of the data set in the workspace."
    )


@command.flag_group("Beam search")
def beam_search_flags() -> None:
    flag_kinds.define_size(
        "beam_width", 3, "Beginnings kept at each length (im2txt's 3); 1 takes the best word each time.", lower_bound=1
    )
    flag_kinds.define_count("max_words", 20, "Words of a caption at most (im2txt's 20).", lower_bound=1)
    flag_kinds.define_float(
        "length_factor",
        0.0,
        "A caption of n words, end word included, is ranked by log p / n^length_factor; 0, which is im2txt's, favours "
        "short ones.",
        lower_bound=0.0,
        upper_bound=10.0,
    )


# Of CaptionerConfig -> the flag that says it.
_SIZES = {
    "embedding_dim": "text_space_dim",
    "lstm_units": "lstm_units",
    "dropout": "caption_dropout",
    "forget_bias": "lstm_forget_bias",
}


def take_sizes(values: flags.FlagValues, model: CaptionerConfig) -> None:
    """Sets the flags of a captioner's sizes to those of the one that a second phase begins with.

    Args:
      values: the parsed flags.
      model: its settings.

    Raises:
      ConfigError: one that was given says something else.
    """
    for name, flag in _SIZES.items():
        if values[flag].present and values[flag].value != getattr(model, name):
            raise ConfigError(
                f"--{flag}={values[flag].value} is another than that of the captioner that the second phase begins "
                f"with ({getattr(model, name)}); leave it out"
            )
        values[flag].value = getattr(model, name)
    usual = datasets.usual(values.dataset)["feature_norm"]
    for flag, idle in (("feature_norm", usual), ("feature_whitening", CaptionerTrainConfig.feature_whitening)):
        if values[flag].present and values[flag].value != idle:
            raise ConfigError(f"--{flag} is of a captioner's first phase; leave it out")
