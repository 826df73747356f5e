"""The page in Chromium: keys, the drop of a picture, more results at the end, the dialog, back; and without scripts.

Skipped where no browser is; with the environment variable CMR_BROWSER_REQUIRED that is a failure.
"""

import os
import pathlib
import shutil

import colour_words
import pytest
import served_sites
from colour_words import ColourWords
from PIL import Image

from cmr.gallery.place import Place

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

REQUIRED = "CMR_BROWSER_REQUIRED"
WIDTHS = (375, 900, 1440)

_FLAGS = (
    "--headless",
    # Chromium refuses a sandbox to the user root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser(profile: pathlib.Path, *, has_scripts: bool = True):
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(paths):
        reason = "chromium and chromedriver are not on this machine"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{reason}, and {REQUIRED} is set")
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if not has_scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, Service(paths[1]))


class Visit:
    """A browser on a site's page.

    Args:
      driver: selenium's.
      address: of the site.
    """

    def __init__(self, driver, address: str):
        self.driver, self.address = driver, address

    def go(self, path: str, width: int = 1000, height: int = 700, is_dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        # The driver takes a page that is there for the one of the same address that is only coming.
        self.driver.get("about:blank")
        self.driver.get(self.address + path)
        self.wait(lambda: self.run("return document.readyState") == "complete")

    def all(self, selector: str):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def type(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def wait(self, condition):
        return WebDriverWait(self.driver, 30).until(lambda _: condition())

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.address)

    @property
    def focused(self) -> str:
        """Id of the card that has the focus, or of the element itself."""
        return self.run("const e = document.activeElement; return e.closest('.card')?.id ?? e.id")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fifty pictures of many forms."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(50):
        size = [(60, 40), (40, 60), (64, 48), (160, 40), (50, 50)][number % 5]
        colour_words.save(folder / f"{number:02}.png", (40 + 4 * number, 90, 240 - 4 * number), size=size)
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with served_sites.serving(served_sites.site_of(folder, ColourWords(says="a plain wall"))) as address:
        yield address


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    started = browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.quit()


@pytest.fixture
def visit(driver, address):
    made = Visit(driver, address)
    yield made
    # Neither a script's error nor anything that the page's policy refused.
    severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not [entry for entry in severe if "status of 4" not in entry["message"]]


def test_a_search_by_keys_alone(visit):
    visit.go("/")
    visit.type("/")
    assert visit.focused == "q"
    visit.type("red", Keys.ENTER)
    visit.wait(lambda: visit.path == "/?q=red")
    visit.type(Keys.ARROW_RIGHT)
    first = visit.focused
    visit.type(Keys.ARROW_RIGHT)
    assert visit.focused == visit.all(".card")[1].get_attribute("id")
    visit.type(Keys.ARROW_LEFT)
    assert visit.focused == first
    visit.type(Keys.ARROW_DOWN)
    assert visit.focused not in (first, "q")
    visit.type(Keys.ARROW_UP, Keys.ARROW_UP)
    assert visit.focused == "q"


def test_enter_looks_at_a_picture_arrows_go_on_and_escape_comes_back_to_it(visit):
    visit.go("/?q=red")
    visit.type(Keys.ARROW_RIGHT)
    card = visit.focused
    visit.type(Keys.ENTER)
    visit.wait(lambda: visit.all("dialog[open] .seen"))
    assert visit.path == f"/pictures/{card.removeprefix('picture-')}?q=red"
    assert "a plain wall" in visit.one("dialog").text
    visit.type(Keys.ARROW_RIGHT)
    second = visit.all(".card")[1].get_attribute("id").removeprefix("picture-")
    visit.wait(lambda: visit.path == f"/pictures/{second}?q=red")
    visit.type(Keys.ESCAPE)
    visit.wait(lambda: visit.path == "/?q=red")
    assert not visit.all("dialog[open]")
    assert visit.focused == card


def test_back_closes_the_picture_and_then_finds_the_former_search(visit):
    visit.go("/?q=blue")
    visit.one("#q").clear()
    visit.one("#q").send_keys("red", Keys.ENTER)
    visit.wait(lambda: visit.path == "/?q=red" and visit.all(".card .actions .look"))
    visit.one(".card .actions .look").click()
    visit.wait(lambda: visit.all("dialog[open] .seen"))
    visit.driver.back()
    visit.wait(lambda: not visit.all("dialog[open]"))
    assert visit.path == "/?q=red"
    visit.driver.back()
    visit.wait(lambda: visit.path == "/?q=blue")
    # And not what was typed there for the next one.
    visit.wait(lambda: visit.one("#q").get_property("value") == "blue")


def test_more_results_come_at_the_end_each_once(visit):
    visit.go("/?q=red")
    assert len(visit.all(".card")) < 50
    visit.run("scrollTo(0, document.body.scrollHeight)")
    visit.wait(lambda: len(visit.all(".card")) == 50)
    assert len({card.get_attribute("id") for card in visit.all(".card")}) == 50
    assert not visit.all(".more")


def test_a_failure_while_scrolling_leaves_the_link_to_more_results(visit):
    visit.go("/?q=red", height=200)
    visit.run("window.failed = 0; window.fetch = async () => { failed++; return new Response('', {status: 500}); }")
    visit.run("scrollTo(0, document.body.scrollHeight)")

    visit.wait(lambda: visit.run("return failed"))
    visit.wait(lambda: visit.one(".more a").text == "More pictures")
    assert len(visit.all(".card")) == 36


def test_of_two_pictures_that_are_looked_at_the_last_is_seen_whichever_comes_first(visit):
    visit.go("/?q=red")
    visit.run(
        "const fetched = window.fetch; window.waiting = [];"
        "window.fetch = (address) => new Promise((give) => waiting.push(() => give(fetched(address))));"
        "[...document.querySelectorAll('a.look.picture')].slice(0, 2).forEach((link) => link.click());"
    )
    second = visit.all(".card")[1].get_attribute("id").removeprefix("picture-")

    visit.run("waiting[1]()")
    visit.wait(lambda: visit.path == f"/pictures/{second}?q=red")
    visit.driver.execute_async_script("waiting[0](); setTimeout(arguments[0], 500)")
    assert visit.path == f"/pictures/{second}?q=red"
    visit.driver.back()
    visit.wait(lambda: visit.path == "/?q=red")


def test_back_from_a_picture_that_was_loaded_again_finds_the_results(visit):
    visit.go("/?q=red")
    visit.one(".card .actions .look").click()
    visit.wait(lambda: visit.all("dialog[open] .seen"))
    visit.driver.refresh()
    visit.wait(lambda: visit.all("main .seen"))
    visit.driver.back()

    visit.wait(lambda: visit.path == "/?q=red" and visit.all(".card") and not visit.all(".seen"))
    visit.driver.forward()
    visit.wait(lambda: visit.all(".seen") and visit.path.startswith("/pictures/"))


_DROP = """
const [box, name, size] = arguments;
const canvas = Object.assign(document.createElement("canvas"), {width: size, height: size});
const context = canvas.getContext("2d");
context.fillStyle = "rgb(230, 90, 50)";
context.fillRect(0, 0, size, size);
const done = arguments[arguments.length - 1];
canvas.toBlob((blob) => {
  const files = new DataTransfer();
  files.items.add(new File([blob], name, {type: blob.type}));
  const event = (kind) => new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true});
  box.dispatchEvent(event("dragover"));
  const isShown = document.body.classList.contains("dropping");
  box.dispatchEvent(event("drop"));
  done(isShown);
});
"""


def test_a_picture_that_is_dropped_is_searched_by_and_joins_what_was_typed(visit):
    visit.go("/")
    visit.one("#q").send_keys("red")

    assert visit.driver.execute_async_script(_DROP, visit.one("main"), "a.png", 50)
    visit.wait(lambda: "upload=" in visit.path)
    assert visit.path.startswith("/?q=red&upload=")
    assert visit.run("return document.querySelector('.chip img').naturalWidth") == 50
    assert visit.one(".card .rank b").text == "1"


def test_what_is_dropped_and_is_no_picture_is_said(visit, tmp_path):
    text = tmp_path / "a.png"
    text.write_text("no picture")
    visit.go("/")
    visit.one("input[type=file]").send_keys(str(text))

    visit.wait(lambda: visit.all(".note.error"))
    assert "is not a picture of a format that is read" in visit.one(".note.error").text


def test_a_picture_that_is_too_large_is_said_before_it_is_sent(visit, tmp_path):
    large = tmp_path / "large.bmp"
    Image.new("RGB", (400, 400)).save(large)
    visit.go("/")
    visit.one("input[type=file]").send_keys(str(large))

    visit.wait(lambda: visit.all(".note.error"))
    assert visit.one(".note.error").text == "large.bmp has 0.5 MB, more than this server takes."


def test_it_says_what_can_be_searched_while_it_is_indexed_and_then_that_it_has_ended(visit, folder):
    with Place.of(folder).writing():
        visit.go("/?q=red")
        assert visit.one("#status").text == "Indexing is under way: 50 pictures can be searched already."
    visit.wait(lambda: visit.all("#notes .note"))
    assert visit.one("#notes .note").text == "Indexing has ended: 50 pictures can be searched."
    assert not visit.all("#status")


def test_the_steps_of_indexing_are_not_read_aloud(visit, folder):
    with Place.of(folder).writing():
        visit.go("/?q=red")
        assert visit.run("return document.querySelector('#status').closest('[role=status], [aria-live]')") is None
    assert visit.one("#notes").get_attribute("role") == "status"


@pytest.mark.parametrize("width", (320, *WIDTHS))
@pytest.mark.parametrize("path", ["/", "/?q=red corgi&like=1&unlike=2", "/pictures/3", "/model"])
def test_nothing_is_wider_than_the_window_and_every_picture_is_shown(visit, width, path):
    visit.go(path, width)

    visible = "[...document.images].filter(i => i.getBoundingClientRect().top < innerHeight)"
    visit.wait(lambda: visit.run(f"return {visible}.every(i => i.complete && i.naturalWidth)"))
    assert visit.run("return document.documentElement.scrollWidth") <= width
    outside = "filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
    assert not visit.run(f"return [...document.querySelectorAll('a, p, h1, button, input')].{outside}")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pictures_of_a_row_are_equally_high(visit, width):
    visit.go("/?q=red", width)
    boxes = visit.run(
        "return [...document.querySelectorAll('.picture img')].map(i => i.getBoundingClientRect())"
        ".map(box => [box.top, box.height, box.width])"
    )

    rows = {}
    for top, height, _ in boxes:
        rows.setdefault(round(top), []).append(height)
    assert len(rows) > 3
    assert max(map(len, rows.values())) > 1
    for heights in rows.values():
        assert max(heights) - min(heights) < 1.5


def test_light_and_dark_follow_the_system(visit):
    grounds = []
    for is_dark in (False, True):
        visit.go("/", is_dark=is_dark)
        grounds.append(visit.run("return getComputedStyle(document.body).backgroundColor"))

    assert grounds == ["rgb(250, 249, 246)", "rgb(21, 20, 18)"]


def test_what_has_the_focus_is_outlined(visit):
    visit.go("/?q=red")
    visit.type(Keys.ARROW_RIGHT)
    style = visit.run("const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]")

    assert style == ["solid", "3px"]


def test_the_tabulator_reaches_the_skip_link_the_box_and_the_actions(visit):
    visit.go("/?q=red")
    met = []
    for _ in range(14):
        # Not to the element: a field for files takes what is sent to it for a path.
        ActionChains(visit.driver).send_keys(Keys.TAB).perform()
        met.append(visit.run("const e = document.activeElement; return e.id || e.textContent.trim() || e.className"))

    assert met[0] == "Skip to the pictures"
    assert "q" in met
    assert [each for each in met if each in ("More like this", "What would one say?", "Open")] == [
        "More like this",
        "What would one say?",
        "Open",
    ]


def test_a_plain_search_and_a_picture_need_no_script(address, tmp_path):
    driver = browser(tmp_path / "profile", has_scripts=False)
    try:
        visit = Visit(driver, address)
        visit.go("/")
        visit.one("#q").send_keys("red", Keys.ENTER)
        visit.wait(lambda: visit.path == "/?q=red")
        visit.one(".more a").click()
        visit.wait(lambda: "offset=36" in visit.path)
        assert len(visit.all(".card")) == 14
        picture = tmp_path / "a.png"
        colour_words.save(picture, (200, 90, 60))
        visit.one("input[type=file]").send_keys(str(picture))
        visit.one(".scriptless").click()
        visit.wait(lambda: "upload=" in visit.path)
        visit.one(".card .actions .look").click()
        visit.wait(lambda: visit.path.startswith("/pictures/"))
        assert "What would one say?" in visit.one("h1").text or visit.one(".said h1").text == "What would one say?"
    finally:
        driver.quit()
