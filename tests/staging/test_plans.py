"""Manifests, friendly and hostile: read as text, never repaired."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.staging import plans
from dedup_nb.staging.plans import rounded_mtime

FILES = {"photos/keep.png": "kept", "photos/a.png": "a", "photos/a.yaml": "a", "b.png": "b"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    kit.write_tree(folder, FILES)
    return folder


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"src": "../outside.png"}, "bad_path"),
        ({"src": "photos/../b.png"}, "bad_path"),
        ({"src": "/etc/passwd"}, "bad_path"),
        ({"src": "photos//b.png"}, "bad_path"),
        ({"src": "./b.png"}, "bad_path"),
        ({"src": ""}, "bad_path"),
        ({"src": "b\0.png"}, "bad_path"),
        ({"src": "b" * 252 + ".png"}, "bad_path"),  # 256 bytes
        ({"src": ".dedup_nb/journal/x"}, "bad_path"),
        ({"src": "_Review_Dupes/x.png"}, "bad_path"),  # the same folder where case is ignored
        ({"keeper": "../keep.png"}, "bad_path"),
        ({"keeper": "/photos/keep.png"}, "bad_path"),
        ({"keeper": "_review_dupes/x/keep.png"}, "bad_path"),
        ({"dst": "b.png"}, "bad_dst"),
        ({"dst": "elsewhere/b.png"}, "bad_dst"),
        ({"dst": "_review_dupes/other.png"}, "bad_dst"),
        ({"dst": "_review_dupes/../b.png"}, "bad_dst"),
        ({"dst": "/_review_dupes/b.png"}, "bad_dst"),
        ({"dst": ""}, "bad_dst"),
        ({"dst": "_clusters/../b.png"}, "bad_path"),
        ({"size": "1.0"}, "bad_row"),
        ({"size": "-1"}, "bad_row"),
        ({"size": "1.2E+09"}, "bad_row"),
        ({"mtime_ns": "-1.2E+18"}, "rounded_mtime"),
        ({"mtime_ns": "1751710001123450000,00"}, "rounded_mtime"),
        ({"mtime_ns": "9" * 29}, "rounded_mtime"),
        ({"size": ""}, "bad_row"),
        ({"size": "\u0661"}, "bad_row"),  # an Arabic digit
        ({"mtime_ns": "1.75171E+18"}, "rounded_mtime"),
        ({"mtime_ns": "1751710001123450000"}, "rounded_mtime"),  # fifteen digits kept
        ({"mtime_ns": "yesterday"}, "bad_row"),
        ({"sha256": "3e23e816"}, "short_digest"),
        ({"sha256": "3.00E+12"}, "short_digest"),
        ({"sha256": "z" * 64}, "bad_row"),
        ({"keeper_sha256": "3e23e816"}, "short_digest"),
        ({"keeper_sha256": ""}, "bad_row"),
        ({"keeper": "", "keeper_sha256": ""}, "no_keeper"),
        ({"bundle": ""}, "bad_row"),
        ({"covers": "photos/a.png"}, "bad_row"),
        ({"covers": '["../x.png"]'}, "bad_path"),
        ({"covers": "[" * 100_000}, "bad_row"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_refuses_its_bundle_and_moves_nothing(
    library: Path, cells: dict[str, Any], code: str
) -> None:
    good = kit.rows(library, {"a": ("photos/keep.png", ["photos/a.png", "photos/a.yaml"])})
    bad = kit.row(library, "b", "b.png", "photos/keep.png")
    mtime_ns = (library / "b.png").stat().st_mtime_ns
    if cells.get("mtime_ns") == "1751710001123450000":
        cells = {"mtime_ns": str(round(mtime_ns, -4))}
    if "src" in cells:
        cells = {"dst": f"_review_dupes/{cells['src']}", **cells}
    result = staging.stage(kit.plan_for(library, [{**bad, **cells}, *good]), library)
    assert kit.codes(result.refused) == [code]
    assert (result.status, result.done) == (3, 1)  # the other bundle is not to blame
    assert (library / "b.png").exists()


def test_a_row_planned_twice_refuses_both_bundles(library: Path) -> None:
    table = [
        kit.row(library, "one", "b.png", "photos/keep.png"),
        kit.row(library, "two", "b.png", "photos/keep.png"),
    ]
    result = staging.stage(kit.plan_for(library, table), library)
    assert kit.codes(result.refused) == ["duplicate_row", "duplicate_row"]
    same = [table[0], table[0]]
    assert kit.codes(staging.check(kit.plan_for(library, same), library)) == ["duplicate_row"]


def test_columns_that_are_not_known_are_ignored(library: Path) -> None:
    path = library.with_name("more.csv")
    columns = ("note", *plans.MANIFEST_COLUMNS[:-1], "more")
    line = kit.row(library, "b", "b.png", "photos/keep.png", note="=1+1", more="x")
    from dedup_nb.library.tables import write_csv

    write_csv(path, columns, [line])
    assert staging.stage(staging.read_manifest(path), library).status == 0


def manifest_text(library: Path) -> bytes:
    table = kit.rows(library, {"a": ("photos/keep.png", ["photos/a.png", "photos/a.yaml"]),
                               "b": ("photos/keep.png", ["b.png"])})  # fmt: skip
    return kit.write_manifest(library.with_name("m.csv"), table).read_bytes()


def run_manifest(library: Path, data: bytes) -> int:
    path = library.with_name("hostile.csv")
    path.write_bytes(data)
    return kit.run_cli("stage", path, "--library", library)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"bundle,src\n", b"bundle,src\na,b\n", b'"bundle', b"\xff\xfe\x00x", b"\0" * 50,
     b"bundle,bundle\n1,2\n"],
)  # fmt: skip
def test_what_is_no_manifest_is_wrong_input(library: Path, data: bytes) -> None:
    before = kit.read_tree(library)
    assert run_manifest(library, data) == 2
    assert kit.read_tree(library) == before


def test_a_manifest_cut_anywhere_never_splits_a_bundle(library: Path) -> None:
    data = manifest_text(library)
    for end in range(0, len(data), 7):
        status = run_manifest(library, data[:end])
        names = set(kit.read_tree(library))
        assert ("photos/a.png" in names) == ("photos/a.yaml" in names)
        assert status in (0, 2, 3)
        kit.run_cli("restore", "--library", library)


def test_random_bytes_in_a_manifest_never_raise_and_never_lose(library: Path) -> None:
    data = manifest_text(library)
    before = kit.read_tree(library)
    chance = random.Random(7)
    for _ in range(150):
        broken = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        assert run_manifest(library, bytes(broken)) in (0, 2, 3)
        assert kit.run_cli("restore", "--library", library) == 0
        assert kit.read_tree(library) == before


def test_a_manifest_saved_in_another_encoding_is_refused_for_that(library: Path) -> None:
    kit.write_tree(library, {"photos/\u00fcbung.png": "a"})
    table = kit.rows(library, {"u": ("photos/keep.png", ["photos/\u00fcbung.png"])})
    path = kit.write_manifest(library.parent / "m.csv", table)
    path.write_bytes(path.read_text("utf-8").encode("latin-1"))
    [refused] = staging.check(staging.read_manifest(path), library)
    assert refused.code == "stale" and "another encoding than UTF-8" in refused.message


def test_a_missing_manifest_and_a_missing_library_are_wrong_input(library: Path) -> None:
    assert kit.run_cli("stage", library / "no.csv", "--library", library) == 2
    assert kit.run_cli("stage", library, "--library", library) == 2
    manifest_text(library)
    assert kit.run_cli("stage", library.with_name("m.csv"), "--library", library / "no") == 2
    assert kit.run_cli("stage", library.with_name("m.csv")) == 2  # and no run.json tells it


def test_rows_of_one_bundle_need_not_follow_each_other(library: Path) -> None:
    table = kit.rows(library, {"a": ("photos/keep.png", ["photos/a.png", "photos/a.yaml"]),
                               "b": ("photos/keep.png", ["b.png"])})  # fmt: skip
    plan = kit.plan_for(library, [table[0], table[2], table[1]])
    assert [len(bundle.rows) for bundle in plan.bundles.values()] == [2, 1]
    assert (plan.files, plan.n_bytes) == (3, 3)


def test_a_formula_guard_is_undone(library: Path) -> None:
    kit.write_tree(library, {"-b.png": "x", "'=c.png": "y"})
    bundles = {"b": ("photos/keep.png", ["-b.png"]), "c": ("photos/keep.png", ["'=c.png"])}
    plan = kit.plan_for(library, kit.rows(library, bundles))
    assert plan.condemned == {"-b.png", "'=c.png"}


@pytest.mark.parametrize(
    ("planned", "found", "rounded"),
    [
        (1751710000123460000, 1751710000123456789, True),  # fifteen digits
        (1751710000123450000, 1751710000123456789, True),  # cut rather than rounded
        (1751710000123456789, 1751710000123456789, False),
        (1751710000123456788, 1751710000123456789, False),  # another time
    ],
)
def test_a_time_that_a_spreadsheet_rounded_is_recognised(
    planned: int, found: int, rounded: bool
) -> None:
    assert rounded_mtime(planned, found) is rounded
