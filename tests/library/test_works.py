"""Files that are works of their own, and folders that are not the person's."""

import os

import pytest

from dedup_nb.library import catalogue, skipped, works
from tests.drawn import photo, save, write


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.mp4", b"", "film"),
        ("a.MOV", b"\0\0\0\x14ftypqt  ", "film"),
        ("a.xyz", b"\0\0\0\x18ftypmp42\0\0\0\0", "film"),  # by content
        ("a.dat", b"\x1a\x45\xdf\xa3\x01\0\0\0", "film"),
        ("a", b"RIFF\0\0\0\0AVI LIST", "film"),
        ("a.safetensors", b"", "model weights"),
        ("a.weights", b"\x40\x01\0\0\0\0\0\0{\"__meta", "model weights"),
        ("a.x", b"GGUF\3\0\0\0", "model weights"),
        ("a.kra", b"PK\3\4", "drawing"),
        ("a.x", b"gimp xcf v011\0", "drawing"),
        ("a.x", b"<svg xmlns=", "drawing"),
        ("a.psd", b"8BPS\0\1", "drawing"),  # an image that is a work
        ("a.nef", b"MM\0*", "raw"),
        ("a.x", b"ID3\4\0\0\0", "audio"),
        ("a.x", b"RIFF\0\0\0\0WAVEfmt ", "audio"),
        ("a.x", b"\0\0\0\x1cftypM4A \0", "audio"),
        ("a.x", b"%PDF-1.7\n", "document"),
        ("a.docx", b"PK\3\4", "document"),
        ("a.x", b"SQLite format 3\0", "database"),
        ("a.x", b"PK\3\4\x14\0", "archive"),
        ("a.jpg", b"\xff\xd8\xff", ""),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1", ""),
        ("a.txt", b"BLENDER, low angle, ID3", ""),  # a prompt may begin with any word
        ("a.txt", b"ID3 tags and PK", ""),
        ("a.yaml", b"prompt: <svg", ""),
        ("a.npz", b"PK\3\4\x14\0", ""),  # latents that a trainer caches
        ("a.unknown", b"\1\2\3\4", ""),
    ],
)  # fmt: skip
def test_a_work_is_told_by_its_suffix_or_its_content(name, head, kind):
    assert works.work(name, head) == kind


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("$Recycle.Bin", "recycle bin, never scanned"),
        ("RECYCLER", "recycle bin, never scanned"),
        ("#recycle", "recycle bin, never scanned"),
        ("@Recycle", "recycle bin, never scanned"),
        (".Trash-1000", "recycle bin, never scanned"),
        (".dtrash", "recycle bin, never scanned"),
        ("Fotos.photoslibrary", "package of another program, never scanned"),
        ("Old.APLIBRARY", "package of another program, never scanned"),
        ("@eaDir", "thumbnails of another program, never scanned"),
        ("Lightroom Previews.lrdata", "thumbnails of another program, never scanned"),
        ("lost+found", "folder of the file system, never scanned"),
        ("FOUND.000", "folder of the file system, never scanned"),
        ("#snapshot", "old versions kept by another program, never scanned"),
        ("_Review_Dupes", "staging folder, never scanned"),
        ("Previews", "in skip_folders, never scanned"),
        ("web_cache", "in skip_folders, never scanned"),
        (".picasaoriginals", "hidden folder, not looked into"),
        ("recycling", ""),
        ("photoslibrary", ""),
        ("2019", ""),
    ],
)
def test_a_folder_that_is_not_the_persons_is_skipped_with_its_reason(name, reason):
    assert skipped.why_not(name, ["previews", "*_cache"]) == reason


def test_nothing_in_a_skipped_folder_is_an_image(tmp_path):
    for folder in (
        "2020",
        "#recycle/2020",
        "2020/@eaDir/a.jpg",
        "X.photoslibrary/originals",
        "mine",
    ):
        save(photo(1), tmp_path / folder / "a.jpg")
    found = catalogue.scan(tmp_path, ["."], skip_folders=["Mine"])
    assert [image.path for image in found.images] == ["2020/a.jpg"]
    assert [other.path for other in found.others] == [
        "#recycle/", "2020/@eaDir/", "X.photoslibrary/", "mine/",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("library", "root"),
    [(".", "#recycle"), (".", "a/#recycle/b"), ("X.photoslibrary", "originals")],
)
def test_a_root_in_a_skipped_folder_is_refused(tmp_path, library, root):
    (tmp_path / library / root).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"lies in .*\(.*\), which is never scanned"):
        catalogue.check_roots(tmp_path / library, [root])


def beside(folder, **options):
    found = catalogue.scan(folder, ["."], **options)
    return {image.path: tuple(image.beside)[:3] for image in found.images}


def test_a_scan_tells_the_kinds_of_companions_the_works_and_what_blocks(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "e.png", "f.jpg"):
        save(photo(1), tmp_path / name)
    write(tmp_path / "a.mov", b"\0\0\0\x14ftypqt  ")
    write(tmp_path / "a.xmp", b"x")
    write(tmp_path / "a.txt")  # empty
    write(tmp_path / "a.cropped")
    write(tmp_path / "._a.jpg", b"double")
    (tmp_path / "b").mkdir()
    write(tmp_path / "C.xmp", b"x")
    (tmp_path / "d.xmp").symlink_to("a.xmp")
    write(tmp_path / "f.nef", b"MM\0*raw")
    write(tmp_path / "f.nef.xmp", b"x")
    assert beside(tmp_path) == {
        "a.jpg": (".cropped;.mov;.xmp", ".mov", ""),
        "b.jpg": ("", "", "b beside it is a folder"),
        "c.jpg": ("", "", "C.xmp differs from it only in case or Unicode form"),
        "d.jpg": ("", "", "d.xmp beside it is a symbolic link"),
        "e.jpg": ("", "", ""),
        "e.png": ("", "", ""),
        "f.jpg": (".nef;.nef.xmp", ".nef", ""),
        "f.nef": (".xmp", "", ""),
    }
    assert beside(tmp_path, limit=5)["e.jpg"] == (
        "", "", "shares its name with e.png, which is beyond limit",
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_companion_that_cannot_be_read_blocks_its_image(tmp_path):
    save(photo(1), tmp_path / "a.jpg")
    write(tmp_path / "a.xmp", b"x").chmod(0)
    assert beside(tmp_path)["a.jpg"][2] == "a.xmp beside it is a file that cannot be read"
