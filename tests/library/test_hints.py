"""Hints: commands that can be pasted as they are, in any folder."""

import shlex
import sys
from pathlib import Path

import pytest

from dedup_nb.library import hints


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A Python with `dedup-nb` beside it, in a folder whose name needs quotes."""
    folder = tmp_path / "my env/bin"
    folder.mkdir(parents=True)
    for name in ("python", "dedup-nb"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def test_a_command_is_quoted_and_its_paths_are_absolute(own, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(own))
    monkeypatch.chdir(tmp_path)
    hint = hints.command("restore", "--library", Path("my pictures"), "--batch", "a b")
    assert hint.startswith("dedup-nb restore ")
    assert shlex.split(hint)[2:] == ["--library", f"{tmp_path}/my pictures", "--batch", "a b"]


@pytest.mark.parametrize("other", [False, True])
def test_where_a_shell_would_not_find_it_the_command_has_its_path(
    own, tmp_path, monkeypatch, other
):
    there = tmp_path / "other"
    there.mkdir()
    if other:  # of another environment
        (there / "dedup-nb").write_text("#!/bin/sh\n")
        (there / "dedup-nb").chmod(0o755)
    monkeypatch.setenv("PATH", str(there))
    assert shlex.split(hints.command("demo")) == [str(own / "dedup-nb"), "demo"]
