"""Runs with the engine dask: the same bytes as with the engine local."""

import pytest
from distributed import LocalCluster
from drawn import make_library, photo, save

from dedup_nb.finders import phash
from dedup_nb.library.quantities import count
from dedup_nb.pictures.engines.by_dask import engine as engines
from dedup_nb.session import workbench
from dedup_nb.steps.clip_faiss import likeness

PLANS = ("catalogue.csv", "10_phash/groups.csv", "10_phash/manifest.csv", "30_clip_faiss/groups.csv", "30_clip_faiss/manifest.csv")  # fmt: skip


def results(folder, library, **more):
    """The plans of two finders on a library, with a cache of their own."""
    values = {"library": str(library), "roots": ["mojo1", "selected"], "cache_dir": str(folder / "cache")}  # fmt: skip
    values |= {"run_dir": str(folder / "out/lib/run")} | more
    run = workbench.start("10_phash", values)
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 16, rows=rows, engine=run.engine, twins=run.twins)
    run.save(run.candidates(pairs), 8, name="max_distance")
    run = workbench.start("30_clip_faiss", values)
    search = likeness.search(run, "local", "none")
    pairs, _ = search.near_pairs(4)
    run.save(run.candidates(pairs, similarity=True), 4, name="min_matches", notes=search.notes)
    run.engine.close()
    return {name: (run.folder / name).read_bytes() for name in PLANS}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = make_library(tmp_path_factory.mktemp("runs") / "lib")
    for seed in range(4, 8):
        save(photo(seed), made / "mojo1" / f"{seed}.png")
        save(photo(seed), made / "selected" / f"{seed}.jpg", quality=70)
    return made


@pytest.fixture(scope="module")
def expected(library, tmp_path_factory):
    return results(tmp_path_factory.mktemp("local"), library)


@pytest.mark.parametrize(
    "workers", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4, 16))]
)
def test_a_run_on_several_workers_gives_the_same_bytes(
    tmp_path, library, expected, workers, monkeypatch, capsys
):
    monkeypatch.setattr(engines, "LEAST_ITEMS", 1)
    monkeypatch.setattr(engines, "WORTH_STEPS", 0)
    monkeypatch.setattr(engines, "TASK_STEPS", 1)
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as cluster:
        cluster.wait_for_workers(workers)
        address = cluster.scheduler_address
        made = results(tmp_path, library, engine="dask", scheduler=address)
    assert made == expected and made["10_phash/manifest.csv"].count(b"\n") > 5
    said = f"Dask: {count(workers, 'worker')}, {count(workers, 'thread')}, at {address}; dashboard"
    assert said in capsys.readouterr().out
