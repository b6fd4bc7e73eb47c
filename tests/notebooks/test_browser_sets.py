"""`40_set_pruning` and `60_clusters` as a person uses them: JupyterLab in Chromium."""

import pytest
from browser import Lab
from drawn import write
from setlibrary import make_sets
from test_browser_finders import open_and_run
from test_browser_phash import set_slider

from dedup_nb.session import execute, parameters

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Lab on a run folder of a library of sets."""
    folder = tmp_path_factory.mktemp("browser")
    make_sets(folder / "lib")
    profile = write(folder / "params/mine.yaml", b"library: ../lib\n")
    with Lab(execute.for_lab(parameters.load(profile)), height=1000) as lab:
        yield lab


def sums(lab):
    return " ".join(lab.page.locator(".dnb-sums").inner_text().split())


def wait_for_sums(lab, part, there=True):
    lab.page.wait_for_function(
        "([part, there]) => document.querySelector('.dnb-sums').innerText"
        ".replace(/\\s+/g, ' ').includes(part) === there",
        arg=[part, there],
    )


def test_sets_are_tuned_by_two_sliders_and_a_mark_counts_for_the_whole_set(lab):
    open_and_run(lab, "40_set_pruning")
    assert "6 would move" in sums(lab)
    lab.page.locator(".dnb-tile").nth(4).click()  # a stage of the second set
    lab.page.keyboard.press("k")
    wait_for_sums(lab, "3 would move")
    lab.page.keyboard.press("u")
    wait_for_sums(lab, "6 would move")
    assert lab.page.get_by_text("max_edited_area").count() > 0
    assert lab.page.get_by_text("difference, four times as bright").count() > 0
    assert lab.complaints == [] and lab.outside == []


def test_clusters_are_tuned_live(lab):
    open_and_run(lab, "60_clusters")
    groups = sums(lab).split(" would")[0]  # so many groups, none of which would move
    set_slider(lab, 6)
    wait_for_sums(lab, groups, there=False)
    assert lab.complaints == [] and lab.outside == []
