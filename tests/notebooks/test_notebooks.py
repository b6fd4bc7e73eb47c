"""Notebooks: the same ones in JupyterLab, headless and by papermill alone."""

import json
from pathlib import Path

import nbformat
import papermill
import pytest
from commands import dedup_nb
from drawn import make_library, tree
from nbclient import NotebookClient

from dedup_nb.library import tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.session import execute, notebooks, parameters, preflight, runs

NAMES = notebooks.notebook_names()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library, a profile, and a headless run of it."""
    folder = tmp_path_factory.mktemp("world")
    make_library(folder / "lib")
    (folder / "params").mkdir()
    profile = folder / "params/mine.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
        "# a comment\n10_phash:\n  max_distance: 6\n"
    )
    done = dedup_nb("run", profile, "--only", "00_catalogue", "--only", "10_phash")
    assert done.returncode == 0, done.stderr
    return folder, profile, Path(done.stdout.splitlines()[-1])


def sources(name):
    notebook = nbformat.read(notebooks.notebooks_folder() / f"{name}.ipynb", as_version=4)
    return notebook, [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_reads_like_a_page(name):
    notebook, code = sources(name)
    assert notebook.cells[0].source.startswith(f"# {name[:2]} ")
    assert "parameters" in code[0].metadata.tags
    assert code[1].source.startswith(("from", "import"))
    for cell in code[1:]:
        assert len(cell.source.splitlines()) <= 15
        assert "def " not in cell.source and "try:" not in cell.source
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in code)


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_leaves_pictures_that_need_no_kernel(name):
    _, code = sources(name)
    sheets = ("report.Sheet(", "page.sheet(")
    assert any(sheet in cell.source for cell in code for sheet in sheets)


def test_headless_results_are_where_they_belong(world):
    _, _, run = world
    content = json.loads((run / "run.json").read_text())
    assert {name: state["status"] for name, state in content["notebooks"].items()} == {
        "00_catalogue": "done", "10_phash": "done",
    }  # fmt: skip
    assert (run / "10_phash/report.html").exists() and (run / "names.csv").exists()
    index = (run / "index.html").read_text()
    assert "10_phash/report.html" in index and "http" not in index.replace("http-equiv", "")


def test_lab_headless_and_papermill_give_the_same_bytes(world):
    folder, profile, run = world
    lab = execute.for_lab(parameters.load(profile))
    notebook = nbformat.read(lab / "10_phash.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(lab)}}
    ).execute()
    papermill.execute_notebook(
        notebooks.notebooks_folder() / "10_phash.ipynb",
        folder / "out.ipynb",
        parameters=read_flat((run / "10_phash/params.yaml").read_text())
        | {"run_dir": str(folder / "again")},
        kernel_name="python3",
        progress_bar=False,
    )
    for name in ("groups.csv", "manifest.csv"):
        expected = (run / "10_phash" / name).read_bytes()
        assert expected.count(b"\n") > 3
        assert (lab / "10_phash" / name).read_bytes() == expected
        assert (folder / "again/10_phash" / name).read_bytes() == expected


def test_the_executed_notebook_shows_pictures_without_a_kernel(world):
    _, _, run = world
    text = (run / "10_phash/notebook.ipynb").read_text()
    outputs = [o for c in json.loads(text)["cells"] for o in c.get("outputs", [])]
    assert "data:image/jpeg" in text
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)


def test_staging_by_notebook_moves_only_when_told(world, tmp_path):
    folder, _, run = world
    library = folder / "lib"
    before = tree(library)
    values = {"library": str(library), "roots": ["mojo1", "selected"], "cache_dir": str(folder / "cache"),
              "manifest": str(run / "10_phash/manifest.csv"), "interactive": False}  # fmt: skip
    notebook = notebooks.notebooks_folder() / "90_stage.ipynb"
    options = {"kernel_name": "python3", "progress_bar": False}
    papermill.execute_notebook(
        notebook, tmp_path / "a.ipynb", values | {"run_dir": str(tmp_path / "a")}, **options
    )
    assert tree(library) == before
    assert "Nothing was moved, because apply is false" in (tmp_path / "a.ipynb").read_text()
    papermill.execute_notebook(
        notebook,
        tmp_path / "b.ipynb",
        values | {"run_dir": str(tmp_path / "b"), "apply": True},
        **options,
    )
    staged = [r["src"] for r in tables.read_csv(run / "10_phash/manifest.csv")]
    assert not any((library / src).exists() for src in staged)
    assert dedup_nb("restore", "--library", library).returncode == 0
    after = {
        path: entry for path, entry in tree(library).items() if not path.startswith(".dedup_nb")
    }
    assert after == before


def test_a_wrong_parameter_given_to_papermill_stops_the_notebook(world, tmp_path):
    folder, _, _ = world
    values = {
        "library": str(folder / "lib"),
        "roots": ["mojo1"],
        "max_distanse": 3,
        "run_dir": str(tmp_path / "r"),
    }
    with pytest.raises(papermill.PapermillExecutionError, match="max_distanse is not a parameter"):
        papermill.execute_notebook(
            notebooks.notebooks_folder() / "10_phash.ipynb",
            tmp_path / "o.ipynb",
            values,
            kernel_name="python3",
            progress_bar=False,
        )


def test_a_failed_notebook_stops_those_that_need_it_and_is_shown(world, tmp_path, monkeypatch):
    _, profile, _ = world
    loaded = parameters.load(profile)
    run = preflight.prepare(loaded, ["00_catalogue", "10_phash"], tmp_path)
    monkeypatch.setattr(execute, "_execute_one", lambda *given: "ValueError: broke")
    states = execute.execute(run, ["00_catalogue", "10_phash"], lambda line: None)
    assert states == {"00_catalogue": "failed", "10_phash": "skipped"}
    assert "ValueError: broke" in (run / "index.html").read_text()


def test_a_run_is_resumed_with_what_is_not_done(world):
    _, profile, run = world
    again, left = preflight.resume(run, parameters.load(profile), ["00_catalogue", "10_phash"])
    assert (again, left) == (run.resolve(), [])


def test_run_folders_of_one_second_do_not_collide(tmp_path):
    from datetime import UTC, datetime

    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [runs.new_folder(tmp_path, now).name for _ in range(3)] == [
        "20260102T030405Z", "20260102T030405Z-2", "20260102T030405Z-3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "arguments", "complaint"),
    [
        ("library: ../lib\n10_phash: {max_dist: 3}", [], "did you mean max_distance?"),
        ("library: ../lib\n10_phash: {max_distance: x}", [], "it must be a whole number"),
        ("library: ../nowhere", [], "is not a folder"),
        ("library: ../lib\nroots: [nope]", [], "root nope is not a folder"),
        ("library: ../lib\nroots: [mojo1]", ["--only", "10_phas"], "did you mean 10_phash?"),
        ("library: ../lib\nroots: [mojo1]", ["--out", "../lib/out"], "lies inside the library"),
    ],
)
@pytest.mark.parametrize("command", ["run", "lab"])
def test_wrong_input_is_one_sentence_and_exit_2_before_anything_starts(
    world, tmp_path, command, text, arguments, complaint
):
    if command == "lab" and "--only" in arguments:
        arguments = []
        complaint, text = "sets root, which no notebook has", "library: ../lib\nroot: [mojo1]"
    folder, _, _ = world
    profile = folder / "params" / f"{tmp_path.name}.yaml"
    profile.write_text(text)
    done = dedup_nb(command, profile, *arguments, cwd=folder / "params")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "outputs" / profile.stem).exists() and not (folder / "lib/out").exists()
