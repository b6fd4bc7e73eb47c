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
import results
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
    hash_s: float = 1.1e-11  # CPU an operation of the join of hashes, as it counts them
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


class Row(NamedTuple):
    """A job: what the model predicts, and what it took with each engine; CPU and wall seconds."""

    job: str
    predicted_s: float
    local: tuple[float, float]
    dask: tuple[float, float]

    def cells(self):
        """Return the row of the table."""
        apart = f"{self.dask[0] / self.predicted_s - 1:+.0%}"
        local = f"{self.local[0]:.1f} s" if self.local else ""
        wall = f"{self.dask[1]:.1f} s"
        return self.job, f"{self.predicted_s:.1f} s", f"{self.dask[0]:.1f} s", apart, wall, local


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
    """Decode files with both engines; return the row, and what the head does with each, in ms."""
    (folder / "large").mkdir()
    keys = pictures(folder / "large", count, (1536, 1024))

    def decode(name, some, one):
        return fingerprints(folder / "large", some, folder / name, one)

    for name, one in (("local", LOCAL), ("dask", engine)):
        decode(f"warm {name}", keys[:32], one)  # processes start
    few = keys[32:96]
    _, cpu, _ = cost(lambda: decode("few", few, LOCAL))
    a, *local = cost(lambda: decode("local", keys, LOCAL))
    POOL.close()
    b, *dask = cost(lambda: decode("dask", keys, engine))
    assert a == b
    (folder / "small").mkdir()
    keys = pictures(folder / "small", SMALL, (384, 256))
    head = time.process_time()
    fingerprints(folder / "small", keys, folder / "small cache", engine)
    head = time.process_time() - head
    job = f"{count:,} pictures of 1.6 megapixels"
    return Row(job, cpu * count / len(few), local, dask), 1000 * head / SMALL


def compare_hashes(engine, n, bits):
    """Join hashes with both engines, and predict the cost from a fifth of them."""
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (n, 8), dtype=np.uint8)
    hashes[: n // 100] = hashes[-(n // 100) :]
    phash.near_pairs(hashes[:20_000], bits)  # numba compiles
    with everything_sent():
        phash.near_pairs(hashes[:20_000], bits, engine=engine)  # workers import
    _, cpu, _ = cost(lambda: phash.near_pairs(hashes[::5], bits))
    (a, _), *local = cost(lambda: phash.near_pairs(hashes, bits))
    with everything_sent():
        (b, _), *dask = cost(lambda: phash.near_pairs(hashes, bits, engine=engine))
    assert a.equals(b)
    predicted_s = cpu * hamming.steps(n, bits) / hamming.steps(n // 5, bits)
    return Row(f"{n:,} hashes within {bits} bits", predicted_s, local, dask)


@contextlib.contextmanager
def everything_sent():
    """Let an engine send what it would do at once."""
    from dedup_nb.pictures.engines.by_dask import engine

    before, engine.WORTH_STEPS = engine.WORTH_STEPS, 0
    try:
        yield
    finally:
        engine.WORTH_STEPS = before


def compare_vectors(engine, vectors):
    """Join vectors on the workers, and predict the cost from a tenth of them; return the pairs."""
    n, few = len(vectors), vectors[::10]
    with everything_sent():
        index.near_pairs(few[:5_000], FLOOR, engine=engine)  # workers import
    index.near_pairs(few[:5_000], FLOOR)
    (a, _), *local = cost(lambda: index.near_pairs(few, FLOOR))
    with everything_sent():
        b, _ = index.near_pairs(few, FLOOR, engine=engine)
    assert a.equals(b)
    costs = Costs(vector_s=local[0] / (len(few) * (len(few) - 1) / 2))
    (exact, _), *dask = cost(lambda: index.near_pairs(vectors, FLOOR, engine=engine))
    job = f"{n:,} vectors of {vectors.shape[1]} numbers at {FLOOR}"
    return Row(job, predicted(n, 1, costs=costs).vectors_h * HOUR, (), dask), exact


def compare_cells(vectors, exact):
    """Return a sentence: what FAISS's cells cost, and which of all pairs they find."""
    cells, learning, _ = cost(lambda: learnt(vectors))
    (near, _), search, _ = cost(lambda: index.near_pairs(vectors, FLOOR, cells=cells))
    return (
        f"FAISS's cells search the same {len(vectors):,} vectors in {search:.0f} s of CPU, after "
        f"{learning:.0f} s to learn and tune them, and find {len(near) / max(1, len(exact)):.2%} "
        f"of the {len(exact):,} pairs; from a sample, {cells.recall:.2%} are expected."
    )


def main(n_pictures=300, n_hashes=1_000_000, n_vectors=300_000, numbers=512):
    from dedup_nb.pictures.engines.by_dask.engine import Dask

    vectors = clustered(n_vectors, numbers)
    with tempfile.TemporaryDirectory() as folder, running(WORKERS) as address:
        engine = Dask(address)
        row, head_ms = compare_files(engine, Path(folder), n_pictures)
        rows = [row, *(compare_hashes(engine, n_hashes, bits) for bits in BITS)]
        row, exact = compare_vectors(engine, vectors)
        rows.append(row)
        engine.close()
    columns = ("job", "predicted CPU", "CPU with dask", "apart", "wall", "CPU with local")
    sizes = (10**6, 10**7, 10**8)
    text = "\n".join(
        (
            f"{WORKERS} workers of one thread. The model predicts pictures from 64 of them, hashes "
            "from a fifth and vectors from a tenth, all on one machine. The hashes are sent, "
            "though the engine would do them on the head.\n",
            results.table(columns, [row.cells() for row in rows]),
            f"The head takes {head_ms:.2f} ms of CPU a picture, of {SMALL:,} small ones.\n",
            compare_cells(vectors, exact) + "\n",
            "The model for 64 cores and 10 Gbit/s:\n",
            results.table(
                ("pictures", *Predicted._fields),
                [(f"{n:,}", *(f"{v:.2g}" for v in predicted(n, 64))) for n in sizes],
            ),
        )
    )
    print(text)
    results.write("dask", "Dask: prediction and measurement", text)


def learnt(vectors):
    cells = index.Cells.learn(vectors)
    numbers = np.arange(len(vectors), dtype=np.int64)
    cells.add(numbers, vectors)
    cells.name(numbers)
    cells.tune(vectors, FLOOR)
    return cells


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
