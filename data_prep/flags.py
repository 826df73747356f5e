"""Every flag of the data_prep commands, defined once, in the groups that `--help` prints."""

from absl import flags


def prepare_flags() -> None:
    """Raw data"""
    flags.DEFINE_string(
        "data_dir", "", "Folder of the raw data set in its official layout; scenes draws its own and needs none."
    )
    flags.DEFINE_enum(
        "on_flaw",
        "drop",
        ("drop", "refuse"),
        "What to do with flaws of the raw data (missing images, sentences of no image, images in no split): "
        "drop what is flawed and report it, or stop.",
    )
    flags.DEFINE_integer(
        "min_word_count",
        1,
        "Training occurrences below which a word becomes <unk>; 1 keeps every word (the paper names no threshold).",
        lower_bound=1,
    )
    flags.DEFINE_integer("scenes_seed", 0, "Seed from which the scenes and their sentences are drawn.", lower_bound=0)
    flags.DEFINE_integer("num_scenes", 900, "Number of scenes: two thirds train, a sixth val, a sixth test.", 12)


def extract_flags() -> None:
    """Extraction"""
    flags.DEFINE_enum("cnn", "both", ("both", "vgg", "image"), "Which features to extract: X_vgg, X_img or both.")
    flags.DEFINE_string(
        "weights",
        "imagenet",
        "Weights of the CNN: imagenet (Keras fetches them), random, or the path of a weight file "
        "(then with --cnn=vgg or --cnn=image).",
    )
    flags.DEFINE_string("features_name", "", "Folder name under features/; by default made from the CNN's flags.")
    flags.DEFINE_integer("image_batch", 32, "Images that go through the CNN at once.", lower_bound=1)
    flags.DEFINE_integer("limit", 0, "Extract only the first N images into a folder of its own, as a trial; 0: all.", 0)
    flags.DEFINE_enum(
        "on_corrupt",
        "refuse",
        ("refuse", "blank"),
        "What an unreadable image does: stop the command (before any CNN work is lost), or stand as a grey image "
        "that extractor.json names.",
    )
    flags.DEFINE_integer("cnn_seed", 0, "Seed of --weights=random and of the scenes' own CNN.", lower_bound=0)
