"""A gallery whose model takes off what pictures have in common with all sentences: what rows hold, and who reads it."""

import json

import colour_words
import numpy as np
import pytest
from colour_retriever import ColourRetriever
from colour_words import COLOURS, ColourWords

from cmr.errors import WorkspaceError
from cmr.gallery import answers, approximate, compacting, merging, queries
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.workspace import shards

# Grey is near to every colour: here so much that it would come before the right one.
ADDED = {"red": 0.0, "green": 0.05, "blue": -0.1, "grey": -0.5}


class Corrected(ColourWords):
    """Knows what is added to each colour's picture."""

    hub_correction = object()

    def gallery_rows(self, pictures):
        named = np.array([colour / np.linalg.norm(colour) for colour in map(np.array, COLOURS.values())])
        added = np.array([*ADDED.values()])[np.argmax(pictures @ named.T, axis=1)]
        return np.concatenate([pictures, added[:, None]], axis=1).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    for name in COLOURS:
        colour_words.save(tmp_path / f"{name}.png", name)
    return tmp_path


def colours(hits):
    return [hit.path.stem for hit in hits]


def test_sentences_are_answered_with_what_is_added_and_pictures_without(folder):
    gallery, retriever = colour_words.index(folder, Corrected()), Corrected()

    said = answers.answer(queries.parse(["red green"], False), gallery, retriever, 4)
    shown = answers.answer(queries.parse([str(folder / "red.png")]), gallery, retriever, 4)

    cosines = {hit.path.stem: hit.score for hit in gallery.search(retriever.embed_sentences(["red green"])[0], 4)}
    assert colours(said.hits) == ["green", "red", "grey", "blue"]
    for hit in said.hits:
        assert hit.score == pytest.approx(cosines[hit.path.stem] + ADDED[hit.path.stem], abs=2e-3)
    # Of a picture, a cosine; itself is left out.
    assert colours(shown.hits)[0] == "grey"
    assert shown.hits[0].score == pytest.approx(1 / np.sqrt(3), abs=0.05)


@pytest.mark.parametrize("text", ["red + green", "red - blue"])
def test_several_sentences_are_one(folder, text):
    gallery, retriever = colour_words.index(folder, Corrected()), Corrected()
    terms = queries.parse(text.split(), False)

    answer = answers.answer(terms, gallery, retriever, 4)

    query = queries.embed(terms, retriever)
    scores = gallery.scores(query[None], are_sentences=True)[:, 0]
    assert [hit.score for hit in answer.hits] == sorted(map(float, scores), reverse=True)


def test_a_picture_of_the_gallery_is_its_embedding_alone(folder):
    gallery = colour_words.index(folder, Corrected())
    row = next(hit.row for hit in gallery.search(np.array([1, 0, 0], np.float32), 4) if hit.path.stem == "blue")

    (vector,) = gallery.vectors([row])

    assert vector.shape == (3,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    assert answers.sentences_of(gallery, [row], Corrected()) == ["A blue thing ."]


def test_an_index_without_the_column_is_read_as_ever(folder):
    gallery = colour_words.index(folder, ColourRetriever())

    assert "corrects_hubs" not in json.loads((folder / ".cmr" / "index-1" / "index.json").read_text())
    assert gallery.embeddings.shape == (4, 3)
    assert answers.answer(queries.parse(["blue"], False), gallery, ColourWords(), 1).hits[0].path.stem == "blue"


def test_a_query_of_another_size_is_refused(folder):
    gallery = colour_words.index(folder, Corrected())

    with pytest.raises(WorkspaceError, match="holds embeddings of 3 values and the query has 4"):
        gallery.scores(np.ones((1, 4), np.float32))


def test_shards_and_their_merger_have_the_scores_of_one_index(folder, tmp_path_factory):
    whole = colour_words.index(folder, Corrected())
    other = tmp_path_factory.mktemp("shards")
    for path in folder.glob("*.png"):
        (other / path.name).write_bytes(path.read_bytes())
    for shard in shards.all_of(2):
        sharded = colour_words.index(other, Corrected(), shard)
    terms = queries.parse(["red green"], False)
    expected = answers.answer(terms, whole, Corrected(), 4).hits

    hits = answers.answer(terms, sharded, Corrected(), 4).hits
    place = Place.of(other)
    with place.writing():
        index, _ = merging.merge(place, 2)
        index.close()
    merged = answers.answer(terms, Gallery.open(other), Corrected(), 4).hits

    for found in (hits, merged):
        assert [(hit.path.name, hit.score) for hit in found] == [(hit.path.name, hit.score) for hit in expected]


def test_a_compacted_index_has_the_rows_that_it_had(folder, monkeypatch):
    colour_words.index(folder, Corrected())
    (folder / "grey.png").unlink()
    gallery = colour_words.index(folder, Corrected())
    monkeypatch.setattr(compacting, "_LEAST_DEAD", 1)
    terms = queries.parse(["red green"], False)
    before = answers.answer(terms, gallery, Corrected(), 4).hits

    rows = compacting.compact(gallery.place, gallery.store)

    assert rows.embeddings().shape == (3, 4)
    assert [hit.path.stem for hit in before] == ["green", "red", "blue"]


def test_the_approximate_index_looks_for_the_corrected_scores(folder):
    pytest.importorskip("faiss")
    random = np.random.default_rng(0)
    for number in range(60):
        colour_words.save(folder / f"{number}.png", tuple(int(value) for value in random.integers(0, 255, 3)))
    gallery, retriever = colour_words.index(folder, Corrected()), Corrected()
    built = approximate.build(gallery.store, retriever.sentences.rows)
    terms = queries.parse(["red green"], False)
    search = approximate.open_search(gallery.store)

    answer = answers.answer(
        terms, gallery, retriever, 5, score=lambda query: search.scores(gallery.embeddings, query, 64)
    )

    exact = answers.answer(terms, gallery, retriever, 5)
    assert built.recall >= 0.9
    assert [hit.path.name for hit in answer.hits][:2] == [hit.path.name for hit in exact.hits][:2]
