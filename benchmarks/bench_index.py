"""Search all pairs above a cosine among clustered vectors: CPU and memory against a matrix product.

    python benchmarks/bench_index.py [N]

Both must give the same pairs, which is checked. N is 30,000 by default; from 100,000 on, the
blocked product is skipped, and only time and memory are reported. Where FAISS cells would be used
(beyond 300,000), they are measured as well: time, the recall estimated from a sample, and the true
recall of all pairs and of the nearest neighbours of 2,000 vectors.
"""

import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"
os.environ["GOMP_SPINCOUNT"] = "0"

import numpy as np

from dedup_nb.finders import index

N, WIDTH, FLOOR, BLOCK, HALF_STEP = 30_000, 512, 0.92, 1024, 0.5e-4
NEIGHBOURS, ASKED = 10, 2_000


def clustered(n, d=WIDTH, seed=0):
    """Return unit vectors like those of a collection: decreasing variance, in clusters."""
    rng = np.random.default_rng(seed)
    spread = 1 / np.sqrt(1 + np.arange(d) / 8)
    centres = rng.normal(size=(n // 3, d)) * spread + 0.5 * spread
    vectors = centres[rng.integers(0, len(centres), n)]
    vectors = vectors + rng.uniform(0.1, 0.5, (n, 1)) * rng.normal(size=(n, d)) * spread
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def blocked(vectors, floor):
    """Search with a blocked matrix product above the diagonal, for comparison."""
    firsts, seconds = [], []
    for start in range(0, len(vectors), BLOCK):
        products = vectors[start : start + BLOCK] @ vectors[start:].T
        i, j = np.nonzero(products >= floor - HALF_STEP)  # cosines are rounded to four decimals
        above = j > i
        firsts.append(i[above] + start)
        seconds.append(j[above] + start)
    return np.concatenate(firsts), np.concatenate(seconds)


def cost(act):
    """Return the CPU seconds of a call, and its result."""
    begun = time.process_time()
    result = act()
    return time.process_time() - begun, result


def in_cells(vectors, pairs):
    """Print the cost and recall of a search in cells, for all pairs and nearest neighbours."""
    n = len(vectors)

    def search():
        cells = index.Cells.learn(vectors)
        cells.add(np.arange(n), vectors)
        cells.name(np.arange(n))
        cells.tune(vectors, FLOOR)
        return cells, *index.near_pairs(vectors, FLOOR, cells=cells)

    spent, (cells, near, _) = cost(search)
    true, ours = (table["i"].to_numpy() * n + table["j"].to_numpy() for table in (pairs, near))
    print(f"in cells: {spent:.0f} s CPU, including training; {cells.lists.nlist:,} cells, "
          f"{cells.lists.nprobe} searched; estimated recall {cells.recall:.4f}, "
          f"true recall of all pairs {np.isin(true, ours).mean():.4f}")  # fmt: skip
    some = np.linspace(0, n - 1, ASKED).astype(np.int64)
    near = vectors[some] @ vectors.T
    near[np.arange(ASKED), some] = -2
    true = np.argpartition(-near, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    spent, (i, j) = cost(lambda: cells.neighbours(vectors[:, None], NEIGHBOURS, some))
    hits = np.isin((some[:, None] * n + true).ravel(), i * n + j)
    estimated = cells.recall_of_neighbours(vectors, NEIGHBOURS)
    print(f"the {NEIGHBOURS} nearest of {ASKED:,}: {1000 * spent / ASKED:.1f} ms each, recall "
          f"{hits.mean():.4f} (estimated {estimated:.4f})")  # fmt: skip


def main(n=N):
    n = int(n)
    vectors = clustered(n)
    index.near_pairs(vectors[:5000], FLOOR)  # compiles
    ours, (pairs, bound) = cost(lambda: index.near_pairs(vectors, FLOOR))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    width = index._search(vectors[:, None], FLOOR).left.shape[1]
    print(f"{n:,} x {WIDTH}, cosine >= {bound:g}: {len(pairs):,} pairs")
    print(f"near_pairs: {ours:.2f} s CPU, {width} numbers per vector; peak memory {peak:.2f} GB, "
          f"of which the vectors {vectors.nbytes / 1e9:.2f}")  # fmt: skip
    if n > index.APPROXIMATE_N:
        in_cells(vectors, pairs)
    if n >= 100_000:
        return
    theirs, (i, j) = cost(lambda: blocked(vectors, FLOOR))
    mine = set(zip(pairs["i"].tolist(), pairs["j"].tolist(), strict=True))
    other = set(zip(i.tolist(), j.tolist(), strict=True))
    cosines = {pair: float(vectors[pair[0]] @ vectors[pair[1]]) for pair in mine ^ other}
    edge = all(abs(cosine - FLOOR) < 1e-4 for cosine in cosines.values())
    same = "identical pairs" if not cosines else f"{len(cosines)} pairs differ by rounding"
    print(f"blocked product: {theirs:.2f} s CPU; ratio {theirs / ours:.1f}; "
          f"{same if edge else 'PAIRS DIFFER'}")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:2])
