"""Every flag of the cmr commands, defined once, in the groups that `--help` prints.

A command passes the groups it takes to `command.run`. What the user left open has the data set's own default
(`datasets.apply_defaults`).
"""

from absl import flags

from cmr import config
from cmr.cli import command, datasets, finetune_flags, flag_kinds
from cmr.config import CaptionerTrainConfig, ModelConfig, TrainConfig
from cmr.workspace import paths


def flagfile_text(values: flags.FlagValues) -> str:
    """Every flag of this module as lines that `--flagfile` reads back; those of a second phase where there is one."""
    of_modules = values.flags_by_module_dict()
    left_out = finetune_flags.without_effect(values)
    listed = (*of_modules[__name__], *of_modules.get(finetune_flags.__name__, ()))
    given = (flag for flag in listed if flag.value is not None and flag.name not in left_out)
    return "".join(f"{flag.serialize()}\n" for flag in sorted(given, key=lambda flag: flag.name))


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
    flag_kinds.define_path("workspace_dir", "workspace", "Folder that holds everything the commands write.")


def define_word_vectors(otherwise: str) -> None:
    """Defines the flag of a file of word vectors.

    Args:
      otherwise: a sentence: what is done with them, and without them.
    """
    flag_kinds.define_path(
        "word_vectors",
        "",
        "File of word vectors: word2vec's text or binary (.bin), GloVe's text, or a .npz with the entries words and "
        f"vectors. {otherwise}",
    )


@command.flag_group("Data set and workspace")
def workspace_flags() -> None:
    flags.DEFINE_string(
        "dataset",
        "scenes",
        f"Data set: {', '.join(datasets.NAMES)} (your own pictures) or {datasets.TFDS}NAME of tensorflow-datasets. "
        "scenes is drawn on the spot and needs no download.",
    )
    flags.register_validator(
        "dataset",
        datasets.is_dataset,
        message=f"choose {', '.join(datasets.NAMES)} or {datasets.TFDS}NAME of tensorflow-datasets",
    )
    define_workspace_dir()


@command.flag_group("CNN features")
def cnn_flags() -> None:
    flags.DEFINE_enum(
        "vgg_model",
        None,
        ("vgg16", "vgg19", "scene_cnn"),
        "CNN of X_vgg; scene_cnn is the small one trained on the spot on the scenes. "
        + datasets.defaults_of("vgg_model"),
    )
    flags.DEFINE_enum(
        "vgg_layer",
        "fc7",
        ("fc7", "fc6", "pool5_avg"),
        "Layer of X_vgg: fc6 or fc7 after ReLU, 4096-d (the paper's fc7), or the 512-d mean over pool5's positions.",
    )
    _image_cnn()


@command.flag_group("Pictures")
def picture_flags() -> None:
    flag_kinds.define_size(
        "max_pixels",
        config.MAX_PIXELS,
        "Pixels that are held at once while pictures are read; a picture of more is not read. Most take 4 bytes a "
        "pixel (0.8 GB at the default), the decoders of WebP, AVIF and JPEG 2000 up to 16.",
        lower_bound=1,
    )


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
        + datasets.defaults_of("image_model"),
    )
    flag_kinds.define_path("hub_module", "", "Path or URL of the tensorflow-hub module of --image_model=hub.")
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
        config.TEXT_SPACES,
        "What makes X_txt of X_img (Eq. 4). captioner: W_img of a trained captioner (the paper). linear: a linear map "
        "trained on the training sentences' words. raw: no map, X_txt is X_img. random: a random projection drawn from "
        "--seed. By default captioner, or linear where the workspace has no captioner, which the command says.",
    )
    flag_kinds.define_path(
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
        "train_text_space",
        ModelConfig.train_text_space,
        "Let W_img go on learning; the paper takes it from the captioner as it is.",
    )


def _text_space_dim() -> None:
    flag_kinds.define_size(
        "text_space_dim",
        ModelConfig.text_space_dim,
        "Size of X_txt (Eq. 4), 512 in Show and Tell. A captioner brings its own; raw features have theirs.",
        lower_bound=1,
    )


@command.flag_group("Captioner")
def captioner_flags() -> None:
    _text_space_dim()
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
    flag_kinds.define_path(
        "captioner_dir",
        "",
        "Folder that it is written to; by default captioner/ of the data set in the workspace, with --finetune_cnn "
        "captioner_finetuned/.",
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
        "Sentences a step (im2txt's is 32). " + datasets.defaults_of("pretrain_batch_size"),
        lower_bound=1,
    )
    flag_kinds.define_float(
        "pretrain_learning_rate",
        None,
        "Rate of the first step. Default: adam with --finetune_cnn 1e-5, sgd 2.0, with --finetune_cnn 5e-4 (im2txt's). "
        f"adam without it, by data set{datasets.defaults_of('captioner_rate').partition('set')[2]}",
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
    flags.DEFINE_integer(
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
    flag_kinds.define_path("phase_1_captioner", "", "Folder that --finetune_cnn begins with; by default captioner/.")


@command.flag_group("Model")
def model_flags() -> None:
    flags.DEFINE_enum(
        "model",
        "fusion",
        config.MODELS,
        "vse: X_vgg through one linear map (the baseline). single: X_txt through one linear map. fusion: both (Eq. 5).",
    )
    flag_kinds.define_size(
        "word_dim", None, "Size of a word embedding (Eq. 1). " + datasets.defaults_of("word_dim"), lower_bound=1
    )
    define_word_vectors(
        "The word table begins with them, in its first columns where --word_dim is larger, and goes on learning. By "
        "default it is drawn at random."
    )
    flag_kinds.define_float(
        "word_dropout",
        ModelConfig.word_dropout,
        "Share of a sentence's words that training replaces by <unk>, drawn anew each time; the paper names none.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    flag_kinds.define_size(
        "gru_units",
        None,
        "Units of the GRU (Eq. 2), which is the size of the joint space. " + datasets.defaults_of("gru_units"),
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "bidirectional",
        ModelConfig.bidirectional,
        "Average the GRU's states with those of a second one of the same size that reads backwards, as SCAN does.",
    )
    flags.DEFINE_bool(
        "gru_reset_after",
        ModelConfig.gru_reset_after,
        "Reset gate after the recurrent product (cuDNN's form, fast on a GPU), not before (Eq. 2).",
    )
    flags.DEFINE_enum(
        "text_pooling",
        ModelConfig.text_pooling,
        config.TEXT_POOLINGS,
        "last: the GRU's state after the end word is the sentence (the paper). mean: the mean of the states behind its "
        "words. attention: their mean by learned weights.",
    )
    flags.DEFINE_enum(
        "text_levels",
        ModelConfig.text_levels,
        config.TEXT_LEVELS,
        "What a sentence's embedding is the sum of. gru: the GRU's states (the paper). ngrams: its words and pairs of "
        "words, weighted by tf-idf, linearly. words: the mean of its word vectors, linearly.",
    )
    flags.register_multi_flags_validator(
        ("word_vectors", "text_levels"),
        lambda given: not given["word_vectors"] or given["text_levels"] != "ngrams",
        "--text_levels=ngrams reads no word table; leave --word_vectors out",
    )
    flag_kinds.define_size(
        "min_ngram_count",
        3,
        "Training sentences that must hold a word or a pair of words for the ngrams of --text_levels to read it.",
        lower_bound=1,
    )
    flag_kinds.define_float(
        "ngram_dropout",
        ModelConfig.ngram_dropout,
        "Share of a sentence's n-grams that training leaves out, drawn anew each time. Without it Flickr8K's are "
        "learnt by heart before the GRU has learnt much.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    flags.DEFINE_bool(
        "normalize_features",
        ModelConfig.normalize_features,
        "L2-normalise X_vgg and X_txt before their maps, as VSE did with fc7.",
    )
    flag_kinds.define_float(
        "dropout",
        ModelConfig.dropout,
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
        TrainConfig.loss,
        config.LOSSES,
        "hinge: Eq. 6, with its margin. softmax: cross entropy of picking the right one among the negatives, with a "
        "learned temperature and no margin (CLIP's).",
    )
    flag_kinds.define_float(
        "margin",
        TrainConfig.margin,
        "Margin of the pairwise ranking loss (Eq. 6), in cosine distance. The paper chose 0.7 from 0.1 ... 0.9 on "
        "validation.",
        lower_bound=0.0,
        upper_bound=2.0,
    )
    flags.DEFINE_enum(
        "reduction", TrainConfig.reduction, config.REDUCTIONS, "Sum (VSE) or mean of the loss over a batch's queries."
    )
    flags.DEFINE_enum(
        "negatives",
        TrainConfig.negatives,
        config.NEGATIVES,
        "epoch: drawn again every epoch from the whole training set (the paper). batch: the other pairs of the batch "
        "(the VSE code). hardest: the most similar of them (VSE++).",
    )
    flag_kinds.define_size(
        "num_negatives",
        TrainConfig.num_negatives,
        "Sentences, and as many images, that --negatives=epoch brings to each batch; 0: as many as the batch.",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "warm_up_epochs",
        TrainConfig.warm_up_epochs,
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
        ModelConfig.image_norm_in_loss,
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
    flag_kinds.define_size(
        "batch_size",
        None,
        "Pairs a step, over all replicas (section 4.2). " + datasets.defaults_of("batch_size"),
        lower_bound=2,
    )
    flag_kinds.define_float(
        "learning_rate", None, "Adam's rate (the VSE code's 2e-4). " + datasets.defaults_of("learning_rate"), 0.0
    )
    flags.DEFINE_integer(
        "decay_epochs",
        TrainConfig.decay_epochs,
        "Epochs after which the rate falls to a tenth, as in VSE++; 0: never, as in VSE.",
        0,
    )
    flag_kinds.define_float(
        "clip_norm", TrainConfig.clip_norm, "Global norm to which the gradient is clipped (the VSE code's).", 1e-6
    )
    flag_kinds.define_float(
        "average_weights",
        TrainConfig.average_weights,
        "Validate and keep a moving average of the weights, not the last ones; this is its decay a step: 0.999 looks "
        "back over about 1,000 steps. 0: none.",
        lower_bound=0.0,
        upper_bound=0.99999,
    )
    flags.DEFINE_enum(
        "precision",
        TrainConfig.precision,
        config.PRECISIONS,
        "Of the factors of the text encoder's products; weights, optimizer, loss and similarities stay float32. "
        "mixed_bfloat16 is twice as fast on a CPU that multiplies it; mixed_float16 scales the loss and is for GPUs.",
    )
    flags.DEFINE_integer(
        "max_epochs",
        None,
        "Epochs at most. With more than a run was begun with, it goes on from where it stopped, as if it had never "
        "stopped. " + datasets.defaults_of("max_epochs"),
        lower_bound=1,
    )
    flags.DEFINE_enum(
        "strategy",
        "default",
        config.STRATEGIES,
        "tf.distribute: default (one device), mirrored (this machine's GPUs), multi_worker (TF_CONFIG's machines).",
    )
    flag_kinds.define_float(
        "worker_timeout", 600.0, "Seconds that --strategy=multi_worker waits for the other workers to come.", 0.0
    )
    flags.DEFINE_integer(
        "logical_cpus", 0, "Split the CPU into this many logical devices, to try --strategy=mirrored without GPUs.", 0
    )
    define_folder_name(
        "run_name",
        "Folder under runs/; by default the model and a hash of its settings and inputs, or the folder of a run that "
        "differs in --max_epochs, --patience or --checkpoint_steps alone and goes on.",
    )


@command.flag_group("Course of training")
def course_flags() -> None:
    flags.DEFINE_integer(
        "patience",
        TrainConfig.patience,
        "Epochs without a better validation (sum of recalls, or perplexity of a captioner) before training stops.",
        lower_bound=1,
    )
    flag_kinds.define_seed("seed", TrainConfig.seed, "Seed of the initial weights and of the order of batches.")
    flags.DEFINE_integer(
        "checkpoint_steps",
        TrainConfig.checkpoint_steps,
        "Steps between two saved states, beside each epoch's end.",
        lower_bound=1,
    )


@command.flag_group("Run")
def run_flags() -> None:
    flag_kinds.define_path(
        "run_dir", None, "Folder of a finished run, such as workspace/flickr8k/runs/fusion-1a2b3c4d."
    )
    flags.mark_flag_as_required("run_dir")


@command.flag_group("Benchmark")
def benchmark_flags() -> None:
    flags.DEFINE_integer("steps", 15, "How often each part is timed; its median is printed.", lower_bound=1)
    flags.DEFINE_enum(
        "against", "keras", ("keras", "torch"), "Whose GRU is timed beside ours: Keras's, or PyTorch's too."
    )
    flags.DEFINE_list(
        "workers",
        [],
        "Numbers of workers to work out a step's exchange for, and to time one worker's part of it: 2,4,8.",
    )
    flags.register_validator(
        "workers",
        lambda texts: all(text.isdecimal() and int(text) > 1 for text in texts),
        "give whole numbers from 2: --workers=2,4,8",
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
    flags.DEFINE_integer("max_words", 20, "Words of a caption at most (im2txt's 20).", lower_bound=1)
    flag_kinds.define_float(
        "length_factor",
        0.0,
        "A caption of n words, end word included, is ranked by log p / n^length_factor; 0, which is im2txt's, favours "
        "short ones.",
        lower_bound=0.0,
    )


# Those of cmr.train, which the experiments' flagfiles are written for.
TRAIN_GROUPS = (
    workspace_flags,
    model_flags,
    text_space_flags,
    loss_flags,
    training_flags,
    course_flags,
    cnn_flags,
    features_flags,
    picture_flags,
    finetune_flags.finetune_flags,
)
