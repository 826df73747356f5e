"""The flags of cmr.train: the model, its loss, its training; what the experiments' flagfiles are written for."""

from absl import flags

from cmr import config
from cmr.cli import command, datasets, distillation_flags, finetune_flags, flag_kinds, text_pretraining_flags
from cmr.cli import flags as cmr_flags
from cmr.config import ModelConfig, RunConfig, TrainConfig


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
    cmr_flags.define_word_vectors(
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
    flag_kinds.define_count(
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
    flag_kinds.define_count(
        "train_images",
        RunConfig.train_images,
        "Learn from the first images of the training split alone, as many as this, with all their sentences; 0: from "
        "all. The captioner and the CNNs stay what they are.",
        lower_bound=0,
    )
    flag_kinds.define_float(
        "learning_rate", None, "Adam's rate (the VSE code's 2e-4). " + datasets.defaults_of("learning_rate"), 0.0
    )
    flag_kinds.define_count(
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
    flag_kinds.define_count(
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
    flag_kinds.define_count(
        "logical_cpus", 0, "Split the CPU into this many logical devices, to try --strategy=mirrored without GPUs.", 0
    )
    cmr_flags.define_folder_name(
        "run_name",
        "Folder under runs/; by default the model and a hash of its settings and inputs, or the folder of a run that "
        "differs in --max_epochs, --patience or --checkpoint_steps alone and goes on.",
    )


@command.flag_group("Course of training")
def course_flags() -> None:
    flag_kinds.define_count(
        "patience",
        TrainConfig.patience,
        "Epochs without a better validation (sum of recalls, or perplexity of a captioner) before training stops.",
        lower_bound=1,
    )
    flag_kinds.define_seed("seed", TrainConfig.seed, "Seed of the initial weights and of the order of batches.")
    flag_kinds.define_count(
        "checkpoint_steps",
        TrainConfig.checkpoint_steps,
        "Steps between two saved states, beside each epoch's end.",
        lower_bound=1,
    )


# All of cmr.train.
GROUPS = (
    cmr_flags.workspace_flags,
    model_flags,
    cmr_flags.text_space_flags,
    loss_flags,
    training_flags,
    course_flags,
    cmr_flags.cnn_flags,
    cmr_flags.features_flags,
    cmr_flags.picture_flags,
    text_pretraining_flags.text_pretraining_flags,
    distillation_flags.distillation_flags,
    finetune_flags.finetune_flags,
)

# What came later: the module of its flags, the one that asks for it, and others that came with it.
_ADDED_LATER = (
    (finetune_flags, "finetune_cnn", ("max_pixels",)),
    (text_pretraining_flags, "sentences_of", ()),
    (distillation_flags, "teachers", ()),
)


def without_effect(values: flags.FlagValues) -> frozenset[str]:
    """The flags that say nothing of a training of cmr.train: runs have the names that they had before those came."""
    # What is copied is what would have been trained.
    names = {"sentences_from"}
    # cmr.compare has no such flag.
    if "train_images" in values and not values.train_images:
        names.add("train_images")
    for switch, others in added_later(values).items():
        if not values[switch].value:
            names |= {switch, *others}
    return frozenset(names)


def added_later(values: flags.FlagValues) -> dict[str, frozenset[str]]:
    """Flag that asks for what came later -> the others that this alone reads; none of a command without it."""
    by_module = values.flags_by_module_dict()
    own = {switch: {flag.name for flag in by_module.get(module.__name__, ())} for module, switch, _ in _ADDED_LATER}
    return {
        switch: frozenset({*own[switch], *others}.difference({switch}))
        for _, switch, others in _ADDED_LATER
        if own[switch]
    }
