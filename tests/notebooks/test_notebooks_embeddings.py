"""The notebook of embeddings: headless, by papermill alone, and tuned live."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
import tiny_clip
import tiny_onnx
from commands import dedup_nb
from drawn import make_library, photo, save, tree
from test_workbench import start

from dedup_nb.finders import clip, embeddings, encoders, index
from dedup_nb.library import tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.session import notebooks, preflight, workbench
from dedup_nb.steps.clip_faiss import likeness
from dedup_nb.widgets import tuning

NOTEBOOK = "30_clip_faiss"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library, a profile, and a headless run of the notebook."""
    folder = tmp_path_factory.mktemp("world")
    make_library(folder / "lib")
    (folder / "params").mkdir()
    profile = folder / "params/mine.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\nembedder: dct\n"
    )
    before = tree(folder / "lib")
    done = dedup_nb("run", profile, "--only", NOTEBOOK)
    assert done.returncode == 0, done.stderr
    assert tree(folder / "lib") == before
    return folder, profile, Path(done.stdout.splitlines()[-1])


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
    values = read_flat((run / NOTEBOOK / "params.yaml").read_text())
    papermill.execute_notebook(
        notebooks.notebooks_folder() / f"{NOTEBOOK}.ipynb",
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
        ("{embedder: clop}", "sets embedder to clop; choose one of local"),
        ("{embedder: clip, device: gpu}", "choose one of auto, cpu, cuda, cuda:1, mps"),
        ("{embedder: dct, floor: 0.9}", "floor 0.9 is above min_cosine 0.85"),
        ("{floor: 0.4}", "floor 0.4 is a cosine, but embedder local counts matches"),
        (
            "{min_cosine: 0.9}",
            "set min_matches, or an embedder with cosines (dct, mix, clip, onnx)",
        ),
        ("{embedder: dct, min_matches: 9}", "min_matches is for embedder: local"),
        ("{min_matches: 3}", "it must be from 4 to 24"),
        ("{}\n40_set_pruning: {embedder: local}", "40_set_pruning compares embeddings, which"),
        ("{}\n60_clusters: {embedder: local}", "set its embedder to one of dct, mix, clip, onnx"),
        ("{embedder: mix, min_cosine: 1.5}", "it must be from -1 to 1"),
        ("{k: 0}", "it must be from 1"),
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


def test_the_threshold_is_tuned_live_on_its_own_scale(tmp_path):
    for name in ("mojo1/a.png", "selected/exact.png"):
        save(photo(5), tmp_path / "lib" / name)
    save(photo(5), tmp_path / "lib/selected/near.jpg", quality=30)
    run = start(tmp_path, tmp_path / "lib", NOTEBOOK, embedder="mix")
    threshold, floor = embeddings.embedder("mix").thresholds(None, None)
    vectors, rows = run.embeddings("mix", "mirror")
    pairs, bound = index.near_pairs(vectors, floor, rows=rows)
    candidates = run.candidates(pairs, similarity=True)
    run.verify(candidates, [threshold])
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


# ---------------------------------------------------------------- a model with weights


@pytest.fixture(scope="module")
def by_model(world):
    """A profile with a small real model of open_clip and its checkpoint, named as a person would."""
    folder, _, _ = world
    tiny_clip.make(folder / "weights")
    profile = folder / "params/clip.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
        "embedder: clip\nmodel: ../weights/tiny.json\npretrained: ../weights/tiny.safetensors\n"
        f"{NOTEBOOK}: {{min_cosine: 0.999, floor: 0.99}}\n"
    )
    return profile


def test_a_model_of_open_clip_finds_the_copies_end_to_end(world, by_model):
    folder, _, _ = world
    before = tree(folder / "lib")
    done = dedup_nb("run", by_model, "--only", NOTEBOOK)
    assert done.returncode == 0, done.stderr
    assert tree(folder / "lib") == before
    run = Path(done.stdout.splitlines()[-1])
    rows = {row["path"]: row["role"] for row in tables.read_csv(run / NOTEBOOK / "groups.csv")}
    assert rows["mojo1/plain small.png"] == "stage"
    assert rows["selected/20250706_101010_stage3_enhanced.jpg"] == "stage"
    assert "mojo1/alone.png" not in rows
    for name in ("notebook.ipynb", "report.html", "report.md"):
        text = (run / NOTEBOOK / name).read_text().replace("\\_", "_")
        assert "Embedder clip: open_clip tiny (tiny.safetensors)" in text, name
    assert " on cpu, float32, " in (run / NOTEBOOK / "notebook.ipynb").read_text()


def test_weights_that_cannot_be_had_stop_a_run_before_anything_starts(
    world, by_model, monkeypatch, capsys
):
    from huggingface_hub import constants

    from dedup_nb import cli

    folder, _, _ = world
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "nothing"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    shared = "library: ../lib\nembedder: clip\n"
    tiny = (folder / "weights/tiny.safetensors").read_bytes()
    (folder / "weights/other.safetensors").write_bytes(tiny)
    (folder / "weights/torn.safetensors").write_bytes(tiny[:5_000])
    for number, (more, complaint) in enumerate(
        [
            ("", "cannot be downloaded"),
            ("pretrained: ../weights/none.pt", "which does not exist"),
            ("pretrained: ../weights/other.safetensors", "cannot be loaded as weights for"),
            (
                "pretrained: ../weights/torn.safetensors\nmodel: ../weights/tiny.json",
                "cannot be loaded as weights for",
            ),
        ]
    ):
        profile = folder / f"params/refused{number}.yaml"
        profile.write_text(shared + more)
        assert cli.main(["run", str(profile)]) == 2
        said = capsys.readouterr().err.strip()
        assert complaint in said and len(said.splitlines()) == 1
        assert "local checkpoint" in said and "set embedder: dct" in said
        assert not (folder / "outputs" / profile.stem).exists()


def test_weights_that_cannot_be_had_are_one_sentence_in_the_notebook(world, tmp_path):
    folder, _, _ = world
    run = start(tmp_path, folder / "lib", NOTEBOOK, embedder="clip", pretrained="/nowhere/a.pt")
    with pytest.raises(workbench.WrongInput, match=r"set embedder: dct") as refused:
        likeness.Search(run, "clip")
    assert "\n" not in str(refused.value)


def test_no_weights_are_asked_for_where_every_vector_is_there(world, tmp_path, monkeypatch):
    """An index that was copied from a machine with weights serves one without."""
    folder, _, _ = world
    run = start(tmp_path, folder / "lib", NOTEBOOK)
    key = clip.Weights().key
    readable = run.catalogue["sha256"][run.catalogue["status"] == "ok"]
    vector = encoders.FULL + (np.ones(4, "<f4") / 2).tobytes()
    monkeypatch.setattr(clip, "check", refuse)
    values = {"clip": {"cache_dir": str(tmp_path / "cache"), "embedder": "clip"}}
    named = (folder / "lib", ["mojo1", "selected"], {NOTEBOOK: values["clip"]})
    with pytest.raises(ValueError, match="no weights here"):
        preflight.check_weights(*named)
    run.store.put([], measures=[(key, digest, vector) for digest in readable])
    preflight.check_weights(*named)
    again = start(tmp_path, folder / "lib", NOTEBOOK, embedder="clip")
    assert len(again.embeddings("clip")[0]) == len(readable)


def refuse(weights):
    raise ValueError("no weights here")


# ---------------------------------------------------------------- a model in an ONNX file


@pytest.fixture(scope="module")
def by_onnx(world):
    """A profile with a small encoder and the JSON beside it; its threshold is in the JSON."""
    folder, _, _ = world
    own = tiny_onnx.SETTINGS | {"name": "tiny encoder", "min_cosine": 0.9995, "floor": 0.99}
    tiny_onnx.make(folder / "weights/tiny.onnx", own)
    profile = folder / "params/onnx.yaml"
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
        "embedder: onnx\npretrained: ../weights/tiny.onnx\n"
    )
    return profile


def test_an_onnx_model_serves_every_notebook_that_embeds(world, by_onnx):
    folder, _, _ = world
    before = tree(folder / "lib")
    only = ("30_clip_faiss", "40_set_pruning", "60_clusters")
    done = dedup_nb("run", by_onnx, *(word for name in only for word in ("--only", name)))
    assert done.returncode == 0, done.stderr
    assert tree(folder / "lib") == before
    run = Path(done.stdout.splitlines()[-1])
    rows = {row["path"]: row["role"] for row in tables.read_csv(run / NOTEBOOK / "groups.csv")}
    assert rows["mojo1/plain small.png"] == "stage"
    assert rows["selected/20250706_101010_stage3_enhanced.jpg"] == "stage"
    assert "mojo1/alone.png" not in rows
    summary = json.loads((run / NOTEBOOK / "summary.json").read_text())
    assert summary["rule"] == "30_clip_faiss min_cosine=0.9995"
    for name in only:
        text = (run / name / "report.md").read_text().replace("\\_", "_")
        assert "Embedder onnx: tiny encoder (tiny.onnx); embeddings of your own model" in text, name
    shown = (run / NOTEBOOK / "notebook.ipynb").read_text()
    assert "tiny encoder (tiny.onnx) on cpu, " in shown
    assert "min_cosine 0.9995, floor 0.99, on its own scale" in shown


def test_a_picture_is_looked_up_with_an_onnx_model(world, by_onnx, capfd):
    from dedup_nb import cli

    folder, _, _ = world
    unset = folder / "weights/unset.onnx"
    tiny_onnx.make(unset)  # no threshold: none is needed to list the most similar
    image = folder / "lib/mojo1/plain.png"
    named = ["--library", str(folder / "lib"), "--cache-dir", str(folder / "cache")]
    model = ["--embedder", "onnx", "--pretrained", str(unset)]
    assert cli.main(["similar", str(image), *named, *model, "-k", "1"]) == 0
    assert capfd.readouterr().out.splitlines()[1] == "mojo1/plain small.png,1.0000"


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("pretrained: ../weights/none.onnx", "none.onnx, which does not exist; correct pretrained"),
        ("pretrained: laion2b_s34b_b79k", "embedder onnx needs a model in a file"),
        ("pretrained: ../weights/bare.onnx", "needs a JSON beside it"),
        ("pretrained: ../weights/unset.onnx", "nothing gives min_cosine for unset (unset.onnx)"),
        ("pretrained: ../weights/torn.onnx", "is damaged or not an ONNX model"),
        ("pretrained: ../weights/unset.onnx\n30_clip_faiss: {min_cosine: 0.5, floor: 0.6}",
         "floor 0.6 is above min_cosine 0.5"),
    ],
)  # fmt: skip
def test_an_onnx_model_that_cannot_be_used_stops_a_run_before_anything_starts(
    world, tmp_path, capsys, more, complaint
):
    from dedup_nb import cli

    folder, _, _ = world
    tiny_onnx.make(folder / "weights/unset.onnx")
    tiny_onnx.make(folder / "weights/bare.onnx", None)
    torn = tiny_onnx.make(folder / "weights/torn.onnx", tiny_onnx.SETTINGS | {"min_cosine": 0.9})
    torn.write_bytes(torn.read_bytes()[:200])
    profile = folder / "params" / f"{tmp_path.name}.yaml"
    profile.write_text(f"library: ../lib\nembedder: onnx\n{more}\n")
    assert cli.main(["run", str(profile), "--only", NOTEBOOK]) == 2
    said = capsys.readouterr().err.strip()
    assert complaint in said and len(said.splitlines()) == 1
    assert not (folder / "outputs" / profile.stem).exists()


def test_an_onnx_model_that_cannot_be_used_is_one_sentence_in_the_notebook(world, tmp_path):
    folder, _, _ = world
    bare = str(tiny_onnx.make(tmp_path / "bare.onnx", None))
    with pytest.raises(workbench.WrongInput, match="needs a JSON beside it") as refused:
        start(tmp_path, folder / "lib", NOTEBOOK, embedder="onnx", pretrained=bare)
    assert "\n" not in str(refused.value)


def test_dct_needs_no_torch(world):
    folder, _, _ = world
    code = (
        "import sys; from dedup_nb.session import execute, workbench\n"
        "from dedup_nb.steps.clip_faiss import likeness\n"
        f"run = workbench.start({NOTEBOOK!r}, dict(library={str(folder / 'lib')!r}, "
        f"cache_dir={str(folder / 'cache')!r}, run_dir={str(folder / 'light')!r}))\n"
        "likeness.Search(run, 'dct').nearest(3)\n"
        "print([m for m in ('torch', 'open_clip', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
