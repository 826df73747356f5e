"""The pages as they are without scripts: what is on them, where their links lead, and that no text becomes markup."""

import collections
import html
import io
import os
import re
import urllib.parse

import colour_words
import pytest
import served_sites
from colour_words import ColourWords
from html_pages import ParsedPage
from PIL import Image

from cmr.gallery.place import Place


def page(answer, code: int = 200) -> ParsedPage:
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return ParsedPage(answer.text)


def links(parsed: ParsedPage) -> list[str]:
    return [values["href"] for tag, values in parsed.elements if tag == "a"]


def cards(parsed: ParsedPage) -> list[str]:
    """Ids of the pictures on a page, in their order."""
    drawn = [values for _, values in parsed.elements if (values.get("class") or "").startswith("card ")]
    return [values["id"].removeprefix("picture-") for values in drawn]


def png(colour) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), colour_words.COLOURS.get(colour, colour)).save(stream, "PNG")
    return stream.getvalue()


def test_before_the_first_query_there_are_pictures_at_random_in_an_order_that_the_seed_decides(client):
    first, again, other = (cards(page(client.get(f"/?seed={seed}"))) for seed in (1, 1, 2))

    assert sorted(first) == sorted(other) == list("01234")
    assert first == again
    assert "Some of them, at random" in page(client.get("/")).text


def test_a_query_shows_ranks_scores_sentences_and_three_actions_in_words(client):
    parsed = page(client.get("/?q=red"))

    assert cards(parsed)[0] == str(client.get("/api/search?q=red&top=1").json()["results"][0]["row"])
    assert re.search(r"Rank\s+1\s+score\s+1\.000", parsed.text)
    for words in ("A red thing.", "More like this", "What would one say?", "Open"):
        assert words in parsed.text
    assert "5 pictures searched in" in parsed.text


def test_every_link_of_the_pages_leads_somewhere(client):
    met, waiting = set(), collections.deque(["/", "/?q=red&like=0", "/pictures/0?q=red"])
    # Those of the pages that come first are enough: a query can be added to for ever.
    while waiting and len(met) < 80:
        address = waiting.popleft()
        if address in met or address.startswith("#"):
            continue
        met.add(address)
        answer = client.get(address)
        # Among so few colours a picture may be all that there is to a query.
        assert answer.status_code == 200 or "cancel each other out" in answer.text, address
        if answer.headers["content-type"].startswith("text/html"):
            parsed = ParsedPage(answer.text)
            waiting += [each for each in parsed.attributes("href") + parsed.attributes("src") if each not in met]

    assert {"/model", "/static/page.css", "/static/page.js", "/static/icon.svg", "/aspects.css"} <= met
    assert any(address.startswith("/thumbnails/") for address in met)


def test_nothing_comes_from_elsewhere_and_no_script_or_style_stands_in_the_page(client):
    for address in ("/", "/?q=red", "/pictures/0", "/model", "/?q=zzz"):
        parsed = ParsedPage(client.get(address).text)
        for place in parsed.attributes("href") + parsed.attributes("src") + parsed.attributes("action"):
            assert place.startswith(("/", "#")), place
            assert not place.startswith("//")
        assert not parsed.attributes("style")
        assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
        assert "style" not in [tag for tag, _ in parsed.elements]
        assert all(values.get("src") for tag, values in parsed.elements if tag == "script")


def test_every_picture_has_an_alternative_text_every_field_a_label_and_a_page_one_heading(client):
    for address in ("/", "/?q=red&like=1&unlike=2", "/pictures/0", "/model"):
        parsed = ParsedPage(client.get(address).text)
        assert all(values.get("alt") for tag, values in parsed.elements if tag == "img")
        assert [tag for tag, _ in parsed.elements].count("h1") == 1
        labels = {values.get("for") for tag, values in parsed.elements if tag == "label"}
        for tag, values in parsed.elements:
            if tag == "input" and values.get("type") not in ("hidden", "file"):
                assert values["id"] in labels


def test_a_picture_is_added_to_the_query_subtracted_and_left_out_by_links(client):
    first = page(client.get("/?q=red"))
    (adding,) = [link for link in links(first) if link == "/?q=red&like=0"]
    added = page(client.get(adding))

    assert "0" not in cards(added)
    assert "/?q=red&like=0&unlike=1" in links(added)
    # The chip's own link leaves it out, and the form keeps it.
    assert "/?q=red" in links(added)
    assert ("input", {"type": "hidden", "name": "like", "value": "0"}) in added.elements


def test_a_picture_that_is_given_has_an_address_that_gives_the_same_again(client):
    answer = client.post("/", files={"picture": ("a.png", png((200, 5, 5)))}, data={"q": "- green"})

    assert answer.status_code == 303
    address = answer.headers["location"]
    assert address.startswith("/?q=-+green&upload=")
    assert cards(page(client.get(address))) == cards(page(client.get(address)))
    assert any(source.startswith("/uploads/") for source in page(client.get(address)).attributes("src"))


def test_a_picture_of_the_gallery_that_is_given_becomes_its_row(client, folder):
    answer = client.post("/", files={"picture": ("x.png", (folder / "blue.png").read_bytes())})

    assert answer.headers["location"] == "/?like=0"


def test_unknown_words_stand_under_the_box(client):
    text = " ".join(page(client.get("/?q=red corgi")).text.split())

    assert "Not among the model’s 4 words, so not heard: corgi" in text


def test_what_is_wrong_stands_under_the_box_and_the_query_stays_in_it(client):
    parsed = page(client.get("/?q=corgi"), 400)

    assert "None of the words of 'corgi' is among the model's 4" in parsed.text
    assert "corgi" in parsed.attributes("value")
    assert "There is nothing at this address." in page(client.get("/nowhere"), 404).text
    assert "Choose a picture first" in page(client.post("/", data={"q": "red"}), 400).text
    assert "no longer has the picture" in page(client.get("/?upload=0123"), 404).text


def test_a_visitor_is_told_of_no_command(client):
    text = page(client.get("/?q=%2B"), 400).text

    assert 'Say what to look for: "a dog runs along the sea".' in text
    assert "python" not in text


def test_a_page_of_results_leads_to_the_next_until_the_end(client, monkeypatch):
    monkeypatch.setattr("cmr.serving.web.pages._PAGE", 2)
    met, address = [], "/?q=red"
    while address:
        parsed = page(client.get(address))
        met += cards(parsed)
        address = next((v["href"] for tag, v in parsed.elements if v.get("rel") == "next"), None)

    assert sorted(met) == list("01234")
    assert met[:2] == cards(page(client.get("/?q=red")))


def test_random_pictures_go_on_in_the_same_order(client, monkeypatch):
    monkeypatch.setattr("cmr.serving.web.pages._PAGE", 3)
    first = page(client.get("/"))
    (address,) = [v["href"] for tag, v in first.elements if v.get("rel") == "next"]

    assert sorted(cards(first) + cards(page(client.get(address)))) == list("01234")


def test_what_one_would_say_is_a_page_of_sentences_to_search_by(folder):
    client = served_sites.client_of(served_sites.site_of(folder, ColourWords(says="a red wall")))
    row = client.get("/api/search?q=red&top=1").json()["results"][0]["row"]
    parsed = page(client.get(f"/pictures/{row}"))

    assert "A red thing." in parsed.text
    assert "a red wall" in parsed.text
    assert "made" in parsed.text
    (address,) = [link for link in links(parsed) if link == "/?q=A%20red%20thing"]
    assert page(client.get(address))
    # A sign within a sentence is no sign of the query.
    (grey,) = [link for link in links(parsed) if "grey" in link]
    assert urllib.parse.unquote(grey) == "/?q=A grey <i>thing</i> & so on"


def test_it_says_while_it_is_indexed_what_can_be_searched(client, folder):
    assert "Indexing is under way" not in page(client.get("/")).text
    with Place.of(folder).writing():
        assert "Indexing is under way: 5 pictures can be searched already." in page(client.get("/")).text


def test_an_empty_gallery_says_how_to_fill_it(tmp_path):
    client = served_sites.client_of(served_sites.site_of(tmp_path))

    assert "No picture is indexed yet" in page(client.get("/")).text
    assert page(client.get("/?q=red"))


def test_the_models_card_is_a_page(client):
    parsed = page(client.get("/model"))

    assert "Knows colours." in parsed.text
    assert "<b>shapes</b>" in parsed.text


def test_a_pictures_place_has_its_aspect_and_the_stylesheet_knows_it(folder):
    for number, size in enumerate([(400, 100), (100, 400), (300, 200), (133, 100)]):
        colour_words.save(folder / f"{number}.png", (200, 0, number), size=size)
    client = served_sites.client_of(served_sites.site_of(folder))
    css = client.get("/aspects.css").text

    classes = re.findall(r'class="card (aspect-\d+)"', client.get("/?q=red").text)
    assert len(classes) == 9
    assert all(f".{each}{{--aspect:" in css for each in classes)
    assert ".aspect-30{--aspect:1.5}" in css


NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "&lt;script&gt;&amp;quot;",
    "red\u202egnp.exe",
    "red\x00\x01\x7f",
    "日本語 🐕 é",
    "\\u003cscript\\u003e${1+1}`",
    "a" * 200,
    "%3Cscript%3E%00",
    "red\r\nSet-Cookie: a=b",
    "--><!--",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_query_stands_on_the_page_and_in_json_as_text_only(client, text):
    for query in (text, f"red {text}"):
        address = f"/?{urllib.parse.urlencode({'q': query})}"
        answer = client.get(address)
        parsed = ParsedPage(answer.text)
        assert answer.status_code in (200, 400)
        assert [values.get("src") for tag, values in parsed.elements if tag == "script"] == ["/static/page.js"]
        assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
        assert " ".join(query.split()) in parsed.attributes("value")
        assert "set-cookie" not in answer.headers
        assert "49" not in parsed.text
        assert "<" not in client.get(f"/api/search?{urllib.parse.urlencode({'q': query})}").text


@pytest.mark.parametrize("text", [text for text in NASTY if "\x00" not in text])
def test_a_files_name_stands_on_the_pages_and_in_json_as_text_only(folder, text):
    name = f"{text.replace('/', '_')}.png"
    colour_words.save(folder / name, (255, 0, 0))
    client = served_sites.client_of(served_sites.site_of(folder))
    results = client.get("/api/search?q=red&top=2")
    (row,) = [each["row"] for each in results.json()["results"] if each["path"] == name]

    for address in ("/?q=red", f"/pictures/{row}", f"/?like={row}"):
        parsed = ParsedPage(client.get(address).text)
        assert [values.get("src") for tag, values in parsed.elements if tag == "script"] == ["/static/page.js"]
        assert not [key for _, values in parsed.elements for key in values if key.startswith("on")]
    assert any(alt.startswith(name) for alt in page(client.get("/?q=red")).attributes("alt"))
    assert "<" not in results.text
    assert client.get(f"/pictures/{row}/file").status_code == 200


def test_a_name_that_is_no_text_is_shown_with_a_mark_in_its_place(folder):
    (folder / "red.png").rename(folder / os.fsdecode(b"\xff\xfe<b>.png"))
    client = served_sites.client_of(served_sites.site_of(folder))

    result = client.get("/api/search?q=red").json()["results"][0]
    assert result["path"] == "\ufffd\ufffd<b>.png"
    assert html.escape(result["path"]) in client.get("/?q=red").text
    assert client.get(result["picture"]).status_code == 200
    assert client.get(result["thumbnail"]).status_code == 200


def test_a_sentence_and_a_caption_stand_on_the_pages_as_text_only(folder):
    retriever = ColourWords(says="<script>x</script>", texts=("<script>alert('red')</script> .",))
    client = served_sites.client_of(served_sites.site_of(folder, retriever))

    for address in ("/?q=red", "/pictures/0", "/"):
        parsed = ParsedPage(client.get(address).text)
        assert [values.get("src") for tag, values in parsed.elements if tag == "script"] == ["/static/page.js"]
