"""Hash a folder and join a million hashes: ratios to peer tools and to lower bounds.

Times are CPU seconds of this process and its children. The pictures have the format and size of
those in a real collection.
"""

import io
import os
import tempfile
import time
import zlib
from pathlib import Path

os.environ["GOMP_SPINCOUNT"] = "0"

import faiss
import imagehash
import numpy as np
from PIL import Image

from dedup_nb.finders import phash
from dedup_nb.library import catalogue
from dedup_nb.pictures import measures, store

N_PICTURES, N_COPIES = (
    40,
    6,
)  # copies differ by a byte after the image data, so none is in the cache
N_HASHES = 1_000_000


def cpu():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def cost(act):
    """Return the CPU seconds and wall seconds of a call."""
    begun, wall = cpu(), time.perf_counter()
    act()
    return cpu() - begun, time.perf_counter() - wall


def picture(seed, width=832, height=1216):
    """Return a smooth picture with grain, whose PNG is as large as that of a render."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray(
        (smooth + rng.integers(-4, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
    )


def hash_folder(folder, kind):
    images = catalogue.scan(folder, ["."]).images
    keys = [store.FileKey(f.path, f.bytes, f.mtime_ns, f.ctime_ns) for f in images]
    with tempfile.TemporaryDirectory() as cache:
        kept = store.Store(Path(cache))
        measures.measure_files(folder, keys, kept, [kind])
        kept.close()


def inflate(path):
    """Decompress the data of a PNG with zlib only: the lower bound of reading it."""
    data, at, parts = path.read_bytes(), 8, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            parts.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    zlib.decompress(b"".join(parts))


def folders(scratch):
    for name, suffix, options in (("PNG", "png", {}), ("JPEG", "jpg", {"quality": 92})):
        folder = Path(scratch) / suffix
        folder.mkdir()
        for seed in range(N_PICTURES):
            buffer = io.BytesIO()
            picture(seed).save(buffer, name, **options)
            for copy in range(N_COPIES):
                path = folder / f"{seed}-{copy}.{suffix}"
                path.write_bytes(buffer.getvalue() + bytes([copy]))
        yield name, folder


def main():
    kind = phash.kind("phash", 64)
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder in folders(scratch):
            paths = sorted(folder.iterdir())
            hash_folder(folder, kind)  # a first pass loads the files into the page cache
            ours, wall = cost(lambda folder=folder: hash_folder(folder, kind))
            loop, _ = cost(lambda paths=paths: [imagehash.phash(Image.open(p)) for p in paths])
            size = sum(p.stat().st_size for p in paths) / len(paths) / 1e6
            print(f"{name} 832x1216, {size:.1f} MB, {len(paths)} files:")
            print(
                f"  digest, facts, hash and thumbnail: {ours / len(paths) * 1e3:.1f} ms CPU per "
                f"image, {len(paths) / wall:.0f} images per second"
            )
            print(f"  imagehash alone, one by one: {loop / ours:.2f} times as long")
            if name == "PNG":
                floor, _ = cost(lambda paths=paths: [inflate(p) for p in paths])
                print(f"  {ours / floor:.2f} times zlib alone, the lower bound of a PNG")
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
