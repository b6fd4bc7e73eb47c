"""The notebook of embeddings: headless, by papermill alone, and tuned live."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import papermill
import pytest
import yaml
from pictures import make_library, tree
from test_workbench import start

from dedup_nb import embeddings, index, parameters, tables, tuning

NOTEBOOK = "30_clip_faiss"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library, a profile, and a headless run of the notebook."""
    folder = tmp_path_factory.mktemp("world")
    make_library(folder / "lib")
    (folder / "params").mkdir()
    profile = folder / "params/mine.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
    )
    before = tree(folder / "lib")
    done = dedup_nb("run", profile, "--only", NOTEBOOK)
    assert done.returncode == 0, done.stderr
    assert tree(folder / "lib") == before
    return folder, profile, Path(done.stdout.splitlines()[-1])


def dedup_nb(*arguments):
    command = [sys.executable, "-m", "dedup_nb", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_headless_run_leaves_its_results(world):
    _, _, run = world
    rows = {row["path"]: row for row in tables.read_csv(run / NOTEBOOK / "groups.csv")}
    assert rows["mojo1/plain small.png"]["role"] == "stage"
    assert rows["mojo1/plain small.png"]["keeper"] == "mojo1/plain.png"
    assert rows["selected/20250706_101010_stage3_enhanced.jpg"]["role"] == "stage"
    assert "mojo1/alone.png" not in rows and "mojo1/grey1.png" not in rows
    assert {row["measure"] for row in rows.values()} == {"cosine"}
    staged = [row["src"] for row in tables.read_csv(run / NOTEBOOK / "manifest.csv")]
    assert "mojo1/plain small.txt" in staged  # a companion goes along
    summary = json.loads((run / NOTEBOOK / "summary.json").read_text())
    assert summary["rule"] == "30_clip_faiss min_cosine=0.8500"


def test_the_embedder_and_its_scale_are_named_on_screen_and_in_the_report(world):
    _, _, run = world
    for name in ("notebook.ipynb", "report.html", "report.md"):
        text = (run / NOTEBOOK / name).read_text()
        assert "Embedder dct: low frequencies" in text, name
    text = (run / NOTEBOOK / "notebook.ipynb").read_text()
    assert "min_cosine 0.85, floor 0.5, on its own scale" in text
    assert "data:image/jpeg" in text and "widget-view+json" not in text


def test_neighbours_are_written_nearest_first(world):
    _, _, run = world
    nearest = pd.read_parquet(run / NOTEBOOK / "neighbours.parquet")
    readable = sum(row["status"] == "ok" for row in tables.read_csv(run / "catalogue.csv"))
    assert len(nearest) == readable * (readable - 1)
    assert nearest.groupby("i")["cosine"].apply(lambda c: c.is_monotonic_decreasing).all()


def test_papermill_alone_gives_the_same_bytes(world):
    folder, _, run = world
    values = yaml.safe_load((run / NOTEBOOK / "params.yaml").read_text())
    papermill.execute_notebook(
        parameters.notebooks_folder() / f"{NOTEBOOK}.ipynb",
        folder / "out.ipynb",
        values | {"run_dir": str(folder / "again")},
        kernel_name="python3",
        progress_bar=False,
    )
    for name in ("groups.csv", "manifest.csv"):
        again = folder / "again" / NOTEBOOK / name
        assert again.read_bytes() == (run / NOTEBOOK / name).read_bytes()


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("{embedder: clop}", "sets embedder to clop; choose one of dct, mix"),
        ("{floor: 0.9}", "floor 0.9 lies above min_cosine 0.85"),
        ("{embedder: mix, min_cosine: 1.5}", "it goes from -1 to 1"),
        ("{k: 0}", "it goes from 1"),
        ("{min_cosin: 0.9}", "did you mean min_cosine?"),
    ],
)
def test_wrong_input_stops_before_anything_starts(world, tmp_path, section, complaint):
    folder, _, _ = world
    profile = folder / "params" / f"{tmp_path.name}.yaml"
    profile.write_text(f"library: ../lib\n{NOTEBOOK}: {section}\n")
    done = dedup_nb("run", profile)
    assert done.returncode == 2
    assert complaint in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "outputs" / profile.stem).exists()


def test_the_threshold_is_tuned_live_on_its_own_scale(world, tmp_path):
    folder, _, _ = world
    run = start(tmp_path, folder / "lib", NOTEBOOK, embedder="mix")
    threshold, floor = embeddings.embedder("mix").thresholds(None, None)
    vectors, rows = run.embeddings("mix", "mirror")
    pairs, bound = index.near_pairs(vectors, floor, rows=rows)
    candidates = run.candidates(pairs, similarity=True)
    tuner = tuning.Tuner(
        run, candidates, "min_cosine", low=bound, high=1, step=0.005, value=threshold
    )
    assert tuner.slider.value == threshold
    near = tuner.cut.totals["images"]
    tuner.slider.value = 1.0
    assert 0 < tuner.cut.totals["images"] < near
    curve = run.thresholds(candidates, embeddings.steps(bound))
    assert curve["pairs"].is_monotonic_decreasing and curve["pairs"].iloc[0] == len(
        candidates.pairs
    )
    shown = run.nearest_threshold(candidates, threshold, 3)
    assert [len(view["members"]) for view in shown] == [2] * len(shown)
    tuner._save()
    assert (run.folder / NOTEBOOK / "groups.csv").exists()
