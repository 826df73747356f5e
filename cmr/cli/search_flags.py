"""The flags of cmr.pack, cmr.index, cmr.search, cmr.serve and cmr.export, in the groups that `--help` prints."""

from absl import flags

from cmr import config
from cmr.cli import command, flag_kinds


@command.flag_group("Packing")
def pack_flags() -> None:
    flag_kinds.define_path("to", None, "File to write, such as flickr8k.cmr.")
    flags.mark_flag_as_required("to")
    flags.DEFINE_enum(
        "weights_dtype",
        "float16",
        ("float16", "float32"),
        "How the weights of encoders and CNNs are kept. float16 is half the size; the card says what rounding the "
        "encoders costs on validation.",
    )
    flag_kinds.define_count(
        "sentences_per_image",
        None,
        "Training sentences of an image that come along, to be found by a picture, and to tell what pictures have in "
        "common with all of them; by default all. Each takes two bytes a dimension.",
        lower_bound=1,
    )


@command.flag_group("Pictures to index", positional="pictures")
def gallery_flags() -> None:
    flag_kinds.define_repeated_path(
        "pictures", "Folder of pictures; the flag's name may be left out: python -m cmr.index ~/Pictures."
    )
    _gallery_dir()


def _gallery_dir() -> None:
    flag_kinds.define_path(
        "gallery_dir",
        "",
        "Folder of the index, where it shall not lie in the pictures' own: by default .cmr/ below --pictures.",
    )


@command.flag_group("Indexing")
def index_flags() -> None:
    flag_kinds.define_path(
        "model",
        "",
        "Model of cmr.pack, or the folder of a finished run. By default the one that the index was made with, and for "
        "a new index `pretrained`, which comes along: trained on Flickr8K.",
    )
    flags.DEFINE_bool("dry_run", False, "Say what would be done and do nothing.")
    flags.DEFINE_bool("watch", False, "Go on and look again every ten seconds, until it is stopped (Ctrl-C).")
    flags.DEFINE_bool(
        "rebuild", False, "Index anew with another --model; the old index can be searched until the new one is whole."
    )
    flags.DEFINE_enum(
        "rows_dtype",
        "float16",
        ("float16", "float32"),
        "How a new index keeps its vectors; float32 is twice the size and ranks near ties as evaluation does.",
    )
    flags.DEFINE_bool(
        "ann",
        False,
        "Build the approximate index of faiss too (IVF,SQfp16), for very large galleries, and measure its recall "
        "against the exact search; needs the extra: pip install 'cmr[index]'.",
    )


def _searched_gallery() -> None:
    flag_kinds.define_path("pictures", ".", "Folder of pictures that cmr.index has indexed.")
    _gallery_dir()
    flag_kinds.define_path("model", "", "The model, where it is no longer where the index was made with it.")


def pictures_folder() -> str | None:
    """--pictures; None where the gallery lies elsewhere and knows its pictures."""
    values = flags.FLAGS
    return None if values.gallery_dir and values["pictures"].using_default_value else values.pictures


@command.flag_group("Query", positional="query")
def query_flags() -> None:
    flags.DEFINE_multi_string(
        "query",
        [],
        "What to look for; the flag's name may be left out. A sentence, a picture's path, or several of them with + "
        'and - between: "a beach" + ./dog.jpg - "people".',
    )
    _searched_gallery()
    flag_kinds.define_count("top", 10, "Results at most.", lower_bound=1)


@command.flag_group("Results")
def results_flags() -> None:
    flags.DEFINE_bool("json", False, "Print one JSON object: the query, what is to be said of it, and the results.")
    flags.DEFINE_bool("paths_only", False, "Print paths alone, one a line.")
    flag_kinds.define_path("copy_to", "", "Folder, new or empty, that the results are copied to, in their order.")
    flag_kinds.define_path("sheet", "", "PNG file to draw the results on, as a contact sheet.")
    flags.DEFINE_bool(
        "sentences",
        False,
        "Look for sentences and not for pictures: the nearest training sentences of the model, and what its captioner "
        "says, marked as made.",
    )
    flag_kinds.define_path(
        "sentences_file", "", "Text file, a sentence a line, to take with --sentences in their place."
    )
    flags.DEFINE_bool("ann", False, "Search by the index of cmr.index --ann: faster, and now and then not the best.")
    flags.mark_bool_flags_as_mutual_exclusive(["json", "paths_only"])


@command.flag_group("Pictures to search")
def served_gallery_flags() -> None:
    _searched_gallery()


@command.flag_group("Serving")
def serve_flags() -> None:
    flags.DEFINE_string(
        "host",
        "127.0.0.1",
        "Address to listen on. The default is reached from this machine alone, 0.0.0.0 by everybody who reaches it; "
        "there is no password.",
    )
    flags.DEFINE_integer("port", 8080, "Port to listen on; 0 takes a free one.", lower_bound=0, upper_bound=65535)
    flags.DEFINE_multi_string(
        "server_name",
        [],
        "Name that the page is reached by beside its address and localhost, such as photos.example.org; requests by "
        "others are refused, as pages of other sites could send them.",
    )
    flag_kinds.define_float(
        "max_upload_mb",
        30,
        "Megabytes of a picture that is given as a query.",
        lower_bound=0.1,
        upper_bound=1000,
    )
    flags.DEFINE_integer(
        "max_upload_pixels",
        64_000_000,
        "Pixels of such a picture, or of several in one request together: a file of few bytes can hold very many. Most "
        "take 4 bytes a pixel while they are read.",
        lower_bound=1,
        upper_bound=config.MAX_PIXELS,
    )


@command.flag_group("Exporting")
def export_flags() -> None:
    flag_kinds.define_path(
        "model",
        "pretrained",
        "Model of cmr.pack, or the folder of a finished run. By default `pretrained`, which comes along.",
    )
    flag_kinds.define_path(
        "to", None, "Folder to write, which must not be there yet; TensorFlow Serving wants MODEL/1, MODEL/2, ..."
    )
    flags.mark_flag_as_required("to")
    flags.DEFINE_enum(
        "format",
        "savedmodel",
        ("savedmodel", "onnx"),
        "savedmodel takes sentences and files of pictures as they are. onnx takes word ids and decoded squares, since "
        "ONNX has neither a tokenizer nor a decoder; it needs the extra: pip install 'cmr[onnx]'.",
    )
