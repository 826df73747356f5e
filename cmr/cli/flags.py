"""The flags that several commands take, in the groups that `--help` prints; each flag is defined once.

A command passes the groups it takes to `command.run`. What the user left open has the data set's own default
(`datasets.apply_defaults`).
"""

from absl import flags

from cmr import config
from cmr.cli import command, datasets, flag_kinds
from cmr.config import ModelConfig
from cmr.workspace import paths


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
        "Take a captioner, word vectors or teachers that learnt from the val or test split, as an ablation; every "
        "table says it.",
    )
    define_text_space_dim()
    flags.DEFINE_bool(
        "train_text_space",
        ModelConfig.train_text_space,
        "Let W_img go on learning; the paper takes it from the captioner as it is.",
    )


def define_text_space_dim() -> None:
    """Defines the size of X_txt, of a captioner to train or of a map that stands in for one's."""
    flag_kinds.define_size(
        "text_space_dim",
        ModelConfig.text_space_dim,
        "Size of X_txt (Eq. 4), 512 in Show and Tell. A captioner brings its own; raw features have theirs.",
        lower_bound=1,
    )


@command.flag_group("Run")
def run_flags() -> None:
    _run_dir()
    flags.mark_flag_as_required("run_dir")


def _run_dir() -> None:
    flag_kinds.define_path(
        "run_dir", None, "Folder of a finished run, such as workspace/flickr8k/runs/fusion-1a2b3c4d."
    )


@command.flag_group("What to measure")
def evaluation_flags() -> None:
    _run_dir()
    flag_kinds.define_path(
        "model",
        "",
        "In the place of --run_dir: a model of cmr.pack, a run's folder, or `pretrained`, which comes along. It is "
        "measured on the pictures and sentences of --dataset, which it need not have learnt from.",
    )
    flags.DEFINE_enum("split", "test", paths.SPLITS, "Split of --dataset that --model is measured on.")


@command.flag_group("Query bank")
def query_bank_flags() -> None:
    flags.DEFINE_enum(
        "query_bank",
        "none",
        ("none", "train", "test"),
        "Take off what a candidate has in common with every query (Smith et al. 2017). train: told by the training "
        "split's queries. test: by the test split's, all at once: a row of its own kind, which says so.",
    )


@command.flag_group("Benchmark")
def benchmark_flags() -> None:
    flag_kinds.define_count("steps", 15, "How often each part is timed; its median is printed.", lower_bound=1)
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
