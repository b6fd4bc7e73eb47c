"""Compare the engines dask and local on this machine, and a cost model with measured runs.

    python benchmarks/bench_dask.py [PICTURES] [HASHES] [VECTORS]

CPU is that of all processes together: this one, the workers and their decoders. Results must be the
same, which is checked. Vectors are joined locally at a fifth of VECTORS (60,000 by default); the
model predicts all of them from that, and the workers measure it. FAISS's cells search the same
vectors, and their true recall is counted.
"""

import os
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

from dedup_nb.finders import embeddings, index, phash
from dedup_nb.pictures import measures, store
from dedup_nb.pictures.engines import LOCAL
from dedup_nb.pictures.engines.processes import POOL

WORKERS, WIDTH, FLOOR, BITS = 3, 120, 0.92, 12
HOUR, MB = 3600, 1e6


class Costs(NamedTuple):
    """What one picture, or one pair of pictures, costs; measured on one core."""

    decode_s: float = 0.020  # CPU of a worker a picture: read, decode, fingerprints
    head_s: float = 0.0015  # CPU of the head a picture: check, hash, store
    sent_bytes: float = 25e3  # from a worker to the head, a picture
    kept_bytes: float = 31e3  # of the cache, a picture
    picture_bytes: float = 3e6  # of a file, read once over the network
    hash_s: float = 1.6e-12  # CPU a pair of hashes within 8 bits, at a million
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
        pairs * costs.hash_s / cores / HOUR,
        pairs * costs.vector_s / cores / HOUR,
        n * costs.kept_bytes,
        n * costs.vector_bytes,
    )


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


def pictures(folder, count):
    rng = np.random.default_rng(0)
    for k in range(count):
        small = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        small.resize((1536, 1024), Image.Resampling.BICUBIC).save(folder / f"{k}.jpg", quality=90)
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
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    vectors[: n // 3] = vectors[n // 3 : 2 * (n // 3)] + 0.3 * vectors[: n // 3]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main(n_pictures=300, n_hashes=1_000_000, n_vectors=300_000):
    from distributed import LocalCluster

    from dedup_nb.pictures.engines.by_dask.engine import Dask

    with (
        tempfile.TemporaryDirectory() as temporary,
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
    ):
        cluster.wait_for_workers(WORKERS)
        engine, folder = Dask(cluster.scheduler_address), Path(temporary) / "pictures"
        folder.mkdir()
        keys = pictures(folder, n_pictures)
        warm = keys[:32]
        for name, one in (("local", LOCAL), ("dask", engine)):
            fingerprints(folder, warm, Path(temporary) / f"warm {name}", one)
        a, *local = cost(lambda: fingerprints(folder, keys, Path(temporary) / "local", LOCAL))
        POOL.close()
        head = time.process_time()
        b, *dask = cost(lambda: fingerprints(folder, keys, Path(temporary) / "dask", engine))
        head = time.process_time() - head
        assert a == b
        told(f"{n_pictures:,} pictures of 1.6 megapixels", local, dask)
        print(f"  of that the head: {1000 * head / n_pictures:.2f} ms a picture", flush=True)

        rng = np.random.default_rng(1)
        hashes = rng.integers(0, 256, (n_hashes, 8), dtype=np.uint8)
        hashes[: n_hashes // 100] = hashes[-(n_hashes // 100) :]
        small = hashes[:20_000]
        phash.near_pairs(small, BITS)
        (a, _), *local = cost(lambda: phash.near_pairs(hashes, BITS))
        (b, _), *dask = cost(lambda: phash.near_pairs(hashes, BITS, engine=engine))
        assert a.equals(b)
        told(f"{n_hashes:,} hashes within {BITS} bits", local, dask)

        vectors = clustered(n_vectors, WIDTH)
        few = vectors[::5]
        index.near_pairs(few[:2_000], FLOOR)
        (a, _), *local = cost(lambda: index.near_pairs(few, FLOOR))
        (b, _), *dask = cost(lambda: index.near_pairs(few, FLOOR, engine=engine))
        assert a.equals(b)
        told(f"{len(few):,} vectors of {WIDTH} numbers", local, dask)
        costs = Costs(vector_s=local[0] / (len(few) * (len(few) - 1) / 2))
        model = predicted(n_vectors, 1, costs=costs).vectors_h * HOUR
        (exact, _), *dask = cost(lambda: index.near_pairs(vectors, FLOOR, engine=engine))
        print(
            f"{n_vectors:,} vectors on {WORKERS} workers: {dask[0]:.0f} s CPU, {dask[1]:.0f} s; "
            f"the model predicts {model:.0f} s CPU ({dask[0] / model - 1:+.0%})",
            flush=True,
        )
        engine.close()
    cells, cpu, _ = cost(lambda: learnt(vectors))
    (near, _), found_s, _ = cost(lambda: index.near_pairs(vectors, FLOOR, cells=cells))
    recall = len(near) / max(1, len(exact))
    print(
        f"FAISS's cells: {cpu:.0f} s CPU to learn and tune, {found_s:.0f} s to search; recall "
        f"{recall:.3%} of {len(exact):,} pairs (estimated {cells.recall:.3%})"
    )
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
