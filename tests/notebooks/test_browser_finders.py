"""`20_time_window` and `50_czkawka` as a person uses them: JupyterLab in Chromium."""

import pytest
from browser import Lab
from drawn import make_library, photo, save, write
from test_browser_phash import set_slider

from dedup_nb.demo import peer
from dedup_nb.session import execute, parameters

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Lab on a run folder of a library with a burst, and results of the real engine."""
    folder = tmp_path_factory.mktemp("browser")
    library = make_library(folder / "lib")
    for second in (0, 4, 8):
        save(photo(20 + second), library / f"selected/20250801_1000{second:02}_stage1.png")
    peer.write_results(folder / "czkawka.json", [library], 8)
    profile = write(
        folder / "params/mine.yaml",
        b"library: ../lib\n20_time_window:\n  seconds: 4\n"
        b"50_czkawka:\n  results: [../czkawka.json]\n",
    )
    with Lab(execute.for_lab(parameters.load(profile)), height=1000) as lab:
        yield lab


def open_and_run(lab, name):
    lab.open(f"{name}.ipynb")
    lab.run_all()
    lab.page.locator(".dnb-tile").first.wait_for()
    lab.settle()


def test_the_window_is_moved_live_and_warns_when_it_is_wide(lab):
    open_and_run(lab, "20_time_window")
    assert lab.page.locator(".dnb-tile").count() == 5
    set_slider(lab, 3)
    lab.page.wait_for_function("() => document.querySelectorAll('.dnb-tile').length === 2")
    set_slider(lab, 31)
    lab.page.get_by_text("chains whole sessions").last.wait_for()
    lab.page.wait_for_function("() => document.querySelectorAll('.dnb-tile').length === 5")
    lab.page.get_by_role("button", name="save this threshold's results").click()
    lab.page.get_by_text("saved in").wait_for()
    assert lab.complaints == [] and lab.outside == []


def test_what_czkawka_found_is_tuned_live(lab):
    open_and_run(lab, "50_czkawka")
    before = lab.page.locator(".dnb-sums").inner_text()
    set_slider(lab, 0)
    lab.page.wait_for_function(
        "(old) => document.querySelector('.dnb-sums').innerText !== old", arg=before
    )
    assert lab.complaints == [] and lab.outside == []
