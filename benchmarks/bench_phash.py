"""Join a million hashes: ratios to FAISS, exact and flat. Times are CPU seconds."""

import os
import time

os.environ["GOMP_SPINCOUNT"] = "0"

import faiss
import numpy as np

from dedup_nb.finders import phash

N_HASHES = 1_000_000


def cpu():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def cost(act):
    """Return the CPU seconds and wall seconds of a call."""
    begun, wall = cpu(), time.perf_counter()
    act()
    return cpu() - begun, time.perf_counter() - wall


def main():
    for n_bytes, ceiling in ((8, 8), (8, 16), (32, 32)):
        hashes = np.random.default_rng(0).integers(0, 256, (N_HASHES, n_bytes), dtype=np.uint8)
        phash.near_pairs(hashes[:3000], ceiling)  # compile first
        ours, wall = cost(lambda c=ceiling, h=hashes: phash.near_pairs(h, c))
        bits = f"{8 * n_bytes} bits"
        print(
            f"join of {N_HASHES:,} hashes of {bits} to {ceiling}: {ours:.2f} s CPU, {wall:.2f} s;"
        )
        print(f"  FAISS, exact and flat: {flat(hashes, ceiling) / ours:,.0f} times as long")


def flat(hashes, ceiling, rows=2000):
    """Return the CPU seconds of an exact FAISS search for each hash, extrapolated from some."""
    index = faiss.IndexBinaryFlat(8 * hashes.shape[1])
    index.add(hashes)
    part, _ = cost(lambda: index.range_search(hashes[:rows], ceiling + 1))
    return part * len(hashes) / rows


if __name__ == "__main__":
    main()
