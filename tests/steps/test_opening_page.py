"""The opening page of the lab: what was found, what waits, where to go on."""

import json

import nbformat
import pytest
from drawn import make_library
from test_workbench import start

from dedup_nb import staging
from dedup_nb.finders import phash
from dedup_nb.session import notebooks, runs
from dedup_nb.session.run import WrongInput
from dedup_nb.steps.opening import filled, page, running


@pytest.fixture
def library(tmp_path):
    return make_library(tmp_path / "lib")


def begun(tmp_path, library, stamp):
    """A run folder in which nothing has run."""
    folder = tmp_path / "outputs/lib" / stamp
    folder.mkdir(parents=True)
    runs.begin(folder, library.resolve(), ["mojo1", "selected"], None)
    return folder


def found(tmp_path, library, stamp="20260101T000000Z"):
    """A run folder with the results of 10_phash."""
    folder = begun(tmp_path, library, stamp)
    run = start(tmp_path, library, notebooks.PHASH, run_dir=str(folder))
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 8, rows=rows)
    run.save(run.candidates(pairs), 8, name="max_distance")
    return folder


def cells(folder):
    return nbformat.read(folder / "index.ipynb", as_version=4)["cells"]


def test_the_page_shows_what_was_found_with_pictures_before_any_cell_has_run(
    tmp_path, library, monkeypatch
):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    folder = found(tmp_path, library)
    filled.write(folder, pytest.fail)
    (shown,) = [cell for cell in cells(folder) if "page" in cell["metadata"].get("tags", [])]
    html = shown["outputs"][0]["data"]["text/html"]
    for part in (
        "images could go, which frees",
        '<img src="data:image/jpeg',
        "mojo1/plain small.png",
        'href="80_review.ipynb"',
        "which images look nearly the same?",
        'data-commandlinker-command="notebook:run-all-cells"',
    ):
        assert part in html
    assert f'run_dir = "{folder}"' in "".join(cell["source"] for cell in cells(folder))
    assert nbformat.sign.NotebookNotary().check_signature(
        nbformat.read(folder / "index.ipynb", as_version=4)
    )


def test_results_that_cannot_be_read_do_not_keep_the_lab_from_opening(
    tmp_path, library, monkeypatch
):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    folder = begun(tmp_path, library, "20260101T000000Z")
    told = []

    def damaged(self, *, live):
        raise ValueError("groups.csv is damaged")

    monkeypatch.setattr(page.Opened, "html", damaged)
    filled.write(folder, told.append)
    assert told == ["the opening page shows no results: groups.csv is damaged"]
    assert not any(cell.get("outputs") for cell in cells(folder))


def test_a_new_run_shows_what_the_latest_run_found(tmp_path, library):
    earlier = found(tmp_path, library)
    later = page.Opened(begun(tmp_path, library, "20260102T000000Z"))
    assert later.found_in == earlier and "This is what the run of" in later.html()
    assert f"lab --run {earlier}" in later.html()
    assert [row.name for row in later.rows if row.is_next] == [notebooks.PHASH]


def test_a_run_of_another_library_is_not_shown(tmp_path, library):
    found(tmp_path, library)
    other = make_library(tmp_path / "other/lib")
    opened = page.Opened(begun(tmp_path, other, "20260102T000000Z"))
    assert "Nothing has been looked for yet." in opened.html()


def test_the_page_names_what_is_staged_and_where_to_go_on(tmp_path, library):
    folder = found(tmp_path, library)
    assert [row.name for row in page.Opened(folder).rows if row.is_next] == [notebooks.REVIEW]
    staging.stage(staging.read_manifest(folder / "10_phash/manifest.csv"), library)
    opened = page.Opened(folder)
    assert "in 1 batch" in opened.staged and opened.staged in opened.html()
    assert [row.name for row in opened.rows if row.is_next] == [notebooks.APPROVE]


def test_only_finders_without_results_are_run_here(tmp_path, library, capsys):
    folder = found(tmp_path, library)
    opened = page.Opened(folder)
    assert notebooks.PHASH not in page.missing(folder)
    assert notebooks.CATALOGUE in page.missing(folder)
    assert running.offer(opened, interactive=False) is None
    assert "has no profile" in capsys.readouterr().out
    opened.content["profile"] = str(tmp_path / "my profile.yaml")
    running.offer(opened, interactive=False)
    hint = capsys.readouterr().out
    assert f"--resume {folder} --only 00_catalogue" in hint and "--only 10_phash" not in hint
    assert f"'{tmp_path}/my profile.yaml'" in hint


def test_the_cells_of_the_page_run_without_widgets(tmp_path, library, capsys):
    folder = found(tmp_path, library)
    shipped = json.loads((notebooks.notebooks_folder() / "index.ipynb").read_text())
    variables = {}
    for cell in shipped["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), variables)
            variables |= {"run_dir": str(folder), "interactive": False}
    assert variables["runner"] is None


def test_without_a_run_the_page_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(notebooks, "notebooks_folder", lambda: tmp_path / "notebooks")
    with pytest.raises(WrongInput, match="nothing has run yet; to start, run: "):
        page.open_run(None)
    with pytest.raises(WrongInput, match="is not a run folder"):
        page.open_run(str(tmp_path))
