"""The search as JSON."""

import io

import colour_words
import numpy as np
import pytest
import served_sites
from colour_words import ColourWords
from PIL import Image


def png(colour, size=(40, 30)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour_words.COLOURS.get(colour, colour)).save(stream, "PNG")
    return stream.getvalue()


def paths(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["path"] for result in answer.json()["results"]]


def test_a_sentence_finds_pictures_best_first(client):
    answer = client.get("/api/search?q=red&top=2").json()

    assert [result["path"] for result in answer["results"]] == ["red.png", "red2.tif"]
    assert [result["rank"] for result in answer["results"]] == [1, 2]
    assert answer["results"][0]["score"] > answer["results"][1]["score"] > 0.9
    assert answer["pictures"] == 5


def test_scores_are_cosines_with_the_query(client, site):
    (query,) = site.retriever.embed_sentences(["red green"])

    for result in client.get("/api/search?q=red green").json()["results"]:
        with site.live.opened() as gallery:
            vector = np.asarray(gallery.embeddings[result["row"]], np.float64)
        assert result["score"] == pytest.approx(float(vector @ query), abs=1e-5)


def test_a_result_has_its_row_share_copies_sentence_and_addresses(folder):
    colour_words.save(folder / "other name.png", "red")
    client = served_sites.client_of(served_sites.site_of(folder))

    result = client.get("/api/search?q=red").json()["results"][0]

    assert result["path"] == "other name.png"
    assert result["copies"] == ["red.png"]
    assert result["share"] == 0.2
    assert result["nearest_sentence"] == "A red thing ."
    assert client.get(result["thumbnail"]).headers["content-type"] == "image/jpeg"
    assert client.get(result["picture"]).headers["content-type"] == "image/png"


def test_pages_follow_one_another_until_the_last(client):
    met, address = [], "/api/search?q=blue&top=2"
    while address:
        answer = client.get(address).json()
        met += [(result["rank"], result["path"]) for result in answer["results"]]
        address = answer["next"]

    assert [rank for rank, _ in met] == [1, 2, 3, 4, 5]
    assert met[0] == (1, "blue.png")
    assert len(set(met)) == 5


def test_words_are_added_and_subtracted(client):
    assert paths(client.get("/api/search", params={"q": "red + green - red"}))[0] == "green.jpg"


def test_rows_are_added_and_subtracted_and_are_no_results_themselves(client):
    row = client.get("/api/search?q=green&top=1").json()["results"][0]["row"]

    assert set(paths(client.get(f"/api/search?q=red&like={row}"))) == {"red.png", "red2.tif", "blue.png", "grey.bmp"}
    assert "green.jpg" not in paths(client.get(f"/api/search?q=grey&unlike={row}"))


def test_similar_pictures_leave_the_picture_itself_out(client):
    row = client.get("/api/search?q=red&top=1").json()["results"][0]["row"]

    similar = paths(client.get(f"/api/similar/{row}?top=3"))

    assert similar[0] == "red2.tif"
    assert "red.png" not in similar


def test_unknown_words_are_named(client):
    answer = client.get("/api/search?q=a red corgi").json()

    assert answer["unknown_words"] == ["a", "corgi"]


def test_it_says_where_nothing_stands_out(folder):
    for path in folder.iterdir():
        if path.is_file() and path.name != "blue.png":
            path.unlink()
    client = served_sites.client_of(served_sites.site_of(folder))

    assert client.get("/api/search?q=blue").json()["stands_out"]
    assert not client.get("/api/search?q=red").json()["stands_out"]


def test_a_picture_that_is_sent_finds_its_like(client):
    answer = client.post("/api/search", files={"picture": ("a.png", png((5, 5, 240)))}, data={"top": "2"})

    assert paths(answer)[0] == "blue.png"
    assert len(paths(answer)) == 2
    # The answer names an address that asks the same again.
    assert paths(client.get(answer.json()["query"]))[:2] == paths(answer)


def test_a_picture_of_the_gallery_that_is_sent_is_no_result_itself(client, folder):
    answer = client.post("/api/search", files={"picture": ("a.png", (folder / "red.png").read_bytes())})

    assert paths(answer)[0] == "red2.tif"
    assert "red.png" not in paths(answer)


def test_a_picture_and_words_are_one_query(client):
    both = client.post("/api/search", files={"picture": ("a.png", png("red"))}, data={"q": "- red + green"})

    assert paths(both)[0] == "green.jpg"


def test_sentences_of_a_picture_and_the_captioners_own(folder):
    client = served_sites.client_of(served_sites.site_of(folder, ColourWords(says="a red wall")))
    row = client.get("/api/search?q=red&top=1").json()["results"][0]["row"]

    answer = client.get(f"/api/sentences/{row}?top=2").json()

    assert answer["path"] == "red.png"
    assert answer["results"][0]["sentence"] == "A red thing ."
    assert len(answer["results"]) == 2
    assert answer["made"] == ["a red wall"]


def test_a_model_without_sentences_and_captioner_has_none_to_give(folder):
    client = served_sites.client_of(served_sites.site_of(folder, ColourWords(texts=())))

    answer = client.get("/api/sentences/0").json()

    assert (answer["results"], answer["made"]) == ([], [])
    assert client.get("/api/search?q=red").json()["results"][0]["nearest_sentence"] == ""


def test_sentences_and_pictures_are_embedded_as_the_model_embeds_them(client, site):
    by_words = client.get("/api/embed?q=red&q=a green").json()
    by_form = client.post("/api/embed", data={"q": "blue"}, files={"picture": ("a.png", png("red"))}).json()

    np.testing.assert_allclose(by_words["embeddings"], site.retriever.embed_sentences(["red", "a green"]), atol=1e-6)
    assert by_words["unknown_words"] == [[], ["a"]]
    np.testing.assert_allclose(by_form["embeddings"][0], site.retriever.embed_sentences(["blue"])[0], atol=1e-6)
    np.testing.assert_allclose(by_form["embeddings"][1], site.retriever.embed_pictures([png("red")])[0], atol=1e-6)


@pytest.mark.parametrize(("count", "size"), [(9, (1, 1)), (2, (300, 200))])
def test_pictures_that_are_many_or_large_together_are_not_embedded(client, monkeypatch, count, size):
    monkeypatch.setattr("cmr.pictures.files._upright_rgb", None)
    files = [("picture", ("a.png", png((9 + number, 0, 0), size))) for number in range(count)]

    answer = client.post("/api/embed", files=files)

    assert answer.status_code == 413
    assert answer.json() == {
        "error": "this server takes 8 pictures at once at most, of 100,000 pixels together; send fewer, or reduce them"
    }


def test_a_few_pictures_are_embedded_at_once(client):
    files = [("picture", ("a.png", png((9 + number, 0, 0)))) for number in range(8)]

    assert len(client.post("/api/embed", files=files).json()["embeddings"]) == 8


def test_status_tells_the_gallery_and_its_model(client):
    status = client.get("/api/status").json()

    assert (status["pictures"], status["files"], status["is_being_indexed"], status["says"]) == (5, 5, False, "")
    assert status["model"]["name"] == "colours.cmr"
    assert status["model"]["words"] == 4


def test_what_cmr_index_adds_is_found_without_a_new_start(client, folder, monkeypatch):
    monkeypatch.setattr("cmr.serving.web.live_gallery._SECONDS_BETWEEN_LOOKS", 0)
    assert len(paths(client.get("/api/search?q=red"))) == 5
    colour_words.save(folder / "new.png", (255, 0, 0))
    colour_words.index(folder).close()

    assert paths(client.get("/api/search?q=red"))[0] in ("new.png", "red.png")
    assert "new.png" in paths(client.get("/api/search?q=red"))


def test_a_file_that_is_removed_is_no_result(client, folder):
    (folder / "red.png").unlink()

    assert paths(client.get("/api/search?q=red"))[0] == "red2.tif"


ERRORS = {
    "/api/search": (400, "say what to look for"),
    "/api/search?q=": (400, "say what to look for"),
    "/api/search?q=corgi zebra": (400, "none of the words of 'corgi zebra' is among the model's 4"),
    "/api/search?q=%2B": (400, 'say what to look for: "a dog runs along the sea"'),
    "/api/search?q=red -": (400, "nothing behind it"),
    "/api/search?q=red - red": (400, "cancel each other out"),
    "/api/search?q=red&top=0": (400, "top=0 is not a whole number from 1 to 500"),
    "/api/search?q=red&top=ten": (400, "top=ten is not"),
    "/api/search?q=red&offset=-1": (400, "offset=-1 is not"),
    "/api/search?q=red&offset=5001": (400, "offset=5001 is not a whole number from 0 to 5,000"),
    "/api/search?like=99": (404, "the gallery has no picture 99"),
    "/api/search?like=dog": (400, "dog is no picture's number"),
    "/api/search?upload=0123": (404, "no longer has the picture"),
    "/api/similar/99": (404, "the gallery has no picture 99"),
    "/api/similar/999999999999999999": (404, "the gallery has no picture"),
    "/api/similar/dog": (404, "nothing at this address"),
    "/api/sentences/99": (404, "the gallery has no picture 99"),
    "/api/embed": (400, "give 1 to 100 sentences"),
    "/api/embed?q=": (400, "none of the words of '' is among the model's 4"),
    "/api/embed?q=red&q=corgi": (400, "none of the words of 'corgi' is among the model's 4"),
    f"/api/embed?q=red&q={'a ' * 501}": (400, "a sentence has 1,002 letters; say it in 1,000 at most"),
    f"/api/similar/{'9' * 5000}": (404, "nothing at this address"),
    "/api/": (404, "nothing at this address"),
}


@pytest.mark.parametrize("address", ERRORS)
def test_an_error_is_a_sentence(client, address):
    code, said = ERRORS[address]

    answer = client.get(address)

    assert answer.status_code == code
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]


def test_sending_what_is_no_form_or_no_picture_is_said(client):
    def send(**request):
        answer = client.post("/api/search", **request)
        return answer.status_code, answer.json()["error"]

    for given, code, words in (
        ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, 415, "send a form"),
        ({"files": {"picture": ("a.png", b"no picture")}}, 400, "is not a picture of a format that is read"),
        ({"files": {"picture": ("a.png", b"")}}, 400, "is empty"),
        ({"files": {"picture": ("a.png", png("red")[:60])}}, 400, "can't be decoded"),
        ({"data": {"q": ""}}, 400, "say what to look for"),
    ):
        assert send(**given)[0] == code
        assert words in send(**given)[1]
    assert client.put("/api/search").json() == {"error": "this address is not asked in this way"}


def test_an_error_of_the_server_itself_says_nothing_of_its_inside(site, monkeypatch):
    monkeypatch.setattr(site, "search", lambda *_: 1 / 0)
    client = served_sites.client_of(site)
    client._transport.raise_server_exceptions = False

    answer = client.get("/api/search?q=red")

    assert answer.status_code == 500
    assert answer.json() == {"error": "something went wrong in the server; what it printed says more"}
