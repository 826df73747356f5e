"""Vectors of words, a row a word of the vocabulary: trained on the training sentences, or read from a file."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr import extras
from cmr.data import word_vector_files
from cmr.data.examples import Examples
from cmr.data.inputs import Inputs
from cmr.data.word_vector_files import StoredWordVectors
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import captions
from cmr.workspace.checksums import files_sha256
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import SPECIAL, Vocabulary, tokenize

# Of skip-gram: word2vec's own but for the epochs, whose 5 are meant for corpora a thousand times as large.
_WINDOW, _NEGATIVES, _EPOCHS = 5, 5, 20
# Whose words' vectors are laid side by side: of 11 words and 300 values each, 110 MB.
_SENTENCES_AT_ONCE = 8192


@dataclasses.dataclass(frozen=True)
class WordVectors:
    """Word vectors of a vocabulary.

    Attributes:
      vectors: `[len(vocabulary), dim]` float32; zeros where `is_known` is false.
      is_known: `[len(vocabulary)]` bool; the special words never are.
      note: a sentence for tables: where they come from, and what share of the training sentences' words they cover.
    """

    vectors: np.ndarray
    is_known: np.ndarray
    note: str

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

    def sentence_means(self, split: Examples) -> np.ndarray:
        """Mean vector of each sentence's known words: `[num_captions, dim]` float32; zeros where it has none."""
        means = np.zeros((split.num_captions, self.dim), np.float32)
        for start in range(0, split.num_captions, _SENTENCES_AT_ONCE):
            block = means[start : start + _SENTENCES_AT_ONCE]
            starts = split.starts[start : start + len(block) + 1]
            words = split.tokens[starts[0] : starts[-1]]
            caption_of = np.repeat(np.arange(len(block)), np.diff(starts))
            known = self.is_known[words]
            np.add.at(block, caption_of[known], self.vectors[words[known]])
            counts = np.bincount(caption_of[known], minlength=len(block))
            block /= np.maximum(counts, 1)[:, None].astype(np.float32)
        return means


@dataclasses.dataclass(frozen=True)
class WordVectorSource:
    """Where word vectors come from; they are read or trained when they are asked for.

    Attributes:
      origin: all that decides them, as a text.
      leak: a sentence on evaluated images whose sentences they learnt from, "" without.
      workspace: of the data set, which keeps what is trained.
      inputs: its captions and vocabulary.
      path: the file; None trains them.
      dim: of trained ones.
      seed: likewise.
    """

    origin: str
    leak: str
    workspace: Workspace
    inputs: Inputs
    path: pathlib.Path | None
    dim: int
    seed: int

    def vectors(self) -> WordVectors:
        """The vectors of the vocabulary's words.

        Raises:
          CmrError: the file can't be read or holds none of the words; gensim is missing.
        """
        vocabulary = self.inputs.vocabulary
        stored = self._read_or_train() if self.path is None else word_vector_files.read(self.path, vocabulary.ids)
        return of_vocabulary(stored, vocabulary, self.origin)

    def _read_or_train(self) -> StoredWordVectors:
        inputs_checksum = f"{self.origin} {self.inputs.checksums['captions.csv']}"
        digest = hashlib.sha256(inputs_checksum.encode("utf-8")).hexdigest()[:8]
        path = self.workspace.word_vectors_npz(f"skip_gram-{self.dim}-{digest}")
        if path.exists():
            try:
                return word_vector_files.read(path, self.inputs.vocabulary.ids)
            # One that can't be read is made again.
            except WorkspaceError:
                pass
        rows = captions.in_split(self.inputs.captions, "train")
        print(f"training word vectors on {len(rows):,} sentences, {_EPOCHS} epochs", flush=True)
        stored = train(rows["caption"].tolist(), self.dim, self.seed)
        image_ids = tuple(captions.images_of(rows)["image_id"])
        stored = dataclasses.replace(stored, dataset=self.workspace.dataset, image_ids=image_ids)
        word_vector_files.write(path, stored)
        return stored


def source(
    workspace: Workspace, inputs: Inputs, path: str, dim: int, seed: int, allow_leak: bool = False
) -> WordVectorSource:
    """Decides where word vectors come from, and refuses those that learnt from evaluated sentences.

    Args:
      workspace: of the data set.
      inputs: its captions and vocabulary.
      path: a file of `word_vector_files`; "" trains skip-gram vectors on the training sentences.
      dim: of trained ones.
      seed: likewise.
      allow_leak: whether to take vectors that learnt from images of the val or test split.

    Raises:
      WorkspaceError: the file is missing.
      ConfigError: the vectors learnt from evaluated sentences.
    """
    if not path:
        origin = f"skip-gram, {dim}-d, {_EPOCHS} epochs over the training sentences, seed {seed}"
        return WordVectorSource(origin, "", workspace, inputs, None, dim, seed)
    file = pathlib.Path(path)
    if not file.is_file():
        raise WorkspaceError(f"--word_vectors={path} is no file; give one of word2vec, of GloVe, or a .npz")
    origin = f"{file.name}, SHA-256 {files_sha256([file])[:12]}"
    return WordVectorSource(origin, _leak(file, inputs, allow_leak), workspace, inputs, file, 0, 0)


def of_vocabulary(stored: StoredWordVectors, vocabulary: Vocabulary, origin: str) -> WordVectors:
    """Puts stored vectors into the order of a vocabulary.

    Args:
      stored: of any words.
      vocabulary: of the data set.
      origin: for the note.

    Raises:
      ConfigError: none of the vocabulary's words has a vector.
    """
    vectors = np.zeros((len(vocabulary), stored.vectors.shape[1]), np.float32)
    is_known = np.zeros(len(vocabulary), bool)
    for word, vector in zip(stored.words, stored.vectors, strict=True):
        row = vocabulary.ids.get(word)
        # The special words are no words of sentences.
        if row is not None and word not in SPECIAL:
            vectors[row], is_known[row] = vector, True
    counts = np.array(vocabulary.counts, np.int64)
    counts[: len(SPECIAL)] = 0
    if not is_known.any():
        raise ConfigError(f"the word vectors ({origin}) hold none of the vocabulary's words; give others")
    of_words = 100.0 * is_known.sum() / (len(vocabulary) - len(SPECIAL))
    of_text = 100.0 * counts[is_known].sum() / counts.sum()
    note = f"Word vectors: {origin}; they cover {of_words:.1f}% of the words, {of_text:.1f}% of the training text."
    return WordVectors(vectors, is_known, note)


def train(sentences: Sequence[str], dim: int, seed: int) -> StoredWordVectors:
    """Trains skip-gram vectors, by one worker so that the seed decides them.

    Reference: Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed representations of words and phrases and their
    compositionality", 2013.

    Args:
      sentences: the training sentences.
      dim: of a vector.
      seed: of the initial vectors and the negatives.

    Raises:
      ConfigError: gensim is missing.
    """
    word2vec = extras.load("gensim.models.word2vec")
    model = word2vec.Word2Vec(
        [tokenize(sentence) for sentence in sentences],
        sg=1,
        vector_size=dim,
        window=_WINDOW,
        negative=_NEGATIVES,
        epochs=_EPOCHS,
        min_count=1,
        workers=1,
        seed=seed,
    )
    return StoredWordVectors(tuple(model.wv.index_to_key), model.wv.vectors)


def _leak(path: pathlib.Path, inputs: Inputs, allow_leak: bool) -> str:
    """What is to be said of images whose sentences a file's vectors learnt from and that are measured on."""
    shared = captions.evaluated_among(inputs.captions, word_vector_files.read_image_ids(path))
    if shared is None:
        return ""
    if not allow_leak:
        raise ConfigError(
            f"the word vectors {path} learnt from sentences of images that are measured on: {shared.counts}, such as "
            f"{shared.example}; leave --word_vectors out, or give --allow_leak for a deliberate ablation"
        )
    return f"LEAK (--allow_leak): the word vectors learnt from sentences of evaluated images: {shared.counts}."
