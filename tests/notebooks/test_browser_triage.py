"""Deciding many things with few keys in real Chromium: next calls, all at once, saved filters."""

import json

import nbformat
import pytest
from browser import Lab
from test_browser_gallery import CLIPPED, LIBRARY, press, said, until

pytestmark = pytest.mark.browser

GALLERY = """
from dedup_nb.widgets.gallery import SavedFilters
from dedup_nb.report.sifting import facets_of


class Cut(list):
    facets = property(lambda self: facets_of(list(self)))


def triaged(g):
    made = [member(g, k, 3) | {"role": "stage" if k else "keeper", "badges": [], "kind": "cropped" if g % 2 else "resized"} for k in range(3)]
    if g % 5 == 4:
        made[2] |= {"role": "review", "lacks": ["prompt"]}
    return {"id": f"g{g}", "title": f"group {g}", "members": made}


decisions = Decisions(Path("decisions-NAME.jsonl"))
gallery = Gallery(Cut(triaged(g) for g in range(30)), thumbnail=lru_cache(2000)(jpeg), decisions=decisions,
                  filters=SavedFilters(Path("filters-NAME.json").resolve()),
                  lacking=lambda path, keeper: ["prompt"] if "/00003/" in path else [])
display(gallery)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), width=1400, height=1000) as lab:
        yield lab


def open_gallery(lab, name):
    cells = [nbformat.v4.new_code_cell(s) for s in (LIBRARY, GALLERY.replace("NAME", name))]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=python), lab.folder / f"{name}.ipynb"
    )
    lab.open(f"{name}.ipynb")
    lab.run_all()
    lab.page.locator(".dnb-tile").first.wait_for()
    lab.page.locator(".dnb-grid").focus()


def on_disk(lab, name):
    path = lab.folder / f"decisions-{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def at(lab, position):
    lab.page.locator(".dnb-position").get_by_text(position, exact=True).wait_for()


def test_one_key_changes_the_keeper_and_selects_all_of_a_group(lab):
    open_gallery(lab, "keeper")
    press(lab, "ArrowRight", "i")
    said(lab, "keeper · ")
    assert [line["mark"] for line in on_disk(lab, "keeper")] == ["keep", "stage"]
    press(lab, "u")
    said(lab, "undone: marks of 2 images")
    assert lab.page.locator("[data-whose='your mark']").count() == 0
    lab.page.locator(".dnb-tile").nth(2).locator(".dnb-picture").click()
    lab.page.get_by_role("button", name="instead of the keeper").click()
    said(lab, "keeper · ")
    press(lab, "ArrowDown", "e")
    assert lab.page.locator(".dnb-tile[aria-selected=true]").count() == 3
    assert "all 3 images selected" in lab.page.locator(".dnb-why").inner_text()
    press(lab, "s")
    said(lab, "all 3 are marked Stage, but one must stay")
    assert lab.page.locator(".dnb-current .dnb-chips", has_text="must stay").count() == 1
    lab.page.get_by_role("button", name="group 4: select every image").click()
    press(lab, "x", "ArrowRight", "i")
    said(lab, "stays too, as it holds what this one lacks: prompt")


def test_what_waits_is_found_by_key_and_mouse_and_accepting_says_what_is_left(lab):
    open_gallery(lab, "calls")
    lab.page.keyboard.press("y")
    lab.page.keyboard.press("Enter")  # typed before the answer came: for the group that is found
    said(lab, "1 image of this group still waits for you")
    assert [line["group"] for line in on_disk(lab, "calls")] == ["g4"]
    assert lab.page.locator(".dnb-state", has_text="reviewed, 1 wait").count() == 1
    lab.page.get_by_role("button", name="next group that waits for your call").click()
    lab.page.locator(".dnb-position", has_text="10 / 30").wait_for()
    press(lab, "Home", "Enter", "Home", "r")
    at(lab, "2 / 30")


def test_all_shown_and_all_alike_are_accepted_after_a_look_at_a_sample(lab):
    open_gallery(lab, "many")
    lab.page.keyboard.press("Shift+A")
    dialog = lab.page.get_by_role("dialog", name="accept many groups")
    dialog.get_by_text("like group 1: 12 open groups · resized, in crop/00000").wait_for(
        state="hidden"
    )
    lab.page.wait_for_function("() => document.activeElement.textContent.startsWith('Accept 1 ')")
    press(lab, "a")
    lab.page.wait_for_function("() => document.activeElement.textContent === 'Accept 30 groups'")
    assert "Accepting leaves 6 images in 6 groups undecided" in dialog.inner_text()
    pictures = "() => [...document.querySelectorAll('.dnb-two img')].filter((one) => one.naturalWidth).length"
    assert lab.page.evaluate(pictures) == 16
    press(lab, "k", "s", "d")  # the gallery behind does not hear them
    first = dialog.locator(".dnb-sampled").all_inner_texts()
    press(lab, "n")
    lab.page.wait_for_function("() => document.activeElement.textContent === 'Accept 30 groups'")
    assert dialog.locator(".dnb-sampled").all_inner_texts() != first
    assert lab.page.evaluate(CLIPPED) == []
    assert on_disk(lab, "many") == []
    press(lab, "Enter")
    said(lab, "accepted 30 groups · 6 images in 6 groups wait for you all the same")
    assert {line["what"] for line in on_disk(lab, "many")} == {"reviewed"}
    assert lab.page.locator(".dnb-row:not([data-state=reviewed])").count() == 0
    press(lab, "u")
    said(lab, "undone: 30 groups accepted at once")
    lab.page.locator(".dnb-row[data-state=open]").first.wait_for()
    lab.page.get_by_role("button", name="accept many groups").click()
    dialog.locator(".dnb-sampled").first.click()  # to that group
    dialog.wait_for(state="hidden")
    assert lab.page.evaluate("() => document.activeElement.className") == "dnb-grid"


def test_filters_are_combined_saved_by_name_applied_and_deleted(lab):
    open_gallery(lab, "filters")
    press(lab, "f")
    page, bar = lab.page, lab.page.get_by_role("search")
    page.get_by_label("role", exact=True).select_option("your call")
    bar.get_by_text("6 of 30 groups").wait_for()
    page.get_by_label("kind").select_option("cropped")
    bar.get_by_text("3 of 30 groups").wait_for()
    page.get_by_label("name has").fill("CROP/00009")
    bar.get_by_text("1 of 30 groups").wait_for()
    page.get_by_label("name of the filter to save").fill("mine")
    page.keyboard.press("Enter")
    said(lab, "saved the filter mine")
    page.get_by_role("button", name="show all groups in the original order").click()
    bar.get_by_text("30 of 30 groups").wait_for()
    open_gallery(lab, "filters")  # another day
    press(lab, "f")
    page.get_by_role("combobox", name="saved filters").select_option("mine")
    bar.get_by_text("1 of 30 groups").wait_for()
    assert page.get_by_label("name has").input_value() == "CROP/00009"
    page.get_by_role("button", name="delete the chosen filter").click()
    said(lab, "deleted the filter mine")
    assert page.get_by_role("combobox", name="saved filters").count() == 0
    until(lambda: json.loads((lab.folder / "filters-filters.json").read_text())["filters"] == {})
    page.get_by_label("name has").fill("")
    page.get_by_label("folder", exact=True).last.fill("crop/00004")
    page.get_by_label("kind").select_option("any")
    bar.get_by_text("1 of 30 groups").wait_for()
    press(lab, "Escape")
    at(lab, "1 / 1")


# Controls without a name for screen readers, and those that lie outside the window or a part of
# which is cut off.
UNNAMED = """() => [...document.querySelectorAll(
    ".dnb-gallery :is(button, input, select, textarea, canvas, [role=gridcell], [role=dialog], [tabindex='0']), .noUi-handle, .jupyter-widgets :is(button, input, select)")]
  .filter((el) => el.getClientRects().length)
  .filter((el) => !(el.getAttribute("aria-label") || el.labels?.[0]?.textContent.trim() || el.title || el.textContent.trim()))
  .map((el) => el.outerHTML.slice(0, 120))"""
CUT = """() => [...(document.querySelector(".dnb-help:not([hidden])") ?? document.querySelector(".dnb-gallery"))
    .querySelectorAll("button, input, select")]
  .filter((el) => el.getClientRects().length && !el.closest("[inert], .dnb-row"))
  .filter((el) => {
    el.scrollIntoView({ block: "nearest", inline: "nearest" });
    const box = el.getBoundingClientRect();
    const spot = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    const inside = box.left >= -1 && box.right <= innerWidth + 1 && box.top >= -1 && box.bottom <= innerHeight + 1;
    return !inside || !(el.disabled || spot?.closest("button, input, select, label") === (el.closest("label") && spot?.closest("label") === el.closest("label") ? spot.closest("button, input, select, label") : el));
  }).map((el) => el.getAttribute("aria-label"))"""


def test_at_200_percent_each_control_is_named_and_in_the_window(lab):
    open_gallery(lab, "zoomed")
    for size in ({"width": 700, "height": 500}, {"width": 560, "height": 900}):
        lab.page.set_viewport_size(size)  # 1400 x 1000 at 200 % leaves 700 x 500
        lab.page.locator(".dnb-grid").focus()
        press(lab, "Home", "ArrowRight", "w")
        for keys in ([], ["f"], ["Escape", "c"], ["g"], ["Escape", "?"], ["Escape", "a"]):
            press(lab, *keys)
            lab.page.wait_for_timeout(200)
            assert lab.page.evaluate(UNNAMED) == [], keys
            assert lab.page.evaluate(CUT) == [], keys
        press(lab, "Escape", "w")
    lab.page.set_viewport_size(lab.size)
