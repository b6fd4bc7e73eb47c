"""Answering pairs in real JupyterLab and Chromium, by keyboard alone."""

import re
import time

import nbformat
import pytest
from browser import Lab
from drawn import photo, save, tree

pytestmark = pytest.mark.browser

PAIRS = 44
MOST_S = 6.0  # of one answer, on a busy machine: until the next pair is sharp

NOTEBOOK = """
from dedup_nb.finders import phash
from dedup_nb.session import workbench
from dedup_nb.widgets import labelling

values = dict(library="library", cache_dir="cache", run_dir="outputs/run", max_distance=8, ceiling=8)
run = workbench.start("10_phash", values)
if not (run.folder / "10_phash/manifest.csv").exists():
    hashes, rows = run.hashes("phash", 64)
    pairs, bound = phash.near_pairs(hashes, 8, 10**6, rows, twins=run.twins)
    run.save(run.candidates(pairs), 8, name="max_distance")
warranty = labelling.warrant(run)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    for seed in range(PAIRS):
        save(photo(seed + 50, 240, 180), folder / f"library/{seed:02}.png")
        save(photo(seed + 50, 240, 180), folder / f"library/{seed:02} again.jpg", quality=88)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(NOTEBOOK)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "labels.ipynb")
    return folder


def begun(lab):
    """Open the notebook, run it, and begin to answer."""
    lab.open("labels.ipynb")
    lab.run_all()
    lab.page.get_by_role("button", name="answer the sample").click()
    return lab


@pytest.fixture(scope="module")
def lab(folder):
    with Lab(folder, width=1400, height=1000) as lab:
        yield begun(lab)


def sheet(lab):
    """The widget, once its first pair is sharp, with the keyboard on it."""
    root = lab.page.locator(".dnb-labelling")
    root.wait_for()
    root.scroll_into_view_if_needed()
    rest(lab)
    root.focus()
    return root


def rest(lab, at=""):
    lab.page.wait_for_function(
        """(at) => {
          const { at: now, busy, sharp } = document.querySelector(".dnb-labelling").dataset;
          return now !== at && busy === "false" && sharp === "true";
        }""",
        arg=at,
    )


def press(lab, root, key):
    at = root.get_attribute("data-at")
    began = time.monotonic()
    lab.page.keyboard.press(key)
    rest(lab, at)
    return time.monotonic() - began


def bound(root):
    text = root.locator(".dnb-told").inner_text()
    return int(re.search(r"at most (\d+) ", text.partition("So far")[2] or text)[1])


def answers(lab):
    return lab.kernel("print(warranty.asking.answers)").strip()


def test_thirty_pairs_by_keyboard_then_close_and_go_on_and_the_bound_falls(lab, folder):
    before = tree(folder / "library")
    root = sheet(lab)
    assert "nobody has looked at a sample" in root.locator(".dnb-told").inner_text()
    took = [press(lab, root, "y") for _ in range(30)]
    print(f"{sum(took) / 30:.2f} s for each answer, {10 * sum(took):.0f} s for 300")
    assert max(took) < MOST_S
    half = bound(root)
    assert half < PAIRS / 4
    assert answers(lab).count("y") == 30

    lab.page.evaluate("() => panel.sessionContext.shutdown()")  # close it
    root = sheet(begun(lab))
    assert root.get_attribute("data-at") == "30"  # go on where it ended
    assert bound(root) == half
    for _ in range(10):
        press(lab, root, "y")
    assert bound(root) < half
    assert tree(folder / "library") == before
    assert (folder / "outputs/run/10_phash/warranty.json").exists()
    assert (lab.complaints, lab.outside) == ([], [])


def test_undo_goes_back_and_unsure_and_no_count_as_wrong(lab):
    root = sheet(lab)
    at = int(root.get_attribute("data-at"))
    assert at >= 1
    lab.page.keyboard.press("u")
    lab.page.wait_for_function(
        "(at) => document.querySelector('.dnb-labelling').dataset.at === at", arg=str(at - 1)
    )
    rest(lab)
    press(lab, root, "?")
    press(lab, root, "n")
    assert answers(lab)[at - 1 : at + 1] == "?n"
    assert "you called 2 wrong" in root.locator(".dnb-told").inner_text()
    for place in (at, at - 1):
        lab.page.keyboard.press("u")
        lab.page.wait_for_function(
            "(at) => document.querySelector('.dnb-labelling').dataset.at === at", arg=str(place)
        )
        rest(lab)


def test_a_key_that_is_held_down_answers_one_pair(lab):
    root = sheet(lab)
    at = int(root.get_attribute("data-at"))
    for repeated in (False, True, True):
        root.dispatch_event("keydown", {"key": "y", "repeat": repeated, "bubbles": True})
    rest(lab, str(at))
    assert answers(lab).count(".") == len(answers(lab)) - at - 1
    press(lab, root, "u")


def test_what_is_asked_has_names_for_those_who_do_not_see_it(lab):
    root = sheet(lab)
    assert root.get_attribute("role") == "application"
    roles = [
        root.get_by_role("button", name=name).count()
        for name in (
            "yes (y)",
            "no (n)",
            "I cannot tell; counts as no (?)",
            "take the last answer back (u)",
        )
    ]
    assert roles == [1, 1, 1, 1]
    assert root.get_by_role("img", name="stays").count() == 1
    assert root.get_by_role("img", name="goes").count() == 1
    assert root.get_by_role("status").count() == 1
    assert "png" not in root.inner_text() and "bit" not in root.inner_text()


def test_difference_flicker_and_the_full_window_by_keys(lab):
    root = sheet(lab)
    lab.page.keyboard.press("h")
    lab.page.locator(".dnb-labelling figcaption b", has_text=re.compile("^difference$")).wait_for()
    lab.page.keyboard.press(" ")
    assert (
        root.get_by_role("button", name="one in the place").get_attribute("aria-pressed") == "true"
    )
    lab.page.keyboard.press("w")
    lab.page.locator(".dnb-labelling.dnb-full").wait_for()
    lab.page.keyboard.press("Escape")
    lab.page.locator(".dnb-labelling:not(.dnb-full)").wait_for()
    assert lab.complaints == []
