"""Reports and the front page in Chromium: narrow, dark, printed, and pictures that enlarge."""

import io

import pandas as pd
import pytest
from browser import BROWSER_OPTIONS, chromium
from drawn import photo, save
from playwright.sync_api import sync_playwright
from test_report import group

from dedup_nb import report
from dedup_nb.pictures import images
from dedup_nb.report import bars, pages
from dedup_nb.report.links import Links

pytestmark = pytest.mark.browser

LONG = "a folder with a long name/" + "20250705_215218_stage1.5_face_swapped_and_more" * 3 + ".png"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A front page and a report with a large picture, wide tables and long names."""
    folder = tmp_path_factory.mktemp("pages")
    library = folder / "my # library"
    save(photo(1, 1200, 800), library / "big.png")
    buffer = io.BytesIO()
    photo(1).save(buffer, "PNG")
    jpeg = images.measure(buffer.getvalue(), "x", []).thumbnail
    links = Links(library)
    wide = pd.DataFrame({f"a_long_name_of_column_{k}": [LONG[:40], "x"] for k in range(12)})
    pages.write_html(
        folder, title="10_phash: near-duplicate groups", lead=LONG,
        facts=[("images to stage", "1,234")] * 6, notes=[LONG], frames={"Wide": wide},
        charts=[report.histogram([1, 2, 9], 8, "bits")], groups=[group("big.png")] * 40,
        thumbnail=lambda path: jpeg, links=links,
    )  # fmt: skip
    member = {"role": "stage", "says": "could go", "name": LONG, "size": "1×1", "kind": "resized",
              "picture": report.sheets.small(jpeg), "href": links.of("big.png")}  # fmt: skip
    row = {
        "why": LONG,
        "images": 1,
        "size": "1 MB",
        "example": LONG,
        "href": "",
        "finder": "10_phash",
    }
    finder = {"name": "10_phash", "report": "report.html", "groups": 1, "images": 1, "size": "1 MB", "adds": 1,
              "adds_size": "1 MB", "contradicted": 0, "review": 0, "folder": LONG}  # fmt: skip
    pages.write_index(
        folder / "index.html", title=LONG, lead=LONG, headline=LONG, warnings=[LONG], contents=[],
        tiles=[{"figure": "1,234 images", "what": "could go", "more": LONG, "section": "x"}] * 6,
        steps=[{"says": LONG, "commands": [LONG]}], waiting=[row], finders=[finder],
        charts=[bars.by_folder("By folder", [LONG, f"b/{LONG}"], [1, 2])] * 4,
        biggest=[{"title": LONG, "finder": "10_phash", "href": "x", "members": [member] * 6, "more": ""}],
        unreadable={"rows": [{"path": LONG, "href": "", "error": LONG}], "more": ""},
        notebooks=[{"name": "10_phash", "status": "done", "seconds": 1, "links": [], "says": LONG}],
    )  # fmt: skip
    return folder


def opened(browser, path, width=560, scheme="light"):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "report.html"])
def test_a_page_fits_560_pixels_light_and_dark(browser, folder, name, scheme):
    page = opened(browser, folder / name, 560, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 560
    grounds = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, grounds[4:-1].split(","))) > 380) == (scheme == "light")
    page.close()


def large(page):
    """The size of the first picture as it is drawn, and whether it is the whole file."""
    return page.evaluate(
        """() => {
          const box = document.querySelector(".large");
          const whole = box.querySelector(".whole");
          return [box.getBoundingClientRect().width, whole.naturalWidth];
        }"""
    )


def test_a_picture_enlarges_by_keyboard_and_escape_closes_it(browser, folder):
    page = opened(browser, folder / "report.html", 1000)
    assert large(page) == [160, 0]  # the file is not read before it is asked for
    page.locator(".enlarge").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.whole').naturalWidth > 0")
    width, whole = large(page)
    assert width > 900 and whole == 1200
    page.keyboard.press("Escape")
    assert large(page)[0] == 160
    assert page.evaluate("document.activeElement.className") == "enlarge"  # Tab goes on from there
    page.close()


def test_a_picture_enlarges_by_mouse_and_closes_by_its_button_and_beside_it(browser, folder):
    page = opened(browser, folder / "index.html", 1000)
    for close in (
        lambda: page.get_by_role("button", name="close").click(),
        lambda: page.mouse.click(5, 5),
    ):
        page.locator(".enlarge").first.click()
        assert large(page)[0] > 900
        close()
        assert large(page)[0] <= 160
    page.close()


def test_forty_groups_print_on_few_pages(browser, folder):
    page = opened(browser, folder / "report.html", 1000)
    assert page.pdf(format="A4").count(b"/Type /Page\n") <= 4
    page.close()
