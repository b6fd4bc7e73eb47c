"""`40_set_pruning` and `60_clusters`: headless, by papermill alone, staged and restored, tuned."""

import json
import re
from pathlib import Path

import papermill
import pytest
from commands import dedup_nb
from drawn import save, tree, write
from setlibrary import drawn, make_sets
from test_workbench import start

from dedup_nb import staging
from dedup_nb.library import tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.session import notebooks, parameters, runs
from dedup_nb.steps.clusters import grouping
from dedup_nb.steps.stage import moving

NOTEBOOKS = ("40_set_pruning", "60_clusters")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library of sets, a copy in another root, and a headless run of both notebooks."""
    folder = tmp_path_factory.mktemp("world")
    library = make_sets(folder / "lib")
    for root in ("mojo1/run", "selected"):  # one name and one picture in two roots
        save(drawn(9), library / root / "20250801_120000_stage3_enhanced.png")
        write(library / root / "20250801_120000_stage3_enhanced.yaml", b"prompt: a hill\n")
    save(drawn(9), library / "selected/raw.png")
    write(library / "selected/raw.jpg", b"\xff\xd8\xff\xe0 no picture")
    (folder / "params").mkdir()
    profile = folder / "params/mine.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
        "60_clusters:\n  min_cluster_size: 3\n"
    )
    before = tree(library)
    done = dedup_nb("run", profile, *(part for n in NOTEBOOKS for part in ("--only", n)))
    assert done.returncode == 0, done.stderr
    assert tree(library) == before
    return folder, profile, Path(done.stdout.splitlines()[-1])


def rows_of(path):
    return list(tables.read_csv(path))


def test_a_headless_run_leaves_their_results(world):
    _, _, run = world
    bundles = {row["bundle"] for row in rows_of(run / "40_set_pruning/manifest.csv")}
    assert bundles == {"mojo1/again/20250705_100200", "mojo1/again/20250705_100300"}
    clusters = rows_of(run / "60_clusters/clusters.csv")
    assert [row["cluster"] for row in clusters] == [f"group_{n:04}" for n in range(1, len(clusters) + 1)]  # fmt: skip
    assert {row["role"] for row in rows_of(run / "60_clusters/groups.csv")} == {"keeper", "review"}
    for notebook in NOTEBOOKS:
        text = (run / notebook / "notebook.ipynb").read_text()
        assert "data:image/jpeg" in text and "widget-view+json" not in text
        assert (run / notebook / "report.html").exists()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
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
    for path in sorted((run / notebook).glob("*.csv")):
        again = folder / f"again {notebook}" / notebook / path.name
        assert again.read_bytes() == path.read_bytes()


def test_one_cluster_may_hold_equal_names_of_two_roots_and_all_comes_home(world):
    folder, _, run = world
    library = folder / "lib"
    before = tree(library)
    rows = rows_of(run / "60_clusters/manifest.csv")
    by_name = [
        row["dst"] for row in rows if row["src"].endswith("20250801_120000_stage3_enhanced.png")
    ]
    (group,) = {dst.split("/")[1] for dst in by_name}
    assert by_name == [
        f"_clusters/{group}/{root}/20250801_120000_stage3_enhanced.png"
        for root in ("mojo1/run", "selected")
    ]
    assert {row["keeper"] for row in rows} == {""}
    done = dedup_nb("stage", run / "60_clusters/manifest.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    (batch,) = (library / "_clusters").iterdir()
    assert (batch / group / "selected/20250801_120000_stage3_enhanced.yaml").exists()
    assert not list((library / "mojo1/run").iterdir())  # decisions went with their series
    assert {path.name for path in (library / "selected").iterdir()} == {"raw.png", "raw.jpg"}
    with pytest.raises(staging.StagingError, match="never be approved"):
        staging.approval_token(library, batch.name)
    assert dedup_nb("restore", "--library", library).returncode == 0
    assert {k: v for k, v in tree(library).items() if not k.startswith(".dedup_nb")} == before


def test_a_pair_of_names_stays_together_and_home_if_one_cannot_be_read(world):
    _, _, run = world
    goes = {row["path"]: (row["goes_to"], row["why"]) for row in rows_of(run / "60_clusters/members.csv")}  # fmt: skip
    assert goes["selected/raw.jpg"] == ("stays", "could not be read")
    assert goes["selected/raw.png"] == (
        "stays",
        "shares its name with an image that stays: could not be read",
    )


def test_clusters_win_nothing_and_are_staged_by_name_only(world, tmp_path):
    _, _, run = world
    index = (run / "index.html").read_text()
    assert "40_set_pruning/report.html" in index and "60_clusters/report.html" in index
    assert f"dedup-nb stage {run}/40_set_pruning/manifest.csv" in index
    assert runs.summary(run / "60_clusters")["staging"] == "_clusters"
    values = runs.read(run)
    opened = start(tmp_path, Path(values["library"]), "90_stage", run_dir=str(run))
    assert moving.manifests(opened) == [run / "40_set_pruning/manifest.csv"]


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("40_set_pruning: {candidates: all}", "choose one of embedding"),
        ("40_set_pruning: {max_edited_area: 2}", "it must be from 0 to 1"),
        ("40_set_pruning: {cross_check: false}", "did you mean cross_check_yaml?"),
        ("60_clusters: {metric: chebyshev}", "choose one of euclidean"),
        ("60_clusters: {min_cluster_size: 1}", "it must be from 2"),
    ],
)
def test_wrong_input_stops_before_anything_starts(world, tmp_path, section, complaint):
    folder, _, _ = world
    profile = folder / "params" / f"{tmp_path.name}.yaml"
    profile.write_text(f"library: ../lib\n{section}\n")
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parameters.load(profile)


# ---------------------------------------------------------------- clusters, tuned


@pytest.fixture
def made(world, tmp_path):
    folder, _, _ = world
    run = start(
        tmp_path, folder / "lib", "60_clusters", cache_dir=str(folder / "cache"), protect=["raw*"]
    )
    return grouping.Grouped(run)


def test_the_size_is_tuned_live_and_marks_change_nothing(made):
    tuner = grouping.tuning.Tuner(
        made.run, made, "min_cluster_size", low=2, high=20, chart=grouping.chart
    )
    small = len(tuner.cut.groups)
    tuner.slider.value = 6
    assert 0 < len(tuner.cut.groups) < small
    member = tuner.gallery.groups[0]["members"][1]
    made.run.live_decisions.mark(member["path"], member["sha256"], "stage")
    tuner._decided()
    assert tuner.cut.totals["images"] == 0
    assert tuner.gallery.groups[0]["title"].startswith("group_0001 from mojo1")
    tuner._save()
    saved = json.loads((made.run.folder / "60_clusters/summary.json").read_text())
    assert saved["rule"] == "60_clusters min_cluster_size=6"


def test_protected_images_stay_where_they_are(made):
    places = made.places_of(made.cut(2)).set_index("path")
    assert places.why["selected/raw.png"] == "in a curated root or protected"
    rows = made.plan(made.cut(2), made.table(made.cut(2)))
    assert "selected/raw.png" not in set(rows.path)


def test_a_library_without_pictures_has_no_clusters(tmp_path):
    (tmp_path / "lib/mojo1").mkdir(parents=True)
    made = grouping.Grouped(start(tmp_path, tmp_path / "lib", "60_clusters", roots=["mojo1"]))
    assert made.told(made.cut(2))[0].startswith("0 clusters, 0 unclustered images")
    assert len(grouping.by_size(made, 2)) == 5 and grouping.chart(made, 2).png
    assert made.run.save(made, 2, name="min_cluster_size").exists()


def test_an_image_whose_files_cannot_move_stays_in_place(tmp_path):
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        save(drawn(seed), tmp_path / f"lib/mojo1/{name}.png")
    (tmp_path / "lib/mojo1/a").mkdir()
    made = grouping.Grouped(start(tmp_path, tmp_path / "lib", "60_clusters", roots=["mojo1"]))
    places = made.places_of(made.cut(2)).set_index("path")
    assert places.why["mojo1/a.png"] == "its files cannot move: a beside it is a folder"
    assert set(places.goes_to[["mojo1/b.png", "mojo1/c.png"]]) != {"stays"}
