"""The flags of cmr.pack, cmr.index, cmr.search and cmr.export, in the groups that `--help` prints."""

from absl import flags

from cmr.cli import command, flag_kinds


@command.flag_group("Packing")
def pack_flags() -> None:
    flag_kinds.define_path("to", None, "File to write, such as flickr8k.cmr.")
    flags.mark_flag_as_required("to")
    flags.DEFINE_enum(
        "weights_dtype",
        "float16",
        ("float16", "float32"),
        "How the encoders' weights are kept. float16 is half the size; the card says what it costs on validation.",
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
        "Model of cmr.pack, or the folder of a finished run. By default the one that the index was made with.",
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


@command.flag_group("Query", positional="query")
def query_flags() -> None:
    flags.DEFINE_multi_string(
        "query",
        [],
        "What to look for; the flag's name may be left out. A sentence, a picture's path, or several of them with + "
        'and - between: "a beach" + ./dog.jpg - "people".',
    )
    flag_kinds.define_path("pictures", ".", "Folder of pictures that cmr.index has indexed.")
    _gallery_dir()
    flag_kinds.define_path("model", "", "The model, where it is no longer where the index was made with it.")
    flags.DEFINE_integer("top", 10, "Results at most.", lower_bound=1)


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


@command.flag_group("Exporting")
def export_flags() -> None:
    flag_kinds.define_path("model", None, "Model of cmr.pack, or the folder of a finished run.")
    flag_kinds.define_path(
        "to", None, "Folder to write, which must not be there yet; TensorFlow Serving wants MODEL/1, MODEL/2, ..."
    )
    flags.mark_flags_as_required(["model", "to"])
    flags.DEFINE_enum(
        "format",
        "savedmodel",
        ("savedmodel", "onnx"),
        "savedmodel takes sentences and files of pictures as they are. onnx takes word ids and decoded squares, since "
        "ONNX has neither a tokenizer nor a decoder; it needs the extra: pip install 'cmr[onnx]'.",
    )
