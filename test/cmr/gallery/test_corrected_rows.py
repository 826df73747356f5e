"""A gallery whose model takes off what pictures have in common with all sentences: what rows hold, and who reads it."""

import json

import colour_words
import numpy as np
import pytest
from colour_retriever import ColourRetriever
from colour_words import COLOURS, ColourWords

from cmr.errors import ConfigError, WorkspaceError
from cmr.gallery import answers, approximate, compacting, merging, queries, streaming, updating
from cmr.gallery.place import Place
from cmr.gallery.queries import Term
from cmr.gallery.searching import Gallery
from cmr.gallery.store import Store
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


@pytest.mark.parametrize(
    ("words", "signs"), [(["red"], [1]), (["red", "green"], [1, 1]), (["red", "blue"], [1, -1]), (["red"], [-1])]
)
@pytest.mark.parametrize("shows_picture", [False, True])
def test_what_is_added_counts_as_often_as_the_query_holds_a_sentence(folder, words, signs, shows_picture):
    gallery, retriever = colour_words.index(folder, Corrected()), Corrected()
    terms = [Term(sign, word) for sign, word in zip(signs, words, strict=True)]
    if shows_picture:
        terms.append(Term(1, embedding=np.array([0, 0.6, 0.8], np.float32)))

    hits = answers.answer(terms, gallery, retriever, 4).hits

    # The sum of the parts' own scores, over the length of their sum.
    vectors = [retriever.embed_sentences([term.sentence])[0] if term.sentence else term.embedding for term in terms]
    length = np.linalg.norm(sum(term.sign * vector for term, vector in zip(terms, vectors, strict=True)))
    for hit in hits:
        (picture,) = gallery.vectors([hit.row])
        parts = [
            term.sign * (picture @ vector + (ADDED[hit.path.stem] if term.sentence else 0))
            for term, vector in zip(terms, vectors, strict=True)
        ]
        assert hit.score == pytest.approx(sum(parts) / length, abs=3e-3)


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

    for each in (hits, merged):
        assert [(hit.path.name, hit.score) for hit in each] == [(hit.path.name, hit.score) for hit in expected]


def test_a_compacted_index_has_the_rows_that_it_had(folder):
    colour_words.index(folder, Corrected())
    (folder / "grey.png").unlink()
    gallery = colour_words.index(folder, Corrected())
    terms = queries.parse(["red green"], False)
    before = answers.answer(terms, gallery, Corrected(), 4).hits

    store = compacting.compact(gallery.place, gallery.store, gallery.hidden)

    assert store.embeddings().shape == (3, 4)
    query = store.rows.queries(Corrected().embed_sentences(["red green"]), 1.0)[0]
    scores = sorted(map(float, store.embeddings().astype(np.float32) @ query), reverse=True)
    assert scores == pytest.approx([hit.score for hit in before], abs=1e-6)


def test_the_approximate_index_looks_for_the_corrected_scores(folder):
    pytest.importorskip("faiss")
    random = np.random.default_rng(0)
    for number in range(200):
        colour = tuple(int(value) for value in random.integers(0, 255, 3))
        colour_words.save(folder / f"{number}.png", colour, (4, 4))
    gallery, retriever = colour_words.index(folder, Corrected()), Corrected()
    built = approximate.build(gallery.store, retriever.sentences.rows)
    terms = queries.parse(["red green"], False)
    search = approximate.open_search(gallery.store)

    answer = answers.answer(
        terms, gallery, retriever, 10, score=lambda query: search.scores(gallery.embeddings, query, 40)
    )

    exact, cosines = (
        gallery.search(retriever.embed_sentences(["red green"])[0], 10, sentence_weight=weight) for weight in (1, 0)
    )
    assert built.lists > 1
    same = {hit.row for hit in answer.hits} & {hit.row for hit in exact}
    assert len(same) >= 8
    assert len(same) > len({hit.row for hit in answer.hits} & {hit.row for hit in cosines})


def test_an_index_of_the_same_model_without_the_column_is_refused_and_made_anew(folder):
    colour_words.index(folder, ColourWords())
    place = Place.of(folder)

    with place.writing():
        with pytest.raises(ConfigError, match="--rebuild"):
            updating.open_for_update(place, Corrected(), "colours.cmr", "float16", rebuild=False)
        store = updating.open_for_update(place, Corrected(), "colours.cmr", "float16", rebuild=True)
        updating.update(store, place.pictures, Corrected(), lambda remark: None)
        updating.finish(place, store, "colours.cmr")
        store.close()

    assert Gallery.open(folder).embeddings.shape == (4, 4)


def test_rows_of_another_width_are_never_written(folder):
    gallery = colour_words.index(folder, ColourWords())
    store = Store(gallery.store.folder, writable=True)

    with pytest.raises(ValueError, match="not of 3 values"):
        store.commit([], [b"1" * 32], np.ones((1, 4), np.float32))

    assert store.num_rows() == 4


@pytest.mark.parametrize("retriever", [ColourWords(), Corrected()])
def test_every_batch_has_rows_of_one_width(folder, retriever):
    for number in range(20):
        colour_words.save(folder / f"{number}.png", (number, 2 * number, 99))
    (folder / "z.jpg").write_bytes(b"no picture")

    batches = list(streaming.stream(retriever, sorted(folder.iterdir()), lambda content: False))

    assert len(batches) > 1
    assert {batch.embeddings.shape[1] for batch in batches} == {4 if retriever.hub_correction else 3}


def test_a_gallery_in_single_precision_ranks_to_the_last_digit(folder):
    place = Place.of(folder)
    with place.writing():
        store = updating.open_for_update(place, Corrected(), "colours.cmr", "float32", rebuild=False)
        updating.update(store, place.pictures, Corrected(), lambda remark: None)
        store.close()
    gallery, query = Gallery.open(folder), Corrected().embed_sentences(["red green"])

    for hit in gallery.search(query[0], 4, sentence_weight=1):
        assert hit.score == pytest.approx(
            float(gallery.vectors([hit.row])[0] @ query[0]) + ADDED[hit.path.stem], abs=1e-6
        )
