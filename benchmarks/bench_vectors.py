"""A second run over a collection of which one in a hundred pictures is new: CPU against the first.

    python benchmarks/bench_vectors.py [N] [MODEL]

N small pictures (20,000 by default) are read, decoded, embedded and kept; then 1 % more. Told is
the CPU time of everything from the walk over the folder to the array of vectors, decoder processes
included. With MODEL (an architecture of open_clip, with random weights) pictures go through it, by
default through `dct`. There a small picture costs a millisecond, so that starting a decoder and
reading the 1 % is a sixtieth of the first run by itself, finding 20,000 known files again is a
fortieth, and the ratio ends near 23; what a model makes costs a hundred times as much and is what
counts. Reading back 300,000 vectors of 512 numbers is told as well.
"""

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_clip import checkpoint
from PIL import Image

from dedup_nb.finders import clip
from dedup_nb.pictures import store
from dedup_nb.session import workbench

SIDE, SHARE = 96, 0.01
READ, WIDTH = 300_000, 512


def draw(folder, first, n):
    """Draw small pictures, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:06}.jpg", quality=85)


def cpu():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run(folder, name, embedder, **weights):
    """Return CPU seconds of one run up to the array of vectors."""
    begun = cpu()
    values = {"library": str(folder / "lib"), "cache_dir": str(folder / "cache")}
    values |= {"run_dir": str(folder / name), "embedder": embedder, **weights}
    at_work = workbench.start("30_clip_faiss", values)
    array, _ = at_work.embeddings(embedder)
    at_work.store.close()
    return cpu() - begun, len(array)


def reading(folder):
    """Return (seconds, CPU seconds) of reading many vectors back from the store."""
    kept = store.Store(folder / "many")
    vector = clip.FULL + np.ones(WIDTH, "<f4").tobytes()
    digests = [f"{k * 2654435761 % 2**64:064x}" for k in range(READ)]
    for start in range(0, READ, 1000):
        kept.put([], measures=[("clip", d, vector) for d in digests[start : start + 1000]])
    begun, spent = time.perf_counter(), cpu()
    found = kept.measures("clip", digests)
    array = clip.unpack([found[digest] for digest in digests])
    assert array.shape == (READ, WIDTH)
    return time.perf_counter() - begun, cpu() - spent


def main(n=20_000, model=None):
    n = int(n)
    folder = Path(tempfile.mkdtemp())
    try:
        weights = {"model": model, "pretrained": str(checkpoint(folder, model))} if model else {}
        embedder = "clip" if model else "dct"
        draw(folder / "lib", 0, n)
        first, count = run(folder, "first", embedder, **weights)
        new = int(n * SHARE)
        draw(folder / "lib", n, new)
        second, more = run(folder, "second", embedder, **weights)
        assert (count, more) == (n, n + new)
        print(f"{model or 'dct'}, {n:,} pictures: {first:.1f} s CPU; then {new:,} new ones: "
              f"{second:.2f} s; ratio {first / second:.0f}")  # fmt: skip
        wall, spent = reading(folder)
        print(f"reading {READ:,} vectors of {WIDTH} numbers: {spent:.1f} s CPU, {wall:.1f} s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(*sys.argv[1:3])
