"""Runs with the engine dask: the same bytes as with the engine local."""

import contextlib
import itertools
import os
import re
import signal
import threading

import pytest
from clusters import cluster
from drawn import make_library, photo, save

from dedup_nb.finders import phash
from dedup_nb.pictures.engines.by_dask import engine as engines
from dedup_nb.session import execute, parameters, preflight, workbench
from dedup_nb.steps.clip_faiss import likeness


def results(folder, library, **more):
    """The plans of two finders on a library, with a cache of their own."""
    return by_hashes(folder, library, **more) | by_features(folder, library, **more)


def by_hashes(folder, library, **more):
    run = started("10_phash", folder, library, **more)
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 16, rows=rows, engine=run.engine, twins=run.twins)
    run.save(run.candidates(pairs), 8, name="max_distance")
    return plans_of(run)


def by_features(folder, library, **more):
    run = started("30_clip_faiss", folder, library, **more)
    search = likeness.search(run, "local", "none")
    pairs, _ = search.near_pairs(4)
    run.save(run.candidates(pairs, similarity=True), 4, name="min_matches", notes=search.notes)
    return plans_of(run)


def started(notebook, folder, library, **more):
    values = {"library": str(library), "roots": ["mojo1", "selected"], "cache_dir": str(folder / "cache")}  # fmt: skip
    return workbench.start(notebook, values | {"run_dir": str(folder / "out/lib/run")} | more)


def plans_of(run):
    run.engine.close()
    names = ("catalogue.csv", f"{run.notebook}/groups.csv", f"{run.notebook}/manifest.csv")
    plans = {name: (run.folder / name).read_bytes() for name in names}
    assert plans[names[-1]].count(b"\n") > 5
    return plans


def pairs_of_pictures(folder):
    """A library with copies to find."""
    made = make_library(folder / "lib")
    for seed in range(4, 8):
        save(photo(seed), made / "mojo1" / f"{seed}.png")
        save(photo(seed), made / "selected" / f"{seed}.jpg", quality=70)
    return made


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return pairs_of_pictures(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def expected(library, tmp_path_factory):
    return results(tmp_path_factory.mktemp("local"), library)


@pytest.mark.slow  # three workers: test_dask.py
@pytest.mark.parametrize("workers", [1, 4, 16])
def test_a_run_on_several_workers_gives_the_same_bytes(
    tmp_path, library, expected, workers, monkeypatch
):
    monkeypatch.setattr(engines, "LEAST_ITEMS", 1)
    monkeypatch.setattr(engines, "WORTH_STEPS", 0)
    monkeypatch.setattr(engines, "TASK_STEPS", 1)
    with cluster(workers) as made:
        plans = results(tmp_path, library, engine="dask", scheduler=made.scheduler_address)
    assert plans == expected


@pytest.mark.slow
def test_workers_that_are_killed_while_they_work_change_no_byte(
    tmp_path, library, expected, monkeypatch
):
    monkeypatch.setattr(engines, "LEAST_ITEMS", 1)
    monkeypatch.setattr(engines, "WORTH_STEPS", 0)
    monkeypatch.setattr(engines, "TASK_STEPS", 1)
    killed, ended = [], threading.Event()

    def kill(nannies):
        for nanny in itertools.islice(itertools.cycle(nannies), 8):
            if ended.wait(0.7):
                return
            with contextlib.suppress(TypeError, ProcessLookupError):  # it is starting again
                os.kill(nanny.pid, signal.SIGKILL)
                killed.append(nanny)

    with cluster(16) as made:
        killing = threading.Thread(target=kill, args=[list(made.workers.values())])
        killing.start()
        try:
            plans = results(tmp_path, library, engine="dask", scheduler=made.scheduler_address)
        finally:
            ended.set()
            killing.join()
    assert plans == expected and len(killed) > 3


@pytest.mark.slow
def test_the_notebooks_of_a_command_share_one_cluster(tmp_path, capfd):
    library = pairs_of_pictures(tmp_path)
    profile = tmp_path / "p.yaml"
    profile.write_text(f"library: {library}\nroots: [mojo1, selected]\nengine: dask\ncache_dir: {tmp_path / 'cache'}\n")  # fmt: skip
    names = ["00_catalogue", "10_phash"]
    folder = preflight.prepare(parameters.load(profile), names, tmp_path / "out")

    states = execute.execute(folder, names)

    out, errors = capfd.readouterr()
    found = re.findall(r"Dask: .*? at (tls://127\.0\.0\.1:\d+); dashboard: http", out + errors)
    assert states == dict.fromkeys(names, "done")
    assert len(found) > 1 and len({*found}) == 1  # told by the command, and in a notebook
