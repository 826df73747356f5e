"""What is retrieved for single queries: the right candidates, marked where the ids say, picked as the page says."""

import pathlib

import numpy as np
import pytest

from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.query_ranks import QueryRanks
from experiments.report.examples import TestRetrieval, pick_examples

NUM_IMAGES = 30
# Three sentences an image, but two of the last.
IMAGE_OF_CAPTION = np.repeat(np.arange(NUM_IMAGES), 3)[:-1].astype(np.int32)
IMAGE_DIR = pathlib.Path("pictures")


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def retrieval(folds=1):
    random = np.random.default_rng(5)
    embeddings = Embeddings(
        unit(random.normal(size=(NUM_IMAGES, 6))), unit(random.normal(size=(len(IMAGE_OF_CAPTION), 6)))
    )
    number = len(IMAGE_OF_CAPTION)
    split = Examples(
        image_ids=[f"image{n}" for n in range(NUM_IMAGES)],
        file_names=[f"folder/{n}.jpg" for n in range(NUM_IMAGES)],
        captions=[f"sentence {n}" for n in range(number)],
        tokens=np.zeros(number, np.int32),
        starts=np.arange(number + 1),
        image_of_caption=IMAGE_OF_CAPTION,
        features={},
    )
    _, ranks = encoding.evaluate_embeddings(embeddings, split, folds)
    return TestRetrieval(split, IMAGE_DIR, embeddings, ranks, folds), embeddings


@pytest.mark.parametrize("image", [0, 7, NUM_IMAGES - 1])
def test_an_image_gets_its_five_most_similar_sentences(image):
    searched, embeddings = retrieval()
    similarities = embeddings.captions @ embeddings.images[image]
    expected = np.argsort(-similarities)[:5]

    query = searched.image(image)

    assert [sentence.text for sentence in query.retrieved] == [f"sentence {caption}" for caption in expected]
    np.testing.assert_allclose([each.similarity for each in query.retrieved], similarities[expected], rtol=1e-5)
    assert [each.correct for each in query.retrieved] == [IMAGE_OF_CAPTION[caption] == image for caption in expected]
    assert (query.image_id, query.path) == (f"image{image}", IMAGE_DIR / f"folder/{image}.jpg")
    assert query.candidates == len(IMAGE_OF_CAPTION)


@pytest.mark.parametrize("caption", [0, 40, len(IMAGE_OF_CAPTION) - 1])
def test_a_sentence_gets_its_five_most_similar_images(caption):
    searched, embeddings = retrieval()
    similarities = embeddings.images @ embeddings.captions[caption]
    expected = np.argsort(-similarities)[:5]
    right = IMAGE_OF_CAPTION[caption]

    query = searched.sentence(caption)

    assert [picture.image_id for picture in query.retrieved] == [f"image{image}" for image in expected]
    assert [picture.correct for picture in query.retrieved] == [image == right for image in expected]
    assert (query.text, query.image_id, query.candidates) == (f"sentence {caption}", f"image{right}", NUM_IMAGES)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_correct_candidate_is_shown_where_the_rank_says(folds):
    searched, _ = retrieval(folds)

    for query in [*map(searched.image, range(NUM_IMAGES)), *map(searched.sentence, range(len(IMAGE_OF_CAPTION)))]:
        correct = [place for place, candidate in enumerate(query.retrieved, 1) if candidate.correct]
        # Correct sentences do not push each other down, so the first one stands at its rank.
        assert (correct[0] == query.rank) if query.rank <= 5 else not correct


def test_folds_are_searched_apart():
    searched, _ = retrieval(folds=3)

    pictures = {picture.image_id for caption in range(30) for picture in searched.sentence(caption).retrieved}

    assert pictures <= {f"image{image}" for image in range(10)}
    assert searched.sentence(0).candidates == 10
    assert searched.image(0).candidates == 30


def test_an_image_lists_its_own_sentences_by_the_rank_at_which_they_find_it():
    searched, _ = retrieval()

    own = searched.image(4).own

    assert {sentence.text for sentence in own} == {"sentence 12", "sentence 13", "sentence 14"}
    assert [sentence.rank for sentence in own] == sorted(searched.ranks.image_retrieval[12:15])


def test_chosen_are_the_images_whose_sentences_differ_most_in_rank():
    searched, _ = retrieval()
    ratios = []
    for image in range(NUM_IMAGES):
        ranks = searched.ranks.image_retrieval[image == IMAGE_OF_CAPTION]
        ratios.append(max(ranks) / min(ranks))

    group = pick_examples(searched, [], seed=0)[0]

    assert group.title == "Chosen images"
    assert [query.image_id for query in group.images] == [f"image{n}" for n in np.argsort(-np.array(ratios))[:3]]


def test_images_may_be_chosen_by_their_ids():
    searched, _ = retrieval()

    groups = {group.title: group for group in pick_examples(searched, ["image9", "image2"], seed=0)}

    assert [query.image_id for query in groups["Chosen images"].images] == ["image9", "image2"]
    ranks = [query.rank for query in groups["Chosen sentences"].sentences]
    nine, two = (sorted(searched.ranks.image_retrieval[image == IMAGE_OF_CAPTION]) for image in (9, 2))
    assert ranks == [nine[0], nine[-1], two[0], two[-1]]


def test_an_image_of_another_split_is_refused():
    with pytest.raises(ConfigError, match=r"--chosen_images names image99, which is no image of the test split"):
        pick_examples(retrieval()[0], ["image9", "image99"], seed=0)


def test_the_seed_decides_the_random_ones():
    searched, _ = retrieval()

    first, again, other = (pick_examples(searched, [], seed) for seed in (1, 1, 2))

    assert first == again
    assert [group.images for group in first][1] != [group.images for group in other][1]
    assert first[0] == other[0]


def test_failures_are_the_queries_with_the_largest_ranks():
    searched, _ = retrieval()

    groups = pick_examples(searched, [], seed=0)

    images, sentences = groups[-2].images, groups[-1].sentences
    assert [query.rank for query in images] == sorted(searched.ranks.sentence_retrieval)[:-4:-1]
    assert [query.rank for query in sentences] == sorted(searched.ranks.image_retrieval)[:-4:-1]


def test_a_split_smaller_than_what_is_shown_is_shown_whole():
    two = Examples(["a", "b"], ["a", "b"], ["A.", "B."], np.zeros(2), np.arange(3), np.array([0, 1]), {})
    embeddings = Embeddings(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    ranks = QueryRanks.of_embeddings(embeddings.images, embeddings.captions, two.image_of_caption)
    searched = TestRetrieval(two, IMAGE_DIR, embeddings, ranks)

    groups = pick_examples(searched, [], seed=0)

    assert [len(group.images) + len(group.sentences) for group in groups] == [2] * 6
    assert [len(query.retrieved) for query in groups[0].images] == [2, 2]
