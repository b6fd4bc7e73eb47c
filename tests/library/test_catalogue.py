"""Catalogue: every file of the roots once, images with what is known of them."""

import os

import pandas as pd
import pytest
from drawn import make_library, measured, photo, save, tree, write

from dedup_nb.library import catalogue, files
from dedup_nb.staging.library import Library, clean_roots
from dedup_nb.staging.refusals import StagingError


def others(found):
    return {other.path: (other.what, other.reason) for other in found.others}


def test_every_file_is_listed_exactly_once(tmp_path):
    lib = make_library(tmp_path / "lib")
    (lib / "mojo1/link.png").symlink_to("plain.png")
    os.mkfifo(lib / "mojo1/pipe")
    found = catalogue.scan(lib, ["."])
    listed = [image.path for image in found.images] + list(others(found))
    on_disk = [str(p.relative_to(lib)) for p in lib.rglob("*") if not p.is_dir()]
    assert sorted(listed) == sorted(on_disk)


def test_only_files_that_are_new_or_changed_are_opened(tmp_path, monkeypatch):
    lib = make_library(tmp_path / "lib")
    _, kept = measured(lib, tmp_path / "cache")
    first = catalogue.scan(lib, ["."])
    write(lib / "mojo1/plain.png", b"\x89PNG\r\n\x1a\nchanged")
    write(lib / "mojo1/alone.png", (lib / "mojo1/alone.png").read_bytes())  # another inode time
    save(photo(5), lib / "mojo1/new.png")
    expected = catalogue.scan(lib, ["."])
    opened = []
    real = catalogue._is_image
    monkeypatch.setattr(
        catalogue, "_is_image", lambda entry, at: opened.append(entry.name) or real(entry, at)
    )
    found = catalogue.scan(lib, ["."], digests=kept.digests)
    assert found == expected
    assert [i.path for i in found.images if i not in first.images] == [
        "mojo1/alone.png", "mojo1/new.png", "mojo1/plain.png",
    ]  # fmt: skip
    assert {name for name in opened if name.endswith((".png", ".jpg"))} == {
        "alone.png", "new.png", "plain.png",
    }  # fmt: skip


def test_what_is_no_image_says_what_it_is(tmp_path):
    lib = make_library(tmp_path / "lib")
    (lib / "mojo1/link.png").symlink_to("plain.png")
    write(lib / "mojo1/.hidden.png", b"x")
    save(photo(9), lib / ".thumbnails/a.png")
    save(photo(9), lib / "mojo1/_review_dupes/a.png")
    found = others(catalogue.scan(lib, ["."]))
    assert found["mojo1/plain small.txt"] == ("companion", "of plain small.png")
    assert found["mojo1/20250705_215210.decision"] == (
        "companion",
        "shared by series 20250705_215210",
    )
    assert found["mojo1/orphan.yaml"][0] == "orphan_companion"
    assert found["mojo1/notes.pdf"][0] == "skipped"
    assert found["mojo1/link.png"] == ("skipped", "symbolic link, not followed")
    assert found["mojo1/.hidden.png"] == ("skipped", "hidden file")
    assert found[".thumbnails/"] == ("skipped", "hidden folder, not looked into")
    assert found["mojo1/_review_dupes/"] == ("skipped", "staging folder, never scanned")


def deep_folder(lib, target_bytes):
    """Make nested folders until the path of the deepest is `target_bytes` long; return its fd."""
    at, length = os.open(lib, os.O_RDONLY), len(os.fsencode(lib))
    while length < target_bytes:
        left = target_bytes - length - 1
        name = "d" * (left if left <= 200 else 150)
        os.mkdir(name, dir_fd=at)
        deeper = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at, length = deeper, length + 1 + len(name)
    return at


def put_at(at, name, data=b"\xff\xd8\xff"):
    with open(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=at), "wb") as file:
        file.write(data)


@pytest.mark.parametrize("folder_bytes", [3990, 4200, 9000])
def test_a_path_that_no_call_takes_is_listed_and_the_scan_goes_on(tmp_path, folder_bytes):
    write(tmp_path / "a.jpg", b"\xff\xd8\xff")
    at = deep_folder(tmp_path, folder_bytes)
    put_at(at, "f" * 200 + ".jpg")
    os.close(at)
    found = catalogue.scan(tmp_path, ["."])
    assert [image.path for image in found.images] == ["a.jpg"]
    assert [(o.what, o.reason) for o in found.others] == [("skipped", catalogue.TOO_LONG)]
    assert found.others[0].path.endswith("/" + "f" * 200 + ".jpg")


def test_a_path_just_short_enough_is_found_and_can_be_read(tmp_path):
    at = deep_folder(tmp_path, catalogue.MOST_PATH_BYTES - len("/a.jpg"))
    put_at(at, "a.jpg")
    put_at(at, "ab.jpg")
    os.close(at)
    found = catalogue.scan(tmp_path, ["."])
    assert [(tmp_path / image.path).stat().st_size for image in found.images] == [3]
    assert [(os.path.basename(o.path), o.reason) for o in found.others] == [
        ("ab.jpg", catalogue.TOO_LONG)
    ]


class Vanishing:
    """A directory entry whose file is gone, forbidden or on a broken disk when looked at."""

    def __init__(self, entry, error):
        self.entry, self.error = entry, error

    def __getattr__(self, name):
        return getattr(self.entry, name)

    def stat(self, **_):
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file"), "vanished during the scan"),
        (PermissionError(13, "Permission denied"), "cannot be looked at: Permission denied"),
        (OSError(5, "Input/output error"), "cannot be looked at: Input/output error"),
    ],
)
def test_a_file_that_cannot_be_looked_at_is_listed_with_the_reason(
    tmp_path, monkeypatch, error, reason
):
    write(tmp_path / "b.txt", b"words")
    for name in ("a.jpg", "b.jpg"):
        write(tmp_path / name, b"\xff\xd8\xff")
    real = catalogue._key
    monkeypatch.setattr(
        catalogue,
        "_key",
        lambda listing, e: real(listing, Vanishing(e, error) if e.name == "a.jpg" else e),
    )
    found = catalogue.scan(tmp_path, ["."])
    assert [image.path for image in found.images] == ["b.jpg"]
    assert others(found) == {"a.jpg": ("skipped", reason), "b.txt": ("companion", "of b.jpg")}


def test_a_folder_that_breaks_is_listed_but_a_root_that_breaks_ends_the_scan(tmp_path, monkeypatch):
    save(photo(1), tmp_path / "lib/a.png")
    save(photo(1), tmp_path / "lib/b/c.png")
    real = os.scandir
    broken = []

    def scandir(at):
        if os.fstat(at).st_ino in broken:
            raise OSError(5, "Input/output error")
        return real(at)

    monkeypatch.setattr(catalogue.os, "scandir", scandir)
    broken.append((tmp_path / "lib/b").stat().st_ino)
    assert others(catalogue.scan(tmp_path / "lib", ["."])) == {
        "b/": ("skipped", "folder cannot be read: Input/output error")
    }
    broken.append((tmp_path / "lib").stat().st_ino)
    with pytest.raises(ValueError, match=r"root \. of .* cannot be read: Input/output error"):
        catalogue.scan(tmp_path / "lib", ["."])


@pytest.mark.parametrize("year_s", [-(2**33), -1, 0, 13_000_000_000, 2**36])
def test_no_date_of_a_file_stops_the_catalogue(tmp_path, year_s):
    save(photo(1), tmp_path / "lib/a.png")
    os.utime(tmp_path / "lib/a.png", (year_s, year_s))
    if (tmp_path / "lib/a.png").stat().st_mtime != year_s:
        pytest.skip("this file system does not hold the date")
    table, _ = measured(tmp_path / "lib", tmp_path / "cache")
    low, high = files.EARLIEST_NS, files.LATEST_NS
    assert table["mtime_ns"].tolist() == [min(max(year_s * 10**9, low), high)]


STRANGE_NAMES = [
    b"\xff\xfe.png", b"\xed\xa0\x80.png", b"new\nline.png", b"\x1b[31mred.png", b"\x7f\x01.png",
    b"tab\t.png", b"cr\r.png", b"'=1.png", b"n" * 251 + b".png", "\u202egnp.png".encode(),
    "\U0001f600.png".encode(), b" .png", b"-rf.png", b"\\.png", b"%s{}.png", b"\xc2\x85.png",
]  # fmt: skip


def test_every_strange_name_is_listed_once_and_survives_the_csv(tmp_path):
    for number, name in enumerate(STRANGE_NAMES):
        save(photo(number, 40, 30), os.fsencode(tmp_path / "lib") + b"/" + name, format="PNG")
    table, _ = measured(tmp_path / "lib", tmp_path / "cache")
    catalogue.write(tmp_path / "c.csv", table)
    again = catalogue.read(tmp_path / "c.csv")
    assert sorted(map(os.fsencode, again["path"])) == sorted(STRANGE_NAMES)
    assert again["status"].unique().tolist() == ["ok"]


@pytest.mark.parametrize("root", ["out", "in", "a/out/deep", "a/in"])
def test_a_root_behind_a_link_is_refused_in_the_words_of_staging(tmp_path, root):
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "lib/a/real").mkdir(parents=True)
    for link, to in (("out", "../elsewhere"), ("in", "a/real"), ("a/in", "real")):
        (tmp_path / "lib" / link).symlink_to(to)
    (tmp_path / "lib/a/out").symlink_to("../../elsewhere")
    with pytest.raises(ValueError, match=r"is a symbolic link, which is never followed") as scanned:
        catalogue.check_roots(tmp_path / "lib", [root])
    with Library(tmp_path / "lib") as library, pytest.raises(StagingError) as staged:
        clean_roots(library, [root])
    assert str(scanned.value) == str(staged.value)


def test_a_library_that_is_itself_a_link_is_scanned(tmp_path):
    save(photo(1), tmp_path / "real/a.png")
    (tmp_path / "lib").symlink_to("real")
    catalogue.check_roots(tmp_path / "lib", ["."])
    assert [image.path for image in catalogue.scan(tmp_path / "lib", ["."]).images] == ["a.png"]


def test_images_are_known_by_content_not_by_suffix(tmp_path):
    save(photo(1), tmp_path / "picture.dat", format="PNG")
    write(tmp_path / "text.jpg", b"no picture at all")
    table, _ = measured(tmp_path, tmp_path.parent / "cache")
    assert table[["path", "status", "format"]].to_numpy().tolist() == [
        ["picture.dat", "ok", "PNG"],
        ["text.jpg", "unreadable", "unknown"],
    ]


def test_the_catalogue_tells_stamp_stage_series_and_companions(tmp_path):
    table, _ = measured(make_library(tmp_path / "lib"), tmp_path / "cache", ["mojo1", "selected"])
    row = table.set_index("path").loc["mojo1/20250705_215211_stage2_upscaled.png"]
    assert row.stamp == "2025-07-05T21:52:11"
    assert (row.stage, row.series, row.root) == ("stage2_upscaled", "20250705_215210", "mojo1")
    assert (row.width, row.height, row.companions, row.cropped) == (192, 128, 1, False)
    assert list(table.columns) == catalogue.COLUMNS


def test_a_cropped_marker_is_seen(tmp_path):
    save(photo(1), tmp_path / "lib/a.png")
    write(tmp_path / "lib/a.cropped")
    table, _ = measured(tmp_path / "lib", tmp_path / "cache")
    assert table.cropped.tolist() == [True]


def test_the_catalogue_survives_its_csv(tmp_path):
    lib = make_library(tmp_path / "lib")
    for name in ("=1+1.png", "new\nline.png", "<b>x</b>&.png", "gr\u00fc\u00dfe 'q' \"z\".png"):
        save(photo(8), lib / "mojo1" / name)
    save(photo(8), os.fsencode(lib / "mojo1") + b"/no\xff.png", format="PNG")
    table, _ = measured(lib, tmp_path / "cache")
    catalogue.write(tmp_path / "c.csv", table)
    pd.testing.assert_frame_equal(catalogue.read(tmp_path / "c.csv"), table, check_dtype=False)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda text: text[: -len("e\n")], "other than true and false in cropped; was it cut"),
        (lambda text: text[: -len(",false\n")], "too few cells in row 2; was it cut"),
        (lambda text: text.replace("\n", ",x\n").replace(",x\n", "\n", 1), "cannot be read"),
        (lambda text: text + "one,cell,more," + text.splitlines()[1], "cannot be read"),
        (lambda text: text.replace("stamp", "stemp"), "cannot be read.*'stamp'"),
        (lambda text: text.replace(",96,", ",wide,"), "cannot be read"),
        (lambda text: text.replace(",96,", f",{10**20},"), "cannot be read"),  # beyond 64 bits
        (lambda text: text + '"open', "cannot be read"),
        (lambda text: "", "cannot be read"),
    ],
)
def test_a_damaged_catalogue_is_refused(tmp_path, damage, complaint):
    save(photo(1, 96, 64), tmp_path / "lib/a.png")
    save(photo(2, 96, 64), tmp_path / "lib/b.png")
    catalogue.write(tmp_path / "whole.csv", measured(tmp_path / "lib", tmp_path / "cache")[0])
    (tmp_path / "c.csv").write_text(damage((tmp_path / "whole.csv").read_text()))
    with pytest.raises(ValueError, match=complaint):
        catalogue.read(tmp_path / "c.csv")


def test_other_files_survive_their_csv_whatever_their_names(tmp_path):
    names = ("=1+1.txt", "'=x.txt", "new\nline.txt", 'a,b "c".txt', "no\udcff.txt")
    found = [catalogue.Other(name, "skipped", "neither") for name in names]
    catalogue.write_others(tmp_path / "some.csv", found)
    assert catalogue.read_others(tmp_path / "some.csv") == found
    catalogue.write_others(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_text() == "path,what,reason\n"
    assert catalogue.read_others(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"limit": 2}, ["a/1.png", "a/2.png"]),
        ({"only_folders": ["b"]}, ["b/3.png", "b/deep/4.png"]),
        ({"only_folders": ["b"], "limit": 1}, ["b/3.png"]),
        ({}, ["a/1.png", "a/2.png", "b/3.png", "b/deep/4.png"]),
    ],
)
def test_a_run_can_start_small(tmp_path, options, expected):
    for path in ("a/1.png", "a/2.png", "b/3.png", "b/deep/4.png"):
        save(photo(1), tmp_path / path)
    found = catalogue.scan(tmp_path, ["a", "b"], **options)
    assert [image.path for image in found.images] == expected
    assert len(found.images) + len(found.others) == 4  # what is left out is listed


@pytest.mark.parametrize(
    ("roots", "complaint"),
    [
        ([], "roots is empty"),
        (["missing"], "root missing is not a folder"),
        (["../x"], "must lie inside the library"),
        (["/tmp"], "must lie inside the library"),
        (["a", "a/b"], "roots a and a/b overlap"),
        ([".", "a"], "roots . and a overlap"),
        (["_review_dupes"], "staging folder"),
        (["a" * 5000], "is not a folder"),
        (["a\0b"], "is not a folder"),
        (["\ud800"], "is not a folder"),
    ],
)
def test_wrong_roots_are_refused_in_one_sentence(tmp_path, roots, complaint):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "_review_dupes").mkdir()
    with pytest.raises(ValueError, match=complaint):
        catalogue.check_roots(tmp_path, roots)


def test_repeated_names_of_one_tree_and_of_two(tmp_path):
    save(photo(1), tmp_path / "lib/a/x.png")
    save(photo(1), tmp_path / "lib/b/x.png")
    save(photo(2), tmp_path / "lib/b/deep/x.png")
    save(photo(3), tmp_path / "lib/a/y.jpg")
    save(photo(4), tmp_path / "lib/a/deep/y.jpg")
    table, _ = measured(tmp_path / "lib", tmp_path / "cache")
    both = catalogue.repeated_names(table)
    assert [(r["name"], r["count"], r["identical"]) for r in both] == [
        ("x.png", 3, False),
        ("y.jpg", 2, False),
    ]
    across = catalogue.repeated_names(table, compare=["a", "b"])
    assert [(r["name"], r["paths"]) for r in across] == [
        ("x.png", "a/x.png\nb/deep/x.png\nb/x.png")
    ]
    assert [r["name"] for r in catalogue.repeated_names(table, ["JPG"])] == ["y.jpg"]


def test_protected_images_lie_in_curated_folders_or_match_a_glob(tmp_path):
    table = pd.DataFrame({"path": ["best/a.png", "bestof/b.png", "x/c_final.png", "x/d.png"]})
    found = catalogue.protected(table, curated=["best"], protect=["*_final.png"])
    assert found.tolist() == [True, False, True, False]


def test_scanning_and_decoding_leave_the_library_as_it_was(tmp_path):
    lib = make_library(tmp_path / "lib")
    before = tree(lib)
    measured(lib, tmp_path / "cache")
    assert tree(lib) == before
