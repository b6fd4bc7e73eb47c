"""`dedup-nb init`: a folder of pictures -> a profile with what was seen there."""

import errno
import os
import shlex
from pathlib import Path

import pytest

from dedup_nb import cli
from dedup_nb.library import first_look
from dedup_nb.session import notebooks, parameters, preflight

NAMES = (
    "2024/IMG_0001.jpg",
    "2024/IMG_0001.xmp",
    "2024/june/IMG_0002.JPG",
    "phone/PXL_20210101_120000123.jpg",
    "phone/holiday.heic",
    "phone/notes.doc",
    "phone/.thumbnails/1.jpg",
    "#recycle/old.png",
)


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of pictures, seen from a working folder beside it."""
    folder = tmp_path / "my pictures"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"0123456789")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


def test_a_profile_says_what_was_seen_and_is_valid(pictures, capsys):
    before = sorted(pictures.rglob("*"))
    assert cli.main(["init", str(pictures)]) == 0
    profile = Path("params/my-pictures.yaml").absolute()
    text = profile.read_text()
    for seen in (
        "#  4 images, 40 bytes",
        "#  folders: 2 in 2024, 2 in phone",
        "#  formats: 3 jpg, 1 heic",
        "#  files that move with the image of their name: 1 xmp",
        "#  1 folder left out: recycle bin, never scanned",
        '# roots: ["2024", "phone"]',
        "#  camera: 2, such as IMG_0001.jpg, IMG_0002.JPG",
        "#  nothing reads: 1, such as holiday.heic",
    ):
        assert seen in text
    assert parameters.load(profile).shared["library"] == str(pictures)
    assert sorted(pictures.rglob("*")) == before
    hint = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(hint)[1:] == ["run", str(profile)]


def test_a_profile_is_never_overwritten(pictures, capsys):
    kept = Path("params/my-pictures.yaml")
    kept.parent.mkdir()
    kept.write_text("library: .\n")
    assert cli.main(["init", str(pictures)]) == 2
    assert "will not overwrite" in capsys.readouterr().err
    assert kept.read_text() == "library: .\n"


def test_a_profile_never_lies_among_the_pictures(pictures, monkeypatch, capsys):
    monkeypatch.chdir(pictures)
    assert cli.main(["init", "."]) == 2
    assert "lies inside the library" in capsys.readouterr().err
    assert not (pictures / "params").exists()


def test_images_in_the_library_itself_are_not_lost_by_roots(pictures):
    (pictures / "a.png").write_bytes(b"")
    cli.main(["init", str(pictures), "--profile", "mine.yaml"])
    assert "only the default, the whole library, has all of them" in Path("mine.yaml").read_text()


def test_images_without_a_suffix_are_found_by_their_first_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    (tmp_path / "b").write_bytes(b"words")
    seen = first_look.look(tmp_path)
    assert (seen.images, seen.others) == (1, 1)


def test_a_folder_too_large_to_look_through_is_looked_at_as_far_as_time_allows(pictures):
    for k in range(40):
        (pictures / f"day{k}").mkdir()
        (pictures / f"day{k}/a.jpg").write_bytes(b"")
    seen = first_look.look(pictures, seconds=0)
    assert not seen.complete and seen.images == 0


def test_a_look_that_was_cut_short_says_so(pictures, monkeypatch):
    real = first_look._look_into

    def slow(folder, found, naming, waiting, end):
        real(folder, found, naming, waiting, end)
        found.complete = folder != "phone"

    monkeypatch.setattr(first_look, "_look_into", slow)
    cli.main(["init", str(pictures)])
    text = Path("params/my-pictures.yaml").read_text()
    assert "#  at least 3 images, 30 bytes" in text
    assert "#  there was no time to look at every folder" in text


def test_a_folder_that_cannot_be_read_is_one_sentence(pictures, monkeypatch, capsys):
    def closed(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "scandir", closed)
    assert cli.main(["init", str(pictures)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("my pictures cannot be read: Permission denied; check its permissions")


def test_the_example_needs_only_a_library(pictures, tmp_path):
    example = (notebooks.params_folder() / "example.yaml").read_text()
    profile = tmp_path / "mine.yaml"
    profile.write_text(example.replace("library: ~/pictures", f"library: {str(pictures)!r}"))
    folder = preflight.prepare(parameters.load(profile), preflight.choose())
    assert (folder / "10_phash/params.yaml").is_file()
