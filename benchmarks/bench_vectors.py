"""Compare the CPU time of a second run, with one percent new pictures, with that of the first.

    python benchmarks/bench_vectors.py [N] [MODEL]

N small pictures (20,000 by default) are read, decoded, embedded and cached; then 1 % more. The
reported CPU time covers everything from listing the folder to the array of vectors, including the
decoder processes. With MODEL (an open_clip architecture with random weights) that model embeds the
pictures, by default `dct`. With `dct` a small picture takes only a millisecond: starting a decoder
and reading the 1 % takes a sixtieth of the first run, and finding 20,000 known files a fortieth, so
the ratio ends near 23. A model takes a hundred times as long per picture, and there the ratio
matters. The time to read back 300,000 vectors of 512 numbers is reported as well.
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

from dedup_nb.finders import encoders
from dedup_nb.pictures import store
from dedup_nb.session import workbench

SIDE, SHARE = 96, 0.01
READ, WIDTH = 300_000, 512


def draw(folder, first, n):
    """Draw small pictures, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:06}.jpg", quality=85)


def cpu():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run(folder, name, embedder, **weights):
    """Return the CPU seconds of one run up to the array of vectors."""
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
    vector = encoders.FULL + np.ones(WIDTH, "<f4").tobytes()
    digests = [f"{k * 2654435761 % 2**64:064x}" for k in range(READ)]
    for start in range(0, READ, 1000):
        kept.put([], measures=[("clip", d, vector) for d in digests[start : start + 1000]])
    begun, spent = time.perf_counter(), cpu()
    stored = kept.measures("clip", digests)
    array = encoders.unpack([stored[digest] for digest in digests])
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
        print(f"{model or 'dct'}, {n:,} pictures: {first:.1f} s CPU; with {new:,} new ones: "
              f"{second:.2f} s; ratio {first / second:.0f}")  # fmt: skip
        wall, spent = reading(folder)
        print(f"reading {READ:,} vectors of {WIDTH} numbers: {spent:.1f} s CPU, {wall:.1f} s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(*sys.argv[1:3])
