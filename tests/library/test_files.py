"""Our own files: written whole or not at all, without replacing what may not be replaced."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dedup_nb.library import files


def test_a_new_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with files.creating(path) as fresh:
        fresh.write_text("half")
        assert not path.exists()
        fresh.write_text("whole")

    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.csv": "whole"}


@pytest.mark.parametrize("writing", [files.creating, files.replacing])
def test_a_block_that_fails_leaves_nothing_half_written(tmp_path: Path, writing) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(ZeroDivisionError), writing(path) as fresh:
        fresh.write_text("half")
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])  # exFAT and some network drives have no hard links
def test_a_new_file_never_replaces_one_that_appeared_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _fails(errno.EPERM))
    path = tmp_path / "a.csv"
    with pytest.raises(FileExistsError), files.creating(path) as fresh:
        fresh.write_text("mine")
        path.write_text("another's")

    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.csv": "another's"}


def test_a_new_file_is_published_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _fails(errno.EPERM))

    files.write_text(tmp_path / "a.csv", "whole")

    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.csv": "whole"}


def test_a_full_disk_is_told_in_one_sentence_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", _fails(errno.ENOSPC))

    with pytest.raises(files.CannotWrite, match=r"run\.json cannot be written: no space is left"):
        files.replace_text(path, "after")

    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"run.json": "before"}


def test_a_folder_that_vanished_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(files.CannotWrite, match=r"is no longer a folder; was its disk removed\?"):
        files.write_text(tmp_path / "gone/a.csv", "text")


def test_a_second_holder_of_a_folders_lock_is_refused(tmp_path: Path) -> None:
    with files.alone(tmp_path), pytest.raises(BlockingIOError), files.alone(tmp_path, wait=False):
        pass


def _fails(number: int):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    return fail
