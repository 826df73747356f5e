"""Makes a packed model of a finished run."""

import dataclasses
import io
import json
import pathlib
import tempfile
from collections.abc import Callable

import keras
import numpy as np

from cmr.captioner import files as captioner_files
from cmr.errors import ConfigError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.pictures.cnn import CNN_KERAS
from cmr.serving import packed_cnn, packed_model
from cmr.serving.packed_file import write_packed_file
from cmr.trained import card, finished_run, hub_correction, run_parts
from cmr.trained.retriever import Retriever
from cmr.trained.run_parts import RunParts

# Of a captioner's folder, what making sentences needs.
_OF_CAPTIONER = (
    captioner_files.CAPTIONER_KERAS,
    captioner_files.VOCABULARY_TXT,
    captioner_files.TRAIN_IMAGE_IDS_TXT,
    captioner_files.CAPTIONER_JSON,
)


def pack(
    run_dir: pathlib.Path,
    to: pathlib.Path,
    dtype: str,
    sentences_per_image: int | None,
    on_sentences: Callable[[int, int], None],
) -> str:
    """Writes a finished run as one file.

    Args:
      run_dir: the run's folder in its workspace.
      to: the file.
      dtype: of the weights, `float16` or `float32`; what rounding the encoders costs is measured on the validation
        split.
      sentences_per_image: training sentences of an image that it carries at most; None for all.
      on_sentences: is told how many of how many training sentences are embedded more.

    Returns:
      The model's card.

    Raises:
      ConfigError: the run can't embed new pictures, or `to` is a folder.
      WorkspaceError: the run is not finished or not whole.
    """
    if to.is_dir():
        raise ConfigError(f"--to={to} is a folder; give the name of a file, such as {to / 'model.cmr'}")
    parts = RunParts(finished_run.open_run(run_dir))
    # Known before minutes of work: whether the CNNs are there and can be read.
    crops = {name: cnn.crops for name, cnn in parts.cnns().items()}
    kept = _measure(parts, parts.embed_val())
    for encoder in (parts.text_encoder(), parts.image_encoder()):
        encoder.set_weights([weight.astype(dtype).astype(np.float32) for weight in encoder.get_weights()])
    finished, val = parts.finished, parts.embed_val()
    texts = parts.training_sentences(sentences_per_image)
    rows = Retriever(parts).embed_sentences(texts, lambda count: on_sentences(count, len(texts))).astype(np.float16)
    split = finished.inputs.split("val")
    bank = hub_correction.bank_of(rows)
    correction = hub_correction.choose(val, split, bank)
    added = correction.of(val.images, bank) if correction else np.zeros(split.num_images, np.float32)
    rounded = _measure(parts, val)
    remarks = [
        card.loss_remark(kept, rounded, dtype),
        card.search_remark(rounded.image_retrieval, hub_correction.image_retrieval(val, split, added), correction),
        _captioner_remark(parts),
    ]
    text = card.text(finished, [remark for remark in remarks if remark])
    features = finished.inputs.features
    members = {
        packed_model.CARD_MD: text.encode(),
        packed_model.VOCABULARY_TXT: _file(parts.vocabulary.write),
        packed_model.TEXT_ENCODER_NPZ: _npz(parts.text_encoder(), dtype),
        packed_model.IMAGE_ENCODER_NPZ: _npz(parts.image_encoder(), dtype),
        packed_model.SENTENCES_JSON: json.dumps(texts, ensure_ascii=False).encode(),
        packed_model.SENTENCES_NPY: _npy(rows),
        **{
            packed_model.cnn_member(name): packed_cnn.with_dtype((each.path / CNN_KERAS).read_bytes(), dtype)
            for name, each in features.items()
        },
    }
    if finished.ngrams:
        members[packed_model.NGRAMS_TXT] = _file(lambda path: finished.ngrams.write(path, parts.vocabulary))
    if parts.captioner_dir:
        members |= {f"captioner/{name}": (parts.captioner_dir / name).read_bytes() for name in _OF_CAPTIONER}
    description = {
        "name": finished.run.path.name,
        "dtype": dtype,
        "best_scores": run_parts.best_scores(val, added).tolist(),
        "hub_correction": dataclasses.asdict(correction) if correction else None,
        "features": parts.features,
        "settings": json.loads(finished.config.to_json()),
        "cnns": {
            name: {
                "features": each.name,
                "input_size": each.extractor["input_size"],
                "crops": crops[name],
                "stand_in": each.extractor["stand_in"],
            }
            for name, each in features.items()
        },
    }
    write_packed_file(to, description, members)
    return text


def _file(write: Callable[[pathlib.Path], None]) -> bytes:
    """The content of the file that a function writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file"
        write(path)
        return path.read_bytes()


def _measure(parts: RunParts, val: Embeddings) -> BothDirections:
    return encoding.evaluate_embeddings(val, parts.finished.inputs.split("val"))[0]


def _captioner_remark(parts: RunParts) -> str:
    if parts.captioner_dir:
        return "It holds the captioner whose W_img it takes, which makes a sentence of a picture."
    if parts.finished.config.captioner and parts.has_tuned_x_img:
        return "The captioner whose W_img it began with does not know the tuned CNN's features; it is left out."
    if parts.finished.config.captioner:
        return "The captioner whose W_img it takes is not where it was, or has changed; it is left out."
    return ""


def _npz(encoder: keras.Model, dtype: str) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **{f"{place:03}": weight.astype(dtype) for place, weight in enumerate(encoder.get_weights())})
    return stream.getvalue()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
