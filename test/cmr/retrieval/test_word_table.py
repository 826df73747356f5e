"""The word table begins with given vectors where it is told to."""

import keras
import numpy as np
import pytest

from cmr.data.word_vectors import WordVectors
from cmr.errors import ConfigError
from cmr.retrieval.text_encoder import begin_with, text_encoder

IS_KNOWN = np.array([False, False, False, True, False, True])
VECTORS = WordVectors(np.where(IS_KNOWN[:, None], np.arange(18.0).reshape(6, 3), 0).astype(np.float32), IS_KNOWN, "")


def encoder(word_dim):
    keras.utils.set_random_seed(1)
    return text_encoder(6, word_dim, 4, False)


def table(built):
    return built.get_layer("word_embedding").get_weights()[0]


def test_known_words_begin_with_their_vectors_scaled_to_the_size_of_the_drawn_ones():
    built = encoder(5)
    drawn = table(built).astype(np.float64)

    begin_with(built, VECTORS)

    given = VECTORS.vectors[IS_KNOWN].astype(np.float64)
    scale = np.sqrt((drawn**2).mean() / (given**2).mean())
    np.testing.assert_allclose(table(built)[IS_KNOWN, :3], scale * given, rtol=1e-5)


def test_other_words_and_other_columns_stay_as_they_were_drawn():
    built = encoder(5)
    drawn = table(built)

    begin_with(built, VECTORS)

    np.testing.assert_array_equal(table(built)[~IS_KNOWN], drawn[~IS_KNOWN])
    np.testing.assert_array_equal(table(built)[:, 3:], drawn[:, 3:])


def test_a_table_of_shorter_rows_is_refused():
    with pytest.raises(ConfigError, match="vectors of 3 and --word_dim=2 has no room for them; give --word_dim=3"):
        begin_with(encoder(2), VECTORS)
