"""Every flag of the data_prep commands, defined once, in the groups that `--help` prints."""

from absl import flags

from cmr.cli import command, flag_kinds
from cmr.cli import flags as cmr_flags
from data_prep.datasets import mscoco
from data_prep.download import sources


@command.flag_group("Raw data")
def prepare_flags() -> None:
    _data_dir_flag()
    flags.DEFINE_enum(
        "pictures",
        "required",
        ("required", "optional"),
        "required: an image without a picture is a flaw. optional: it is kept, for features computed elsewhere "
        "(data_prep.import_features).",
    )
    flag_kinds.define_path(
        "karpathy_json",
        "",
        "Karpathy's dataset_flickr8k.json, dataset_flickr30k.json or dataset_coco.json: sentences and splits from it. "
        "For --coco_protocol=karpathy_... by default the one in --data_dir.",
    )
    flag_kinds.define_path(
        "captions_file",
        "",
        "File of --dataset=custom: a table with the columns image, caption and, if there are splits, split (other "
        "names in use, such as file_name and text, are known); or the same as JSON Lines (.jsonl) or JSON, MSCOCO's "
        "form too. By default captions.csv, .jsonl, .json, .tsv or .txt, or captions_*.json in --data_dir.",
    )
    flags.DEFINE_enum(
        "on_flaw",
        "drop",
        ("drop", "refuse"),
        "What to do with flaws of the raw data (missing images, sentences of no image, images in no split): "
        "drop what is flawed and report it, or stop.",
    )
    flag_kinds.define_count(
        "min_word_count",
        1,
        "Training occurrences below which a word becomes <unk>; 1 keeps every word (the paper names no threshold).",
        lower_bound=1,
    )
    flag_kinds.define_other_datasets(
        "words_of",
        "Other data sets of the workspace, prepared before, whose words the vocabulary takes in too, so that "
        "cmr.train --sentences_of can teach them and search hears them. Sentences of images that are measured on here "
        "are left out.",
    )
    flag_kinds.define_count(
        "words_of_min_count",
        5,
        "Occurrences in all of these sentences together below which --words_of takes no word: once is mostly a slip.",
        lower_bound=1,
    )
    flag_kinds.define_seed("scenes_seed", 0, "Seed from which the scenes and their sentences are drawn.")
    flag_kinds.define_count("num_scenes", 900, "Number of scenes: two thirds train, a sixth val, a sixth test.", 12)
    flag_kinds.define_count(
        "captioning_scenes",
        None,
        "Further scenes that only the captioner and the scenes' CNNs learn from, as the paper's learnt from MSCOCO and "
        "ImageNet; by default five times --num_scenes. 0: they learn from the training split.",
        lower_bound=0,
    )


@command.flag_group("Splits")
def split_flags() -> None:
    flags.DEFINE_enum(
        "coco_protocol",
        "random_1k",
        mscoco.PROTOCOLS,
        "MSCOCO's test images. random_1k: 1,000 drawn from the validation images, and 1,000 others to validate (the "
        "paper). karpathy_1k: the first 1,000 of Karpathy's. karpathy_5x1k: his 5,000 in five parts, whose numbers are "
        "averaged. karpathy_5k: his 5,000 at once.",
    )
    flags.DEFINE_bool(
        "coco_restval",
        False,
        "Train on the validation images that MSCOCO's protocol leaves over, too (30,504 of Karpathy's). With random_1k "
        "captions_val2017.json alone will then do: 3,000 of its 5,000 images are trained on.",
    )
    flag_kinds.define_seed(
        "split_seed",
        0,
        "Seed of splits that are drawn: random_1k's, and those of custom and tfds data that name none.",
    )


@command.flag_group("Extraction")
def extract_flags() -> None:
    flags.DEFINE_enum("cnn", "both", ("both", "vgg", "image"), "Which features to extract: X_vgg, X_img or both.")
    flag_kinds.define_path(
        "weights",
        "imagenet",
        "Weights of the CNN: imagenet (Keras fetches them), random, or the path of a weight file "
        "(then with --cnn=vgg or --cnn=image). A .keras file is a whole CNN, such as the one that cmr.pretrain "
        "--finetune_cnn tunes.",
    )
    flags.DEFINE_bool(
        "grid",
        False,
        "Extract the CNN's last map in the place of the usual layer: a vector for each cell of a grid over the "
        "picture, in which cmr.compare's deep_fragment and dvsa look for a sentence's words.",
    )
    flag_kinds.define_count(
        "grid_side",
        0,
        "Cells along a side of --grid, means over the map where they are fewer than its own: 4 makes 16 vectors of "
        "EfficientNet-Lite2's 81. 0: the map's own.",
        lower_bound=0,
    )
    flags.DEFINE_bool(
        "predictions",
        False,
        "Extract the probabilities of ImageNet's 1,000 classes in the place of the usual layer; cmr.compare's conse "
        "reads them.",
    )
    flag_kinds.define_count(
        "stages",
        1,
        "Extract the means over the positions of the maps of the CNN's last N stages, side by side, each of norm 1: "
        "earlier ones keep what the last, made for classes, drops. 1: the usual layer alone.",
        lower_bound=1,
    )
    flag_kinds.define_count(
        "input_size",
        0,
        "Side in pixels of the pictures that the CNN takes: larger ones show smaller things and take time by their "
        "area. 0: the CNN's own, or as a hub module's signature says.",
        lower_bound=0,
    )
    flag_kinds.define_size("image_batch", 32, "Images that go through the CNN at once.", lower_bound=1)
    flag_kinds.define_count(
        "limit", 0, "Extract only the first N images into a folder of its own, as a trial; 0: all.", 0
    )
    flags.DEFINE_enum(
        "on_corrupt",
        "refuse",
        ("refuse", "blank"),
        "What an unreadable image does: stop the command (before any CNN work is lost), or stand as a grey image "
        "that extractor.json names.",
    )
    flag_kinds.define_seed("cnn_seed", 0, "Seed of --weights=random and of the scenes' own CNN.")


@command.flag_group("Import")
def import_flags() -> None:
    flag_kinds.define_paths(
        "features",
        None,
        "Files of features computed elsewhere, .npy, .npz, .mat, .h5 or .hdf5, joined in this order: "
        "train_ims.npy,dev_ims.npy. One image a row, or a column as in Karpathy's vgg_feats.mat: whichever fits the "
        "number of image ids. With several regions an image it is [images, regions, feature_dim], as SCAN's files are. "
        "Or a .npz or .h5 file with an array for each image, or a folder with a .npy file for each, named by the "
        "images.",
    )
    flag_kinds.define_paths(
        "image_ids",
        None,
        "Files that name the image of each row, in the order of the rows: text, one image id or file name a line (with "
        "or without folder and ending), Karpathy's dataset json, or a JSON list. One for each file of --features, or "
        "one for all; none where the arrays are named by the images.",
    )
    flags.DEFINE_string(
        "variable",
        "",
        "Name of the array in files of several; by default their only 2-D array of numbers.",
    )
    flags.DEFINE_enum(
        "rows",
        "auto",
        ("auto", "image", "caption"),
        "image: one row an image. caption: an image's row stands once for each of its sentences, as in VSE's files. "
        "auto: caption if ids repeat; it stops where there are several rows for each id, as both might be meant.",
    )
    flags.DEFINE_string(
        "stand_in", "", "What the features stand in for, if they do, such as 'VGG16 fc7'; results tables say it."
    )
    flags.DEFINE_bool("overwrite", False, "Replace features of this name; without it an existing name is refused.")
    flags.mark_flag_as_required("features")


@command.flag_group("Output")
def features_name_flags() -> None:
    cmr_flags.define_folder_name(
        "features_name",
        "Folder name under features/. An extraction's is made from the CNN's flags; an import needs one.",
    )


@command.flag_group("Original checkpoint")
def im2txt_flags() -> None:
    flag_kinds.define_path(
        "checkpoint", None, "Checkpoint of im2txt's training, named without an ending: .../model.ckpt-2000000."
    )
    flag_kinds.define_path("word_counts", None, "Its vocabulary, the word_counts.txt of im2txt's data script.")
    flags.mark_flags_as_required(("checkpoint", "word_counts"))


@command.flag_group("Download")
def download_flags() -> None:
    _data_dir_flag()
    flags.DEFINE_list(
        "parts",
        None,
        "Fetch these archives instead of those marked *. " + sources.listed_parts(),
    )
    flags.DEFINE_string(
        "mirror",
        "",
        "Address of a folder that has the archives under their own names, to fetch from instead of the official one. "
        "Whatever comes from there must have the published size and digest.",
    )
    flags.register_validator(
        "mirror",
        lambda mirror: not mirror or mirror.startswith(("http://", "https://")),
        message="it is the address of a folder, http://... or https://...",
    )
    flags.DEFINE_bool("dry_run", False, "Print what would be fetched and its size, and stop.")


def _data_dir_flag() -> None:
    flag_kinds.define_path(
        "data_dir",
        "",
        "Folder of the raw data set in its official layout; of custom, where its image paths start; of tfds, that of "
        "tensorflow-datasets (it has a default). scenes draws its own and needs none.",
    )
