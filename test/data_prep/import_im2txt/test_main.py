"""im2txt's checkpoints: our captioner says what its equations say, our Inception v3 sees what slim's sees."""

import functools
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from commands import run_command

from cmr.captioner import files
from cmr.captioner.decoding import Decoder
from cmr.errors import DataError
from cmr.workspace import vocabulary
from data_prep.import_im2txt import captioner, importing, inception
from data_prep.import_im2txt.checkpoint import Checkpoint
from data_prep.import_im2txt.words import read_word_counts

_FEATURES, _UNITS = 2048, 512
# Two rows behind the unknown word's (7) are spare, as in the original's 12,000.
_WORDS = ("a", "<S>", "</S>", ".", "dog", "surfboard", "kerouac")
_ROWS = 10

_OLDEST_NAMES = ("lstm/BasicLSTMCell/Linear/Matrix", "lstm/BasicLSTMCell/Linear/Bias")
_OLD_NAMES = ("lstm/basic_lstm_cell/weights", "lstm/basic_lstm_cell/biases")
_NEW_NAMES = ("lstm/basic_lstm_cell/kernel", "lstm/basic_lstm_cell/bias")


def _captioner_variables(lstm_names: tuple[str, str], rows: int = _ROWS) -> dict[str, np.ndarray]:
    random = np.random.default_rng(11)
    shapes = {
        "image_embedding/weights": (_FEATURES, _UNITS),
        "seq_embedding/map": (rows, _UNITS),
        lstm_names[0]: (2 * _UNITS, 4 * _UNITS),
        lstm_names[1]: (4 * _UNITS,),
        "logits/weights": (_UNITS, rows),
        "logits/biases": (rows,),
    }
    return {name: random.normal(scale=0.3, size=shape).astype(np.float32) for name, shape in shapes.items()}


def _write(path: pathlib.Path, variables: dict[str, np.ndarray]) -> str:
    """A checkpoint as TensorFlow 1's Saver (version 2 of the format) writes it."""
    variables = {**variables, "global_step": np.int64(2_000_000)}
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=list(variables),
        shape_and_slices=[""] * len(variables),
        tensors=list(variables.values()),
    )
    return str(path)


def _write_words(path: pathlib.Path, words: tuple[str, ...] = _WORDS) -> pathlib.Path:
    path.write_text("".join(f"{word} {100 - number}\n" for number, word in enumerate(words)))
    return path


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _original(variables: dict[str, np.ndarray], names: tuple[str, str], features: np.ndarray, fed: list[int]):
    """show_and_tell_model.py in float64: the image, then the fed ids; the logits `[steps, rows]` after each of them."""
    kernel, bias, table = (np.float64(variables[name]) for name in (*names, "seq_embedding/map"))
    h = c = np.zeros(_UNITS)

    def cell(x, h, c):
        i, j, f, o = np.split(np.concatenate([x, h]) @ kernel + bias, 4)
        c = c * _sigmoid(f + 1.0) + _sigmoid(i) * np.tanh(j)
        return np.tanh(c) * _sigmoid(o), c

    h, c = cell(np.float64(features) @ np.float64(variables["image_embedding/weights"]), h, c)
    logits = []
    for word in fed:
        h, c = cell(table[word], h, c)
        logits.append(h @ np.float64(variables["logits/weights"]) + np.float64(variables["logits/biases"]))
    return np.array(logits)


@pytest.mark.parametrize(
    ("names", "rows"),
    [(_OLDEST_NAMES, _ROWS), (_OLD_NAMES, _ROWS), (_NEW_NAMES, _ROWS), (_NEW_NAMES, len(_WORDS) + 1)],
)
def test_every_word_has_the_originals_probability_at_every_step(tmp_path, names, rows):
    variables = _captioner_variables(names, rows)
    words = read_word_counts(_write_words(tmp_path / "word_counts.txt"))
    checkpoint = Checkpoint(_write(tmp_path / "model.ckpt-7", variables))
    features = np.random.default_rng(3).random(_FEATURES).astype(np.float32) * 0.1
    said = ["a", "dog", "<UNK>", "kerouac", "."]

    decoder = Decoder(captioner.captioner_of(checkpoint, words))
    state, steps = decoder.start(features[None]), []
    ours = [words.vocabulary.ids.get(word, vocabulary.UNK_ID) for word in said]
    for word in (decoder.start_id, *ours):
        log_probabilities, state = decoder.step(state, np.array([word]))
        steps.append(log_probabilities[0])

    theirs = [*_WORDS, "<UNK>"]
    logits = _original(variables, names, features, [theirs.index(word) for word in ("<S>", *said)])
    # Without spare rows this is the original's softmax as it stands.
    logits = logits[:, : len(theirs)]
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    columns = [theirs.index(word) for word in ("</S>", *words.vocabulary.words[3:])]
    np.testing.assert_allclose(np.array(steps)[:, 2:], expected[:, columns], rtol=1e-3, atol=2e-4)


def test_a_checkpoint_of_the_first_format_is_one_file(tmp_path):
    path = str(tmp_path / "model.ckpt-5")
    tf.raw_ops.Save(filename=path, tensor_names=["logits/biases"], data=[np.ones(3, np.float32)])

    assert Checkpoint(path).read("logits/biases", (3,)).tolist() == [1, 1, 1]


def test_ids_are_line_numbers_and_the_unknown_word_comes_behind_the_last(tmp_path):
    words = read_word_counts(_write_words(tmp_path / "word_counts.txt"))

    assert words.vocabulary.words == ("<pad>", "<unk>", "<end>", "a", ".", "dog", "surfboard", "kerouac")
    assert words.ids == (1, 7, 2, 0, 3, 4, 5, 6)
    assert words.start_id == 1


def test_words_that_python_3_wrote_as_bytes_are_read(tmp_path):
    plain = read_word_counts(_write_words(tmp_path / "plain.txt"))
    as_bytes = tuple(str(word.encode()) for word in _WORDS)

    assert read_word_counts(_write_words(tmp_path / "bytes.txt", as_bytes)) == plain


def test_the_real_vocabulary(shared):
    words = read_word_counts(shared / "data/im2txt/word_counts.txt")

    # 11,519 lines, two of them for start and end; three special words of ours.
    assert len(words.vocabulary) == 11_519 - 2 + 3
    assert words.vocabulary.words[3:6] == ("a", ".", "on")
    assert words.ids[:6] == (1, 11_519, 2, 0, 3, 4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dog\n", r"line 1 is not 'word count': 'dog'"),
        ("dog 1\n</S> 2\n", "has no line of <S>"),
        ("<S> 3\n</S> 2\ndog 2\ndog 1\n", "has a word twice"),
        ("<S> 3\n</S> 2\n<end> 1\n", "has a word twice, or one of <pad>"),
        ("", "is empty"),
        ("b'<S>' 3\nb'</S>' 2\ndog 2\n", "line 3 is no word as bytes, as others are: 'dog'"),
        ("b'<S>' 3\n12 3\n", "line 2 is no word as bytes"),
        ("b'<S>' 3\nb'dog 3\n", "line 2 is no word as bytes"),
        ("b'<S>' 3\nb'\\xff' 3\n", "line 2 is no word as bytes"),
    ],
)
def test_a_file_that_is_no_word_counts_is_refused(tmp_path, text, sentence):
    (tmp_path / "word_counts.txt").write_text(text)

    with pytest.raises(DataError, match=sentence):
        read_word_counts(tmp_path / "word_counts.txt")


def _without(name: str) -> dict[str, np.ndarray]:
    variables = _captioner_variables(_NEW_NAMES)
    del variables[name]
    return variables


def _with(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    return {**_captioner_variables(_NEW_NAMES), name: np.float32(values)}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (functools.partial(_without, "seq_embedding/map"), "has no variable seq_embedding/map"),
        (
            functools.partial(_without, _NEW_NAMES[0]),
            r"has no LSTM of im2txt.s with its bias \(none of lstm/BasicLSTMCell/Linear/Matrix, lstm/",
        ),
        (
            functools.partial(_with, _NEW_NAMES[1], np.zeros(3 * _UNITS)),
            r"basic_lstm_cell/bias is \[1536\], not \[2048\]",
        ),
        (functools.partial(_with, "logits/biases", np.full(_ROWS, np.nan)), "logits/biases holds NaN"),
        (functools.partial(_captioner_variables, _NEW_NAMES, 7), "knows 7 words, word_counts.txt needs 8"),
    ],
)
def test_a_checkpoint_that_is_not_im2txts_is_refused(tmp_path, variables, sentence):
    words = read_word_counts(_write_words(tmp_path / "word_counts.txt"))
    checkpoint = Checkpoint(_write(tmp_path / "model.ckpt", variables()))

    with pytest.raises(DataError, match=sentence):
        captioner.captioner_of(checkpoint, words)


def test_a_path_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "text.ckpt.index").write_text("no checkpoint")

    for path in (tmp_path / "none.ckpt", tmp_path / "text.ckpt", tmp_path):
        with pytest.raises(DataError, match="is no TensorFlow checkpoint; give its name without an ending"):
            Checkpoint(str(path))


def test_a_checkpoint_may_be_named_by_one_of_its_files(tmp_path):
    _write(tmp_path / "model.ckpt-7", {"logits/biases": np.ones(3, np.float32)})

    opened = Checkpoint(str(tmp_path / "model.ckpt-7.data-00000-of-00001"))

    assert opened.has("logits/biases")


class _Slim:
    """slim's Inception v3 with random variables, written as its own code goes, convolution by convolution."""

    def __init__(self):
        self.random = np.random.default_rng(2)
        self.variables: dict[str, np.ndarray] = {}

    def conv(self, x, depth: int, size: tuple[int, int], scope: str, stride: int = 1, padding: str = "SAME"):
        scope = f"InceptionV3/{scope}"
        shape = (*size, x.shape[-1], depth)
        # Of He's size, that the values neither vanish nor explode on their way.
        weights = self.random.normal(size=shape) * np.sqrt(2 / (shape[0] * shape[1] * shape[2]))
        kept = {
            "weights": weights,
            "BatchNorm/beta": self.random.normal(scale=0.1, size=depth),
            "BatchNorm/moving_mean": self.random.normal(scale=0.1, size=depth),
            "BatchNorm/moving_variance": self.random.uniform(0.8, 1.2, size=depth),
        }
        self.variables.update({f"{scope}/{name}": values.astype(np.float32) for name, values in kept.items()})
        weights, beta, mean, variance = (self.variables[f"{scope}/{name}"] for name in kept)
        x = tf.nn.conv2d(x, weights, stride, padding)
        return tf.nn.relu((x - mean) / np.sqrt(variance + 0.001) + beta)

    def chain(self, x, block: str, *steps: tuple[int, tuple[int, int], str]):
        for depth, size, name in steps:
            x = self.conv(x, depth, size, f"{block}/{name}")
        return x

    def pooled(self, x, block: str, depth: int):
        return self.conv(tf.nn.avg_pool2d(x, 3, 1, "SAME"), depth, (1, 1), f"{block}/Branch_3/Conv2d_0b_1x1")

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        x = self.conv(pictures, 32, (3, 3), "Conv2d_1a_3x3", 2, "VALID")
        x = self.conv(x, 32, (3, 3), "Conv2d_2a_3x3", padding="VALID")
        x = self.conv(x, 64, (3, 3), "Conv2d_2b_3x3")
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        x = self.conv(x, 80, (1, 1), "Conv2d_3b_1x1", padding="VALID")
        x = self.conv(x, 192, (3, 3), "Conv2d_4a_3x3", padding="VALID")
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        x = self.square(x, "Mixed_5b", 32)
        x = self.square(x, "Mixed_5c", 64, ("Conv2d_0b_1x1", "Conv_1_0c_5x5"))
        x = self.square(x, "Mixed_5d", 64)
        x = self.mixed_6a(x)
        for block, depth in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = self.long(x, block, depth)
        x = self.mixed_7a(x)
        x = self.wide(x, "Mixed_7b", "Conv2d_0b_3x1")
        x = self.wide(x, "Mixed_7c", "Conv2d_0c_3x1")
        return tf.reduce_mean(x, axis=(1, 2)).numpy()

    def square(self, x, block: str, pool: int, names: tuple[str, str] = ("Conv2d_0a_1x1", "Conv2d_0b_5x5")):
        first, second = (f"Branch_1/{name}" for name in names)
        return tf.concat(
            [
                self.chain(x, block, (64, (1, 1), "Branch_0/Conv2d_0a_1x1")),
                self.chain(x, block, (48, (1, 1), first), (64, (5, 5), second)),
                self.chain(
                    x,
                    block,
                    (64, (1, 1), "Branch_2/Conv2d_0a_1x1"),
                    (96, (3, 3), "Branch_2/Conv2d_0b_3x3"),
                    (96, (3, 3), "Branch_2/Conv2d_0c_3x3"),
                ),
                self.pooled(x, block, pool),
            ],
            axis=3,
        )

    def mixed_6a(self, x):
        branch = self.chain(
            x, "Mixed_6a", (64, (1, 1), "Branch_1/Conv2d_0a_1x1"), (96, (3, 3), "Branch_1/Conv2d_0b_3x3")
        )
        return tf.concat(
            [
                self.conv(x, 384, (3, 3), "Mixed_6a/Branch_0/Conv2d_1a_1x1", 2, "VALID"),
                self.conv(branch, 96, (3, 3), "Mixed_6a/Branch_1/Conv2d_1a_1x1", 2, "VALID"),
                tf.nn.max_pool2d(x, 3, 2, "VALID"),
            ],
            axis=3,
        )

    def long(self, x, block: str, depth: int):
        return tf.concat(
            [
                self.chain(x, block, (192, (1, 1), "Branch_0/Conv2d_0a_1x1")),
                self.chain(
                    x,
                    block,
                    (depth, (1, 1), "Branch_1/Conv2d_0a_1x1"),
                    (depth, (1, 7), "Branch_1/Conv2d_0b_1x7"),
                    (192, (7, 1), "Branch_1/Conv2d_0c_7x1"),
                ),
                self.chain(
                    x,
                    block,
                    (depth, (1, 1), "Branch_2/Conv2d_0a_1x1"),
                    (depth, (7, 1), "Branch_2/Conv2d_0b_7x1"),
                    (depth, (1, 7), "Branch_2/Conv2d_0c_1x7"),
                    (depth, (7, 1), "Branch_2/Conv2d_0d_7x1"),
                    (192, (1, 7), "Branch_2/Conv2d_0e_1x7"),
                ),
                self.pooled(x, block, 192),
            ],
            axis=3,
        )

    def mixed_7a(self, x):
        first = self.chain(x, "Mixed_7a", (192, (1, 1), "Branch_0/Conv2d_0a_1x1"))
        second = self.chain(
            x,
            "Mixed_7a",
            (192, (1, 1), "Branch_1/Conv2d_0a_1x1"),
            (192, (1, 7), "Branch_1/Conv2d_0b_1x7"),
            (192, (7, 1), "Branch_1/Conv2d_0c_7x1"),
        )
        return tf.concat(
            [
                self.conv(first, 320, (3, 3), "Mixed_7a/Branch_0/Conv2d_1a_3x3", 2, "VALID"),
                self.conv(second, 192, (3, 3), "Mixed_7a/Branch_1/Conv2d_1a_3x3", 2, "VALID"),
                tf.nn.max_pool2d(x, 3, 2, "VALID"),
            ],
            axis=3,
        )

    def wide(self, x, block: str, tall_name: str):
        first = self.chain(x, block, (384, (1, 1), "Branch_1/Conv2d_0a_1x1"))
        second = self.chain(x, block, (448, (1, 1), "Branch_2/Conv2d_0a_1x1"), (384, (3, 3), "Branch_2/Conv2d_0b_3x3"))
        return tf.concat(
            [
                self.chain(x, block, (320, (1, 1), "Branch_0/Conv2d_0a_1x1")),
                self.chain(first, block, (384, (1, 3), "Branch_1/Conv2d_0b_1x3")),
                self.chain(first, block, (384, (3, 1), f"Branch_1/{tall_name}")),
                self.chain(second, block, (384, (1, 3), "Branch_2/Conv2d_0c_1x3")),
                self.chain(second, block, (384, (3, 1), "Branch_2/Conv2d_0d_3x1")),
                self.pooled(x, block, 192),
            ],
            axis=3,
        )


@pytest.fixture(scope="module")
def slim() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """slim's variables, pictures in 0 ... 255, and what slim sees in them."""
    pictures = np.random.default_rng(4).integers(256, size=(1, 299, 299, 3)).astype(np.float32)
    network = _Slim()
    features = network((pictures / 255 - 0.5) * 2)
    return network.variables, pictures, features


def test_the_imported_inception_sees_what_slims_sees(slim, tmp_path):
    variables, pictures, expected = slim
    # Keras numbers its layers on from this one: the order must not depend on where it begins.
    keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Conv2D(1, 1)])
    checkpoint = Checkpoint(_write(tmp_path / "inception.ckpt", variables))

    pooled = inception.inception_of(checkpoint)(pictures / 127.5 - 1, training=False)

    np.testing.assert_allclose(pooled, expected, rtol=1e-3, atol=1e-4)


def test_every_convolution_of_slim_is_read(slim):
    scopes = {name.removesuffix("/weights") for name in slim[0] if name.endswith("/weights")}

    assert len(inception.convolution_names()) == 94
    assert set(inception.convolution_names()) == scopes


def test_the_command_writes_a_captioner_that_captions_pictures_at_once(slim, tmp_path):
    variables, pictures, expected = slim
    checkpoint = _write(tmp_path / "model.ckpt-7", {**_captioner_variables(_OLD_NAMES), **variables})
    arguments = (
        f"--workspace_dir={tmp_path}/workspace",
        f"--checkpoint={checkpoint}",
        f"--word_counts={_write_words(tmp_path / 'word_counts.txt')}",
    )

    ended, again = (run_command("data_prep.import_im2txt", *arguments) for _ in range(2))

    folder = tmp_path / "workspace/scenes/captioner"
    assert ended.returncode == 0, ended.stderr
    assert "8 words, X_img of 2048 into 512" in ended.stdout
    assert f"--weights={folder}/inception_v3.weights.h5 --features_name=inception_v3-im2txt" in ended.stdout
    assert (again.returncode, again.stdout) == (1, "")
    assert "holds a captioner already" in again.stderr
    trained = files.read_captioner(folder)
    assert (trained.dataset, trained.train_image_ids, trained.features) == ("mscoco", (), "inception_v3-im2txt")
    from cmr.pictures import cnn
    from data_prep.extract import cnns

    squares = pictures.astype(np.uint8)[None]
    np.testing.assert_allclose(cnn.read_own_cnn(folder).features(squares), expected, rtol=1e-3, atol=1e-4)
    extractor = cnns.inception_v3(str(folder / importing.INCEPTION_WEIGHTS), 0, 1).build()
    np.testing.assert_allclose(extractor(pictures), expected, rtol=1e-3, atol=1e-4)


def test_a_checkpoint_without_inception_takes_imagenets_features(tmp_path):
    checkpoint = _write(tmp_path / "model.ckpt-7", _captioner_variables(_NEW_NAMES))

    trained = importing.import_im2txt(checkpoint, _write_words(tmp_path / "word_counts.txt"), tmp_path / "captioner")

    assert trained.features == "inception_v3"
    assert sorted(path.name for path in (tmp_path / "captioner").iterdir()) == [
        "captioner.json",
        "captioner.keras",
        "train_image_ids.txt",
        "vocabulary.txt",
    ]
