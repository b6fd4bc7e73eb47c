"""`80_review` and what the gallery shows of sets, filters, texts and the slider, in real Chromium."""

import json

import nbformat
import pytest
from browser import Lab
from drawn import make_library, photo, save, write
from test_browser_gallery import CLIPPED, LIBRARY, contrast, focused, press, said, titles
from test_browser_phash import set_slider

from dedup_nb.library import tables
from dedup_nb.session import execute, parameters, preflight

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=document.title='hacked'>"
PAIRS = 12
POSITION = ".dnb-gallery:not(.dnb-labelling) .dnb-position"  # not of the warranty below


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A library of twelve pairs with captions, and a run of two finders to be reviewed in Lab."""
    folder = tmp_path_factory.mktemp("browser")
    library = make_library(folder / "lib")
    for k in range(PAIRS):
        for size in (2, 3):
            path = library / f"mojo1/p{k:02}/{size}.png"
            save(photo(100 + k, 96 * size, 64 * size), path)
            write(path.with_suffix(".yaml"), f"prompt: hill {k}\nsteps: {size}\n".encode())
            write(path.with_suffix(".caption"), f"{HOSTILE} {size}\n".encode())
    profile = write(folder / "params/mine.yaml", b"library: ../lib\n")
    loaded = parameters.load(profile)
    names = ["10_phash", "20_time_window"]
    states = execute.execute(preflight.prepare(loaded, names), names, lambda line: None)
    assert set(states.values()) == {"done"}
    run = execute.for_lab(loaded)
    with Lab(run, height=1000) as lab:
        yield lab, run


def open_notebook(lab, name):
    lab.open(f"{name}.ipynb")
    lab.run_all()
    lab.page.locator(".dnb-tile").first.wait_for()
    lab.page.locator(".dnb-grid").focus()


def decided(run):
    files = run.parent.parent.glob("libraries/*/decisions.jsonl")
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_ten_groups_are_reviewed_by_keyboard_alone_to_a_written_manifest(opened):
    lab, run = opened
    open_notebook(lab, "80_review")
    before = len(decided(run))
    for _ in range(10):
        lab.page.keyboard.press("Enter")  # faster than the answers come
    lab.page.locator(POSITION, has_text="11 /").wait_for()
    lab.settle()
    lines = decided(run)[before:]
    assert [line["what"] for line in lines] == ["reviewed"] * 10
    assert len({line["group"] for line in lines}) == 10  # each once, none left out
    assert lab.page.locator(POSITION).inner_text().startswith("11 /")
    look = lab.page.get_by_role("button", name="preview the plan")
    look.focus()
    lab.page.keyboard.press("Enter")
    lab.page.get_by_text("this plan would stage").wait_for()
    assert lab.page.locator("td", has_text="mojo1").first.is_visible()
    assert not list((run / "80_review").glob("saved-*"))
    lab.page.keyboard.press("Tab")
    lab.page.keyboard.press("Enter")
    lab.page.get_by_text("written; to stage it").wait_for()
    (saved,) = (run / "80_review").glob("saved-*")
    staged = [r["path"] for r in tables.read_csv(saved / "groups.csv") if r["role"] == "stage"]
    moved = [row["src"] for row in tables.read_csv(saved / "manifest.csv")]
    assert 0 < len(staged) < 14 and set(staged) <= set(moved)
    assert any(path.endswith(".caption") for path in moved)
    assert lab.outside == [] and lab.complaints == []


def test_a_decision_is_revoked_from_the_table(opened):
    lab, run = opened
    open_notebook(lab, "80_review")
    press(lab, "ArrowRight", "k")
    said(lab, "saved: keep")
    lab.page.get_by_role("button", name="refresh").click()
    lab.page.get_by_text("mark: keep").last.wait_for()
    lab.page.get_by_role("button", name="revoke", exact=True).first.click()
    lab.page.get_by_text("mark: keep").last.wait_for(state="detached")
    assert decided(run)[-1]["mark"] is None


def test_keys_typed_ahead_of_a_new_cut_mean_what_was_seen(opened):
    lab, run = opened
    open_notebook(lab, "10_phash")
    press(lab, "Home")
    seen = titles(lab)[0]
    before = len(decided(run))
    # each choice makes another cut; none of the keys waits for it
    for key in ("ArrowRight", "k", "ArrowDown", "ArrowRight", "s", "ArrowDown", "d"):
        lab.page.keyboard.press(key)
    lab.page.locator(POSITION, has_text="4 /").wait_for()
    lab.settle()
    keep, stage, answer = decided(run)[before:]
    assert (keep["mark"], stage["mark"], answer["what"]) == ("keep", "stage", "not_duplicate")
    assert len({line["group"] for line in (keep, stage, answer)}) == 3
    for _ in range(3):
        press(lab, "u")
    assert titles(lab)[0] == seen


def test_the_slider_names_and_pictures_the_pairs_that_joined_and_left(opened):
    lab, _ = opened
    open_notebook(lab, "10_phash")
    strip = lab.page.locator(".dnb-changed")
    assert strip.inner_text().startswith("Move the slider to see the pairs")
    set_slider(lab, 16)
    strip.get_by_text("joined").wait_for()
    set_slider(lab, 0)
    strip.get_by_text("left").wait_for()
    pair = strip.locator(".dnb-pair").first
    assert " and " in pair.get_attribute("aria-label")
    lab.page.wait_for_function(
        "() => [...document.querySelectorAll('.dnb-pair img')].every((img) => img.naturalWidth)"
    )
    lab.settle()
    assert lab.page.evaluate(CLIPPED) == []


def test_captions_and_prompts_are_compared_as_text(opened):
    lab, _ = opened
    open_notebook(lab, "10_phash")
    lab.page.locator(".dnb-row", has_text="3.png").first.locator(".dnb-picture").first.click()
    press(lab, "c")
    facts = lab.page.get_by_role("region", name="what differs")
    facts.locator("th", has_text=".yaml").wait_for()
    assert facts.locator(".dnb-gone", has_text="steps: 3").count() == 1
    assert facts.locator(".dnb-new", has_text="steps: 2").count() == 1
    text = facts.locator("tr.dnb-differs", has_text=".caption").inner_text()
    assert HOSTILE in text and "hacked" not in lab.page.title()
    assert facts.locator("img").count() == 0
    lab.page.keyboard.press("Tab")
    press(lab, "Escape")
    assert lab.complaints == [] and lab.outside == []


def test_groups_are_filtered_and_ordered_by_keyboard(opened):
    lab, _ = opened
    open_notebook(lab, "80_review")
    every = lab.page.locator(POSITION).inner_text().split("/")[1].strip()
    press(lab, "Home", "Enter")  # one at least is reviewed
    lab.page.keyboard.press("f")
    lab.page.get_by_label("order", exact=True).wait_for()
    lab.page.wait_for_function(
        "() => document.activeElement.getAttribute('aria-label') === 'order'"
    )
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("ArrowDown")  # most bytes freed first
    lab.page.wait_for_function(
        "() => document.querySelector('.dnb-gallery').dataset.painted !== '0'"
    )
    for name in lab.page.locator(".dnb-filter :is(input, select)").all():
        assert name.get_attribute("aria-label")
    unreviewed = lab.page.get_by_label("not reviewed yet")
    unreviewed.focus()
    lab.page.keyboard.press("Space")
    lab.page.locator(".dnb-sums", has_text=f"of {every}").wait_for()
    lab.page.keyboard.press("Escape")
    assert lab.page.evaluate("() => document.activeElement.className") == "dnb-grid"
    assert lab.page.get_by_role("button", name="in use").count() == 1
    lab.settle()
    assert lab.page.locator(".dnb-row[data-state=reviewed]").count() == 0
    assert lab.cells()  # no key has reached the notebook
    lab.page.keyboard.press("f")
    lab.page.get_by_role("button", name="show all groups in the original order").click()
    lab.page.locator(POSITION, has_text=f"/ {every}").wait_for()


# ---------------------------------------------------------------- sets

SETS = """
def a_set(g):
    members = [member(g, k, 6) | {"role": "stage" if k // 3 else "keeper", "stage": f"stage{k % 3 + 1}"} for k in range(6)]
    if g == 1:
        members[4] = None
    return {"id": f"g{g}", "title": f"set {g}", "members": members, "columns": 3}


gallery = Gallery([a_set(g) for g in range(40)], thumbnail=lru_cache(2000)(jpeg), decisions=Decisions(None))
display(gallery)
"""


def columns_of(lab, row):
    return [
        [round(tile.bounding_box()[side]) for side in ("x", "y")]
        for tile in row.locator(".dnb-strip > *").all()
    ]


def test_sets_are_shown_stage_under_stage_and_compared_with_the_kept_set(opened, tmp_path):
    lab, _ = opened
    cells = [nbformat.v4.new_code_cell(source) for source in (LIBRARY, SETS)]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=python)
    nbformat.write(notebook, lab.folder / "sets.ipynb")
    open_notebook(lab, "sets")
    row = lab.page.locator(".dnb-row").first
    places = columns_of(lab, row)
    assert len(places) == 6
    for above, below in zip(places[:3], places[3:], strict=True):
        assert above[0] == below[0] and above[1] < below[1]
    press(lab, "ArrowRight", "v")
    assert focused(lab).get_attribute("id").endswith("-4")
    press(lab, "c")
    compare = lab.page.get_by_role("dialog", name="compare images")
    compare.locator(".dnb-zoom", has_text="%").wait_for()
    names = compare.locator("figcaption bdi").all_inner_texts()
    assert [name[9:15] for name in names] == ["000001", "000004"]
    assert "stage 2 of 3" in compare.locator(".dnb-title").inner_text()
    press(lab, "ArrowRight")
    assert "stage 3 of 3" in compare.locator(".dnb-title").inner_text()
    press(lab, "Escape", "Home", "ArrowDown", *["ArrowRight"] * 4)  # over the stage that is missing
    assert focused(lab).get_attribute("id").endswith("-5")
    assert lab.page.locator(".dnb-gap").first.inner_text() == "stage missing"
    for dark in (True, False):
        lab.theme(dark)
        for width in (560, 1280):
            lab.page.set_viewport_size({"width": width, "height": 900})
            lab.settle()
            assert lab.page.evaluate(CLIPPED) == []
            assert contrast(lab, ".dnb-tile .dnb-name") > 4.5
    lab.page.set_viewport_size(lab.size)
    assert lab.complaints == []
