"""W_img (Eq. 4) without a captioner: a plain linear map, trained here on the training sentences' words."""

import contextlib
import pathlib
from collections.abc import Iterator

import keras
import numpy as np
import tqdm

from cmr import progress
from cmr.captioner.model import IMAGE_EMBEDDING
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.workspace import atomic_files, vocabulary
from cmr.workspace.numpy_files import UNREADABLE

_EPOCHS = 20
_BATCH = 128
_LEARNING_RATE = 1e-3


def linear_kernel(
    path: pathlib.Path, train: Examples, vocabulary_size: int, units: int, inputs_checksum: str
) -> np.ndarray:
    """W_img as a plain linear map, read from `path` or trained and kept there.

    X_txt = X_img W_img is trained to give, through one more linear layer and a softmax, the words of the image's
    training sentences: a captioner without word order, on the training split alone.

    Args:
      path: the `.npz` of the workspace.
      train: the training split, with `image_features`.
      vocabulary_size: number of word ids.
      units: size of the text space.
      inputs_checksum: of captions, vocabulary and features; a map trained on others is trained again.

    Returns:
      `[feature_dim, units]` float32.
    """
    if path.exists():
        # A file that can't be read is made again like one of other inputs.
        with contextlib.suppress(*UNREADABLE), np.load(path) as kept:
            if str(kept["inputs_checksum"]) == inputs_checksum and kept["kernel"].shape[1] == units:
                return kept["kernel"]
    kernel = _train(train, vocabulary_size, units)
    with atomic_files.atomic_path(path) as temporary:
        np.savez(temporary, kernel=kernel, inputs_checksum=inputs_checksum)
    return kernel


def _train(train: Examples, vocabulary_size: int, units: int) -> np.ndarray:
    features = train.features[input_names.IMAGE_FEATURES]
    # Features of another scale would need another rate; the scale goes back into the kernel afterwards.
    sample = features.take(np.arange(min(train.num_images, 1000)))
    scale = float(np.sqrt(np.mean(np.square(sample)))) or 1.0
    # The map must not depend on the run's seed: every run on these features shares it.
    initializer = keras.initializers.GlorotUniform(seed=0)
    image = keras.Input((features.array.shape[1],))
    text = keras.layers.Dense(units, use_bias=False, kernel_initializer=initializer, name=IMAGE_EMBEDDING)(image)
    words = keras.layers.Dense(vocabulary_size, activation="softmax", kernel_initializer=initializer)(text)
    model = keras.Model(image, words)
    model.compile(keras.optimizers.Adam(_LEARNING_RATE), "categorical_crossentropy")
    steps = -(-train.num_images // _BATCH)
    with progress.progress_bar(_EPOCHS * train.num_images, "image", "linear W_img") as bar:
        model.fit(
            _batches(train, vocabulary_size, scale),
            steps_per_epoch=steps,
            epochs=_EPOCHS,
            shuffle=False,
            verbose=0,
            callbacks=[_BarOfImages(bar, train.num_images)],
        )
    return model.get_layer(IMAGE_EMBEDDING).get_weights()[0] / scale


def _batches(train: Examples, vocabulary_size: int, scale: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All epochs' batches: features `[images, dim]` and shares of words `[images, vocabulary_size]`, both float32."""
    random = np.random.default_rng(0)
    features = train.features[input_names.IMAGE_FEATURES]
    captions = np.argsort(train.image_of_caption, kind="stable")
    first = np.searchsorted(train.image_of_caption[captions], np.arange(train.num_images + 1))
    for _ in range(_EPOCHS):
        order = random.permutation(train.num_images)
        for batch in np.split(order, range(_BATCH, len(order), _BATCH)):
            counts = np.zeros((len(batch), vocabulary_size), np.float32)
            for row, image_row in enumerate(batch):
                ids = train.padded(captions[first[image_row] : first[image_row + 1]])
                np.add.at(counts[row], ids[ids > vocabulary.END_ID], 1.0)
            counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
            yield features.take(batch) / scale, counts


class _BarOfImages(keras.callbacks.Callback):
    """Moves a bar by the images of each batch."""

    def __init__(self, bar: tqdm.tqdm, num_images: int):
        super().__init__()
        self._bar = bar
        self._num_images = num_images

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(min(_BATCH, self._num_images - batch * _BATCH))
