"""Frames, small edits, containers and copies: which of them are staged?

    python benchmarks/bench_second_look.py [FOLDER] [--cache DIR] [--save FILE] [--before FILE]
                                           [--each N] [--only PART]... [--names]

FOLDER contains any of

- `bursts/`: a folder for each sequence, its frames named `..._NUMBER.jpg`,
- `edits/`, `slight/`: made by `edits.py`, the second with `--amount .4`,
- `library/`: made by `made_library.py`.

Each pair is put through the package's own rules by itself: its pixels are verified, both files are
compared at full size, and it is staged or not. Printed: frames staged, by the distance of their
numbers, by their pixels alone and with capture times in their EXIF; edits staged, by kind;
containers staged or kept in place of what they show; copies staged, by transform; CPU time.
`--save` keeps every outcome, and `--before` compares with such a file: which copies were lost.
Without FOLDER pictures are drawn, which says little about photographs. Nothing is moved.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import edits
import made_library
import numpy as np
import pandas as pd
import transforms
from notebook_runs import cpu_seconds, machine, started
from PIL import Image

GAPS = (1, 2, 4, 8, 16)
STILL = 2.0  # grey levels, smoothed: frames that differ by no more show the same
FRAMES_A_SECOND = 25
BURSTS, EDITS, SLIGHT, COPIES = "bursts", "edits", "slight edits", "copies"
Names = tuple[str, str]


@dataclass
class Outcome:
    """What the rules do with one pair: the file staged, if any, and why not otherwise."""

    staged: str = ""
    reason: str = ""


class Judge:
    """Puts pairs of files of a library through the rules, each pair by itself."""

    def __init__(self, library: Path, cache: Path, run_dir: str) -> None:
        self.run = started(
            {
                "library": str(library),
                "roots": ["."],
                "cache_dir": str(cache),
                "run_dir": run_dir,
                "same_stage_only": False,
            }
        )
        self.place = {path: k for k, path in enumerate(self.run.catalogue["path"])}
        self.seconds, self.excluded, self.judged = 0.0, 0, 0

    def outcomes(self, pairs: Sequence[Names]) -> list[Outcome]:
        """Return what happens to each pair."""
        found: dict[Names, Outcome] = {}
        for batch in apart(pairs):
            found |= self._of_batch(batch)
        self.judged += len(pairs)
        return [found[pair] for pair in pairs]

    def _of_batch(self, batch: Sequence[Names]) -> dict[Names, Outcome]:
        ends = sorted(tuple(sorted((self.place[a], self.place[b]))) for a, b in batch)
        table = pd.DataFrame(ends, columns=["i", "j"]).assign(cosine=1.0)
        begun = cpu_seconds()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            candidates = self.run.candidates(table, similarity=True)
            self.run.verify(candidates, [0.5])
            with self.run.verdicts.without_limit():
                groups = candidates.table(candidates.cut(0.5))
        self.seconds += cpu_seconds() - begun
        self.excluded += len(ends) - len(candidates.pairs)
        of = {row.path: row for row in groups.itertuples() if row.path != row.keeper}
        return {(a, b): _outcome(of.get(a) or of.get(b)) for a, b in batch}


def _outcome(row: Any) -> Outcome:
    if row is None:
        return Outcome("", "no group")
    return Outcome(row.path if row.role == "stage" else "", row.reason)


def apart(pairs: Iterable[Names]) -> list[list[Names]]:
    """Divide pairs so that no file is in two pairs of one part."""
    parts: list[tuple[list[Names], set[str]]] = []
    for pair in pairs:
        for part, files in parts:
            if files.isdisjoint(pair):
                part.append(pair)
                files.update(pair)
                break
        else:
            parts.append(([pair], set(pair)))
    return [part for part, _ in parts]


# -- bursts --------------------------------------------------------------------------------------


def frames(bursts: Path) -> dict[str, dict[int, str]]:
    """Return the frames of each sequence by number."""
    return {
        folder.name: {
            int(path.stem.rpartition("_")[2]): f"{folder.name}/{path.name}"
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in made_library.KINDS
        }
        for folder in sorted(bursts.iterdir())
        if folder.is_dir()
    }


def neighbours(numbers: Iterable[int], gap: int, most: int) -> list[tuple[int, int]]:
    """Return at most `most` pairs of numbers a gap apart, no number in two of them."""
    known, used, pairs = set(numbers), set[int](), []
    for k in sorted(known):
        if k not in used and k + gap in known and k + gap not in used:
            pairs.append((k, k + gap))
            used |= {k, k + gap}
    return pairs[:most]


def still(bursts: Path, pair: Names) -> bool:
    """Return whether two frames show the same, up to what their coding changes."""
    a, b = (cv2.imread(str(bursts / name)).astype(np.float32) for name in pair)
    return a.shape == b.shape and float(cv2.blur(np.abs(a - b).max(-1), (5, 5)).max()) <= STILL


def measure_bursts(bursts: Path, cache: Path, most: int = 16) -> pd.DataFrame:
    """Return a row for each pair of frames: sequence, gap, whether it is still and staged."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(bursts, cache, folder)
        for gap in GAPS:
            pairs = [
                (name, (of[a], of[b]))
                for name, of in frames(bursts).items()
                for a, b in neighbours(of, gap, most)
            ]
            outcomes = judge.outcomes([pair for _, pair in pairs])
            for (name, pair), outcome in zip(pairs, outcomes, strict=True):
                rows.append((BURSTS, *pair, name, gap, outcome.staged, outcome.reason))
    print(told(judge))
    table = pd.DataFrame(rows, columns=["part", "a", "b", "kind", "gap", "staged", "reason"])
    staged = table["staged"] != ""
    table.loc[staged, "still"] = [
        still(bursts, p) for p in zip(table.a[staged], table.b[staged], strict=True)
    ]
    return table


def told(judge: Judge) -> str:
    text = (
        f"{judge.judged:,} pairs, {1000 * judge.seconds / max(judge.judged, 1):.0f} ms CPU a pair"
    )
    if judge.excluded:
        text += f"; {judge.excluded} EXCLUDED by their names, which measures nothing"
    return text


def tell_bursts(table: pd.DataFrame) -> None:
    kept = table[table["still"] != True]  # noqa: E712
    print(f"frames staged, of {len(kept):,} pairs ({len(table) - len(kept)} staged ones are still)")
    parts = [("all", kept), *((f"gap {gap}", kept[kept.gap == gap]) for gap in GAPS)]
    for name, part in parts:
        print(f"  {name:8} {int((part.staged != '').sum()):4} of {len(part):4}  "
              f"{(part.staged != '').mean():.3f}")  # fmt: skip
    by = kept.assign(s=kept.staged != "").groupby("kind").s.agg(["sum", "count"])
    print("  by sequence: " + ", ".join(f"{k} {r['sum']}/{r['count']}" for k, r in by.iterrows()))


def with_times(bursts: Path, table: pd.DataFrame, cache: Path) -> None:
    """Judge the pairs that were staged by their pixels again, with capture times; and copies."""
    kept = table[(table["still"] != True) & (table.staged != "")]  # noqa: E712
    first = {name: min(of) for name, of in frames(bursts).items()}
    with tempfile.TemporaryDirectory() as place:
        library = Path(place) / "library"
        library.mkdir()
        pairs = [
            tuple(_timed(library, bursts, f) for f in ends)
            for ends in zip(kept.a, kept.b, strict=True)
        ]
        copies = []
        for name, number in first.items():
            file = frames(bursts)[name][number]
            original = _timed(library, bursts, file)
            picture = Image.open(library / original)
            small = library / f"again_{original}"
            picture.save(small, "JPEG", quality=75, exif=picture.getexif())
            copies.append((original, small.name))
        judge = Judge(library, cache, str(Path(place) / "run"))
        outcomes = judge.outcomes([*pairs, *copies])
    print(
        f"  with capture times {1 / FRAMES_A_SECOND:g} s apart: "
        f"{sum(bool(o.staged) for o in outcomes[: len(pairs)])} of these {len(pairs)} staged; "
        f"copies that kept their EXIF: "
        f"{sum(bool(o.staged) for o in outcomes[len(pairs) :])} of {len(copies)}"
    )


def _timed(library: Path, bursts: Path, file: str) -> str:
    """Write a frame with the time of its capture; return its name."""
    name = file.replace("/", "-")
    if (library / name).exists():
        return name
    number = int(Path(file).stem.rpartition("_")[2])
    whole, rest = divmod(number, FRAMES_A_SECOND)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Camera One"
    details = exif.get_ifd(0x8769)
    details[0x9003] = f"2024:05:04 12:00:{whole:02d}"
    details[0x9291] = f"{rest * 1000 // FRAMES_A_SECOND:03d}"
    data = (bursts / file).read_bytes()
    block = exif.tobytes()
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    (library / name).write_bytes(data[:2] + segment + data[2:])
    return name


# -- edits and copies ----------------------------------------------------------------------------


def measure_edits(folder: Path, cache: Path) -> pd.DataFrame:
    truth = pd.read_csv(folder / "truth.csv", keep_default_na=False)
    with tempfile.TemporaryDirectory() as place:
        judge = Judge(folder, cache, place)
        outcomes = judge.outcomes(list(zip(truth.a, truth.b, strict=True)))
    print(told(judge))
    return truth.assign(
        part=SLIGHT if folder.name == "slight" else EDITS,
        staged=[o.staged for o in outcomes],
        reason=[o.reason for o in outcomes],
    )


def tell_edits(table: pd.DataFrame) -> None:
    for answer, what in (("both", "edits staged, where both are to be kept"),
                         ("duplicate", "duplicates staged")):  # fmt: skip
        part = table[table.answer == answer]
        if not len(part):
            continue
        print(f"{what}: {int((part.staged != '').sum())} of {len(part)}")
        for kind, of in part.groupby("kind", sort=False):
            first = int((of.staged == of.a).sum())
            kept = f", {first} the first" if answer == "duplicate" and first else ""
            print(f"  {kind:32} {int((of.staged != '').sum()):3} of {len(of):3}{kept}")


def measure_copies(library: Path, cache: Path) -> pd.DataFrame:
    tables = []
    for path in sorted(library.rglob("truth.csv")):
        truth = pd.read_csv(path, keep_default_na=False)
        with tempfile.TemporaryDirectory() as place:
            judge = Judge(path.parent, cache, place)
            outcomes = judge.outcomes(list(zip(truth.base, truth.file, strict=True)))
        print(f"{path.parent.name}: {told(judge)}")
        tables.append(
            truth.assign(
                part=COPIES,
                a=[f"{path.parent.name}/{name}" for name in truth.base],
                b=[f"{path.parent.name}/{name}" for name in truth.file],
                kind=truth["transform"],
                staged=[o.staged for o in outcomes],
                reason=[o.reason for o in outcomes],
                source=[o.staged == base for o, base in zip(outcomes, truth.base, strict=True)],
            )
        )
    return pd.concat(tables, ignore_index=True)


def tell_copies(table: pd.DataFrame) -> None:
    held = table[table.kind.isin(transforms.CONTAINERS)]
    print(
        f"containers: {int(held.source.sum())} of {len(held)} sources staged for them, "
        f"{int(((held.staged != '') & ~held.source).sum())} of them staged, "
        f"{int(held.reason.str.contains('contain|inside|shows it').sum())} named as such"
    )
    for answer in (transforms.COPY, transforms.CHANGED, transforms.REVIEW):
        part = table[table.answer == answer]
        print(
            f"answer `{answer}`: {int((part.staged != '').sum())} of {len(part)} staged, "
            f"{int(part.source.sum())} of them the source"
        )
    for kind, of in table.groupby("kind", sort=False):
        print(f"  {kind + ' (' + of.answer.iloc[0] + ')':42} "
              f"{int((of.staged != '').sum()):3} of {len(of):3}"
              + (f", {int(of.source.sum())} the source" if of.source.any() else ""))  # fmt: skip


def tell_change(now: pd.DataFrame, before: pd.DataFrame) -> None:
    """Print what was staged before and is not now, and the reverse."""
    both = now.merge(before, on=["part", "a", "b"], suffixes=("", "_before"))
    for part, table in both.groupby("part", sort=False):
        was, is_now = table.staged_before != "", table.staged != ""
        print(f"{part}: staged before {int(was.sum())}, now {int(is_now.sum())}, of {len(table)}")
        if part != COPIES:
            continue
        for answer in (transforms.COPY, transforms.CHANGED):
            of = table[(table.answer == answer) & was]
            lost = of[of.staged == ""]
            print(f"  `{answer}` lost: {len(lost)} of {len(of)}")
            causes: dict[str, int] = defaultdict(int)
            for row in lost.itertuples():
                causes[f"{row.kind}: {row.reason}"] += 1
            for cause, n in sorted(causes.items(), key=lambda item: -item[1]):
                print(f"  {n:4} {cause}")


def tell_names(table: pd.DataFrame) -> None:
    for row in table[(table.staged != "") & (table.get("answer") != "duplicate")].itertuples():
        if getattr(row, "answer", "") not in (transforms.COPY, transforms.CHANGED):
            print(f"    {row.kind}: {row.a} {row.b}")


# -- drawn ---------------------------------------------------------------------------------------


def drawn(folder: Path) -> Path:
    """Draw a few sequences, edits and copies."""
    for seed in range(3):
        place = folder / "bursts" / f"walk{seed}"
        place.mkdir(parents=True)
        for number in range(20):
            scene = edits.Scene(seed, near=seed == 0)
            scene.arms, scene.legs = (0.4 + 0.03 * number, -0.3), (0.02 * number, -0.1)
            scene.mouth, scene.gaze = 0.3, 0.05 * number
            data = transforms.encoded(scene.drawn(), quality=93)
            (place / f"walk{seed}_{number:05d}.jpg").write_bytes(data)
    (folder / "bases").mkdir()
    for number in range(12):
        edits.Scene(100 + number).drawn().save(folder / "bases" / f"s{number:02d}.png")
    bases = made_library.photographs(folder / "bases")
    edits.write(folder / "edits", bases, 3, 18)
    for number, pairs in enumerate(made_library.dealt(bases, 2, 17), 1):
        made_library.write(folder / "library" / f"round{number}", pairs, bases, 17)
    return folder


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", type=Path, nargs="?")
    asked.add_argument("--cache", type=Path, help="kept between calls; by default a new one")
    asked.add_argument("--save", type=Path, help="write every outcome to this CSV file")
    asked.add_argument("--before", type=Path, help="compare with outcomes saved earlier")
    asked.add_argument("--each", type=int, default=16, help="pairs of each sequence and gap")
    asked.add_argument("--only", action="append", choices=[BURSTS, EDITS, SLIGHT, COPIES])
    asked.add_argument("--names", action="store_true", help="name frames and edits staged")
    given = asked.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as place:
        folder = given.folder or drawn(Path(place))
        cache = given.cache or Path(place) / "cache"
        tables = []
        for part, name, measure, tell in (
            (BURSTS, "bursts", partial(measure_bursts, most=given.each), tell_bursts),
            (EDITS, "edits", measure_edits, tell_edits),
            (SLIGHT, "slight", measure_edits, tell_edits),
            (COPIES, "library", measure_copies, tell_copies),
        ):
            if not (folder / name).is_dir() or (given.only and part not in given.only):
                continue
            print(f"\n{part}")
            table = measure(folder / name, cache)
            tell(table)
            if part == BURSTS:
                with_times(folder / name, table, cache)
            if given.names:
                tell_names(table)
            tables.append(table)
        if not tables:
            asked.error(f"{folder} has none of the folders bursts, edits, slight and library")
        everything = pd.concat(tables, ignore_index=True)
        if given.save:
            everything.to_csv(given.save, index=False)
        if given.before:
            print("\nbefore and now")
            tell_change(everything, pd.read_csv(given.before, keep_default_na=False))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
