"""Moving by open folder: never replacing, never following, never losing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb.staging import safefs
from dedup_nb.staging.refusals import Refused
from dedup_nb.staging.safefs import CopyTerms, Folders, Moved, Seen, Spot


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, Folders]]:
    kit.write_tree(tmp_path, {"from/a": "content", "to/other": "other"})
    fd = os.open(tmp_path, safefs.TREE)
    with Folders(fd) as folders:
        yield tmp_path, folders
    os.close(fd)


def spots(folders: Folders) -> tuple[Spot, Spot, Seen]:
    source = folders.spot(("from", "a"))
    seen = safefs.read_regular(source, "from/a")
    assert seen is not None
    return source, folders.spot(("to", "a")), seen


@pytest.mark.parametrize("path", ["a", "a/b.png", "caf\udce9/x", "...", "a b/\n", "x" * 255])
def test_paths_inside_are_split(path: str) -> None:
    assert "/".join(safefs.split_path(path)) == path


@pytest.mark.parametrize("path", ["", "/", "/a", "a/", "a//b", ".", "a/..", "../a", "a\0", "x" * 256, "\u00e9" * 128, "\ud800"])  # fmt: skip
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(Refused) as error:
        safefs.split_path(path)
    assert error.value.code == "bad_path"


@pytest.mark.parametrize("way", ["rename", "link", "copy"])
def test_a_file_arrives_as_it_was_whatever_the_way(
    root: tuple[Path, Folders], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, folders = root
    os.setxattr(folder / "from/a", "user.note", b"n")
    before = kit.facts(folder / "from/a")
    if way != "rename":
        monkeypatch.setattr(safefs, "rename_exclusive", refusing(errno.EINVAL))
    if way == "copy":
        kit.other_file_system(monkeypatch)
    source, target, seen = spots(folders)
    assert safefs.move(source, target, seen, CopyTerms(".t", seen.mode, seen.mtime_ns)) == Moved(
        way
    )
    assert kit.facts(folder / "to/a") == before
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "from", "other", "to"]


def refusing(code: int) -> Any:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.mark.parametrize("way", ["rename", "link", "copy"])
@pytest.mark.parametrize("taken", ["file", "folder", "dangling link"])
def test_a_name_that_is_taken_in_any_form_stays(
    root: tuple[Path, Folders], way: str, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, folders = root
    if way != "rename":
        monkeypatch.setattr(safefs, "rename_exclusive", refusing(errno.ENOSYS))
    if way == "copy":
        kit.other_file_system(monkeypatch)
    source, target, seen = spots(folders)
    path = folder / "to/a"
    {"file": lambda: path.write_text("taken"), "folder": path.mkdir,
     "dangling link": lambda: path.symlink_to("nowhere")}[taken]()  # fmt: skip
    with pytest.raises(FileExistsError):
        safefs.move(source, target, seen, CopyTerms(".t", seen.mode, seen.mtime_ns))
    assert (folder / "from/a").read_text() == "content"
    assert sorted(path.name for path in (folder / "to").iterdir()) == ["a", "other"]


def test_without_rename_and_links_only_a_copy_is_left(
    root: tuple[Path, Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folders = root
    monkeypatch.setattr(safefs, "rename_exclusive", refusing(errno.ENOTSUP))
    monkeypatch.setattr(safefs, "link", refusing(errno.EPERM))
    source, target, seen = spots(folders)
    with pytest.raises(safefs.NeedsCopy):
        safefs.move(source, target, seen)


def test_a_link_of_a_swapped_file_is_taken_back(
    root: tuple[Path, Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, folders = root
    monkeypatch.setattr(safefs, "rename_exclusive", refusing(errno.EINVAL))
    source, target, seen = spots(folders)
    link = safefs.link

    def linked(source: Spot, target: Spot) -> None:
        (folder / "from/a").rename(folder / "from/moved")
        (folder / "from/a").write_text("another")
        link(source, target)

    monkeypatch.setattr(safefs, "link", linked)
    with pytest.raises(safefs.Swapped):
        safefs.move(source, target, seen)
    assert kit.read_tree(folder)["from/a"][0] == b"another"
    assert not (folder / "to/a").exists()


def test_the_source_of_a_link_is_removed_only_while_it_is_the_same(
    root: tuple[Path, Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, folders = root
    monkeypatch.setattr(safefs, "rename_exclusive", refusing(errno.EINVAL))
    source, target, seen = spots(folders)
    link = safefs.link

    def linked(source: Spot, target: Spot) -> None:
        link(source, target)
        (folder / "from/a").unlink()
        (folder / "from/a").write_text("another")

    monkeypatch.setattr(safefs, "link", linked)
    with pytest.raises(safefs.Swapped):
        safefs.move(source, target, seen)
    assert (folder / "from/a").read_text() == "another"
    assert (folder / "to/a").read_text() == "content"


def test_a_long_copy_stops_when_asked_and_leaves_nothing(
    root: tuple[Path, Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, folders = root
    monkeypatch.setattr(safefs, "CHUNK_BYTES", 2)
    kit.other_file_system(monkeypatch)
    source, target, seen = spots(folders)
    asked = iter([False, False, True])
    terms = CopyTerms(".t", seen.mode, seen.mtime_ns, lambda: next(asked))
    with pytest.raises(safefs.Interrupted):
        safefs.move(source, target, seen, terms)
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "from", "other", "to"]


def test_a_file_written_while_it_is_read_is_not_trusted(
    root: tuple[Path, Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, folders = root
    digest = safefs._digest

    def reading(fd: int, stop: Any = None) -> tuple[bytes, str]:
        found = digest(fd, stop)
        (folder / "from/a").write_text("content!")
        return found

    monkeypatch.setattr(safefs, "_digest", reading)
    with pytest.raises(Refused, match="changed while it was read"):
        safefs.read_regular(folders.spot(("from", "a")), "from/a")


def test_no_link_is_walked_through(root: tuple[Path, Folders]) -> None:
    folder, folders = root
    (folder / "link").symlink_to("from")
    with pytest.raises(NotADirectoryError):
        folders.fd(("link",))
    with pytest.raises(NotADirectoryError):
        safefs.make_folders(folders.root_fd, ("link", "new"))
    assert not (folder / "from/new").exists()


def test_only_empty_folders_are_removed(root: tuple[Path, Folders]) -> None:
    folder, folders = root
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("empty")
    for parts in (("link",), ("from",), ("from", "a"), ("absent",), ("from", "a", "x")):
        safefs.remove_empty_folder(folders.root_fd, parts)
    assert sorted(path.name for path in folder.iterdir()) == ["empty", "from", "link", "to"]
    safefs.remove_empty_folder(folders.root_fd, ("empty",))
    assert not (folder / "empty").exists()


def test_missing_folders_are_told_from_the_top(root: tuple[Path, Folders]) -> None:
    _, folders = root
    missing = safefs.missing_folders(folders.root_fd, ("from", "x", "y"))
    assert missing == [("from", "x"), ("from", "x", "y")]
    assert safefs.missing_folders(folders.root_fd, ("from",)) == []


def test_no_forbidden_call_is_used_on_user_files() -> None:
    """`os.rename`, `os.replace` and `shutil` overwrite, or copy silently."""
    for path in Path(safefs.__file__).parent.glob("*.py"):
        text = path.read_text()
        for call in ("os.rename(", "os.replace(", "shutil", "rmtree", "os.remove(", "os.system("):
            assert call not in text, (path.name, call)
        assert text.count("os.unlink(") == (path.name == "safefs.py")
