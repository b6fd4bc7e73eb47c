"""Manifest: every file that would move, with what staging compares it with."""

import hashlib
import json

import pandas as pd
from drawn import measured, photo, save, write

from dedup_nb.groups import manifest


def row(path, role, keeper):
    return {
        "group_id": "g-1",
        "path": path,
        "role": role,
        "keeper": keeper,
        "reason": "2 bits apart",
    }


def test_a_staged_image_brings_its_companions_and_nothing_else(tmp_path):
    lib = tmp_path / "lib"
    for name in ("keep.png", "go.png", "wait.png"):
        save(photo(1), lib / "a" / name)
    for name in ("go.yaml", "go.png.xmp", "go_not.yaml", "keep.yaml"):
        write(lib / "a" / name, name.encode())
    table, _ = measured(lib, tmp_path / "cache")
    plan = pd.DataFrame(
        [row("a/keep.png", "keeper", "a/keep.png"), row("a/go.png", "stage", "a/keep.png"),
         row("a/wait.png", "review", "a/keep.png")]
    )  # fmt: skip
    rows = list(manifest.rows(plan, table, lib, "10_phash max_distance=8"))
    assert [r["src"] for r in rows] == ["a/go.png", "a/go.png.xmp", "a/go.yaml"]
    assert {r["bundle"] for r in rows} == {"a/go"}
    assert rows[2] == {
        "bundle": "a/go", "src": "a/go.yaml", "dst": "_review_dupes/a/go.yaml", "size": 7,
        "mtime_ns": 10**18, "sha256": hashlib.sha256(b"go.yaml").hexdigest(), "group": "g-1",
        "keeper": "a/keep.png", "keeper_sha256": table.sha256[1], "rule": "10_phash max_distance=8",
        "reason": "2 bits apart",
    }  # fmt: skip
    assert (rows[0]["sha256"], rows[0]["size"]) == (table.sha256[0], int(table.bytes[0]))


def test_two_images_of_one_name_are_one_bundle_each_file_once(tmp_path):
    lib = tmp_path / "lib"
    for name in ("keep.png", "b.png", "b.jpg"):
        save(photo(1), lib / name)
    write(lib / "b.txt")
    table, _ = measured(lib, tmp_path / "cache")
    plan = pd.DataFrame([row("b.jpg", "stage", "keep.png"), row("b.png", "stage", "keep.png")])
    rows = list(manifest.rows(plan, table, lib, "x"))
    assert sorted(r["src"] for r in rows) == ["b.jpg", "b.png", "b.txt"]
    assert {r["bundle"] for r in rows} == {"b"}


STAGES = ("20250705_100000_stage1.png", "20250705_100020_stage2.png")


def series(tmp_path, moving, **columns):
    """Rows of a plan that moves some images of a series with sidecars of every kind."""
    lib = tmp_path / "lib"
    for name in ("keep.png", *STAGES):
        save(photo(1), lib / "a" / name)
    for name in (
        "20250705_100000.decision",
        "20250705_100020.decision",
        "20250705_100020_stage2.yaml",
    ):
        write(lib / "a" / name)
    table, _ = measured(lib, tmp_path / "cache")
    plan = pd.DataFrame([row(f"a/{name}", "stage", "a/keep.png") for name in moving])
    return list(manifest.rows(plan.assign(**columns), table, lib, "x", "delete_review"))


def test_a_set_takes_the_sidecar_of_its_series_along_with_all_that_it_covers(tmp_path):
    rows = series(tmp_path, STAGES, bundle="the set")
    assert [(r["bundle"], r["src"], r["keeper"]) for r in rows] == [
        ("the set", f"a/{STAGES[0]}", "a/keep.png"),
        ("the set", f"a/{STAGES[1]}", "a/keep.png"),
        ("the set", "a/20250705_100020_stage2.yaml", "a/keep.png"),
        ("the set", "a/20250705_100000.decision", "a/keep.png"),  # the other one is of no series
    ]
    assert json.loads(rows[3]["covers"]) == [f"a/{name}" for name in STAGES]
    assert rows[3]["dst"] == "delete_review/a/20250705_100000.decision"


def test_the_sidecar_of_a_series_stays_with_what_stays_of_it(tmp_path):
    assert not [r for r in series(tmp_path, STAGES[1:], bundle="the set") if r.get("covers")]


def test_other_plans_leave_the_sidecar_of_a_series_where_it_is(tmp_path):
    assert not [r for r in series(tmp_path, STAGES) if "decision" in r["src"]]


def test_a_sidecar_of_several_bundles_is_one_of_its_own(tmp_path):
    rows = series(
        tmp_path, STAGES, bundle=["one", "two"], place=["group_0001", "singles"], keeper=""
    )
    assert [(r["bundle"], r["dst"]) for r in rows if r.get("covers")] == [
        ("a/20250705_100000.decision", "delete_review/group_0001/a/20250705_100000.decision")
    ]
    assert {r["keeper_sha256"] for r in rows} == {""}
    assert rows[1]["dst"] == f"delete_review/singles/a/{STAGES[1]}"
