"""What is said of results, and what is left out of them."""

import numpy as np
import pytest
import written_galleries
from colour_words import ColourWords

from cmr.errors import ConfigError
from cmr.gallery import answers, queries
from cmr.gallery.queries import Term

RED, GREEN, BLUE = np.eye(3, dtype=np.float32)


@pytest.fixture
def gallery(tmp_path):
    return written_galleries.write(tmp_path, np.stack([RED, GREEN, BLUE, 0.8 * RED + 0.6 * GREEN]), gone=[2])


def rows(answer) -> list[int]:
    return [hit.row for hit in answer.hits]


def test_parts_whose_embedding_is_known_are_added_and_subtracted_as_they_are():
    terms = [Term(1, embedding=RED), Term(1, "green"), Term(-1, embedding=BLUE)]
    expected = RED + ColourWords().embed_sentences(["green"])[0] - BLUE

    query = queries.embed(terms, ColourWords())

    length = np.linalg.norm(expected)
    np.testing.assert_allclose(query.vector, expected / length, atol=1e-6)
    assert query.sentence_weight == pytest.approx(1 / length)


def test_a_row_of_the_query_is_no_result(gallery):
    answer = answers.answer([Term(1, embedding=RED, row=0)], gallery, ColourWords(), top=5)

    assert rows(answer) == [3, 1]


def test_only_one_sentence_is_compared_with_those_of_validation(gallery):
    retriever = ColourWords()

    def better(*terms, skip=0):
        return answers.answer(terms, gallery, retriever, top=5, skip=skip).better

    assert better(Term(1, "red")) == 0.0
    assert better(Term(1, "blue")) == 1.0
    assert better(Term(1, "red"), Term(1, "green")) is None
    assert better(Term(1, embedding=RED)) is None
    assert better(Term(1, "red"), skip=1) is None


def test_a_best_picture_that_is_worse_than_that_of_others_does_not_stand_out(gallery):
    def answer(sentence):
        return answers.answer([Term(1, sentence)], gallery, ColourWords(), top=5)

    assert answer("red").stands_out
    assert not answer("blue").stands_out
    assert "100% have a best picture above 0.0" in answer("blue").says_nothing_stands_out()


def test_random_pictures_are_each_there_once_whatever_the_pages(gallery):
    pages = [hit.row for skip in range(3) for hit in answers.at_random(gallery, 7, 1, skip)]

    assert sorted(pages) == [0, 1, 3]
    assert pages == [hit.row for hit in answers.at_random(gallery, 7, 10)]


def test_a_strangers_query_opens_no_file(tmp_path, monkeypatch):
    (tmp_path / "dog.jpg").touch()
    monkeypatch.chdir(tmp_path)

    terms = queries.parse(["./dog.jpg", "-", "/etc/passwd"], opens_files=False)

    assert terms == [Term(1, "./dog.jpg"), Term(-1, "/etc/passwd")]


def test_signs_without_a_part_are_refused_without_files_too():
    with pytest.raises(ConfigError, match="nothing behind it"):
        queries.parse(["red", "-"], opens_files=False)
