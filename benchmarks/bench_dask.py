"""Compare the engines dask and local on this machine, and a cost model with measured runs.

    python benchmarks/bench_dask.py [PICTURES] [HASHES] [VECTORS] [NUMBERS]

A scheduler and three workers run in processes of their own. CPU is that of all processes together:
this one, the workers and their decoders. Results must be the same, which is checked. Vectors of
NUMBERS numbers, whose spectrum falls as that of embeddings, are joined locally at a tenth of
VECTORS; the model predicts all of them from that, and hashes from a fifth of HASHES, and the
workers measure both. FAISS's cells search the same vectors, and their true recall is counted.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":  # tests import this and have threads already
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np
import psutil
from PIL import Image

from dedup_nb.finders import embeddings, hamming, index, phash
from dedup_nb.pictures import measures, store
from dedup_nb.pictures.engines import LOCAL
from dedup_nb.pictures.engines.processes import POOL

WORKERS, FLOOR, BITS = 3, 0.92, (8, 12)
SMALL = 3_000  # pictures of 0.1 megapixels, for what the head does with each
HOUR = 3600


class Costs(NamedTuple):
    """What one picture, or one pair of pictures, costs; measured on one core."""

    decode_s: float = 0.020  # CPU of a worker a picture: read, decode, fingerprints
    head_s: float = 0.0002  # CPU of the head a picture: check and store
    sent_bytes: float = 20e3  # from a worker to the head, a picture
    kept_bytes: float = 31e3  # of the cache, a picture
    picture_bytes: float = 3e6  # of a file, read once over the network
    hash_s: float = 1.3e-10  # CPU an operation of the join of hashes, as it counts them
    vector_s: float = 5e-9  # CPU a pair of vectors of 120 numbers
    vector_bytes: float = 480.0


class Predicted(NamedTuple):
    """Hours, and bytes where the name says so, for a whole library."""

    decode_h: float
    head_h: float
    network_h: float
    hashes_h: float
    vectors_h: float
    cache_bytes: float
    worker_bytes: float

    @property
    def fingerprints_h(self) -> float:
        """The slowest of workers, head and network, which work at the same time."""
        return max(self.decode_h, self.head_h, self.network_h)


def predicted(n, cores, network_bytes_s=1.25e9, costs=Costs()):  # noqa: B008  # never changed
    """Return what n pictures take on so many cores, with a network of 10 Gbit/s."""
    pairs = n * (n - 1) / 2
    return Predicted(
        n * costs.decode_s / cores / HOUR,
        n * costs.head_s / HOUR,
        n * (costs.picture_bytes + costs.sent_bytes) / network_bytes_s / HOUR,
        hamming.steps(n, 8) * costs.hash_s / cores / HOUR,
        pairs * costs.vector_s / cores / HOUR,
        n * costs.kept_bytes,
        n * costs.vector_bytes,
    )


@contextlib.contextmanager
def running(workers):
    """Yield the address of a scheduler with some workers of one thread, each in its own process."""
    from distributed import Client

    def start(module, *options):
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1"]
        return subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder, "scheduler.json")
        file = ("--scheduler-file", str(named))
        made = [start("dask_scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", *file)]
        try:
            made += [
                start("dask_worker", "--nthreads", "1", "--no-dashboard", *file)
                for _ in range(workers)
            ]
            while not named.exists():
                time.sleep(0.1)
            with Client(scheduler_file=str(named), set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=60)
                address = client.scheduler.address
            yield address
        finally:
            for process in reversed(made):
                process.terminate()
                process.wait()


def cpu_s():
    """Return the CPU seconds of this process and all below it."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def cost(act):
    """Return what `act` returns, its CPU and its wall seconds."""
    cpu, wall = cpu_s(), time.monotonic()
    made = act()
    return made, cpu_s() - cpu, time.monotonic() - wall


def told(what, local, other):
    print(
        f"{what:42} local {local[0]:7.1f} s CPU {local[1]:6.1f} s; dask {other[0]:7.1f} s CPU "
        f"{other[1]:6.1f} s; {other[0] / local[0]:.2f} times the CPU",
        flush=True,
    )


def pictures(folder, count, size):
    rng = np.random.default_rng(0)
    for k in range(count):
        small = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).save(folder / f"{k}.jpg", quality=90)
    found = sorted(folder.iterdir())
    return [store.FileKey.of(folder, path.name) for path in found]


def fingerprints(folder, keys, cache, engine):
    kept = store.Store(cache)
    kinds = [phash.kind("phash", 64), embeddings.embedder("dct").kind, measures.CONTENTS]
    facts = measures.measure_files(folder, keys, kept, kinds, engine=engine)
    kept.close()
    return facts


def clustered(n, d):
    """Return unit vectors, one in three of them near another."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, d)).astype(np.float32) / np.sqrt(np.arange(1, d + 1), dtype="f4")
    noise = vectors[: n // 3]
    vectors[: n // 3] = vectors[n // 3 : 2 * (n // 3)] + 0.3 * noise
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def compare_files(engine, folder, count):
    """Decode files with both engines, and count what the head does with each."""
    (folder / "large").mkdir()
    keys = pictures(folder / "large", count, (1536, 1024))
    for name, one in (("local", LOCAL), ("dask", engine)):
        fingerprints(folder / "large", keys[:32], folder / f"warm {name}", one)
    a, *local = cost(lambda: fingerprints(folder / "large", keys, folder / "local", LOCAL))
    POOL.close()
    b, *dask = cost(lambda: fingerprints(folder / "large", keys, folder / "dask", engine))
    assert a == b
    told(f"{count:,} pictures of 1.6 megapixels", local, dask)
    (folder / "small").mkdir()
    keys = pictures(folder / "small", SMALL, (384, 256))
    head = time.process_time()
    fingerprints(folder / "small", keys, folder / "small cache", engine)
    head = time.process_time() - head
    print(f"{SMALL:,} small pictures: {1000 * head / SMALL:.2f} ms of the head each", flush=True)


def compare_hashes(engine, n, bits):
    """Join hashes with both engines, and predict the cost from a fifth of them."""
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (n, 8), dtype=np.uint8)
    hashes[: n // 100] = hashes[-(n // 100) :]
    phash.near_pairs(hashes[:20_000], bits)  # numba compiles
    _, cpu, _ = cost(lambda: phash.near_pairs(hashes[::5], bits))
    (a, _), *local = cost(lambda: phash.near_pairs(hashes, bits))
    (b, _), *dask = cost(lambda: phash.near_pairs(hashes, bits, engine=engine))
    assert a.equals(b)
    told(f"{n:,} hashes within {bits} bits", local, dask)
    verdict(f"{n:,} hashes", cpu * hamming.steps(n, bits) / hamming.steps(n // 5, bits), dask)


def compare_vectors(engine, vectors):
    """Join vectors with both engines, and predict the cost from a tenth; return the pairs."""
    n, few = len(vectors), vectors[::10]
    index.near_pairs(few[:2_000], FLOOR)
    (a, _), *local = cost(lambda: index.near_pairs(few, FLOOR))
    (b, _), *dask = cost(lambda: index.near_pairs(few, FLOOR, engine=engine))
    assert a.equals(b)
    told(f"{len(few):,} vectors of {vectors.shape[1]} numbers", local, dask)
    costs = Costs(vector_s=local[0] / (len(few) * (len(few) - 1) / 2))
    print(f"  {costs.vector_s:.2e} s a pair", flush=True)
    (exact, _), *dask = cost(lambda: index.near_pairs(vectors, FLOOR, engine=engine))
    verdict(f"{n:,} vectors", predicted(n, 1, costs=costs).vectors_h * HOUR, dask)
    return exact


def verdict(what, model, measured):
    cores = min(WORKERS, os.cpu_count() or 1)
    print(
        f"  {what} on {WORKERS} workers: {measured[0]:.1f} s CPU, {measured[1]:.1f} s; the model "
        f"predicts {model:.1f} s CPU, {model / cores:.1f} s on {cores} free cores "
        f"({measured[0] / model - 1:+.0%} CPU)",
        flush=True,
    )


def compare_cells(vectors, exact):
    """Search with FAISS's cells, and count which of all pairs they find."""
    cells, learning, _ = cost(lambda: learnt(vectors))
    (near, _), search, _ = cost(lambda: index.near_pairs(vectors, FLOOR, cells=cells))
    print(
        f"FAISS's cells: {learning:.0f} s CPU to learn and tune, {search:.0f} s to search; recall "
        f"{len(near) / max(1, len(exact)):.3%} of {len(exact):,} pairs (estimated "
        f"{cells.recall:.3%})",
        flush=True,
    )


def main(n_pictures=300, n_hashes=1_000_000, n_vectors=300_000, numbers=512):
    from dedup_nb.pictures.engines.by_dask.engine import Dask

    vectors = clustered(n_vectors, numbers)
    with tempfile.TemporaryDirectory() as folder, running(WORKERS) as address:
        engine = Dask(address)
        compare_files(engine, Path(folder), n_pictures)
        for bits in BITS:
            compare_hashes(engine, n_hashes, bits)
        exact = compare_vectors(engine, vectors)
        engine.close()
    compare_cells(vectors, exact)
    for n in (10**6, 10**7, 10**8):
        print(n, {k: f"{v:.3g}" for k, v in predicted(n, 64)._asdict().items()})


def learnt(vectors):
    cells = index.Cells.learn(vectors)
    numbers = np.arange(len(vectors), dtype=np.int64)
    cells.add(numbers, vectors)
    cells.name(numbers)
    cells.tune(vectors, FLOOR)
    return cells


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
