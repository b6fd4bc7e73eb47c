"""The notebook of local features: headless with nothing set, and again without a cache."""

import os
from pathlib import Path

import pandas as pd
import papermill
import pytest
from commands import dedup_nb
from drawn import make_library, photo, save, tree
from PIL import ImageOps

from dedup_nb.library import tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.session import notebooks

NOTEBOOK = "30_clip_faiss"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library with turned and cropped copies, and a headless run with nothing set."""
    folder = tmp_path_factory.mktemp("world")
    make_library(folder / "lib")
    whole = photo(9, 480, 320)
    save(whole, folder / "lib/mojo1/whole.png")
    save(ImageOps.mirror(whole).rotate(90, expand=True), folder / "lib/selected/turned.png")
    save(whole.crop((60, 40, 420, 300)), folder / "lib/selected/part.jpg", quality=85)
    (folder / "params").mkdir()
    profile = folder / "params/mine.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
    )
    before = tree(folder / "lib")
    done = dedup_nb("run", profile, "--only", NOTEBOOK)
    assert done.returncode == 0, done.stderr
    assert tree(folder / "lib") == before
    return folder, Path(done.stdout.splitlines()[-1])


def test_turned_and_cropped_copies_are_staged_with_nothing_set(world):
    _, run = world
    rows = {row["path"]: row for row in tables.read_csv(run / NOTEBOOK / "groups.csv")}
    for copy in ("selected/turned.png", "selected/part.jpg"):
        assert (rows[copy]["role"], rows[copy]["keeper"]) == ("stage", "mojo1/whole.png")
    assert {row["measure"] for row in rows.values()} == {"matches"}
    values = [float(row["value"]) for row in rows.values()]
    assert min(values) >= 4 and max(values) == 24


def test_the_measure_and_its_threshold_are_named_on_screen_and_in_the_report(world):
    _, run = world
    for name in ("notebook.ipynb", "report.html", "report.md"):
        text = (run / NOTEBOOK / name).read_text()
        assert "Embedder local: local features that agree" in text, name
        assert "fewer than 20 features" in text, name
    assert "min_matches 4, floor 4" in (run / NOTEBOOK / "notebook.ipynb").read_text()
    assert "min\\_matches=4" in (run / NOTEBOOK / "report.md").read_text()


def test_neighbours_are_written_with_their_matches(world):
    _, run = world
    nearest = pd.read_parquet(run / NOTEBOOK / "neighbours.parquet")
    assert list(nearest.columns) == ["i", "rank", "j", "matches"]
    assert nearest.groupby("i")["matches"].apply(lambda m: m.is_monotonic_decreasing).all()


def test_another_cache_and_one_thread_give_the_same_bytes(world, monkeypatch):
    folder, run = world
    values = read_flat((run / NOTEBOOK / "params.yaml").read_text())
    monkeypatch.setitem(os.environ, "NUMBA_NUM_THREADS", "1")
    papermill.execute_notebook(
        notebooks.notebooks_folder() / f"{NOTEBOOK}.ipynb",
        folder / "out.ipynb",
        values | {"run_dir": str(folder / "again"), "cache_dir": str(folder / "another cache")},
        kernel_name="python3",
        progress_bar=False,
    )
    for name in ("groups.csv", "manifest.csv"):
        again = folder / "again" / NOTEBOOK / name
        assert again.read_bytes() == (run / NOTEBOOK / name).read_bytes()


def test_its_results_are_reviewed_with_those_of_other_finders(world):
    folder, _ = world
    profile = folder / "params/both.yaml"
    profile.write_text((folder / "params/mine.yaml").read_text())
    done = dedup_nb("run", profile, "--only", "10_phash", "--only", NOTEBOOK, "--only", "80_review")
    assert done.returncode == 0, done.stderr
    review = Path(done.stdout.splitlines()[-1]) / "80_review"
    rows = {row["path"]: row for row in tables.read_csv(review / "groups.csv")}
    assert rows["selected/turned.png"]["keeper"] == "mojo1/whole.png"  # which pHash does not find
