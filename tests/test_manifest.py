"""Manifest: every file that would move, with what staging compares it with."""

import hashlib

import pandas as pd
from pictures import measured, photo, save, write

from dedup_nb import manifest


def row(path, role, keeper):
    return {
        "group_id": "g-1",
        "path": path,
        "role": role,
        "keeper": keeper,
        "reason": "hamming_bits 2",
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
        "reason": "hamming_bits 2",
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
