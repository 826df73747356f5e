"""Who may ask, how much may be sent, and what a browser may do with the answers."""

import io

import pytest
import served_sites
from PIL import Image

from cmr.serving.web import protection

HOSTS = {
    "127.0.0.1:8080": True,
    "127.0.0.1": True,
    "localhost:8080": True,
    "LOCALHOST": True,
    "[::1]:8080": True,
    "192.168.1.7:8080": True,
    "photos.example.org": True,
    "evil.example.org": False,
    "localhost.evil.example.org": False,
    "127.0.0.1.evil.example.org": False,
    "evil.example.org:8080": False,
    "127.0.0.1@evil.example.org": False,
    "localhost:8080:1": False,
    "localhost:x": False,
    "": False,
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/api/search?q=red", "/thumbnails/0", "/static/page.css"])
def test_only_the_servers_own_names_are_answered(client, host, path):
    answer = client.get(path, headers={"Host": host})

    assert answer.status_code == (200 if HOSTS[host] else 403)
    if not HOSTS[host]:
        assert "this server is not called so" in answer.text


def test_programs_are_refused_in_json_and_pages_in_plain_text(client):
    by_program, by_browser = (client.get(path, headers={"Host": "evil.example.org"}) for path in ("/api/status", "/"))

    assert list(by_program.json()) == ["error"]
    assert by_program.json()["error"].startswith("this server is not called so")
    assert by_browser.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_host_that_it_listens_on_and_given_names_are_its_names():
    assert protection.server_names("Photos", ["A.example.org"]) == {"localhost", "photos", "a.example.org"}


@pytest.mark.parametrize("origin", ["https://evil.example.org", "http://127.0.0.1:9999", "null"])
def test_a_page_of_another_site_can_not_send_a_picture(client, origin):
    files = {"picture": ("a.png", b"")}

    assert client.post("/", files=files, headers={"Origin": origin}).status_code == 403
    assert client.post("/api/search", files=files, headers={"Origin": origin}).status_code == 403


def test_its_own_page_and_a_program_can(client):
    data = {"q": "red"}

    assert client.post("/api/search", data=data, headers={"Origin": "http://127.0.0.1:8080"}).status_code == 200
    assert client.post("/api/search", data=data).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/?q=red", "/pictures/0", "/pictures/0/file", "/api/status", "/nowhere", "/static/page.js"]
)
def test_every_answer_forbids_what_the_page_does_not_need(client, path):
    headers = client.get(path).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_a_body_that_is_too_large_is_refused_whether_announced_or_not(client):
    large = b"x" * (served_sites.UPLOAD_BYTES + 1)
    chunks = (b"x" * 1000 for _ in range(served_sites.UPLOAD_BYTES // 1000 + 1))
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    announced = client.post("/api/search", files={"picture": ("a.png", large)})
    unannounced = client.post("/api/search", content=chunks, headers=form)

    for answer in (announced, unannounced):
        assert answer.status_code == 413
        assert answer.json() == {"error": "that is more than the 200,000 bytes that this server takes"}


def test_a_small_file_of_too_many_pixels_is_refused_before_it_is_decoded(client, monkeypatch):
    stream = io.BytesIO()
    Image.new("1", (1000, 1000)).save(stream, "PNG")
    monkeypatch.setattr("cmr.pictures.files._upright_rgb", None)

    answer = client.post("/api/search", files={"picture": ("a.png", stream.getvalue())})

    assert answer.status_code == 413
    assert "1,000 x 1,000 pixels, and this server takes 100,000 at most" in answer.json()["error"]


def test_a_form_of_many_files_or_fields_is_refused(client):
    many = [("picture", ("a.png", b"x"))] * 3

    assert client.post("/api/search", files=many).status_code == 400
    assert client.post("/api/search", data={f"field{n}": "x" for n in range(200)}, files=many[:1]).status_code == 400


OUTSIDE = [
    "/static/../application.py",
    "/static/..%2fapplication.py",
    "/static/%2e%2e/application.py",
    "/static//etc/passwd",
    "/static/..\\application.py",
    "/thumbnails/../../etc/passwd",
    "/pictures/..%2f..%2fsecret.png/file",
    "/pictures/0.png/file",
    "/pictures/-1/file",
    "/thumbnails/-1",
    "/pictures/99/file",
    "/uploads/..%2f..%2fetc%2fpasswd",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_out_of_the_gallery(client, path):
    assert client.get(path).status_code == 404


def test_a_path_as_query_is_words_and_opens_no_file(client, folder, monkeypatch):
    monkeypatch.chdir(folder)

    for path in ("red.png", "./red.png", "/etc/passwd", str(folder / "red.png")):
        answer = client.get("/api/search", params={"q": path})
        assert answer.status_code == 400
        assert "none of the words" in answer.json()["error"]


def test_what_is_beside_the_gallery_is_served_by_no_row(client, folder):
    (folder / "secret.png").write_bytes((folder / "red.png").read_bytes() + b"changed")

    assert client.get("/pictures/5/file").status_code == 404
