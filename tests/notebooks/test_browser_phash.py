"""`10_phash` as a person uses it: JupyterLab in Chromium, slider, keyboard, buttons."""

import json

import pytest
from browser import Lab
from drawn import make_library, photo, save, write

from dedup_nb.session import execute, parameters

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=document.title='hacked'>.png"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A library, its profile, and `10_phash` run in Lab."""
    folder = tmp_path_factory.mktemp("browser")
    library = make_library(folder / "lib")
    far = photo(2).point(lambda value: value * 3 // 4 + 20).rotate(7, fillcolor="grey")
    save(far, library / "mojo1" / HOSTILE)  # near `plain.png` only at a looser threshold
    profile = write(
        folder / "params/mine.yaml", b"library: ../lib\n# kept\n10_phash:\n  max_distance: 4\n"
    )
    run = execute.for_lab(parameters.load(profile))
    with Lab(run, height=1000) as lab:
        lab.open("10_phash.ipynb")
        lab.run_all()
        lab.page.locator(".dnb-tile").first.wait_for()
        yield lab, run, profile


def set_slider(lab, value):
    readout = lab.page.locator(".widget-hslider .widget-readout")
    readout.click()
    lab.page.keyboard.press("Control+A")
    lab.page.keyboard.type(str(value))
    lab.page.keyboard.press("Enter")


def groups_shown(lab):
    return int(lab.kernel("print(len(tuner.gallery.groups))"))


def would_move(lab):
    return lab.page.locator(".dnb-sums").inner_text()


def test_moving_the_slider_cuts_the_groups_again(opened):
    lab, _, _ = opened
    lab.settle()
    before, members = would_move(lab), lab.page.locator(".dnb-tile").count()
    set_slider(lab, 16)
    lab.page.wait_for_function(
        "(old) => document.querySelector('.dnb-sums').innerText !== old", arg=before
    )
    assert lab.kernel("print(tuner.cut.threshold)").strip() == "16"
    assert lab.page.locator(".noUi-handle").get_attribute("aria-label") == "max_distance"
    lab.settle()
    assert lab.page.locator(".dnb-tile").count() > members  # the turned copy has joined
    assert (
        lab.page.title() != "hacked" and HOSTILE[:10] in lab.page.locator(".dnb-grid").inner_text()
    )


def test_a_mark_by_keyboard_is_in_decisions_at_once(opened):
    lab, run, _ = opened
    lab.page.locator(".dnb-grid").focus()
    for key in ("Home", "ArrowRight", "k"):
        lab.page.keyboard.press(key)
    lab.page.locator(".dnb-said", has_text="keep").wait_for()
    lines = [
        json.loads(line)
        for line in next(run.parent.parent.glob("libraries/*/decisions.jsonl"))
        .read_text()
        .splitlines()
    ]
    assert [(line["what"], line["mark"], line["finder"]) for line in lines] == [
        ("mark", "keep", "10_phash")
    ]
    marked = lines[0]["path"]
    role = lab.kernel(
        f"print(dict(zip(candidates.images.paths, tuner.cut.roles.tolist()))[{marked!r}])"
    )
    assert role.strip() == "4"  # protected: the plan obeys at once


def test_the_buttons_save_and_write_the_threshold(opened):
    lab, run, profile = opened
    set_slider(lab, 6)
    lab.page.get_by_role("button", name="save this threshold's results").click()
    lab.page.locator(".widget-html-content", has_text="saved in").wait_for()
    (saved,) = (run / "10_phash").glob("saved-*")
    assert json.loads((saved / "summary.json").read_text())["threshold"] == 6
    lab.page.get_by_role("button", name="write threshold to the profile").click()
    lab.page.locator(".widget-html-content", has_text="wrote max_distance: 6 to").wait_for()
    assert profile.read_text() == "library: ../lib\n# kept\n10_phash:\n  max_distance: 6\n"


def test_nothing_asks_the_network(opened):
    lab, _, _ = opened
    assert lab.outside == []
