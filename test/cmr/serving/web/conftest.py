"""The site that the tests ask: pictures of four colours, copies, and others that are hard to show."""

import colour_words
import pytest
import served_sites

# In the order of their rows.
NAMES = ("blue.png", "green.jpg", "grey.bmp", "red.png", "red2.tif")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    made.mkdir()
    for name in NAMES:
        colour = name.partition(".")[0].removesuffix("2")
        colour_words.save(made / name, colour if "2" not in name else (240, 30, 20))
    return made


@pytest.fixture
def site(folder):
    return served_sites.site_of(folder)


@pytest.fixture
def client(site):
    return served_sites.client_of(site)
