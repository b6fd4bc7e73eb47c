"""Make a library of any number of tiny pictures, a third of them copies, and a cache that knows it.

    python benchmarks/scaled_library.py FOLDER N [--cache DIR]

Pictures are JPEGs of 64x64 pixels in folders of 500, half of them saved by a camera's name and half
by a number. A third of them is in groups of 2 to 5: every other copy is the same file, the others
were saved again with fewer bytes. One group is a crowd of up to 300. Every tenth picture has a
caption beside it. All of it follows from N, so that two libraries of one size are equal.

With `--cache`, the cache is filled with what decoding and comparing would have found: made up, so
that a million pictures take minutes. The figures that come from it say so.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare import full_size, verdicts
from dedup_nb.compare.holding.judging import Holding
from dedup_nb.compare.look_words import Look
from dedup_nb.compare.verify import Verdict
from dedup_nb.finders import embeddings, phash
from dedup_nb.library.catalogue import scan
from dedup_nb.pictures import measures
from dedup_nb.pictures.store import EXPOSURE, FACTS, THUMBNAIL, FileKey, Store

SIDE = 64  # pixels
A_FOLDER = 500
AT_ONCE = 2_000  # pictures drawn or stored together
MOST_IN_CROWD = 300
CAPTIONS = 10  # every so many pictures have one
FULL, FEWER = 92, 80  # JPEG quality of a picture and of a copy saved again


@dataclass(frozen=True)
class Shape:
    """Which picture of a library is a copy of which.

    Attributes
    ----------
    base : ndarray of int64, shape (n,)
        The picture that each one shows; its own number unless it is a copy.
    again : ndarray of bool, shape (n,)
        Whether it was saved again, and so is another file.
    """

    base: NDArray[np.int64]
    again: NDArray[np.bool_]


def shape(n: int) -> Shape:
    """Return the groups of a library of `n` pictures; members lie far from each other."""
    rng = np.random.default_rng(n)
    order = rng.permutation(n)
    base, again = np.arange(n), np.zeros(n, bool)
    crowd = min(MOST_IN_CROWD, n // 20)
    base[order[:crowd]] = order[:crowd].min()
    at, last = crowd, n // 3
    while at < last:
        size = int(rng.integers(2, 6))
        members = order[at : at + size]
        base[members] = members.min()
        at += size
    again[(base != np.arange(n)) & (rng.random(n) < 0.5)] = True
    return Shape(base, again)


def name(k: int) -> str:
    """Return the path of a picture, relative to its library."""
    stem = f"IMG_{k:07d}" if k % 2 else f"{k:07d}"
    return f"{k // A_FOLDER:05d}/{stem}.jpg"


def encoded(base: int, quality: int) -> bytes:
    """Return a picture as a JPEG file."""
    coarse = np.random.default_rng(base).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    drawn = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def files(n: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each picture; two are the same file or differ."""
    made = shape(n)
    for k in range(n):
        data = _picture(made, k)
        # a copy saved again is a file of its own, as one that another program wrote
        yield k, data + k.to_bytes(4, "big") if made.again[k] else data


def write(library: Path, n: int) -> list[str]:
    """Write a library; return the digest of each picture."""
    digests = []
    for k, data in files(n):
        path = library / name(k)
        if k % A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(data)
        if k % CAPTIONS == 0:
            path.with_suffix(".txt").write_text(f"picture {k}\n")
        digests.append(hashlib.sha256(data).hexdigest())
    return digests


def fill(cache: Path, library: Path, digests: list[str]) -> None:
    """Fill a cache with facts, thumbnails, hashes and comparisons of a library, all made up."""
    kept = Store(cache)
    n = len(digests)
    made = shape(n)
    stored = _of_one_picture()
    hashes = np.random.default_rng(n).integers(0, 256, (n, 8), dtype=np.uint8)[made.base]
    hash_kind = phash.kind("phash", 64).name
    plain = stored[hash_kind]
    decoders = None
    db = kept.db
    db.execute("pragma synchronous = off")
    keys = scan(library, ["."]).images
    keys.sort(key=lambda image: image.path)
    of_path = {name(k): digest for k, digest in enumerate(digests)}
    with db:
        db.executemany(
            "insert into file values (?, ?, ?, ?, ?)",
            ((os.fsencode(i.path), *i.key[1:], of_path[i.path]) for i in keys),
        )
        # in the order of the digests, which SQLite's trees take fastest
        order = sorted(range(n), key=digests.__getitem__)
        order = [k for at, k in enumerate(order) if not at or digests[k] != digests[order[at - 1]]]
        db.executemany(
            "insert into image values (?, 'ok', '', 'JPEG', ?, ?, 0, 60.0, '')",
            ((digests[k], SIDE, SIDE) for k in order),
        )
        db.executemany(
            "insert into origin values (?, ?, ?, ?, ?)",
            ((digests[k], FACTS, EXPOSURE, THUMBNAIL, decoders) for k in order),
        )
        db.executemany(
            "insert into thumbnail values (?, ?)",
            ((digests[k], _picture(made, k)) for k in order),
        )
        for kind in (hash_kind, embeddings.embedder("dct").kind.name, measures.CONTENTS.name):
            value = stored[kind]
            rows = (
                (kind, digests[k], _hashed(plain, hashes[k]) if kind == hash_kind else value)
                for k in order
            )
            db.executemany("insert into measure (kind, sha256, value) values (?, ?, ?)", rows)
        pairs = sorted(set(_pairs(made, digests)))
        verdict = _verdict()
        compared = full_size._packed(full_size.Compared(Holding(), look=Look(), equal=False))
        for kind, value in ((verdicts.VERDICTS, verdict), (full_size.HOLDINGS, compared)):
            rows = ((kind, " ".join(pair), value) for pair in pairs)
            db.executemany("insert into measure (kind, sha256, value) values (?, ?, ?)", rows)
    kept.close()


def _picture(made: Shape, k: int) -> bytes:
    return encoded(int(made.base[k]), FEWER if made.again[k] else FULL)


def _hashed(plain: bytes, bits: NDArray[np.uint8]) -> bytes:
    return bits.tobytes() + plain[len(bits) :]


def _pairs(made: Shape, digests: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of different files within one group; in the crowd, those with its first."""
    members: dict[int, list[int]] = {}
    for k in np.flatnonzero(made.base != np.arange(len(made.base))).tolist():
        members.setdefault(int(made.base[k]), [int(made.base[k])]).append(k)
    for group in members.values():
        every = sorted({digests[k] for k in group})
        for at, first in enumerate(every):
            yield from ((first, second) for second in every[at + 1 :])


def _verdict() -> bytes:
    same = Verdict(0.99, ("re-encoded",), overlap=1.0, matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    assert asdict(same)
    return verdicts._packed(same)


def _of_one_picture() -> dict[str, bytes]:
    """Return what the cache keeps of one picture, by kind."""
    kinds = [phash.kind("phash", 64), embeddings.embedder("dct").kind, measures.CONTENTS]
    with tempfile.TemporaryDirectory() as folder:
        library, kept = Path(folder), Store(Path(folder) / "cache")
        (library / "a.jpg").write_bytes(encoded(0, FULL))
        found = scan(library, ["."]).images
        measures.measure_files(library, [FileKey(*one.key) for one in found], kept, kinds)
        values = {kind: value for kind, _, value in kept.values()}
        kept.close()
    return values


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", type=Path)
    asked.add_argument("n", type=int)
    asked.add_argument("--cache", type=Path)
    given = asked.parse_args()
    digests = write(given.folder, given.n)
    if given.cache:
        fill(given.cache, given.folder, digests)


if __name__ == "__main__":
    main()
