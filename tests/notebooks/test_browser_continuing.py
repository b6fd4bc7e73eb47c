"""A person goes on: after a reload, a restart of the kernel, in an earlier run and in a new one."""

import json

import nbformat
import pytest
from browser import Lab
from drawn import make_library, photo, save, write
from test_browser_gallery import press

from dedup_nb.groups.decisions import Decisions
from dedup_nb.session import execute, parameters, preflight, reopening

pytestmark = pytest.mark.browser

PAIRS = 12
POSITION = ".dnb-gallery:not(.dnb-labelling) .dnb-position"  # not of the warranty below


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library of pairs, its profile, and a headless run that is opened in JupyterLab."""
    folder = tmp_path_factory.mktemp("continuing")
    library = make_library(folder / "lib")
    for k in range(PAIRS):
        for size in (2, 3):
            save(photo(100 + k, 96 * size, 64 * size), library / f"mojo1/p{k:02}/{size}.png")
    profile = parameters.load(write(folder / "params/mine.yaml", b"library: ../lib\n"))
    names = ["10_phash"]
    run = preflight.prepare(profile, names)
    states = execute.execute(run, names, lambda line: None)
    assert set(states.values()) == {"done"}
    reopening.reopen(run, print)
    with Lab(run, height=1000) as lab:
        yield lab, run, profile


def position(lab):
    return lab.page.locator(POSITION).inner_text()


def shown(lab):
    """Wait for the gallery, in sight."""
    lab.page.locator(".dnb-gallery").first.scroll_into_view_if_needed()
    lab.page.locator(".dnb-tile").first.wait_for()
    lab.settle()
    lab.page.locator(".dnb-grid").focus()


def where(lab):
    """What a person sees of the place: position, size of the pictures, order of the groups."""
    picture = lab.page.locator(".dnb-picture").first.bounding_box()
    return position(lab), round(picture["width"]), lab.kernel("print(tuner.gallery.sieve)").strip()


def left(run):
    """Wait until the place is on disk; return what was kept of a run."""
    (path,) = run.parent.parent.glob("libraries/*/views/mine/10_phash.json")
    return json.loads(path.read_text())["runs"][run.name]["view"]


def test_an_earlier_run_is_opened_and_gone_on_with_where_it_was_left(world):
    lab, run, profile = world
    results = {path.name for path in (run / "10_phash").iterdir()}
    lab.open("10_phash.ipynb")
    outputs = lab.page.evaluate(
        "() => panel.content.widgets.filter((cell) => cell.model.outputs?.length).length"
    )
    assert outputs > 5  # charts and tables of the headless run, before anything runs
    lab.run_all()
    shown(lab)
    assert str(run) in lab.kernel("print(run.earlier)")  # its results were read
    lab.page.get_by_role("button", name="Filter").click()
    lab.page.get_by_role("combobox", name="order").select_option("bytes")
    lab.page.keyboard.press("Escape")
    press(lab, "Home", "+", "ArrowDown", "ArrowDown", "Enter")
    lab.page.locator(POSITION, has_text="4 /").wait_for()
    lab.settle()
    before = where(lab)
    lab.page.wait_for_timeout(1_800)  # until it rests on disk
    assert left(run)["order"] == "bytes"

    lab.command("docmanager:save")
    lab.open("10_phash.ipynb")  # the page is loaded again; the kernel goes on
    shown(lab)
    assert where(lab) == before

    lab.command("kernelmenu:restart")
    lab._until("() => panel.sessionContext.session?.kernel?.status === 'idle'")
    lab.run_all()
    shown(lab)
    assert where(lab) == before
    assert "continues at group 4" in lab.kernel("print(tuner.said.value)")
    assert {path.name for path in (run / "10_phash").iterdir()} == results  # nothing made twice

    later = execute.for_lab(profile)
    notebook = nbformat.read(later / "10_phash.ipynb", as_version=4)
    nbformat.write(notebook, run / "later.ipynb")  # writes to its own run folder from there
    lab.open("later.ipynb")
    lab.run_all()
    shown(lab)
    assert where(lab) == before
    assert f"where you left {run.name}" in lab.kernel("print(tuner.said.value)")


def test_the_page_of_a_review_agrees_at_once_whoever_decides(world):
    lab, run, _ = world
    lab.open("80_review.ipynb")
    lab.run_all()
    shown(lab)
    standing = lab.page.locator(".jp-RenderedHTMLCommon p", has_text="The plan stages")
    begun = standing.text_content().split(";")[0]
    press(lab, "End", "Enter")  # a copy of a photograph
    other = lab.page.locator(".jp-RenderedHTMLCommon p", has_text="The plan stages")
    other.filter(has_not_text=begun).wait_for(state="attached")  # at once, without a cell
    counts = standing.text_content().split(";")[0].removeprefix("The plan stages ")
    images = counts.split(" ")[0]
    lab.page.locator(".dnb-sums", has_text=f"{images} would move").wait_for()
    assert "is not saved yet" in standing.text_content()
    lab.page.get_by_role("button", name="preview the plan").click()
    lab.page.get_by_role("button", name=f"write this plan: {counts}").click()
    other.filter(has_text="It is saved in").wait_for(state="attached")

    (path,) = run.parent.parent.glob("libraries/*/decisions.jsonl")
    Decisions(path).undo()  # as another notebook does
    other.filter(has_text=begun).wait_for(state="attached")
    assert "is not saved yet" in standing.text_content()
    assert lab.complaints == []
