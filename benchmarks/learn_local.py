"""Learn the basis of `dedup_nb/finders/local/codes.py` from features of your own pictures.

    python benchmarks/learn_local.py FOLDER OUT.npz

Whoever uses another basis than the one in the package must raise the number of `local.KIND`.
"""

import sys
from pathlib import Path

import faiss
import numpy as np

from dedup_nb.finders.local import codes
from dedup_nb.pictures import features, images

ROUNDS = 40
SPREAD = 3.2  # standard deviations of the widest direction that fit a code
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def learn(descriptors):
    """Return the basis as a dictionary of arrays; `descriptors` is uint8, shape (n, 128)."""
    hand = learn_hand(descriptors)
    told, _ = codes.in_one_hand(descriptors, hand)
    told = told.astype(np.float64)
    mean = told.mean(0)
    _, every = np.linalg.eigh(np.cov((told - mean).T))
    main = every[:, ::-1][:, : codes.WIDTH]
    step = 127 / np.abs(main).max()
    directions = np.round(main * step).astype(np.int8)
    products = (told - mean) @ directions
    shrink = int(np.ceil(products[:, 0].std() * SPREAD / 127))
    centre = np.round(127.5 * shrink - mean @ directions).astype(np.int64)
    made = {"hand": hand, "directions": directions, "centre": centre, "shrink": np.array(shrink)}
    values = codes.reduced(told.astype(np.uint8), codes.Basis(hand, directions, centre, shrink, ()))
    for name, start in (("even", 0), ("odd", 1)):
        half = np.ascontiguousarray(values[:, start::2], np.float32)
        means = faiss.Kmeans(half.shape[1], codes.CENTRES, niter=ROUNDS, seed=1)
        means.cp.max_points_per_centroid = 10**6
        means.train(half)
        made[name] = np.round(means.centroids).astype(np.uint8)
    return made


def learn_hand(descriptors):
    """Return the direction in which descriptors differ most from their mirror images."""
    apart = descriptors.astype(np.float64) - descriptors[:, features.MIRRORED]
    hand = np.linalg.eigh(apart.T @ apart)[1][:, -1]
    hand = hand - hand[features.MIRRORED]  # exactly reversed by a mirror
    half = np.round(hand / np.abs(hand).max() * 127).astype(np.int8)
    return np.asarray((half.astype(int) - half[features.MIRRORED]) // 2, np.int8)


def main(folder, out):
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    rows = []
    for path in files:
        measured = images.measure(path.read_bytes(), path.name, ())
        if measured.status == "ok":
            pixels = images.pixels(measured.thumbnail)
            kept = features.unpack(features.extract(pixels), pixels)
            rows.append(kept.descriptors[: codes.KEPT])
    descriptors = np.concatenate(rows)
    print(f"{len(files):,} pictures, {len(descriptors):,} features")
    np.savez_compressed(out, **learn(descriptors))


if __name__ == "__main__":
    main(*sys.argv[1:])
