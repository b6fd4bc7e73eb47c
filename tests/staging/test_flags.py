"""Flags, the lock file, and the library that a command finds by itself."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.staging import library as rooms

FILES = {
    "crop/a.png": "a",
    "crop/b.PNG": "b",
    "crop/c.jpg": "c",
    "crop/d.png": "d",
    "crop/d.cropped": "mine",
    "crop/deep/e.png": "e",
    "crop/.hidden/f.png": "f",
    "photos/k.png": "k",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    kit.write_tree(folder, FILES)
    return folder


def test_each_png_without_a_marker_gets_an_empty_one_and_restore_undoes_it(library: Path) -> None:
    before = kit.read_tree(library)
    told = staging.flag(library, ["crop"])
    assert (told.status, told.had) == (0, 1)
    assert sorted(told.made) == ["crop/a.cropped", "crop/b.cropped", "crop/deep/e.cropped"]
    assert (library / "crop/a.cropped").read_bytes() == b""
    assert staging.flag(library, ["crop"]).made == []
    assert staging.restore(library, told.batch).flags_removed == 3
    assert kit.read_tree(library) == before


def test_a_marker_that_is_not_empty_any_more_stays(library: Path) -> None:
    batch = staging.flag(library, ["crop"]).batch
    (library / "crop/a.cropped").write_text("a note")
    assert staging.restore(library, batch).flags_removed == 2
    assert (library / "crop/a.cropped").read_text() == "a note"


def test_links_are_not_followed(library: Path, tmp_path: Path) -> None:
    kit.write_tree(tmp_path, {"outside/x.png": "x"})
    (library / "crop/link").symlink_to(tmp_path / "outside")
    staging.flag(library, ["crop"])
    assert not (tmp_path / "outside/x.cropped").exists()
    with pytest.raises(staging.StagingError):
        staging.flag(library, ["crop/link"])


def test_a_manifest_made_before_the_flags_is_stale_and_says_why(library: Path) -> None:
    plan = kit.plan_for(library, kit.rows(library, {"a": ("photos/k.png", ["crop/a.png"])}))
    staging.flag(library, ["crop"])
    [why] = staging.stage(plan, library).refused
    assert (why.code, "flagged as cropped after the report" in why.message) == ("stale", True)


def test_a_flag_travels_with_its_image_and_all_comes_home(library: Path) -> None:
    before = kit.read_tree(library)
    staging.flag(library, ["crop"])
    table = kit.rows(library, {"a": ("photos/k.png", ["crop/a.png", "crop/a.cropped"])})
    assert staging.stage(kit.plan_for(library, table), library).status == 0
    assert staging.restore(library).status == 0
    assert kit.read_tree(library) == before


def test_a_kill_while_flagging_is_undone_by_restore(library: Path) -> None:
    before = kit.read_tree(library)
    staging.flag(library, ["crop"])  # makes the private folder, which stays
    staging.restore(library)
    n = kit.count_steps(lambda: staging.flag(library, ["crop"]))
    staging.restore(library)
    assert kit.read_tree(library) == before
    for step in range(1, n + 1):
        assert kit.killed_at(step, lambda: staging.flag(library, ["crop"]))
        assert staging.recover(library).status == 0
        assert staging.restore(library).status == 0
        assert kit.read_tree(library) == before


def test_the_command_finds_the_library_above_the_folder(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kit.run_cli("flag", library / "crop") == 2  # nothing there says that it is a library
    assert kit.run_cli("flag", "crop", "--library", library) == 0
    kit.run_cli("restore", "--library", library)
    monkeypatch.chdir(library)
    assert kit.run_cli("flag", "crop/deep") == 0
    assert (library / "crop/deep/e.cropped").exists()


# ---------------------------------------------------------------- the lock file


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_where_flock_does_not_work_a_lock_file_does(library: Path, no_flock: None) -> None:
    plan = kit.plan_for(library, kit.rows(library, {"a": ("photos/k.png", ["crop/a.png"])}))
    found: list[str] = []

    def second(_n: int, _total: int) -> None:
        with pytest.raises(staging.Locked) as error:
            staging.recover(library)
        found.append(str(error.value))

    assert staging.stage(plan, library, progress=second).status == 0
    assert f"pid {os.getpid()}" in found[0]
    assert not (library / ".dedup_nb/lock").exists()


def test_a_lock_file_is_only_removed_by_a_person_who_saw_the_holder(
    library: Path, no_flock: None
) -> None:
    assert kit.killed_at(4, lambda: staging.flag(library, ["crop"]), frozenset({"create"}))
    assert kit.run_cli("recover", "--library", library) == 4
    asked: list[str] = []

    def no(holder: str) -> bool:
        asked.append(holder)
        return False

    assert not staging.unlock(library, no)
    assert "no longer running" in asked[0]
    assert kit.run_cli("unlock", "--library", library) == 3
    assert kit.run_cli("unlock", "--library", library, "--yes") == 0
    assert kit.run_cli("recover", "--library", library) == 0
    assert not staging.unlock(library, no)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pid": "x", "host": null}', "\0"])
def test_a_lock_file_that_makes_no_sense_still_locks(
    library: Path, no_flock: None, text: str
) -> None:
    (library / ".dedup_nb").mkdir()
    (library / ".dedup_nb/lock").write_text(text)
    assert kit.run_cli("recover", "--library", library) == 4


def test_batch_ids_sort_in_the_order_of_their_making() -> None:
    made = [rooms.new_batch_id()]
    for _ in range(50):
        made.append(rooms.new_batch_id(made[-1]))
    assert made == sorted(set(made))


# ---------------------------------------------------------------- run.json


def test_library_and_roots_come_from_the_run_that_made_the_manifest(library: Path) -> None:
    run = library.with_name("run") / "10_phash"
    run.mkdir(parents=True)
    table = kit.rows(library, {"a": ("photos/k.png", ["crop/a.png"])})
    manifest = kit.write_manifest(run / "manifest.csv", table)

    def say(**said: Any) -> int:
        (run.parent / "run.json").write_text(json.dumps(said))
        return kit.run_cli("stage", manifest)

    assert say(library="relative", roots=["."]) == 2
    assert say(library=str(library)) == 2
    assert say(library=str(library), roots=["photos"]) == 3  # the source is outside the roots
    assert say(library=str(library), roots=["photos", "crop"]) == 0
