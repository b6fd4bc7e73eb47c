"""Make the samples of version 0.1.0 again; kept to show how they were made.

    PYTHONPATH=. python tests/samples/make_samples.py

It only runs with version 0.1.0 of the package: it calls functions of that version, some of them
private, so that every file is written by the code that people used. The samples are not to be made
anew for a later version: their whole point is that they are old. A later version that writes
another format gets a folder of its own beside `v0.1.0`, and a script of its own.

What was changed after the code had written it: the folder of the work became `/home/ana` in text
files, host and process in the headers of journals were replaced (checksums computed again), the
space that a killed command had reserved was cut to a few bytes, and what is large and not read by
anything (`notebook.ipynb`, `report.html`, ...) was left out; the databases were written in pages of
1 KB, and most vectors of `mix` taken out. A still older cache was made of the other by dropping the
column `exposure`. The journals of killed commands were made by killing. The expectations in
`case.json` and `expected*` are what version 0.1.0 said of the samples.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

import sample_kit
import staging_kit as kit

from dedup_nb import (
    __version__,
    cli,
    decisions,
    parameters,
    phash,
    staging,
    store,
    workbench,
)
from dedup_nb.demo import pictures
from dedup_nb.demo.pictures import Scene
from dedup_nb.staging import approval, examine, journal, refusals, safefs
from dedup_nb.staging import library as rooms

TARGET = sample_kit.SAMPLES / "v0.1.0"
FIRST_NS = 1_751_700_000_123_456_789
HOST, PID = "ana-laptop", 4242


class Clock:
    """Stands for `datetime` where the code asks for the time: each answer 7 s after the last."""

    now_ = datetime(2025, 7, 6, 9, 0, tzinfo=UTC)

    @classmethod
    def now(cls, zone: Any = None) -> datetime:
        cls.now_ += timedelta(seconds=7)
        return cls.now_


def write_json(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=1, sort_keys=True)
    flat = re.compile(r"([\[{])\n\s+([^][{}]*?)\n\s+([]}])")  # plain values on one line
    text = flat.sub(lambda m: m[1] + re.sub(r",\n\s+", ", ", m[2]) + m[3], text)
    assert json.loads(text) == data, path
    path.write_text(text + "\n", encoding="utf-8")


def times(names: list[str]) -> dict[str, int]:
    return {name: FIRST_NS + number * 1_000_000_007 for number, name in enumerate(names)}


def drawn(seed: int, width: int = 140, height: int = 102) -> Image.Image:
    whole = pictures.draw(Scene("meadow", seed, "cat", seed, seed), (176, 128))
    return whole.resize((width, height), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int = 80, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, **more)
    return out.getvalue()


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.quantize(16).save(out, "PNG", optimize=True)
    return out.getvalue()


# ---------------------------------------------------------------- journals

MANIFESTS = TARGET / "journals/manifests"
HILL, SEA = "crop/hill small", "crop/s\u00e9a small"  # bundles
SERIES = "sets/20250705_100100"
S1, S2 = f"{SERIES}_stage1_generated", "sets/20250705_100120_stage2_upscaled"
K1, K2 = "photos/20250704_110100_stage1_generated", "photos/20250704_110120_stage2_upscaled"
NAMES = {HILL: "hill", SEA: "sea", SERIES: "series"}
LAYOUT = {
    "photos/hill.png": "hill.png",
    "photos/hill.yaml": "hill.yaml",
    "photos/sea.jpg": "sea.jpg",
    f"{K1}.png": "stage1.png",
    f"{K2}.png": "stage2.png",
    f"{HILL}.png": "hill-small.png",
    f"{HILL}.yaml": "hill-small.yaml",
    f"{HILL}.caption": "hill-small.caption",
    f"{HILL}.cropped": "empty",
    f"{SEA}.jpg": "sea-small.jpg",
    f"{SEA}.txt": "sea-small.txt",
    f"{S1}.png": "stage1-again.png",
    f"{S1}.yaml": "stage1.yaml",
    f"{S2}.png": "stage2-again.png",
    f"{SERIES}.decision": "decision",
}


def make_contents(folder: Path) -> None:
    folder.mkdir(parents=True)
    small = {
        "hill.png": png(drawn(1, 66, 48)),
        "hill-small.png": png(drawn(1, 33, 24)),
        "sea.jpg": jpeg(drawn(2, 66, 48)),
        "sea-small.jpg": jpeg(drawn(2, 33, 24), 60),
        "stage1.png": png(drawn(3, 33, 24)),
        "stage2.png": png(drawn(3, 44, 32)),
        "stage1-again.png": png(drawn(4, 33, 24)),
        "stage2-again.png": png(drawn(4, 44, 32)),
        "hill.yaml": b"prompt: a hill\nsteps: 20\n",
        "hill-small.yaml": b"prompt: a hill\n",
        "hill-small.caption": "a hill, très petite\n".encode(),
        "empty": b"",
        "sea-small.txt": b"the sea\n",
        "stage1.yaml": b"prompt: a cat\nstage: stage1_generated\n",
        "decision": b"keep stage2\n",
        "other.txt": b"a picture of another person\n",
        "reserve": b"space set aside by a command that was killed",
    }
    for name, data in small.items():
        (folder / name).write_bytes(data)


class Case:
    """One library at work; kept as a sample when its journals are as they should be."""

    def __init__(self, name: str, work: Path) -> None:
        self.name, self.contents = name, TARGET / "journals/contents"
        self.folder = TARGET / "journals" / name
        self.folder.mkdir()
        self.library = work / name / "pictures"
        self.fresh()

    def fresh(self, **more: str) -> None:
        shutil.rmtree(self.library, ignore_errors=True)
        layout = LAYOUT | more
        at = times(list(layout))
        tree = {name: [content, at[name]] for name, content in layout.items()}
        sample_kit.lay_out(tree, self.contents, self.library)

    def manifest(self, *bundles: str) -> str:
        """Write the manifest of some bundles, or find it: they are the same in every case."""
        known = {
            HILL: ("photos/hill.png", ".png", ".yaml", ".caption", ".cropped"),
            SEA: ("photos/sea.jpg", ".jpg", ".txt"),
        }
        rows = []
        for bundle in bundles:
            if bundle == SERIES:
                rows += self._series_rows()
                continue
            keeper, *suffixes = known[bundle]
            group = "p-0001" if bundle == HILL else "p-0002"
            rows += [
                kit.row(self.library, bundle, bundle + suffix, keeper, group=group)
                | {"rule": "10_phash max_distance=8", "reason": "phash 4 bits; resized"}
                for suffix in suffixes
            ]
        return self.write("-".join(NAMES[bundle] for bundle in bundles), rows)

    def write(self, name: str, rows: list[dict[str, Any]]) -> str:
        path = MANIFESTS / f"{name}.csv"
        before = path.read_bytes() if path.exists() else None
        kit.write_manifest(path, rows)
        assert before in (None, path.read_bytes()), name
        return path.name

    def _series_rows(self) -> list[dict[str, Any]]:
        ends = [
            (f"{S1}.png", K1),
            (f"{S1}.yaml", K1),
            (f"{S2}.png", K2),
            (f"{SERIES}.decision", K1),
        ]
        rows = [
            kit.row(self.library, SERIES, src, f"{keeper}.png", dst=f"delete_review/{src}")
            | {"group": "s-0001", "rule": "40_set_pruning min_cosine=0.85", "reason": "made twice"}
            for src, keeper in ends
        ]
        rows[-1] = kit.covering(rows[-1], f"{S1}.png", f"{S2}.png")
        return rows

    def clusters(self) -> str:
        rows = []
        for number, bundle in enumerate((HILL, SEA), 1):
            for path in sorted((self.library / "crop").glob(f"{Path(bundle).name}.*")):
                src = f"crop/{path.name}"
                place = f"_clusters/group_{number:04}/{src}"
                rows.append(
                    kit.row(self.library, bundle, src, "", dst=place, group=f"c-{number:04}")
                )
        return self.write("clusters", rows)

    def run(self, command: str, *arguments: str, expect: int = 0) -> None:
        given = [str(MANIFESTS / a) if (MANIFESTS / a).is_file() else a for a in arguments]
        found = cli.main([command, *given, "--library", str(self.library)])
        assert found == expect, (self.name, command, found)

    @property
    def batch(self) -> str:
        return max(self.journals).stem

    @property
    def journals(self) -> list[Path]:
        return sorted((self.library / sample_kit.JOURNALS).glob("*.jsonl"))

    def staged(self) -> list[str]:
        return [
            p for p in sample_kit.read_tree(self.library, self.contents) if p.startswith("_rev")
        ]

    def killed(
        self, work: Callable[[], Any], wanted: Callable[[], bool], again: Callable[[], Any]
    ) -> None:
        """Kill some work at the first step that leaves what is wanted."""
        for step in range(1, 400):
            again()
            assert kit.killed_at(step, work)
            if wanted():
                return
        raise AssertionError(f"{self.name}: no such step")

    def keep(self, says: str, *steps: dict[str, Any]) -> None:
        """Copy the journals, write the tree, and what this version says and does about it."""
        for path in self.journals:
            (self.folder / path.name).write_bytes(neutral(path.read_bytes()))
        reserve = self.library / ".dedup_nb/reserve"
        if reserve.exists():
            shutil.copyfile(self.contents / "reserve", reserve)
            os.utime(reserve, ns=(FIRST_NS, FIRST_NS))
        tree = sample_kit.read_tree(self.library, self.contents)
        path = self.folder / "case.json"
        write_json(path, {"says": says, "tree": tree})
        said, copy = sample_kit.case(self.folder, self.contents, self.library.with_name("copy"))
        said["status"] = sample_kit.status(copy)
        said["status_exit"] = cli.main(["status", "--library", str(copy)])
        said["steps"] = []
        for step in steps:
            exit_status = sample_kit.take_step(step, MANIFESTS, copy)
            told = sample_kit.outcome(said, copy, self.contents)
            said["steps"].append(step | {"exit": exit_status} | told)
        write_json(path, said)


def neutral(data: bytes) -> bytes:
    """Return a journal with another host and process in its header."""
    first, _, rest = data.partition(b"\n")
    record = journal.decode(first)
    assert record and record["event"] == "header"
    return journal.encode(record | {"host": HOST, "pid": PID}) + rest


def step(*command: str, remove: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"command": list(command)} | ({"remove": list(remove)} if remove else {})


def make_journals(work: Path) -> None:
    make_contents(TARGET / "journals/contents")
    MANIFESTS.mkdir()
    rooms.datetime = Clock  # type: ignore[attr-defined]
    restore = step("restore")

    c = Case("staged", work)
    c.run("stage", c.manifest(HILL, SEA, SERIES))
    c.keep(
        "Three bundles are staged, one of them a set with the sidecar that its images share.",
        step("stage", "hill-sea-series.csv"),
        step("restore", "--file", f"{S1}.png"),
        step("restore", "--bundle", SEA),
        step("restore", "--group", "p-0001"),
    )

    c = Case("odd_names", work)
    odd = "crop/caf\udce9 =1"
    c.fresh(**{f"{odd}.jpg": "sea-small.jpg", f"{odd}.txt": "sea-small.txt"})
    rows = [
        kit.row(c.library, odd, f"{odd}{suffix}", "photos/sea.jpg") for suffix in (".jpg", ".txt")
    ]
    odd_names = c.write("odd-names", rows)
    c.run("stage", odd_names)
    c.keep("A bundle whose name is no UTF-8 is staged.", step("stage", odd_names), restore)

    c = Case("restored", work)
    c.run("stage", c.manifest(HILL, SEA, SERIES))
    c.run("restore", "--bundle", HILL)
    c.run("restore")
    c.keep(
        "All was staged, and came home in two goes.", restore, step("stage", "hill-sea-series.csv")
    )

    c = Case("partly_restored", work)
    c.run("stage", c.manifest(HILL, SEA))
    c.run("restore", "--bundle", HILL)
    c.keep("One of two bundles came home.", step("restore", "--bundle", HILL), restore)

    c = Case("approved", work)
    c.run("stage", c.manifest(HILL, SEA))
    staging.to_trash = approval.delete  # what the trash of this machine holds is nobody's business
    c.run("restore", "--bundle", SEA)
    c.run("approve", c.batch, "--token", staging.approval_token(c.library, c.batch))
    rows = [
        kit.row(c.library, "photos/hill", f"photos/hill{suffix}", "photos/sea.jpg")
        for suffix in (".png", ".yaml")
    ]
    keeper = c.write("keeper", rows)
    c.keep(
        "One bundle was approved and is gone, the other came home; what was kept stays guarded.",
        step("stage", "hill-sea.csv", "--dry-run"),
        step("stage", keeper),
        step("stage", keeper, "--allow-keepers"),
        restore,
    )

    c = Case("conflict", work)
    c.run("stage", c.manifest(HILL, SEA))
    home = c.library / f"{SEA}.txt"
    home.write_bytes((c.contents / "other.txt").read_bytes())
    os.utime(home, ns=(FIRST_NS, FIRST_NS))
    c.run("restore", "--bundle", SEA, expect=3)
    c.keep(
        "The home of a staged file was taken: its bundle stays staged until a person has decided.",
        restore,
        {"command": ["restore"], "remove": [f"{SEA}.txt"]},
    )

    c = Case("refused", work)
    recheck = examine.Examiner.recheck

    def changed(self: Any, ready: Any) -> None:
        if ready.planned.bundle == SEA:
            raise refusals.Refused("keeper_changed", "keeper photos/sea.jpg was changed just now")
        recheck(self, ready)

    examine.Examiner.recheck = changed  # type: ignore[method-assign]
    c.run("stage", c.manifest(HILL, SEA), expect=3)
    examine.Examiner.recheck = recheck  # type: ignore[method-assign]
    c.keep("Of two bundles one was refused when it was about to move.", restore)

    c = Case("copied", work)
    with pytest.MonkeyPatch.context() as patch:
        kit.other_file_system(patch)
        c.run("stage", c.manifest(HILL), "--allow-copy")
    c.keep("Files that could only be copied into staging.", restore)

    c = Case("moved_by_hand", work)
    c.run("stage", c.manifest(HILL, SEA))
    there = c.library / "_review_dupes" / c.batch
    for suffix in (".png", ".yaml", ".caption", ".cropped"):
        (there / f"{HILL}{suffix}").rename(c.library / f"{HILL}{suffix}")
    (there / f"{SEA}.txt").unlink()
    c.keep("A person brought one bundle home by hand, and deleted a file of the other.", restore)

    def stages() -> Any:
        return kit.run_cli("stage", MANIFESTS / "hill-sea.csv", "--library", c.library)

    c = Case("killed_staging", work)
    c.manifest(HILL, SEA)
    c.killed(stages, lambda: len(c.staged()) == 2, c.fresh)
    c.keep("Killed while two bundles were on their way.", step("recover"), step("recover"))

    c = Case("torn_line", work)
    c.manifest(HILL, SEA)
    c.killed(stages, lambda: len(c.staged()) == 5, c.fresh)
    with open(c.journals[0], "ab") as file:
        file.write(journal.encode({"event": "done", "intent": 1})[:17])
    c.keep("Killed in the middle of the last line.", step("stage", "hill-sea.csv"), restore)

    c = Case("lost", work)
    c.manifest(HILL, SEA)
    c.killed(stages, lambda: len(c.staged()) == 2, c.fresh)
    (c.library / c.staged()[0]).unlink()
    c.keep(
        "Killed, and then a file vanished that was on its way.",
        step("recover"),
        step("stage", "hill-sea.csv"),
        step("recover", "--accept-lost"),
    )

    def staged_again() -> None:
        c.fresh()
        c.run("stage", "hill-sea.csv")

    c = Case("killed_restoring", work)
    c.manifest(HILL, SEA)
    c.killed(
        lambda: kit.run_cli("restore", "--library", c.library),
        lambda: len([p for p in c.staged() if "hill" in p]) == 2,
        staged_again,
    )
    c.keep("Killed on the way home.", step("recover"), restore)

    def approves() -> Any:
        token = staging.approval_token(c.library, c.batch)
        return kit.run_cli("approve", c.batch, "--token", token, "--library", c.library)

    c = Case("killed_approving", work)
    c.manifest(HILL, SEA)
    c.killed(approves, lambda: len([p for p in c.staged() if "hill" in p]) == 2, staged_again)
    c.keep("Killed while approved files went.", step("recover"), restore)

    c = Case("flagged", work)
    create = safefs.create

    def taken(spot: Any, *more: Any) -> int:
        if spot.name == "20250705_100120_stage2_upscaled.cropped":
            (c.library / f"{S2}.cropped").touch()
        return create(spot, *more)

    safefs.create = taken
    c.run("flag", "sets", "crop", expect=3)
    safefs.create = create
    for path in c.library.rglob("*.cropped"):
        os.utime(path, ns=(FIRST_NS, FIRST_NS))
    c.keep(
        "Two pictures lacked a marker: one was made, one was just made by somebody else.",
        step("restore", "--batch", c.batch),
    )

    c = Case("clusters", work)
    c.run("stage", c.clusters())
    c.keep(
        "Clusters are staged; they have no keepers.",
        step("approve", c.batch, "--show-token"),
        restore,
    )

    c = Case("damaged", work)
    c.run("stage", c.manifest(HILL, SEA))
    lines = c.journals[0].read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b"crop", b"crap", 1)
    c.journals[0].write_bytes(b"\n".join(lines))
    c.keep(
        "A line is not what its checksum says: nothing of the batch moves.",
        step("recover"),
        restore,
    )

    c = Case("several", work)
    c.run("stage", c.manifest(HILL))
    c.run("restore")
    c.run("stage", c.manifest(SEA))
    c.run("flag", "sets")
    for path in c.library.rglob("*.cropped"):
        if path.stat().st_mtime_ns > FIRST_NS * 1.001:
            os.utime(path, ns=(FIRST_NS, FIRST_NS))
    c.run("stage", "hill.csv")
    first = c.journals[0].stem
    c.keep(
        "Four batches of one library: home again, staged, flags, staged.",
        step("restore", "--batch", first),
        step("restore", "--batch", c.batch),
        restore,
    )


# ---------------------------------------------------------------- decisions


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def make_decisions(folder: Path) -> None:
    folder.mkdir(parents=True)
    decisions.datetime = Clock  # type: ignore[attr-defined]
    path = folder / "decisions.jsonl"
    said = decisions.Decisions(path)
    common = {"group": "p-0001", "finder": "10_phash"}
    a, b, c, d, e, f = ((f"photos/{n}.jpg", digest(n)) for n in "abcdef")
    said.mark(*a, "keep", **common)
    said.mark(*b, "stage", **common)
    said.mark(*c, "stage", **common)
    said.mark(*c, None, **common)  # taken back by hand
    said.mark(*d, "keep", **common, copies=["photos/d copy.jpg"])
    said.mark("old/e.jpg", e[1], "stage", **common)  # the image is moved afterwards
    said.marks_for(["photos/e.jpg", "caf\udce9/f.jpg"], [e[1], f[1]])
    said.mark("photos/e.jpg", e[1], "keep", **common)  # says what it was
    said.mark("old/f.jpg", f[1], "keep", group="t-7", finder="20_time_window")  # moved: inherited
    said.mark("caf\udce9/g.jpg", digest("g"), "stage")
    said.not_duplicate([a, b], **common)
    said.not_duplicate([a, b, c], **common)
    said.not_duplicate([c, d], group="c-3", finder="30_clip_faiss")
    said.not_duplicate([c, d], False, group="c-3", finder="30_clip_faiss")  # taken back
    said.not_duplicate([("photos/h.jpg", digest("h")), ("photos/h2.jpg", digest("h"))])
    said.review([a, b], **common)
    said.review([d, e, f], **common)
    said.review([d, e], False, **common)  # takes back every answer about both
    said.review([e, f], **common)
    said.mark(*b, "keep", **common)
    said.undo()
    said.not_duplicate([e, f], **common)
    said.undo()
    said.revoke(said.listed()[0])  # the mark of a
    said.revoke({"what": "not_duplicate", "digests": [a[1], b[1]], "paths": [a[0], b[0]]})
    said.revoke(said.listed()[1])
    said.undo()  # that revoking
    whats = [json.loads(line) for line in path.read_text().splitlines()]
    assert {w["what"] for w in whats} == {"mark", "not_duplicate", "reviewed"}
    assert any("was" in w for w in whats) and any("copies" in w for w in whats)
    assert any(w.get("exact") for w in whats) and any(w.get("undo") for w in whats)

    good = path.read_bytes().splitlines(keepends=True)
    later = json.dumps(json.loads(good[0]) | {"version": 2}).encode() + b"\n"
    bad = [good[0], b"not JSON\n", later, b"\n", good[1], good[9], good[2][:40]]
    (folder / "damaged.jsonl").write_bytes(b"".join(bad))
    catalogue = [
        *(list(each) for each in (a, b, c, d, e)),
        ["photos/d copy.jpg", d[1]],
        ["new/f.jpg", f[1]],
        ["caf\udce9/g.jpg", digest("g")],
    ]
    groups = [[a, b], [a, b, c], [a], [c, d], [e, f], [d, e, f], [("", digest("h"))]]
    asked = {"catalogue": catalogue, "groups": [[each[1] for each in group] for group in groups]}
    write_json(folder / "asked.json", asked)
    for name in ("decisions", "damaged"):
        copy = folder / "copy.jsonl"
        shutil.copyfile(folder / f"{name}.jsonl", copy)
        with pytest.warns(UserWarning) if name == "damaged" else tempfile.TemporaryDirectory():
            read = decisions.Decisions(copy)
        told = reading(read, asked)
        told["problems"] = len(read.problems)
        told["undone"] = []
        while record := read.undo():
            told["undone"].append(undone(record, reading(read, asked)))
        write_json(folder / f"expected-{name}.json", told)
        copy.unlink()


def undone(record: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of one undo: which decision, and what counts then."""
    kept = ("what", "path", "mark", "answer")
    counts = ("marks", "groups_answered", "groups_reviewed", "count")
    return {k: record[k] for k in kept if k in record} | {k: told[k] for k in counts}


def reading(read: decisions.Decisions, asked: dict[str, Any]) -> dict[str, Any]:
    paths, digests = zip(*asked["catalogue"], strict=True)
    return {
        "marks": read.marks_for(paths, digests),
        "not_duplicate": [sorted(each) for each in read.answers()],
        "reviewed": [sorted(each) for each in read.answers("reviewed")],
        "groups_answered": [read.answered(group) for group in asked["groups"]],
        "groups_reviewed": [read.reviewed(group) for group in asked["groups"]],
        "mentioned": sorted(read.mentioned()),
        "listed": read.listed(),
        "count": len(read),
    }


# ---------------------------------------------------------------- a run and its cache

PROFILE = """\
# A tiny collection; paths are relative to this file.
library: ../pictures
roots: [mojo1, selected]
prefer: [selected, mojo1]
cache_dir: ../cache

00_catalogue:
  max_pixels: 100000  # one picture has more

10_phash:
  max_distance: 8

40_set_pruning:
  max_edited_area: 0.02

80_review:
  include: all
"""
STAMP, STARTED, SAVED = "20250707T080000Z", "2025-07-07T08:00:00+00:00", "20250707T081000Z"
LEFT_OUT = ("index.html", "notebook.ipynb", "report.html", "report.md", "neighbours.parquet")
NOTEBOOKS = ["00_catalogue", "10_phash", "30_clip_faiss", "40_set_pruning", "60_clusters"]


def make_pictures(folder: Path) -> None:
    first, again = "mojo1/run/20250705_1001", "mojo1/again/20250705_1002"
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2025:07:05 12:00:00", 0x9291: "25"})
    hill = drawn(11)
    files = {
        f"{first}00_stage1_generated.jpg": jpeg(drawn(12, 106, 76)),
        f"{first}20_stage2_upscaled.jpg": jpeg(drawn(12), 85),
        f"{first}00.decision": b"keep stage2\n",
        f"{again}00_stage1_generated.jpg": jpeg(drawn(12, 106, 76), 70),
        f"{again}20_stage2_upscaled.jpg": jpeg(drawn(12), 75),
        f"{again}00.decision": b"keep\n",
        "selected/hill.jpg": jpeg(hill, 90, exif=exif),
        "mojo1/hill small.jpg": jpeg(hill.resize((88, 64), Image.Resampling.LANCZOS)),
        "mojo1/hill small.txt": b"a companion\n",
        "mojo1/hill again.jpg": jpeg(hill, 70),
        "mojo1/hill copy.jpg": jpeg(hill, 90, exif=exif),
        "mojo1/hill crop.jpg": jpeg(hill.crop((12, 8, 132, 94)), 85),
        "mojo1/caf\u00e9.jpg": jpeg(drawn(13, 88, 64)),
        "mojo1/grey.png": png(Image.new("RGB", (64, 48), (120, 120, 120))),
        "mojo1/large.png": png(Image.new("RGB", (400, 300), (20, 60, 90))),
        "mojo1/broken.png": b"\x89PNG\r\n\x1a\nthis is no picture",
        "mojo1/notes.pdf": b"%PDF-1.4\n",
        "mojo1/orphan.yaml": b"prompt: lost\n",
    }
    for name in list(files):
        if "_stage" in name:
            stage = name.partition("_stage")[2].removesuffix(".jpg")
            text = f"prompt: a cat on a meadow\nstage: stage{stage}\n"
            files[name.replace(".jpg", ".yaml")] = text.encode()
    at = times(sorted(files))
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o644)
        os.utime(path, ns=(at[name], at[name]))


def dedup_nb(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dedup_nb", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_run(work: Path) -> None:
    home = (work / "home").resolve()
    library, profile = home / "pictures", home / "params/tiny.yaml"
    make_pictures(library)
    profile.parent.mkdir()
    profile.write_text(PROFILE)
    by_path = {str(p.relative_to(library)): p for p in sorted(library.rglob("*")) if p.is_file()}
    said = decisions.Decisions(home / "outputs/tiny/decisions.jsonl")
    crop = "mojo1/hill crop.jpg"
    common = {"group": "p-0001", "finder": "10_phash"}
    said.mark(crop, kit.sha256(by_path[crop]), "keep", **common)
    hills = ["selected/hill.jpg", "mojo1/hill small.jpg"]
    said.review([(name, kit.sha256(by_path[name])) for name in hills], **common)
    only = [part for name in NOTEBOOKS for part in ("--only", name)]
    run = Path(dedup_nb("run", str(profile), *only).splitlines()[-1])
    save_again(run)
    kept = store.Store(home / "cache")
    keep_more_measures(library, kept)
    kept.shrink()
    kept.close()

    for path in sorted(run.rglob("*")):
        if path.name in LEFT_OUT:
            path.unlink()
    [saved] = (run / "10_phash").glob("saved-*")
    saved.rename(saved.with_name(f"saved-{SAVED}"))
    begun = json.loads((run / "run.json").read_text())["started"]
    neutral_files(run, {str(home): sample_kit.HOME, begun: STARTED, run.name: STAMP})
    shutil.copytree(run, TARGET / "run/tiny" / STAMP)
    shutil.copyfile(said.path or "", TARGET / "run/decisions.jsonl")
    (TARGET / "run/params").mkdir()
    (TARGET / "run/params/tiny.yaml").write_text(PROFILE)
    shutil.copytree(library, TARGET / "pictures")
    known = set()
    for path in sorted((TARGET / "pictures").rglob("*.*")):  # copies are laid out by the tree
        if path.is_file() and kit.sha256(path) in known:
            path.unlink()
        elif path.is_file():
            known.add(kit.sha256(path))
    write_json(TARGET / "pictures.json", sample_kit.read_tree(library, TARGET / "pictures"))
    make_cache(home / "cache")
    expect_of_run()


def expect_of_run() -> None:
    """Ask this version what it makes of the sample of a run."""
    with tempfile.TemporaryDirectory() as scratch:
        home = sample_kit.home(TARGET, Path(scratch).resolve())
        run = home / "outputs/tiny" / STAMP
        manifests = ["10_phash", f"10_phash/saved-{SAVED}", "40_set_pruning"]
        steps = []
        for name in [*manifests, "60_clusters"]:
            assert cli.main(["stage", str(run / name / "manifest.csv")]) == 0
            now = sample_kit.read_tree(home / "pictures", TARGET / "pictures")
            [batch] = {p.split("/")[1] for p in now if p[0] in "_d" and "/" in p} or [""]
            tree = sample_kit.load(TARGET / "pictures.json")
            text = json.dumps(sample_kit.changes(tree, now)).replace(batch, "BATCH")
            steps.append({"manifest": f"{name}/manifest.csv", "changes": json.loads(text)})
            assert cli.main(["restore", "--library", str(home / "pictures")]) == 0
        write_json(TARGET / "run/expected-stage.json", steps)
        profile = str(home / "params/tiny.yaml")
        out = dedup_nb("run", profile, "--only", "80_review")
        review = Path(out.splitlines()[-1]) / "80_review"
        for name in ("groups.csv", "manifest.csv", "agreement.csv", "unusable.csv"):
            (TARGET / "run/expected-review").mkdir(exist_ok=True)
            shutil.copyfile(review / name, TARGET / "run/expected-review" / name)
        expected = {"runs": dedup_nb("runs", profile).splitlines()[0].split("  ")[1]}
        write_json(TARGET / "run/expected-runs.json", expected)


def save_again(run: Path) -> None:
    """Save at another threshold, as the button does."""
    values = yaml.safe_load((run / "10_phash/params.yaml").read_text())
    work = workbench.start("10_phash", values | {"run_dir": str(run), "interactive": False})
    hashes, rows = work.hashes("phash", 64)
    pairs, bound = phash.near_pairs(hashes, 16, rows=rows)
    made = work.candidates(pairs)
    work.verify(made, [12, *range(bound + 1)])
    work.save(made, 12, name="max_distance")


def keep_more_measures(library: Path, kept: store.Store) -> None:
    """Fill the cache with more kinds than the run needs, and with the picture that it left out."""
    from dedup_nb import catalogue, embeddings, measures

    found = catalogue.scan(library, ["mojo1", "selected"]).images
    kinds = [phash.kind("phash", 64), phash.kind("phash", 256), phash.kind("dhash", 64)]
    kinds += [embeddings.embedder(name).kind for name in ("dct", "mix")]
    keys = [store.FileKey(*image.key) for image in found]
    measures.measure_files(library, keys, kept, kinds)


def neutral_files(folder: Path, words: dict[str, str]) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".parquet":
            data = path.read_bytes()
            for found, meant in words.items():
                data = data.replace(found.encode(), meant.encode())
            path.write_bytes(data)


def make_small(path: Path) -> None:
    """Write a database in small pages; in all else it is as the code keeps it."""
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = delete")
    db.execute("pragma page_size = 1024")
    db.execute("vacuum")
    db.execute("pragma journal_mode = wal")
    db.close()


def make_cache(cache: Path) -> None:
    folder = TARGET / "cache"
    folder.mkdir()
    (folder / "without_exposure").mkdir()
    shutil.copyfile(cache / "store-2.sqlite", folder / "store-2.sqlite")
    db = sqlite3.connect(folder / "store-2.sqlite")
    few = "select sha256 from measure where kind = 'mix-v1' order by sha256 limit 4"
    db.execute(f"delete from measure where kind = 'mix-v1' and sha256 not in ({few})")
    db.commit()
    db.close()
    old = folder / "without_exposure/store-2.sqlite"
    shutil.copyfile(cache / "store-2.sqlite", old)
    db = sqlite3.connect(old)
    db.execute("alter table image drop column exposure")
    db.execute("delete from measure where kind != 'phash64-v1'")
    db.execute("delete from thumbnail where sha256 not in (select min(sha256) from thumbnail)")
    db.commit()
    db.close()
    for path in (folder / "store-2.sqlite", old):
        make_small(path)
    for name, path in (("expected", folder), ("expected-without_exposure", old.parent)):
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copyfile(path / "store-2.sqlite", Path(scratch) / "store-2.sqlite")
            kept = store.Store(Path(scratch))
            files = [[list(key), sha256] for key, sha256 in kept.files()]
            facts = kept.facts(sha256 for _, sha256 in files)
            told: dict[str, Any] = {"files": files, "values": sample_kit.digests(kept)}
            kept.close()
        told["facts"] = {sha256: fact._asdict() for sha256, fact in facts.items()}
        write_json(folder / f"{name}.json", told)


# ---------------------------------------------------------------- profiles

EVERYTHING = """\
# Every parameter that a profile may set, each away from its default where there is another value.
library: ~/pictures  # the whole collection
roots: [mojo1, selected, crop]
prefer: [selected, mojo1, crop]  # best first
curated: [selected/prints]
protect: ["*_final.*", "selected/prints/*"]
only_folders:
  - mojo1/20250612
  - selected
limit: 500
cross_root_only: true
same_stage_only: false
keeper_order: [protected, prefer, newest, pixels, largest, oldest, path]
embedder: mix
model: ../weights/small.json  # a file: made absolute
pretrained: ../weights/small.safetensors
device: cuda:1
verify: false
cache_dir: ../cache

00_catalogue:
  extensions: [png, jpg]
  compare_names: [mojo1, selected]
  max_pixels: 1.0e+8  # a number with a point

10_phash:
  hash: dhash
  hash_bits: 256
  max_distance: 20
  ceiling: 40
  invariance: rotate
  max_pairs: 1000000
  verify: true  # here, whatever is said at the top

20_time_window:
  seconds: 10
  mode: anchored
  stamp_source: exif
  confirm_distance: 6

30_clip_faiss:
  embedder: clip
  model: ViT-B-32
  pretrained: laion2b_s34b_b79k
  device: auto
  min_cosine: 0.93
  floor: 0.8
  k: 20
  invariance: mirror
  max_pairs: 2000000

40_set_pruning:
  min_cosine: 0.9
  max_edited_area: 0.02
  cross_check_yaml: false
  candidates: clusters

50_czkawka:
  results: [../czkawka.json, ~/other.txt]
  path_map: {"d:/pictures": /home/ana/pictures}
  reference_keeps: false
  max_distance: 6

60_clusters:
  min_cluster_size: 3
  min_samples: 2
  metric: cosine

80_review:
  inputs: [10_phash, ../outputs/mine/20250705T215218Z]
  min_inputs: 2
  include: all

90_stage:
  manifest: ../outputs/mine/20250705T215218Z/10_phash/manifest.csv
  apply: true

95_approve:
  approve_batch: 20250706T090007Z-0a1b2c
  token: 0123456789ab
"""
MINIMAL = "library: /home/ana/pictures\n"
QUOTED = """\
---
# Written by hand, in another style.
'library': "/home/ana/p\u00e9tites images"

roots:
- "."          # the whole library
10_phash: {max_distance: 4, hash: 'whash'}
20_time_window:
  confirm_distance: ~
  seconds: 0
60_clusters:   # nothing set
"""


def make_profiles(work: Path) -> None:
    folder = TARGET / "profiles"
    folder.mkdir()
    project = Path(__file__).parents[2]
    for name in ("demo", "example"):
        shutil.copyfile(project / f"params/{name}.yaml", folder / f"{name}.yaml")
    for name, text in (("everything", EVERYTHING), ("minimal", MINIMAL), ("quoted", QUOTED)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    home = (work / "ana").resolve()
    shutil.copytree(folder, home / "params")
    os.environ["HOME"] = str(home)
    expected = {}
    for path in sorted(folder.glob("*.yaml")):
        profile = parameters.load(home / "params" / path.name)
        flat = {name: profile.flat(name) for name in parameters.notebook_names()}
        text = json.dumps(flat).replace(str(home), sample_kit.HOME)
        expected[path.stem] = json.loads(text)
    write_json(folder / "expected.json", expected)
    used = {(name, key) for name, values in expected["everything"].items() for key in values}
    for name in parameters.notebook_names():
        for key in parameters.of_notebook(name):
            assert key in parameters.SET_BY_RUNNER or (name, key) in used, (name, key)


def main() -> None:
    assert __version__ == "0.1.0", "these samples are of version 0.1.0, and only it makes them"
    shutil.rmtree(TARGET, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        make_journals(work / "journals")
        make_decisions(TARGET / "decisions")
        make_run(work)
        make_profiles(work)


if __name__ == "__main__":
    main()
