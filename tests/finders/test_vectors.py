"""Vectors in the cache: by content and embedder; only what is new is embedded; a kill loses a batch."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tiny_clip
import tiny_onnx
from drawn import photo, save, write
from PIL import Image
from test_workbench import start

from dedup_nb.finders import clip, index, vectors
from dedup_nb.pictures import images, store
from dedup_nb.pictures.engines import decoders

NOTEBOOK = "30_clip_faiss"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Two checkpoints of one small model."""
    folder = tmp_path_factory.mktemp("weights")
    first = tiny_clip.make(folder, seed=0)[:2]
    second = tiny_clip.make(folder / "other", seed=1)[:2]
    return [{"model": str(c), "pretrained": str(p)} for c, p in (first, second)]


@pytest.fixture
def embedded(monkeypatch):
    """How many pictures went through a model."""
    counted = []
    real = clip.Model.encode
    monkeypatch.setattr(
        clip.Model,
        "encode",
        lambda self, pictures, turn: counted.append(len(pictures)) or real(self, pictures, turn),
    )
    return lambda: sum(counted.pop() for _ in range(len(counted)))


@pytest.fixture
def library(tmp_path):
    for seed in range(5):
        save(photo(seed), tmp_path / f"lib/mojo1/{seed}.png")
    save(photo(0), tmp_path / "lib/selected/again.png")  # of one content
    write(tmp_path / "lib/mojo1/bad.png", b"no picture")
    return tmp_path / "lib"


def made(tmp_path, library, weights, invariance="none", run="1", **more):
    """Return {path: vector} of a new run."""
    values = {"embedder": "clip", "invariance": invariance, **weights, **more}
    values |= {"run_dir": str(tmp_path / "runs" / run)}
    at_work = start(tmp_path, library, NOTEBOOK, **values)
    array, rows = at_work.embeddings("clip", invariance)
    assert array.dtype == np.float32
    assert np.allclose(np.linalg.norm(array, axis=-1), 1, atol=1e-5)
    return dict(zip(at_work.catalogue["path"].iloc[rows], array, strict=True))


def test_only_new_content_is_embedded(tmp_path, library, weights, embedded):
    first = made(tmp_path, library, weights[0])
    assert embedded() == 5 and len(first) == 6
    (library / "mojo1/1.png").rename(library / "selected/moved.png")
    (library / "mojo1/2.png").unlink()
    save(photo(33), library / "mojo1/3.png")  # changed
    save(photo(34), library / "mojo1/new.png")
    second = made(tmp_path, library, weights[0], run="2")
    assert embedded() == 2
    assert set(second) == {
        "mojo1/0.png", "mojo1/3.png", "mojo1/4.png", "mojo1/new.png",
        "selected/again.png", "selected/moved.png",
    }  # fmt: skip
    assert (second["selected/moved.png"] == first["mojo1/1.png"]).all()
    assert (second["mojo1/3.png"] != first["mojo1/3.png"]).any()


def test_vectors_of_other_weights_are_never_taken(tmp_path, library, weights, embedded):
    first = made(tmp_path, library, weights[0])
    second = made(tmp_path, library, weights[1], run="2")
    assert embedded() == 10
    assert all((first[path] != second[path]).any() for path in first)
    assert all((made(tmp_path, library, weights[0], run="3")[p] == first[p]).all() for p in first)
    assert embedded() == 0


def test_a_copied_cache_serves_a_library_elsewhere_without_a_model(
    tmp_path, library, weights, embedded, monkeypatch
):
    first = made(tmp_path, library, weights[0])
    there = tmp_path / "another disk"
    shutil.copytree(library, there / "lib")
    shutil.copytree(tmp_path / "cache", there / "cache")
    monkeypatch.setattr(clip, "Model", lambda *_: pytest.fail("a model was loaded"))
    second = made(tmp_path, there / "lib", weights[0], run="2", cache_dir=str(there / "cache"))
    assert all((first[path] == second[path]).all() for path in first)


def test_a_run_that_breaks_off_keeps_its_batches(tmp_path, library, weights, embedded, monkeypatch):
    real = clip.Model.__init__
    real_encode = clip.Model.encode
    monkeypatch.setattr(
        clip.Model, "__init__", lambda self, w: (real(self, w), setattr(self, "batch", 2))[0]
    )
    calls = []

    def breaks(self, pictures, turn):
        calls.append(len(pictures))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real_encode(self, pictures, turn)

    monkeypatch.setattr(clip.Model, "encode", breaks)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, library, weights[0])
    calls.append(0)
    embedded()
    assert len(made(tmp_path, library, weights[0], run="2")) == 6
    assert embedded() == 1  # five contents, two batches of two were kept


KILLED = """
import json, sys, time
from dedup_nb.finders import clip
from dedup_nb.session import workbench

make, encode, batches = clip.Model.__init__, clip.Model.encode, []

def of_four(self, weights):
    make(self, weights)
    self.batch = 4

def told(self, pictures, turn):
    vectors = encode(self, pictures, turn)
    batches.append(pictures)
    print("embedded", len(pictures), flush=True)  # and not kept yet
    if len(batches) == 6:
        time.sleep(600)  # it never comes to its end
    return vectors

clip.Model.__init__, clip.Model.encode = of_four, told
workbench.start("30_clip_faiss", json.loads(sys.argv[1])).embeddings("clip")
"""


def test_a_killed_run_loses_at_most_one_batch(tmp_path, weights, embedded):
    library = tmp_path / "lib"
    for seed in range(30):
        save(photo(seed, 96, 64), library / f"mojo1/{seed}.png")
    values = {"library": str(library), "cache_dir": str(tmp_path / "cache"), "embedder": "clip"}
    values |= {"run_dir": str(tmp_path / "runs/killed"), **weights[0]}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, json.dumps(values)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        lines = (line for line in process.stdout if line.startswith("embedded"))
        done = [int(next(lines).split()[1]) for _ in range(3)]
        time.sleep(time.time_ns() % 30 / 1000)  # wherever it is by then
        process.kill()
        done += [int(line.split()[1]) for line in lines]
    assert process.returncode == -signal.SIGKILL
    kept = store.Store(tmp_path / "cache")
    assert kept.damage() == []
    count = len(list(kept.numbered(clip.Weights(**weights[0]).key)))
    assert sum(done) - 4 <= count <= sum(done) <= 24
    again = made(tmp_path, library, weights[0], run="again", roots=["."])
    assert embedded() == 30 - count
    undisturbed = made(
        tmp_path, library, weights[0], run="other", roots=["."], cache_dir=str(tmp_path / "other")
    )
    assert embedded() == 30
    assert again.keys() == undisturbed.keys()
    assert all((again[path] == undisturbed[path]).all() for path in again)
    with pytest.raises(ProcessLookupError):  # its decoders went with it
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.05)


def test_two_at_once_do_not_disturb_each_other(tmp_path, library, weights):
    start(tmp_path, library, NOTEBOOK).catalogue  # noqa: B018
    found = {}

    def work(name):
        found[name] = made(tmp_path, library, weights[0], run=name)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((found["a"][path] == found["b"][path]).all() for path in found["a"])
    assert store.Store(tmp_path / "cache").damage() == []


def test_turned_pictures_are_found_where_that_is_asked_for(tmp_path, library, weights, embedded):
    save(photo(4).transpose(0), library / "selected/mirrored.png")
    upright = made(tmp_path, library, weights[0])
    assert embedded() == 6
    both = made(tmp_path, library, weights[0], "mirror", run="2")
    assert embedded() == 6  # the upright ones are there
    pair = np.stack([both["mojo1/4.png"], both["selected/mirrored.png"]])
    assert index.near_pairs(pair, 0.9999)[0]["cosine"].tolist() == [1.0]
    assert upright["mojo1/4.png"][0] @ upright["selected/mirrored.png"][0] < 0.9999
    assert made(tmp_path, library, weights[0], "rotate", run="3")["mojo1/4.png"].shape == (8, 64)


def test_a_picture_that_cannot_be_decoded_now_is_listed_and_stops_nothing(
    tmp_path, library, weights, monkeypatch
):
    real = decoders.measure_all

    def breaks(paths, sizes, **options):
        for position, measured in real(paths, sizes, **options):
            if isinstance(sizes[0], images.ModelInput) and paths[position].endswith(b"3.png"):
                measured = images.Measured("unreadable", "took longer than 60 s to decode")
            yield position, measured

    monkeypatch.setattr(decoders, "measure_all", breaks)
    run = start(tmp_path, library, NOTEBOOK, embedder="clip", **weights[0])
    array, rows = run.embeddings("clip")
    assert len(array) == len(rows) == 5
    assert run.fingerprints.not_embedded == ["mojo1/3.png"]
    candidates = run.candidates(index.near_pairs(array, 0.9, rows=rows)[0], similarity=True)
    folder = run.save(candidates, 0.92, name="min_cosine")
    assert "1 images could not be embedded" in (folder / "report.md").read_text()


def test_a_picture_without_a_vector_is_listed_and_stops_nothing(tmp_path, library):
    save(Image.new("RGB", (60, 60)), library / "mojo1/black.png")
    save(photo(4).transpose(0), library / "selected/mirrored.png")
    path = tiny_onnx.make(tmp_path / "tiny.onnx", tiny_onnx.SETTINGS | {"mean": 0})
    values = {"embedder": "onnx", "pretrained": str(path), "min_cosine": 0.9999}
    run = start(tmp_path, library, NOTEBOOK, invariance="mirror", **values)
    array, rows = run.embeddings("onnx", "mirror")
    assert run.fingerprints.not_embedded == ["mojo1/black.png"] and array.shape[1] == 2
    candidates = run.candidates(index.near_pairs(array, 0.9999, rows=rows)[0], similarity=True)
    paths = run.catalogue["path"]
    found = {(paths[i], paths[j]) for i, j in candidates.pairs[["i", "j"]].to_numpy()}
    assert ("mojo1/4.png", "selected/mirrored.png") in found
    folder = run.save(candidates, 0.9999, name="min_cosine")
    assert "1 images could not be embedded" in (folder / "report.md").read_text()


def test_decoding_runs_ahead_by_a_bounded_queue(monkeypatch):
    wanted, ahead = images.ModelInput(2, 2), []

    def fast(paths, sizes, **options):
        for position in range(len(paths)):
            ahead.append(position)
            rasters = {wanted: bytes(12)}
            yield position, images.Measured("ok", sha256=str(position), rasters=rasters)

    monkeypatch.setattr(decoders, "measure_all", fast)
    taken = []
    for batch in vectors._decoded([b""] * 100, wanted, 4):
        taken += [int(digest) for digest, _ in batch]
        time.sleep(0.01)
        assert len(ahead) <= len(taken) + (vectors.AHEAD + 2) * 4
    assert taken == list(range(100))


def test_what_fails_among_the_decoders_is_raised_where_it_is_waited_for(monkeypatch):
    def fail(paths, sizes, **options):
        raise OSError("no more processes")
        yield

    monkeypatch.setattr(decoders, "measure_all", fail)
    with pytest.raises(OSError, match="no more processes"):
        list(vectors._decoded([b""], images.ModelInput(2, 2), 4))


def test_whether_a_model_is_needed_at_all_is_known(tmp_path, library, weights):
    made(tmp_path, library, weights[0])
    kept = store.Store(tmp_path / "cache")
    digests = [digest for _, digest in kept.files()]
    wanted = clip.Weights(**weights[0])
    assert vectors.complete(kept, digests, wanted, "none")
    assert not vectors.complete(kept, [*digests, None], wanted, "none")
    assert not vectors.complete(kept, digests, wanted, "mirror")
    assert not vectors.complete(kept, digests, clip.Weights(), "none")
