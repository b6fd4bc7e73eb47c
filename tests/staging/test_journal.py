"""The journal: records survive, damage is told, and its reader never raises."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.staging import journal, safefs
from dedup_nb.staging.journal import Journal, Reserve, decode, encode, parse
from dedup_nb.staging.safefs import Spot

HEADER = {"event": "header", "version": 1, "batch": "x"}
DONE = {"event": "done", "intent": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    fd = os.open(tmp_path, safefs.TREE)
    yield fd
    os.close(fd)


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(map(encode, records))


def test_a_line_is_json_tab_crc32() -> None:
    assert encode({"event": "end"}) == b'{"event":"end"}\t09ef79a3\n'


def test_names_that_are_no_unicode_survive() -> None:
    record = {"event": "end", "path": "caf\udce9\n\t\0"}
    assert decode(encode(record)[:-1]) == record


@pytest.mark.parametrize(
    "torn", [b"", b"{", lines(DONE)[:-1], lines(DONE)[:-3] + b"\n", b"\0" * 99]
)
def test_a_torn_last_line_is_ignored(torn: bytes) -> None:
    contents = parse(lines(HEADER, DONE) + torn)
    assert (contents.records, contents.damage) == ([HEADER, DONE], "")
    assert contents.good_bytes == len(lines(HEADER, DONE))


def test_records_are_taken_in_order_and_forgotten_one_by_one() -> None:
    contents = parse(lines(HEADER, DONE))
    assert (list(contents.taken()), contents.records) == ([HEADER, DONE], [])


def test_a_bad_line_elsewhere_makes_the_journal_read_only() -> None:
    contents = parse(lines(HEADER) + b"garbage\n" + lines(DONE))
    assert (contents.records, contents.damage) == ([HEADER, DONE], "line 2 is damaged")


@pytest.mark.parametrize("first", [DONE, {"event": "header", "version": 2}, {"event": "header"}])
def test_an_unknown_version_or_no_header_refuses(first: dict[str, Any]) -> None:
    assert parse(lines(first, DONE)).damage


def test_the_reader_never_raises(folder: int, tmp_path: Path) -> None:
    chance = random.Random(3)
    whole = lines(HEADER, DONE, DONE)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "j").write_bytes(bytes(data[: chance.randrange(len(data))]))
        journal.read(Spot(folder, "j"))
    (tmp_path / "folder").mkdir()
    for name in ("absent", "folder"):
        assert journal.read(Spot(folder, name)).damage


def open_journal(folder: int, tmp_path: Path) -> Journal:
    return Journal.create(Spot(folder, "j"), Reserve(folder, ()), {"batch": "x"})


def test_appending_after_a_torn_line_cuts_it_off(folder: int, tmp_path: Path) -> None:
    open_journal(folder, tmp_path).close()
    with (tmp_path / "j").open("ab") as file:
        file.write(lines(DONE)[:9])
    spot = Spot(folder, "j")
    again = Journal.reopen(spot, Reserve(folder, ()), journal.read(spot))
    again.append([DONE])
    again.close()
    contents = journal.read(spot)
    assert ([r["event"] for r in contents.records], contents.damage) == (["header", "done"], "")


def test_a_record_that_could_not_be_written_whole_leaves_no_trace(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_journal(folder, tmp_path)
    before = (tmp_path / "j").read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
    with pytest.raises(OSError, match="No space"):
        opened.append([DONE])
    opened.close()
    assert (tmp_path / "j").read_bytes() == before


def test_the_reserve_grows_with_the_plan_up_to_a_limit(folder: int, tmp_path: Path) -> None:
    reserve = Reserve(folder, ())
    for files, size in [(0, 8 << 10), (10, 28 << 10), (10**6, 16 << 20)]:
        reserve.fill(files)
        assert (tmp_path / "reserve").stat().st_size == size
    assert reserve.give_back()
    assert not reserve.give_back()


def test_a_full_disk_takes_the_reserve_once(folder: int, tmp_path: Path) -> None:
    opened = open_journal(folder, tmp_path)
    opened.reserve.fill(0)

    def full(kind: str) -> None:
        if kind == "write" and (tmp_path / "reserve").exists():
            raise OSError(errno.ENOSPC, "full")

    safefs.watch = full
    try:
        opened.append([DONE])
    finally:
        safefs.watch = None
    opened.close()
    assert not (tmp_path / "reserve").exists()
    assert [r["event"] for r in journal.read(Spot(folder, "j")).records] == ["header", "done"]


# ---------------------------------------------------------------- damaged and foreign journals


def staged_library(folder: Path) -> tuple[Path, Path]:
    kit.write_tree(folder, {"k.png": "k", "a.png": "a", "b.png": "b"})
    table = kit.rows(folder, {"a": ("k.png", ["a.png"]), "b": ("k.png", ["b.png"])})
    batch = staging.stage(kit.plan_for(folder, table), folder).batch
    return folder, folder / f".dedup_nb/journal/{batch}.jsonl"


def test_a_damaged_journal_stops_new_batches_and_its_own_restore(tmp_path: Path) -> None:
    library, path = staged_library(tmp_path / "library")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"bundle":"a"', b'"bundle":"x"', 1))
    before = kit.read_tree(library)
    assert kit.run_cli("recover", "--library", library) == 3
    assert kit.run_cli("restore", "--library", library) == 3
    assert kit.run_cli("status", "--library", library) == 3
    kit.write_tree(library, {"c.png": "c"})
    plan = kit.plan_for(library, kit.rows(library, {"c": ("k.png", ["c.png"])}))
    with pytest.raises(staging.StagingError, match="read-only: line"):
        staging.stage(plan, library)
    (library / "c.png").unlink()
    assert kit.read_tree(library) == before
    path.write_bytes(whole)
    assert kit.run_cli("restore", "--library", library) == 0


def test_a_journal_of_another_library_moves_nothing(tmp_path: Path) -> None:
    library, _ = staged_library(tmp_path / "library")
    other, path = staged_library(tmp_path / "other")
    shutil.copy(path, library / ".dedup_nb/journal" / path.name)
    before = kit.read_tree(library)
    [told] = [b for b in staging.status(library).batches if b.batch == path.stem]
    assert (told.files, len(told.gone_by_hand)) == (0, 2)
    assert kit.run_cli("restore", "--library", library, "--batch", path.stem) == 0
    assert kit.read_tree(library) == before
    assert kit.run_cli("restore", "--library", library) == 0
    assert sorted(kit.read_tree(library)) == ["a.png", "b.png", "k.png"]
    assert other.exists()


def test_a_journal_under_another_name_is_not_followed(tmp_path: Path) -> None:
    library, path = staged_library(tmp_path / "library")
    path.rename(path.with_name("20250101T000000Z-000000.jsonl"))
    before = kit.read_tree(library)
    assert kit.run_cli("restore", "--library", library) == 3
    assert kit.read_tree(library) == before


@pytest.mark.parametrize("src", ["../../etc/passwd", "/etc/passwd", ".dedup_nb/journal/x", "a//b"])
def test_a_journal_that_leads_out_of_the_library_is_not_followed(tmp_path: Path, src: str) -> None:
    library, path = staged_library(tmp_path / "library")
    contents = parse(path.read_bytes())
    for record in contents.records:
        for file in record.get("files", []):
            file["src"] = src
    path.write_bytes(lines(*contents.records))
    assert kit.run_cli("restore", "--library", library) == 3
    assert len(list(library.glob("_review_dupes/*/*.png"))) == 2


HUGE = 10**40
# record -> what a forged or foreign one may hold instead
FORGED: list[tuple[str, dict[str, Any]]] = [
    *(("done", {"event": odd}) for odd in ([], {}, None, 5, "purge")),
    ("header", {"batch": ["x"]}),
    ("header", {"time": {"a": 1}}),
    *(("intent", {"intent": odd}) for odd in (None, "1", 1.0, True, -1, HUGE, [1], {})),
    *(
        ("intent", {name: odd})
        for name in ("bundle", "group", "rule", "reason")
        for odd in (None, 1, ["a"], {})
    ),
    *(("intent", {"files": odd}) for odd in (None, [], {}, "x", [1], [[]], [{}], 7)),
    *(("intent", {"keepers": odd}) for odd in (None, {}, "x", [1], [{}], [{"path": "k.png"}])),
    *(("intent", {"covers": odd}) for odd in ("x", [1], {"a": 1}, ["../x"], ["/x"])),
    ("intent", {"time": 5}),
    *(("done", {"intent": odd}) for odd in (None, "1", 1.0, True, [], {}, HUGE)),
    *(
        ("add", {"event": event, "intent": 1, "files": odd})
        for event in ("restored", "restore_intent", "purged")
        for odd in (None, "x", {}, [1], [["x"]], ["other.png"], 5)
    ),
    ("add", {"event": "intent"}),
    ("add", {"event": "header", "version": 1}),
    *(
        ("add", {"event": event, name: odd})
        for event in ("created", "uncreated")
        for name in ("flags", "folders")
        for odd in (5, "k.cropped", {"k.cropped": 1}, [1], [None], [["x"]], [""], ["/etc/x.cropped"],
                    ["../x.cropped"], ["a\0b.cropped"], ["\ud800.cropped"], ["n" * 256])
    ),
    # what this tool never makes, so that undoing a batch never removes it
    *(
        ("add", {"event": "created", "flags": [path]})
        for path in ("empty.png", "empty", "empty.cropped.png", "empty.CROPPED", ".dedup_nb/a.cropped",
                     "_review_dupes/a.cropped", "_Review_Dupes/a.cropped")
    ),
    *(
        ("add", {"event": "created", "folders": [path]})
        for path in ("mine", "mine/inner", ".dedup_nb", ".dedup_nb/journal", "_review_dupes/other",
                     "_review_dupes/20250101T000000Z-000000/x", "_REVIEW_DUPES/x")
    ),
]  # fmt: skip
FORGED_FILE: list[tuple[str, Any]] = [
    *((name, odd) for name in ("size", "mtime_ns", "mode", "ino", "dev", "nlink")
      for odd in (None, "1", 1.5, True, [1], HUGE)),
    *(("sha256", odd) for odd in (None, 1, "x", "A" * 64, "0" * 63, ["0" * 64])),
    *((name, odd) for name in ("src", "dst")
      for odd in (None, 1, ["a.png"], "", "/a.png", "../a.png", "a/../b.png", "a\0.png", "\ud800.png",
                  "x" * 256, ".dedup_nb/x", "_review_dupes", "_review_dupes/x", "_clusters", "_clusters/x")),
]  # fmt: skip


def commands_leave_alone(library: Path, path: Path) -> None:
    """Every command ends with a status, and no file or folder changes."""
    (library / "mine/inner").mkdir(parents=True)
    for name in ("empty.png", "empty", "empty.cropped.png", "empty.CROPPED"):
        (library / name).touch()
    before = kit.read_tree(library)
    assert staging.status(library).batches[0].damage
    for command in ("recover", "restore", "status"):
        assert kit.run_cli(command, "--library", library) == 3
    assert kit.run_cli("restore", "--library", library, "--batch", path.stem) == 3
    assert kit.run_cli("approve", path.stem, "--library", library, "--token", "0" * 12) == 3
    assert kit.run_cli("flag", library, "--library", library) == 3
    assert kit.read_tree(library) == before
    assert (library / "mine/inner").is_dir()


@pytest.mark.parametrize(("which", "change"), FORGED)
def test_a_forged_record_makes_its_journal_read_only(
    tmp_path: Path, which: str, change: dict[str, Any]
) -> None:
    library, path = staged_library(tmp_path / "library")
    records = parse(path.read_bytes()).records
    if which == "add":
        records.append(change)
    else:
        next(record for record in records if record["event"] == which).update(change)
    path.write_bytes(lines(*records))
    commands_leave_alone(library, path)


@pytest.mark.parametrize(("name", "odd"), FORGED_FILE)
def test_a_forged_file_makes_its_journal_read_only(tmp_path: Path, name: str, odd: Any) -> None:
    library, path = staged_library(tmp_path / "library")
    records = parse(path.read_bytes()).records
    intent = next(record for record in records if record["event"] == "intent")
    intent["files"][0][name] = odd
    path.write_bytes(lines(*records))
    commands_leave_alone(library, path)


def test_a_file_that_would_go_home_under_another_name_makes_the_journal_read_only(
    tmp_path: Path,
) -> None:
    library, path = staged_library(tmp_path / "library")
    records = parse(path.read_bytes()).records
    intent = next(record for record in records if record["event"] == "intent")
    intent["files"][0]["src"] = "elsewhere.png"
    path.write_bytes(lines(*records))
    commands_leave_alone(library, path)


def test_a_second_intent_of_one_number_makes_the_journal_read_only(tmp_path: Path) -> None:
    library, path = staged_library(tmp_path / "library")
    records = parse(path.read_bytes()).records
    again = next(record for record in records if record["event"] == "intent")
    path.write_bytes(lines(*records, again))
    commands_leave_alone(library, path)


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path), lambda path: path.symlink_to("/etc/passwd")]
)  # fmt: skip
def test_a_journal_that_is_not_a_file_never_makes_a_command_die_or_wait(
    tmp_path: Path, make: Any
) -> None:
    library, path = staged_library(tmp_path / "library")
    make(path.with_name("20250101T000000Z-000000.jsonl"))
    before = kit.read_tree(library)
    assert kit.run_cli("status", "--library", library) in (0, 3)
    assert kit.read_tree(library) == before


def test_half_a_character_in_a_bundle_name_is_shown_not_raised(tmp_path: Path) -> None:
    library, path = staged_library(tmp_path / "library")
    records = parse(path.read_bytes()).records
    for record in records:
        if "bundle" in record:
            record["bundle"] = "\ud800\x1b[31m"
    path.write_bytes(lines(*records))
    assert kit.run_cli("status", "--library", library) == 0
    assert kit.run_cli("restore", "--library", library) == 0


def test_an_end_without_its_intent_is_ignored(tmp_path: Path) -> None:
    library, path = staged_library(tmp_path / "library")
    with path.open("ab") as file:
        file.write(lines({"event": "restored", "intent": 99, "files": []}))
    assert staging.status(library).batches[0].damage == ""
    assert staging.restore(library).done == 2
