"""Every flag of the cmr commands, defined once, in the groups that `--help` prints.

A command passes the groups it takes to `command.run`. `apply_dataset_defaults` fills what the user left open with
the data set's own default.
"""

import re

from absl import flags

from cmr import config
from cmr.cli import command
from cmr.workspace import paths

DATASETS = ("scenes", "flickr8k", "flickr30k", "mscoco", "custom")
# `tfds:NAME` is the data set NAME of tensorflow-datasets.
TFDS = "tfds:"

_REAL_IMAGES = {
    "vgg_model": "vgg16",
    "image_model": "inception_v3",
    "word_dim": 1024,
    "gru_units": 1024,
    "learning_rate": 2e-4,
    "max_epochs": 30,
    "lstm_units": 512,
    "pretrain_epochs": 30,
    "pretrain_batch_size": 32,
    "captioner_rate": 1e-3,
    "caption_dropout": 0.3,
    "feature_norm": 0.0,
    "pretrain_decay": "none",
}

# Batch sizes: section 4.2 of the paper. The embedded data set is small, so it takes small networks and a higher rate.
DATASET_DEFAULTS = {
    "scenes": {
        "vgg_model": "scene_cnn",
        "image_model": "scene_cnn",
        "batch_size": 40,
        "word_dim": 128,
        "gru_units": 256,
        "learning_rate": 1e-3,
        "max_epochs": 15,
        "lstm_units": 256,
        "pretrain_epochs": 6,
        "pretrain_batch_size": 64,
        "captioner_rate": 4e-3,
        "caption_dropout": 0.1,
        "feature_norm": 4.0,
        "pretrain_decay": "cosine",
    },
    "flickr8k": {**_REAL_IMAGES, "batch_size": 40},
    "flickr30k": {**_REAL_IMAGES, "batch_size": 100},
    "mscoco": {**_REAL_IMAGES, "batch_size": 100},
    "custom": {**_REAL_IMAGES, "batch_size": 40},
    "tfds": {**_REAL_IMAGES, "batch_size": 100},
}


def captioner_rate(dataset: str) -> float:
    """Adam's rate for a captioner's first phase; no flag has this default, since other optimizers have other rates."""
    return DATASET_DEFAULTS[dataset.partition(":")[0]]["captioner_rate"]


def apply_dataset_defaults(values: flags.FlagValues) -> None:
    """Sets every flag that the user left open to the default of `values.dataset`."""
    for name, default in DATASET_DEFAULTS[values.dataset.partition(":")[0]].items():
        if name in values and values[name].value is None:
            values[name].value = default


def flagfile_text(values: flags.FlagValues) -> str:
    """Every flag of this module as lines that `--flagfile` reads back."""
    given = (flag for flag in values.flags_by_module_dict()[__name__] if flag.value is not None)
    return "".join(f"{flag.serialize()}\n" for flag in sorted(given, key=lambda flag: flag.name))


def _by_dataset(name: str) -> str:
    """The sentence in a flag's help that lists its defaults by data set."""
    listed = ", ".join(f"{dataset} {defaults[name]}" for dataset, defaults in DATASET_DEFAULTS.items())
    return f"Default by data set: {listed}."


def define_folder_name(name: str, help_text: str) -> None:
    """Defines a flag that names one folder; empty means that the command names it."""
    flags.DEFINE_string(name, "", help_text)
    flags.register_validator(
        name,
        lambda value: not value or paths.is_plain_name(value),
        "the name of one folder is letters, digits, _, -, + and . alone",
    )


def define_workspace_dir() -> None:
    """Defines the flag of the workspace, for commands whose data set another flag says."""
    flags.DEFINE_string("workspace_dir", "workspace", "Folder that holds everything the commands write.")


def _is_dataset(name: str) -> bool:
    return name in DATASETS or re.fullmatch(rf"{TFDS}\w+(/[\w.:-]+)?", name) is not None


@command.flag_group("Data set and workspace")
def workspace_flags() -> None:
    flags.DEFINE_string(
        "dataset",
        "scenes",
        f"Data set: {', '.join(DATASETS)} (your own pictures) or {TFDS}NAME of tensorflow-datasets. scenes is drawn "
        "on the spot and needs no download.",
    )
    flags.register_validator(
        "dataset", _is_dataset, message=f"choose {', '.join(DATASETS)} or {TFDS}NAME of tensorflow-datasets"
    )
    define_workspace_dir()


@command.flag_group("CNN features")
def cnn_flags() -> None:
    flags.DEFINE_enum(
        "vgg_model",
        None,
        ("vgg16", "vgg19", "scene_cnn"),
        "CNN of X_vgg; scene_cnn is the small one trained on the spot on the scenes. " + _by_dataset("vgg_model"),
    )
    flags.DEFINE_enum(
        "vgg_layer",
        "fc7",
        ("fc7", "fc6", "pool5_avg"),
        "Layer of X_vgg: fc6 or fc7 after ReLU, 4096-d (the paper's fc7), or the 512-d mean over pool5's positions.",
    )
    _image_cnn()


@command.flag_group("Image features")
def image_features_flags() -> None:
    _image_cnn()
    _image_features()


def _image_cnn() -> None:
    flags.DEFINE_enum(
        "image_model",
        None,
        ("inception_v3", "efficientnet_lite2", "hub", "scene_cnn"),
        "CNN of X_img (Eq. 3), whose pooled feature the captioner's W_img maps into the text space. "
        + _by_dataset("image_model"),
    )
    flags.DEFINE_string("hub_module", "", "Path or URL of the tensorflow-hub module of --image_model=hub.")
    flags.DEFINE_enum("crops", "1", ("1", "10"), "Crops averaged for an image: the whole image, or ten as in VSE.")


@command.flag_group("Features to train on")
def features_flags() -> None:
    define_folder_name(
        "vgg_features",
        "Folder under features/ read as X_vgg; by default the one named by the CNN flags. Any features serve: "
        "--model=vse --vgg_features=efficientnet_lite2 trains the baseline on those.",
    )
    _image_features()


def _image_features() -> None:
    define_folder_name("image_features", "Folder under features/ read as X_img; by default named by the CNN flags.")


@command.flag_group("Text space")
def text_space_flags() -> None:
    flags.DEFINE_enum(
        "image_embedding",
        None,
        config.IMAGE_EMBEDDINGS,
        "What makes X_txt of X_img (Eq. 4). captioner: W_img of a trained captioner (the paper). linear: a linear map "
        "trained on the training sentences' words. raw: no map, X_txt is X_img. random: a random projection drawn from "
        "--seed. By default captioner, or linear where the workspace has no captioner, which the command says.",
    )
    flags.DEFINE_string(
        "captioner",
        "",
        "Captioner whose W_img gives X_txt: a folder as cmr.pretrain writes it, a .keras file, or a .npz with the "
        "entry image_embedding/weights. By default the workspace's own.",
    )
    flags.DEFINE_bool(
        "allow_leak",
        False,
        "Take a captioner that learnt from images of the val or test split, as an ablation; every table says it.",
    )
    _text_space_dim()
    flags.DEFINE_bool(
        "train_text_space", False, "Let W_img go on learning; the paper takes it from the captioner as it is."
    )


def _text_space_dim() -> None:
    flags.DEFINE_integer(
        "text_space_dim",
        512,
        "Size of X_txt (Eq. 4), 512 in Show and Tell. A captioner brings its own; raw features have theirs.",
        lower_bound=1,
    )


@command.flag_group("Captioner")
def captioner_flags() -> None:
    _text_space_dim()
    flags.DEFINE_integer(
        "lstm_units", None, "Units of the captioner's LSTM. " + _by_dataset("lstm_units"), lower_bound=1
    )
    flags.DEFINE_float(
        "caption_dropout",
        None,
        "Dropout on the LSTM's input and output (Show and Tell's is 0.3). " + _by_dataset("caption_dropout"),
        0.0,
        upper_bound=0.99,
    )
    flags.DEFINE_float(
        "feature_norm",
        None,
        "Scale X_img in training by one number that brings a row's norm about here, so that the image does not drown "
        "the words, and put it into W_img afterwards; 0: as the CNN gives it (im2txt). " + _by_dataset("feature_norm"),
        lower_bound=0.0,
    )
    flags.DEFINE_string(
        "captioner_dir",
        "",
        "Folder that it is written to; by default captioner/ of the data set in the workspace, with --finetune_cnn "
        "captioner_finetuned/.",
    )


@command.flag_group("Pretraining")
def pretrain_flags() -> None:
    flags.DEFINE_enum(
        "optimizer",
        "adam",
        config.OPTIMIZERS,
        "adam, or im2txt's sgd, whose rate is halved every 8 epochs.",
    )
    flags.DEFINE_integer(
        "pretrain_batch_size",
        None,
        "Sentences a step (im2txt's is 32). " + _by_dataset("pretrain_batch_size"),
        lower_bound=1,
    )
    flags.DEFINE_float(
        "pretrain_learning_rate",
        None,
        "Rate of the first step. Default: adam with --finetune_cnn 1e-5, sgd 2.0, with --finetune_cnn 5e-4 (im2txt's). "
        f"adam without it, by data set{_by_dataset('captioner_rate').partition('set')[2]}",
        0.0,
    )
    flags.DEFINE_enum(
        "pretrain_decay",
        None,
        config.DECAYS,
        "none, or cosine: the rate falls to zero along half a cosine over --pretrain_epochs. "
        + _by_dataset("pretrain_decay"),
    )
    flags.register_multi_flags_validator(
        ("pretrain_decay", "optimizer"),
        lambda given: given["pretrain_decay"] != "cosine" or given["optimizer"] == "adam",
        "--optimizer=sgd has its own decay (im2txt's); leave --pretrain_decay=cosine out",
    )
    flags.DEFINE_float(
        "label_smoothing",
        0.0,
        "Share of a word's probability that the loss spreads evenly over the vocabulary; im2txt's is 0.",
        lower_bound=0.0,
        upper_bound=0.5,
    )
    flags.DEFINE_float("pretrain_clip_norm", 5.0, "Global norm to which the gradient is clipped (im2txt's).", 1e-6)
    flags.DEFINE_integer("pretrain_epochs", None, "Epochs at most. " + _by_dataset("pretrain_epochs"), lower_bound=1)
    flags.DEFINE_bool(
        "finetune_cnn",
        False,
        "Second phase: go on from --phase_1_captioner and train the CNN of --image_features too, from the pictures.",
    )
    flags.DEFINE_string("phase_1_captioner", "", "Folder that --finetune_cnn begins with; by default captioner/.")


@command.flag_group("Model")
def model_flags() -> None:
    flags.DEFINE_enum(
        "model",
        "fusion",
        config.MODELS,
        "vse: X_vgg through one linear map (the baseline). single: X_txt through one linear map. fusion: both (Eq. 5).",
    )
    flags.DEFINE_integer(
        "word_dim", None, "Size of a word embedding (Eq. 1). " + _by_dataset("word_dim"), lower_bound=1
    )
    flags.DEFINE_float(
        "word_dropout",
        0.0,
        "Share of a sentence's words that training replaces by <unk>, drawn anew each time; the paper names none.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    flags.DEFINE_integer(
        "gru_units",
        None,
        "Units of the GRU (Eq. 2), which is the size of the joint space. " + _by_dataset("gru_units"),
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "bidirectional",
        False,
        "Average the GRU's states with those of a second one of the same size that reads backwards, as SCAN does.",
    )
    flags.DEFINE_bool(
        "gru_reset_after",
        False,
        "Reset gate after the recurrent product (cuDNN's form, fast on a GPU), not before (Eq. 2).",
    )
    flags.DEFINE_enum(
        "text_pooling",
        "last",
        config.TEXT_POOLINGS,
        "last: the GRU's state after the end word is the sentence (the paper). mean: the mean of the states behind its "
        "words. attention: their mean by learned weights.",
    )
    flags.DEFINE_bool(
        "normalize_features", True, "L2-normalise X_vgg and X_txt before their maps, as VSE did with fc7."
    )
    flags.DEFINE_float(
        "dropout",
        0.0,
        "Dropout, in training, on the image's features; the paper names none. 0.3 keeps a model from learning "
        "Flickr8K's 6,000 images by heart.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    flags.DEFINE_bool(
        "print_model", False, "Print the model's summary, write its diagram to the run's folder and stop."
    )


@command.flag_group("Loss and negatives")
def loss_flags() -> None:
    flags.DEFINE_enum(
        "loss",
        "hinge",
        config.LOSSES,
        "hinge: Eq. 6, with its margin. softmax: cross entropy of picking the right one among the negatives, with a "
        "learned temperature and no margin (CLIP's).",
    )
    flags.DEFINE_float(
        "margin",
        0.7,
        "Margin of the pairwise ranking loss (Eq. 6), in cosine distance. The paper chose 0.7 from 0.1 ... 0.9 on "
        "validation.",
        lower_bound=0.0,
        upper_bound=2.0,
    )
    flags.DEFINE_enum("reduction", "sum", config.REDUCTIONS, "Sum (VSE) or mean of the loss over a batch's queries.")
    flags.DEFINE_enum(
        "negatives",
        "epoch",
        config.NEGATIVES,
        "epoch: drawn again every epoch from the whole training set (the paper). batch: the other pairs of the batch "
        "(the VSE code). hardest: the most similar of them (VSE++).",
    )
    flags.DEFINE_integer(
        "num_negatives",
        0,
        "Sentences, and as many images, that --negatives=epoch brings to each batch; 0: as many as the batch.",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "warm_up_epochs",
        0,
        "First epochs in which --negatives=hardest takes all pairs of the batch: the most similar ones of a model that "
        "has learnt nothing tell it little.",
        lower_bound=0,
    )
    flags.register_multi_flags_validator(
        ("warm_up_epochs", "negatives"),
        lambda given: not given["warm_up_epochs"] or given["negatives"] == "hardest",
        "a warm-up leads to the hardest negatives; give --negatives=hardest, or no --warm_up_epochs",
    )
    flags.DEFINE_bool(
        "image_norm_in_loss",
        True,
        "Unit image embeddings in the loss; false is the VSE code's behaviour, in which the margin only rescales the "
        "image map.",
    )
    flags.register_multi_flags_validator(
        ("loss", "image_norm_in_loss"),
        lambda given: given["loss"] == "hinge" or given["image_norm_in_loss"],
        "the temperature of --loss=softmax needs unit images; leave --noimage_norm_in_loss out",
    )


@command.flag_group("Training")
def training_flags() -> None:
    flags.DEFINE_integer(
        "batch_size", None, "Pairs a step, over all replicas (section 4.2). " + _by_dataset("batch_size"), lower_bound=2
    )
    flags.DEFINE_float("learning_rate", None, "Adam's rate (the VSE code's 2e-4). " + _by_dataset("learning_rate"), 0.0)
    flags.DEFINE_integer(
        "decay_epochs", 0, "Epochs after which the rate falls to a tenth, as in VSE++; 0: never, as in VSE.", 0
    )
    flags.DEFINE_float("clip_norm", 2.0, "Global norm to which the gradient is clipped (the VSE code's).", 1e-6)
    flags.DEFINE_float(
        "average_weights",
        0.0,
        "Validate and keep a moving average of the weights, not the last ones; this is its decay a step: 0.999 looks "
        "back over about 1,000 steps. 0: none.",
        lower_bound=0.0,
        upper_bound=0.99999,
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        config.PRECISIONS,
        "Of the factors of the text encoder's products; weights, optimizer, loss and similarities stay float32. "
        "mixed_bfloat16 is twice as fast on a CPU that multiplies it; mixed_float16 scales the loss and is for GPUs.",
    )
    flags.DEFINE_integer("max_epochs", None, "Epochs at most. " + _by_dataset("max_epochs"), lower_bound=1)
    flags.DEFINE_enum(
        "strategy",
        "default",
        config.STRATEGIES,
        "tf.distribute: default (one device), mirrored (this machine's GPUs), multi_worker (TF_CONFIG's machines).",
    )
    flags.DEFINE_integer(
        "logical_cpus", 0, "Split the CPU into this many logical devices, to try --strategy=mirrored without GPUs.", 0
    )
    define_folder_name("run_name", "Folder under runs/; by default the model and a hash of its settings and inputs.")


@command.flag_group("Course of training")
def course_flags() -> None:
    flags.DEFINE_integer(
        "patience",
        3,
        "Epochs without a better validation (sum of recalls, or perplexity of a captioner) before training stops.",
        lower_bound=1,
    )
    flags.DEFINE_integer("seed", 0, "Seed of the initial weights and of the order of batches.", lower_bound=0)
    flags.DEFINE_integer(
        "checkpoint_steps", 500, "Steps between two saved states, beside each epoch's end.", lower_bound=1
    )


@command.flag_group("Run")
def run_flags() -> None:
    flags.DEFINE_string("run_dir", None, "Folder of a finished run, such as workspace/flickr8k/runs/fusion-1a2b3c4d.")
    flags.mark_flag_as_required("run_dir")


@command.flag_group("Benchmark")
def benchmark_flags() -> None:
    flags.DEFINE_integer("steps", 15, "How often each part is timed; its median is printed.", lower_bound=1)
    flags.DEFINE_enum(
        "against", "keras", ("keras", "torch"), "Whose GRU is timed beside ours: Keras's, or PyTorch's too."
    )


@command.flag_group("What to caption")
def caption_flags() -> None:
    flags.DEFINE_string(
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
    flags.DEFINE_string(
        "captioner", "", "Folder of a captioner; by default captioner/ of the data set in the workspace."
    )


@command.flag_group("Beam search")
def beam_search_flags() -> None:
    flags.DEFINE_integer(
        "beam_width", 3, "Beginnings kept at each length (im2txt's 3); 1 takes the best word each time.", lower_bound=1
    )
    flags.DEFINE_integer("max_words", 20, "Words of a caption at most (im2txt's 20).", lower_bound=1)
    flags.DEFINE_float(
        "length_factor",
        0.0,
        "A caption of n words, end word included, is ranked by log p / n^length_factor; 0, which is im2txt's, favours "
        "short ones.",
        lower_bound=0.0,
    )
