"""`lab --run`: an earlier run is opened with its results, and nothing is computed twice."""

import json

import nbformat
import pandas as pd
import pytest
from drawn import make_library, write
from test_workbench import candidates, start

from dedup_nb import cli, staging
from dedup_nb.finders import phash
from dedup_nb.session import filling, notebooks, reopening, runs


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library, and a run of it with results of `10_phash`."""
    folder = tmp_path_factory.mktemp("world")
    library = make_library(folder / "lib")
    run = start(folder, library)
    run.save(candidates(run), 8, name="max_distance")
    return folder, library, run


def opened(world, **more):
    """Start `10_phash` again in its run folder, as JupyterLab does."""
    folder, library, _ = world
    return start(folder, library, **more)


def test_pairs_come_back_exactly_as_they_were_found(world):
    again = opened(world)
    hashes, rows = again.hashes("phash", 64)
    found, bound = phash.near_pairs(hashes, 16, rows=rows)
    pairs, kept = again.earlier_pairs(16)
    pd.testing.assert_frame_equal(pairs, found)
    assert (kept, type(kept)) == (bound, type(bound))
    assert again.candidates(pairs).set_apart == candidates(again).set_apart


def test_results_that_are_there_are_not_written_twice(world):
    _, _, run = world
    again = opened(world)
    folder = again.save(candidates(again), 8, name="max_distance")
    assert folder == run.folder / "10_phash" and not list(folder.glob("saved-*"))


def test_the_button_saves_although_results_are_there(tmp_path):
    library = make_library(tmp_path / "lib")
    run = start(tmp_path, library)
    first = run.save(candidates(run), 8, name="max_distance")
    again = start(tmp_path, library)
    saved = again.save(candidates(again), 4, name="max_distance", anew=True)
    assert saved.parent == first and saved.name.startswith("saved-")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"max_distance": 6}, "max_distance was different"),
        ({"interactive": False}, ""),  # headless: the same parameters give the same bytes anyway
    ],
)
def test_results_with_other_parameters_are_computed_again(world, capsys, more, said):
    assert opened(world, **more).earlier_pairs(16) is None
    assert said in capsys.readouterr().out


@pytest.fixture
def damaged(tmp_path):
    library = make_library(tmp_path / "lib")
    run = start(tmp_path, library)
    return tmp_path, library, run.save(candidates(run), 8, name="max_distance")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("excluded.parquet", None, "made by an earlier version"),
        ("pairs.parquet", b"PAR1 no more", "does not fit its catalogue"),
        ("summary.json", b"{", "is damaged"),
        ("params.yaml", b"\x00", "is damaged"),
    ],
)
def test_damaged_or_older_results_are_computed_again_with_a_sentence(
    damaged, capsys, name, content, said
):
    folder, library, results = damaged
    (results / name).unlink()
    if content is not None:
        (results / name).write_bytes(content)
    assert start(folder, library).earlier_pairs(16) is None
    out = capsys.readouterr().out
    assert said in out and out.count("Computed again") == 1


def test_results_of_another_version_are_computed_again(damaged, capsys):
    folder, library, results = damaged
    runs.record(results.parent, tool="0.0.9")
    assert start(folder, library).earlier_pairs(16) is None
    assert "were made by version 0.0.9" in capsys.readouterr().out


# ---------------------------------------------------------------- the command


CELL = '{"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["my own note"]}'


@pytest.fixture(scope="module")
def headless(tmp_path_factory):
    """A headless run as it is left: results, an executed notebook, no notebook for the lab."""
    folder = tmp_path_factory.mktemp("headless")
    library = make_library(folder / "lib")
    profile = write(
        folder / "params/lib.yaml", b"library: ../lib\nroots: [mojo1, selected]\nlimit: 90\n"
    )
    run = start(folder, library, limit=90, profile=str(profile), interactive=False)
    run.save(candidates(run), 8, name="max_distance")
    template = nbformat.read(notebooks.notebooks_folder() / "10_phash.ipynb", as_version=4)
    cell = next(c for c in template.cells if "run.describe" in c.source)
    cell.outputs = [nbformat.v4.new_output("stream", text="11 images")]
    nbformat.write(template, run.folder / "10_phash/notebook.ipynb")
    return run.folder


def lab(monkeypatch, *arguments):
    commands = []
    monkeypatch.setattr("nbformat.sign.NotebookNotary.sign", lambda self, notebook: None)
    monkeypatch.setattr("os.execv", lambda program, command: commands.append(command))
    monkeypatch.setattr("os.chdir", lambda folder: None)
    status = cli.main(["lab", *map(str, arguments)])
    return status, [word for command in commands for word in command]


def test_lab_opens_a_headless_run_with_its_parameters_and_outputs(headless, monkeypatch, capsys):
    before = {path: path.read_bytes() for path in headless.rglob("*.*") if path.is_file()}
    status, command = lab(monkeypatch, "--run", headless)
    assert status == 0 and f"--ServerApp.root_dir={headless}" in command
    assert capsys.readouterr().out.splitlines() == [str(headless)]
    names = sorted(path.stem for path in headless.glob("*.ipynb"))
    assert names == [*notebooks.notebook_names(), notebooks.INDEX]
    assert f"--LabApp.default_url=/lab/tree/{notebooks.INDEX}.ipynb" in command
    text = (headless / "10_phash.ipynb").read_text()
    assert '"11 images"' in text and f'run_dir = \\"{headless}\\"' in text
    assert "interactive = True" in text and "limit = 90" in text
    review = (headless / "80_review.ipynb").read_text()  # what was not run takes the profile's
    assert "limit = 90" in review and '[\\"mojo1\\", \\"selected\\"]' in review
    assert {path: path.read_bytes() for path in before} == before


def test_a_notebook_that_a_person_edited_is_left_as_it_is(headless, monkeypatch, capsys):
    assert lab(monkeypatch, "--run", headless)[0] == 0
    path = headless / "20_time_window.ipynb"
    edited = path.read_text().replace('"cells": [', '"cells": [' + CELL + ",", 1)
    path.write_text(edited)
    assert lab(monkeypatch, "--run", headless)[0] == 0
    assert path.read_text() == edited and capsys.readouterr().err == ""


def test_widgets_of_a_kernel_that_is_gone_give_way_to_what_they_showed(headless, monkeypatch):
    assert lab(monkeypatch, "--run", headless)[0] == 0
    path = headless / "20_time_window.ipynb"
    notebook = json.loads(path.read_text())
    data = {"text/html": "<p>a table</p>", filling.WIDGET: {"model_id": "gone"}}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")["outputs"] = [output]
    path.write_text(json.dumps(notebook))
    assert lab(monkeypatch, "--run", headless)[0] == 0
    assert "<p>a table</p>" in path.read_text() and filling.WIDGET not in path.read_text()


@pytest.mark.parametrize("content", ["{", json.dumps({"cells": [], "metadata": {}})])
def test_a_notebook_of_another_version_is_kept_under_another_name(
    headless, monkeypatch, capsys, content
):
    path = headless / "20_time_window.ipynb"
    path.write_text(content)
    assert lab(monkeypatch, "--run", headless)[0] == 0
    (aside,) = headless.glob("*-earlier.ipynb")
    assert aside.read_text() == content and "run.describe()" in path.read_text()
    assert f"1 notebook of another version kept as {aside.name}" in capsys.readouterr().err
    aside.unlink()


@pytest.mark.parametrize(
    ("arguments", "change", "said"),
    [
        (["--out", "x"], {}, "leave --out away"),
        ([], {"library": "/gone/pictures"}, "which is not there; if it was moved"),
        ([], {"roots": ["mojo1", "other"]}, "start a new run"),
        (["else.yaml"], {}, "is a run of"),
    ],
)
def test_a_run_that_cannot_be_opened_gives_one_sentence(
    headless, monkeypatch, capsys, tmp_path, arguments, change, said
):
    other = tmp_path / "run"
    other.mkdir()
    content = json.loads((headless / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(content | change))
    status, command = lab(monkeypatch, *arguments, "--run", other)
    told = capsys.readouterr().err
    assert (status, command) == (2, []) and said in told and len(told.splitlines()) == 1
    assert [path.name for path in other.iterdir()] == ["run.json"]


def test_no_run_folder_gives_one_sentence(monkeypatch, capsys, tmp_path):
    assert lab(monkeypatch, "--run", tmp_path)[0] == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_a_parameter_that_this_version_does_not_have_gives_one_sentence(
    headless, monkeypatch, capsys, tmp_path
):
    other = tmp_path / "run"
    write(other / "10_phash/params.yaml", b"distance_max: 4\n")
    write(other / "run.json", (headless / "run.json").read_bytes())
    status, _ = lab(monkeypatch, "--run", other)
    told = capsys.readouterr().err
    assert status == 2 and "sets distance_max, which 10_phash does not have" in told
    assert "made by another version? Start a new run" in told


def test_a_run_of_another_version_is_opened_and_says_so(headless, monkeypatch, capsys, tmp_path):
    other = tmp_path / "run"
    content = json.loads((headless / "run.json").read_text()) | {"tool": "0.0.9"}
    write(other / "run.json", json.dumps(content).encode())
    assert lab(monkeypatch, "--run", other)[0] == 0
    assert "was made by version 0.0.9" in capsys.readouterr().err


def test_what_was_staged_since_the_run_is_told(tmp_path, capsys):
    run = start(tmp_path, make_library(tmp_path / "lib"))
    manifest = run.save(candidates(run), 8, name="max_distance") / "manifest.csv"
    runs.record(run.folder, started="2025-07-05T00:00:00+00:00")
    reopening.reopen(run.folder, print)
    assert "staged since" not in capsys.readouterr().out
    staging.stage(staging.read_manifest(manifest), run.library)
    reopening.reopen(run.folder, print)
    assert "5 files of the library were staged since run began" in capsys.readouterr().out


def test_a_run_at_work_is_not_opened(headless, monkeypatch, capsys):
    with runs.held(headless):
        assert lab(monkeypatch, "--run", headless)[0] == 4
    assert "is being run by another" in capsys.readouterr().err
