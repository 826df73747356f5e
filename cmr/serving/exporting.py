"""Writes a trained model in the forms that others serve."""

import os
import pathlib
import textwrap

from cmr.errors import ConfigError
from cmr.serving import onnx_model, packed_model, picture_squares, saved_model
from cmr.trained.retriever import RetrieverParts
from cmr.workspace import atomic_files


def export(model: str | os.PathLike, folder: pathlib.Path, form: str) -> str:
    """Writes a folder, whole or not at all.

    Args:
      model: a file of cmr.pack, or the folder of a finished run.
      folder: a new one.
      form: `savedmodel` or `onnx`.

    Returns:
      What is to be known by whoever serves it.

    Raises:
      ConfigError: the folder is there already, the extra `onnx` is missing, or the model has no CNN for new pictures.
      WorkspaceError: the model can't be read.
    """
    if os.path.lexists(folder):
        raise ConfigError(f"--to={folder} exists already, and nothing is written over; give a new folder")
    if form == "onnx":
        onnx_model.check_installed()
    parts = packed_model.load(model).parts
    write, described = {
        "savedmodel": (saved_model.write, _of_saved_model),
        "onnx": (onnx_model.write, _of_onnx),
    }[form]
    with atomic_files.atomic_folder(folder) as temporary:
        write(temporary, parts)
        (temporary / packed_model.CARD_MD).write_text(parts.card, encoding="utf-8")
    return described(folder, parts)


def _of_saved_model(folder: pathlib.Path, parts: RetrieverParts) -> str:
    lines = [
        f"{saved_model.EMBED_SENTENCES}: sentences, strings -> embeddings, {parts.config.gru_units} values of norm 1",
        f'{saved_model.EMBED_PICTURES}: image_bytes, files (by REST each as {{"b64": ...}}) -> embeddings',
        f"pictures may be {picture_squares.READS}; {picture_squares.READS_NOT}",
    ]
    if not folder.name.isdecimal():
        lines.append(f"TensorFlow Serving finds a model by its number: move {folder.name} to MODEL/1 for it")
    return _wrapped(lines)


def _of_onnx(folder: pathlib.Path, parts: RetrieverParts) -> str:
    squares = [
        f"{onnx_model.input_name(name)} [n, {cnn.crops}, {cnn.input_size}, {cnn.input_size}, 3]"
        for name, cnn in parts.cnns().items()
    ]
    return _wrapped(
        [
            f"{onnx_model.SENTENCES_ONNX}: word_ids [n, time] int32 -> embeddings, {parts.config.gru_units} values "
            "of norm 1",
            f"{onnx_model.PICTURES_ONNX}: {', '.join(squares)} uint8 RGB -> embeddings",
            f"ONNX has no tokenizer: a word's id is its line in {onnx_model.VOCABULARY_TXT}, counted from 0, of words "
            "in lower case without punctuation; unknown ones are 1, 2 closes each sentence, 0 fills up behind it",
            "ONNX has no decoder of pictures: decode and turn them and resize them to squares, as Pillow's "
            "resize((size, size), BICUBIC) does",
        ]
    )


def _wrapped(lines: list[str]) -> str:
    return "\n".join(textwrap.fill(line, 100, subsequent_indent="  ", break_long_words=False) for line in lines)
