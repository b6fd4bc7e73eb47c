"""The notebooks of time windows and Czkawka's results, and what the catalogue adds; headless."""

import json
from pathlib import Path

import papermill
import pytest
from commands import dedup_nb
from drawn import make_library, photo, save, tree
from test_workbench import start

from dedup_nb import staging
from dedup_nb.demo import peer
from dedup_nb.library import catalogue, tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.session import notebooks
from dedup_nb.steps.catalogue import flagging
from dedup_nb.steps.time_window import bursts
from dedup_nb.widgets import tuning

BURST = [f"20250801_1000{second:02}_stage1_generated.png" for second in (0, 4, 8)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library with a burst, results of the real engine, and a headless run of both notebooks."""
    folder = tmp_path_factory.mktemp("world")
    library = make_library(folder / "lib")
    for seed, name in enumerate(BURST):
        save(photo(20 + seed), library / "selected" / name)
    peer.write_results(folder / "czkawka.json", [library], 8)
    (folder / "params").mkdir()
    profile = folder / "params/mine.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
        "20_time_window:\n  seconds: 4\n50_czkawka:\n  results: [../czkawka.json]\n"
    )
    before = tree(library)
    done = dedup_nb("run", profile, "--only", "20_time_window", "--only", "50_czkawka")
    assert done.returncode == 0, done.stderr
    assert tree(library) == before
    return folder, profile, Path(done.stdout.splitlines()[-1])


def test_a_headless_run_leaves_their_results(world):
    _, _, run = world
    rows = list(tables.read_csv(run / "20_time_window/groups.csv"))
    copies = {f"{root}/20250705_215212_stage3_enhanced.png" for root in ("mojo1", "selected")}
    assert {row["path"] for row in rows} == {f"selected/{name}" for name in BURST} | copies
    assert {row["measure"] for row in rows} == {"gap_s"}
    assert {row["role"] for row in rows} == {"keeper", "review"}
    claimed = list(tables.read_csv(run / "50_czkawka/groups.csv"))
    assert any(row["role"] == "stage" for row in claimed)
    for notebook in ("20_time_window", "50_czkawka"):
        text = (run / notebook / "notebook.ipynb").read_text()
        assert "data:image/jpeg" in text and "widget-view+json" not in text
        assert (run / notebook / "report.html").exists()


@pytest.mark.parametrize("notebook", ["20_time_window", "50_czkawka"])
def test_papermill_alone_gives_the_same_bytes(world, notebook):
    folder, _, run = world
    values = read_flat((run / notebook / "params.yaml").read_text())
    papermill.execute_notebook(
        notebooks.notebooks_folder() / f"{notebook}.ipynb",
        folder / "out.ipynb",
        values | {"run_dir": str(folder / f"again {notebook}")},
        kernel_name="python3",
        progress_bar=False,
    )
    for name in ("groups.csv", "manifest.csv"):
        again = folder / f"again {notebook}" / notebook / name
        assert again.read_bytes() == (run / notebook / name).read_bytes()


def test_staging_what_czkawka_found_and_restoring_it_gives_the_same_tree(world):
    folder, _, run = world
    before = tree(folder / "lib")
    assert dedup_nb("stage", run / "50_czkawka/manifest.csv").returncode == 0
    assert len(list((folder / "lib/_review_dupes").rglob("*.png"))) > 0
    assert dedup_nb("restore", "--library", folder / "lib").returncode == 0
    after = {k: v for k, v in tree(folder / "lib").items() if not k.startswith(".dedup_nb")}
    assert after == before


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("50_czkawka: {results: [../no.json]}", "no.json, which is not a file"),
        ("50_czkawka: {results: ../czkawka.json}", "it must be a list of strings"),
        ("50_czkawka: {path_map: [a, b]}", "it must be a mapping of strings to strings"),
        ("20_time_window: {mode: both}", "choose one of chain"),
        ("20_time_window: {seconds: -1}", "it must be from 0"),
        ("20_time_window: {second: 3}", "did you mean seconds?"),
    ],
)
def test_wrong_input_stops_before_anything_starts(world, tmp_path, section, complaint):
    folder, _, _ = world
    profile = folder / "params" / f"{tmp_path.name}.yaml"
    profile.write_text(f"library: ../lib\n{section}\n")
    done = dedup_nb("run", profile)
    assert done.returncode == 2
    assert complaint in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_run_without_results_says_so_and_goes_on(world, tmp_path):
    folder, _, _ = world
    profile = folder / "params/none.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
    )
    done = dedup_nb("run", profile, "--only", "50_czkawka")
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    assert "no results given" in (run / "50_czkawka/notebook.ipynb").read_text()
    assert json.loads((run / "50_czkawka/summary.json").read_text())["images"] == 0


# ---------------------------------------------------------------- tuning


def test_the_window_is_tuned_live_and_warns_when_it_is_wide(world, tmp_path):
    folder, _, _ = world
    run = start(tmp_path, folder / "lib", "20_time_window", seconds=4)
    made = bursts.Bursts(run, bursts.Stamps(run))
    tuner = tuning.Tuner(
        run, made, "seconds", low=0, high=60, chart=bursts.chart, warn=bursts.warning
    )
    assert [len(rows) for rows in tuner.cut.groups] == [3, 2] and tuner.warned.value == ""
    tuner.slider.value = 3
    assert [len(rows) for rows in tuner.cut.groups] == [2]  # one second of two roots
    tuner.slider.value = 31
    assert "chains whole sessions" in tuner.warned.value
    tuner.slider.value = 5
    assert tuner.warned.value == ""
    tuner._save()
    saved = run.folder / "20_time_window/clusters.csv"
    assert [row["images"] for row in tables.read_csv(saved)] == ["3", "2"]


def test_what_a_person_marked_in_a_cluster_is_in_the_manifest(world, tmp_path):
    folder, _, _ = world
    run = start(tmp_path, folder / "lib", "20_time_window")
    made = bursts.Bursts(run, bursts.Stamps(run))
    tuner = tuning.Tuner(run, made, "seconds", low=0, high=60, chart=bursts.chart)
    marked = f"selected/{BURST[1]}"
    digest = run.catalogue.set_index("path").sha256[marked]
    run.live_decisions.mark(marked, digest, "stage")
    tuner._decided()
    tuner._save()
    (row,) = tables.read_csv(run.folder / "20_time_window/manifest.csv")
    assert row["src"] == marked and row["keeper"] != marked


# ---------------------------------------------------------------- the catalogue


def test_companions_series_and_line_ups_are_counted(world, tmp_path):
    folder, _, _ = world
    run = start(tmp_path, folder / "lib", "00_catalogue")
    counts = catalogue.companions_by(run.catalogue, "root").to_dict("index")
    assert counts["mojo1"] == {
        "images": 9, "companions": 5, "images without companions": 4, "cropped": 0,
    }  # fmt: skip
    (series,) = run.series.to_dict("records")
    assert (series["folder"], series["series"], series["images"], series["span_s"]) == (
        "mojo1", "20250705_215210", 3, 2,
    )  # fmt: skip
    assert catalogue.line_ups(run.series).to_dict("records") == [
        {"stages": "stage1_generated > stage2_upscaled > stage3_enhanced", "series": 1, "images": 3}
    ]
    empty = run.catalogue[:0]
    assert len(catalogue.line_ups(catalogue.series_table(empty))) == 0


def test_a_button_makes_the_missing_flags_and_restore_takes_them_back(tmp_path):
    library = tmp_path / "lib"
    for name in ("a", "b"):
        save(photo(ord(name)), library / f"selected/crop/{name}.png")
    (library / "selected/crop/a.cropped").touch()
    (library / "mojo1").mkdir()
    before = tree(library)
    run = start(tmp_path, library, "00_catalogue")
    assert flagging.flags(run).to_dict("records") == [
        {"folder": "selected/crop", "PNG": 2, "flagged": 1, "not flagged": 1}
    ]
    made = flagging.Flagger(run)
    assert made.folder.value == "selected/crop"
    made.folder.value = ""
    made.button.click()
    assert "enter a folder" in made.said.value
    made.folder.value = "nowhere"
    made.button.click()
    assert "nowhere" in made.said.value
    made.folder.value = "selected/crop"
    made.button.click()
    assert "made 1 marker" in made.said.value and (library / "selected/crop/b.cropped").exists()
    staging.restore(library)
    after = {k: v for k, v in tree(library).items() if not k.startswith(".dedup_nb")}
    assert after == before
    assert flagging.flagger(run, interactive=False) is None
