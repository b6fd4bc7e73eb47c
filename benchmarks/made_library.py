"""Make a library of photographs and copies of them, with a table that says what each copy is.

    python benchmarks/made_library.py PHOTOGRAPHS LIBRARY [--rounds N] [--all BASES] [--seed N]

With `--rounds`, each folder `round1`, `round2`, ... holds every photograph and one copy of each, so
that all transforms get the same share. With `--all`, the folder `all` holds some photographs, each
with a copy by every transform. `truth.csv` lists the copies: `file, base, transform, group, answer,
also` (the answer as in `transforms`; `also` names photographs that a container shows as well).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import transforms
from PIL import Image, ImageOps

KINDS = (".jpg", ".jpeg", ".png", ".webp")
COLUMNS = ("file", "base", "transform", "group", "answer", "also")
NEEDS_COLOUR = ("hue turned", "recoloured part", "grey", "saturation", "sepia", "warmer")
LEAST_CHANGE = 14  # of 255, where it is largest, of a transform that changes colour
MOST_PX = 3000  # long side of a photograph before it is changed


def photographs(folder: Path) -> list[Path]:
    """Return the photographs of a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in KINDS)


def read(path: Path) -> Any:
    """Return a photograph upright in RGB, at most `MOST_PX` long."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    picture.thumbnail((MOST_PX, MOST_PX), Image.Resampling.LANCZOS)
    return picture


def seed_of(*words: object) -> int:
    return zlib.crc32(" ".join(map(str, words)).encode())


def is_changed(picture: Any, copy: Any) -> bool:
    """Return whether a change of colour shows; it does not on a grey photograph."""
    small = [np.asarray(p.resize((64, 64))).astype(np.float32) for p in (picture, copy)]
    return float(cv2.blur(np.abs(small[0] - small[1]).max(-1), (5, 5)).max()) >= LEAST_CHANGE


def copied(
    path: Path, one: transforms.Transform, others: Sequence[Path], seed: int
) -> bytes | None:
    """Return a copy of a photograph as a file, or None if the change would not show on it."""
    picture, beside = read(path), []
    if one.name in ("collage", "desktop screenshot"):
        beside = [read(other) for other in others]
    copy = one.make(picture, np.random.default_rng(seed), beside)
    if one.name in NEEDS_COLOUR and not is_changed(picture, copy):
        return None
    return transforms.encoded(copy, one.form, one.quality)


def write(
    folder: Path,
    pairs: Sequence[tuple[Path, transforms.Transform]],
    bases: Sequence[Path],
    seed: int,
) -> None:
    """Write photographs and a copy for each pair of a photograph and a transform."""
    folder.mkdir(parents=True)
    for base in bases:
        shutil.copyfile(base, folder / base.name)
    rows = []
    for number, (base, one) in enumerate(pairs):
        place = bases.index(base)
        others = [bases[(place + k) % len(bases)] for k in (1, 2, 3)]
        data = copied(base, one, others, seed_of(seed, base.name, one.name))
        if data is None:
            continue
        name = f"copy_{number:05d}{transforms.SUFFIXES[one.form]}"
        (folder / name).write_bytes(data)
        also = [o.name for o in others] if one.name in ("collage", "desktop screenshot") else []
        rows.append((name, base.name, one.name, one.group, one.answer, ";".join(also)))
    with (folder / "truth.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(rows)
    print(f"{folder}: {len(bases)} photographs, {len(rows)} copies", flush=True)


def dealt(bases: Sequence[Path], rounds: int, seed: int) -> Iterator[list[Any]]:
    """Yield for each round a transform for each photograph; none twice for one photograph."""
    rng = np.random.default_rng(seed)
    every = list(transforms.TRANSFORMS.values())
    pile: list[Any] = []
    had: dict[Path, set[str]] = {base: set() for base in bases}
    for _ in range(rounds):
        pairs = []
        for base in bases:
            if len(pile) < 12:
                pile += [every[k] for k in rng.permutation(len(every))]
            place = next((k for k, one in enumerate(pile) if one.name not in had[base]), 0)
            one = pile.pop(place)
            had[base].add(one.name)
            pairs.append((base, one))
        yield pairs


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("photographs", type=Path)
    asked.add_argument("library", type=Path)
    asked.add_argument("--rounds", type=int, default=0)
    asked.add_argument("--all", type=int, default=0, metavar="BASES")
    asked.add_argument("--seed", type=int, default=17)
    given = asked.parse_args()
    bases = photographs(given.photographs)
    if not bases:
        asked.error(f"{given.photographs} contains no photographs; name a folder that does")
    for number, pairs in enumerate(dealt(bases, given.rounds, given.seed), 1):
        write(given.library / f"round{number}", pairs, bases, given.seed)
    if given.all:
        few = bases[:: max(len(bases) // given.all, 1)][: given.all]
        pairs = [(base, one) for base in few for one in transforms.TRANSFORMS.values()]
        write(given.library / "all", pairs, few, given.seed)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
