"""The opening page, the gallery in sight and taking back, in JupyterLab in Chromium."""

import nbformat
import pytest
from browser import Lab
from drawn import make_library, tree, write
from nbformat.sign import NotebookNotary

from dedup_nb.session import execute, parameters
from dedup_nb.steps.opening import filled

pytestmark = pytest.mark.browser

IN_SIGHT = """() => {
  const GALLERY = ".dnb-gallery:not(.dnb-labelling)"; // that of the warranty lies below
  const panel = document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer");
  const seen = panel.getBoundingClientRect();
  const all = [...panel.querySelectorAll(GALLERY)].map((one) => one.getBoundingClientRect());
  return all.length === 1 && all[0].top >= seen.top && all[0].bottom <= seen.bottom;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder of a library with near-duplicates, as `lab` makes it."""
    world = tmp_path_factory.mktemp("browser")
    make_library(world / "lib")
    profile = write(world / "params/mine.yaml", b"library: ../lib\n10_phash:\n  max_distance: 8\n")
    return execute.for_lab(parameters.load(profile))


@pytest.fixture(scope="module")
def lab(folder):
    with Lab(folder, height=1000) as lab:
        yield lab


def test_after_running_all_the_gallery_is_in_sight_whole(lab):
    lab.open("10_phash.ipynb")
    lab.run_all()
    lab.settle()
    lab.page.wait_for_function(IN_SIGHT)
    lab.page.mouse.wheel(0, -1)  # whoever scrolls is left alone
    lab.page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
    lab.page.wait_for_timeout(400)
    assert not lab.page.evaluate(IN_SIGHT)
    lab.page.get_by_role("link", name="Go to the gallery").click()
    lab.page.wait_for_function(IN_SIGHT)
    assert lab.complaints == [] and lab.outside == []


def test_the_lab_opens_with_what_was_found_and_goes_on_from_there(lab, folder):
    filled.write(folder, pytest.fail)
    page = nbformat.read(folder / "index.ipynb", as_version=4)
    NotebookNotary(data_dir=str(lab.log.parent / "data")).sign(page)  # where this lab looks
    lab.open("index.ipynb")
    shown = lab.page.locator(".dedup-nb-opening").last
    assert "images could go, which frees" in shown.inner_text()
    assert shown.locator("img").first.evaluate("(image) => image.naturalWidth") > 20
    shown.get_by_role("button", name="Start this page").click()
    button = lab.page.get_by_role("button", name="Run all finders here (6 notebooks)")
    button.wait_for()
    lab.kernel("runner.names = ['00_catalogue']")  # one shows as much as all
    button.click()
    lab.page.get_by_text("00_catalogue: done").wait_for()
    lab.page.get_by_role("button", name="Run all finders here (5 notebooks)").wait_for()
    assert (folder / "00_catalogue/report.html").is_file()
    lab.page.locator(".dedup-nb-opening a.go", has_text="90_stage").last.click()
    lab.page.wait_for_function(
        "() => jupyterapp.shell.currentWidget?.context?.path === '90_stage.ipynb'"
    )
    assert lab.complaints == [] and lab.outside == []


def test_what_was_staged_is_looked_at_and_taken_back(lab, folder):
    library = folder.parent.parent.parent / "lib"
    before = tree(library)
    lab.open("90_stage.ipynb")
    lab.run_all()
    lab.page.get_by_role("button", name="Stage 3 bundles").click()
    lab.page.get_by_text("staged 3 bundles, 5 files").wait_for()
    assert not (library / "mojo1/plain small.png").exists()
    sheet = lab.page.locator(".widget-html .dedup-nb-sheet").last
    sheet.get_by_text("mojo1/plain small.png").wait_for()
    lab.page.get_by_role("button", name="Take this batch back").last.click()
    lab.page.get_by_text("This moves 3 bundles, 5 files").last.wait_for()
    lab.page.get_by_role("button", name="Yes, move 3 bundles back").last.click()
    lab.page.get_by_text("restored 3 bundles, 5 files").last.wait_for()
    after = {path: entry for path, entry in tree(library).items() if ".dedup_nb" not in path}
    assert after == before
    assert lab.complaints == [] and lab.outside == []
