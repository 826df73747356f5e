"""Pictures as a browser shows them."""

import io

import colour_words
import pytest
import served_sites
from PIL import Image


def opened(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def row_of(client, name: str) -> int:
    results = client.get("/api/search?q=red&top=100").json()["results"]
    return next(result["row"] for result in results if result["path"] == name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("red.png", "image/png"),
        ("green.jpg", "image/jpeg"),
        ("grey.bmp", "image/bmp"),
        # No browser shows it.
        ("red2.tif", "image/jpeg"),
    ],
)
def test_a_picture_is_sent_as_it_is_where_browsers_show_its_kind(client, folder, name, kind):
    answer = client.get(f"/pictures/{row_of(client, name)}/file")

    assert answer.headers["content-type"] == kind
    assert opened(answer).size == (40, 30)
    assert (answer.content == (folder / name).read_bytes()) == (name != "red2.tif")


def test_the_kind_is_that_of_the_content_and_not_of_the_name(folder):
    with Image.open(folder / "blue.png") as picture:
        picture.save(folder / "page.gif", "PNG", compress_level=1)
    client = served_sites.client_of(served_sites.site_of(folder))

    assert client.get(f"/pictures/{row_of(client, 'page.gif')}/file").headers["content-type"] == "image/png"


def test_what_is_no_picture_any_more_is_not_sent(client, folder):
    row = row_of(client, "red.png")
    (folder / "red.png").write_text("<script>alert(1)</script>")

    for path in (f"/pictures/{row}/file", f"/thumbnails/{row}"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "alert" not in answer.text


def test_a_removed_picture_is_not_there(client, folder):
    row = row_of(client, "red.png")
    (folder / "red.png").unlink()

    assert client.get(f"/pictures/{row}/file").status_code == 404
    assert client.get(f"/pictures/{row}").status_code == 404


def test_a_thumbnail_is_upright_small_and_kept_by_the_browser_under_the_name_of_its_content(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    colour_words.save(folder / "turned.jpg", "blue", size=(1500, 600), exif=exif)
    client = served_sites.client_of(served_sites.site_of(folder))
    (result,) = [r for r in client.get("/api/search?q=blue").json()["results"] if r["path"] == "turned.jpg"]

    answer = client.get(result["thumbnail"])

    assert opened(answer).size == (192, 480)
    assert "immutable" in answer.headers["cache-control"]
    for other in (f"/thumbnails/{result['row']}", f"/thumbnails/{result['row']}?v=000000000000"):
        assert "immutable" not in client.get(other).headers["cache-control"]


def test_a_name_of_any_letters_goes_into_the_header(folder):
    name = 'été "x"\\ 日.png'
    colour_words.save(folder / name, (250, 0, 0))
    client = served_sites.client_of(served_sites.site_of(folder))

    answer = client.get(f"/pictures/{row_of(client, name)}/file")

    assert answer.headers["content-disposition"].startswith("inline; filename*=")


def test_an_upload_is_shown_again_to_who_has_it(client):
    stream = io.BytesIO()
    Image.new("RGB", (60, 20), (1, 2, 3)).save(stream, "PNG")
    address = client.post("/", files={"picture": ("a.png", stream.getvalue())}).headers["location"]

    assert opened(client.get(f"/uploads/{address.partition('upload=')[2]}")).size == (60, 20)
    assert client.get("/uploads/0000").status_code == 404


def test_pictures_are_read_with_the_limit_that_the_model_was_opened_with(folder):
    retriever = colour_words.ColourWords()
    client = served_sites.client_of(served_sites.site_of(folder, retriever))
    row = row_of(client, "red2.tif")
    addresses = f"/pictures/{row}/file", f"/thumbnails/{row}"

    retriever.max_pixels = 1
    refused = [client.get(address).status_code for address in addresses]
    retriever.max_pixels = 1_000_000
    shown = [client.get(address).status_code for address in addresses]

    assert (refused, shown) == ([404, 404], [200, 200])
