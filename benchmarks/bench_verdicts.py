"""Measure the CPU time of verifying proposed pairs from their thumbnails, processes included.

    python benchmarks/bench_verdicts.py FOLDER [--photos N] [--against CHECKOUT]

FOLDER contains photographs. Some are altered in many ways (see `bench_verify`). Each picture
proposes its nearest other one by `mix`, and its nearest one of another photograph, as a loose
finder would. Nothing but thumbnails is in the store at first, so features are computed as well.
With `--against`, the same pairs are verified by the code in another checkout too, and the output
is the ratio of both times and how many verdicts differ.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve()
SAME = 0.85  # as `verify.SAME`, which this process need not load
EACH = 12  # altered copies of each photograph


def proposed(folder, photos, store):
    """Fill a store with thumbnails and return the sizes by digest, and the pairs to verify."""
    import bench_verify
    import numpy as np

    from dedup_nb.finders import embeddings
    from dedup_nb.pictures.store import Store

    originals, frames = bench_verify.read(folder, photos)
    rng, pictures, of = random.Random(1), [], []
    for number, picture in enumerate(filter(None, originals)):
        kinds = rng.sample(sorted(bench_verify.KINDS), EACH)
        pictures += [picture, *(bench_verify.KINDS[kind](picture) for kind in kinds)]
        of += [number] * (1 + EACH)
    pictures, of = pictures + frames, of + [-1 - k for k in range(len(frames))]
    encoded = [bench_verify.stored(picture) for picture in pictures]
    digests = [sha256(jpeg).hexdigest() for jpeg in encoded]
    kept = Store(store)
    kept.put([], thumbnails=list(zip(digests, encoded, strict=True)))
    kept.close()
    vectors = embeddings.embedder("mix").kind.encode([bench_verify.rasters(p) for p in pictures])
    near = bench_verify.best(embeddings.unpack("mix", vectors, "rotate"))
    of = np.array(of)
    np.fill_diagonal(near, -2)
    pairs = set(enumerate(near.argmax(1).tolist()))
    near[of[:, None] == of] = -2
    pairs |= set(enumerate(near.argmax(1).tolist()))
    by_digest = {tuple(sorted((digests[a], digests[b]))) for a, b in pairs}
    sizes = {digest: picture.size for digest, picture in zip(digests, pictures, strict=True)}
    return sizes, sorted(pair for pair in by_digest if pair[0] != pair[1])


def verify(store, sizes, pairs):
    """Verify pairs with whichever package is imported; return the verdicts as a list."""
    from dataclasses import asdict

    import pandas as pd

    from dedup_nb.compare.verdicts import Verdicts
    from dedup_nb.pictures.engines import processes
    from dedup_nb.pictures.store import Store

    rows = [(digest, *size) for digest, size in sizes.items()]
    catalogue = pd.DataFrame(rows, columns=["sha256", "width", "height"])
    verdicts, places = Verdicts(catalogue, Store(store)), {row[0]: k for k, row in enumerate(rows)}
    ends = [(places[a], places[b]) for a, b in pairs]
    import numpy as np

    with verdicts.without_limit():
        verdicts.refused(*np.array(ends).T)
    processes.POOL.close()
    return [asdict(verdicts.verdicts[tuple(pair)]) for pair in pairs]


def measured(checkout, store, given):
    """Verify the pairs with the code of a checkout; return CPU seconds and the verdicts."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(store, Path(folder, "store"))
        Path(folder, "given.json").write_text(json.dumps(given))
        begun = sum(os.times()[2:4])
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        command = [sys.executable, str(HERE), "--inside", folder]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        spent = sum(os.times()[2:4]) - begun
        return spent, json.loads(Path(folder, "verdicts.json").read_text())


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder")
    asked.add_argument("--photos", type=int, default=60)
    asked.add_argument("--against", type=Path)
    asked.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.inside:
        given = json.loads(Path(options.folder, "given.json").read_text())
        made = verify(Path(options.folder, "store"), *given)
        Path(options.folder, "verdicts.json").write_text(json.dumps(made))
        return
    with tempfile.TemporaryDirectory() as store:
        given = proposed(options.folder, options.photos, Path(store))
        sizes, pairs = given
        spent, verdicts = measured(HERE.parents[1], store, given)
        idle, _ = measured(HERE.parents[1], store, (sizes, pairs[:1]))
        same = sum(verdict["score"] >= SAME for verdict in verdicts)
        each = (spent - idle) / (len(pairs) - 1)
        print(
            f"{len(pairs):,} pairs of {len(sizes):,} pictures, {same:,} of them the same picture: "
            f"{1000 * each:.1f} ms of CPU a pair, features included, "
            f"{each * 10_000 / 60:.1f} minutes for 10,000 (starting takes {idle:.1f} s)"
        )
        if options.against:
            before, others = measured(options.against.resolve(), store, given)
            both = list(zip(verdicts, others, strict=True))
            print(
                f"{options.against}: {1000 * (before - idle) / (len(pairs) - 1):.1f} ms a pair; "
                f"ratio {(before - idle) / (spent - idle):.2f}; "
                f"{sum(x != y for x, y in both):,} verdicts differ, "
                f"{sum((x['score'] >= SAME) != (y['score'] >= SAME) for x, y in both):,} of them "
                "in whether it is the same picture"
            )


if __name__ == "__main__":
    main()
