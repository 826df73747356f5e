"""Every flag of the cmr commands, defined once, in the groups that `--help` prints.

A command passes the groups it takes to `command.run`. `apply_dataset_defaults` fills what the user left open with
the data set's own default.
"""

from absl import flags

DATASETS = ("scenes", "flickr8k", "flickr30k", "mscoco")

_REAL_IMAGES = {
    "vgg_model": "vgg16",
    "image_model": "inception_v3",
    "word_dim": 1024,
    "gru_units": 1024,
    "learning_rate": 2e-4,
    "max_epochs": 30,
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
    },
    "flickr8k": {**_REAL_IMAGES, "batch_size": 40},
    "flickr30k": {**_REAL_IMAGES, "batch_size": 100},
    "mscoco": {**_REAL_IMAGES, "batch_size": 100},
}


def apply_dataset_defaults(values: flags.FlagValues) -> None:
    """Sets every flag that the user left open to the default of `values.dataset`."""
    for name, default in DATASET_DEFAULTS[values.dataset].items():
        if name in values and values[name].value is None:
            values[name].value = default


def _by_dataset(name: str) -> str:
    """The sentence in a flag's help that lists its defaults by data set."""
    listed = ", ".join(f"{dataset} {defaults[name]}" for dataset, defaults in DATASET_DEFAULTS.items())
    return f"Default by data set: {listed}."


def workspace_flags() -> None:
    """Data set and workspace"""
    flags.DEFINE_enum("dataset", "scenes", DATASETS, "Data set; scenes is drawn on the spot and needs no download.")
    flags.DEFINE_string("workspace_dir", "workspace", "Folder that holds everything the commands write.")


def cnn_flags() -> None:
    """CNN features"""
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
    flags.DEFINE_enum(
        "image_model",
        None,
        ("inception_v3", "efficientnet_lite2", "hub", "scene_cnn"),
        "CNN of X_img (Eq. 3), whose pooled feature the captioner's W_img maps into the text space. "
        + _by_dataset("image_model"),
    )
    flags.DEFINE_string("hub_module", "", "Path or URL of the tensorflow-hub module of --image_model=hub.")
    flags.DEFINE_enum("crops", "1", ("1", "10"), "Crops averaged for an image: the whole image, or ten as in VSE.")
