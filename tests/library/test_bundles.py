"""Bundles: which files belong to an image."""

import re
from pathlib import Path

import pytest

from dedup_nb.library.bundles import FolderBundles, bundle_members, kind_of

DOCS = Path(__file__).parents[2] / "docs/companions.md"
LONG = "20190817_a_very_long_name_that_somebody_gave_to_a_picture"  # 57 characters

# Who belongs to whom: the rows of docs/companions.md. Image, names beside it, those it owns.
OWNED = {
    "stem": ("a.png", ["a.yaml", "a.cropped", "b.yaml"], ["a.cropped", "a.yaml"]),
    "whole name": ("a.jpg", ["a.jpg.xmp", "ab.jpg", "ab.jpg.xmp"], ["a.jpg.xmp"]),
    "whole name beats stem": ("p.jpg.webp", ["p.jpg", "p.jpg.xmp", "p.jpg.json"], []),
    "longer match": ("a", ["a.b.png", "a.b.txt", "a.c.txt"], ["a.c.txt"]),
    "image only by stem": ("x.jpg", ["x.jpg.png", "x.png", "x.jpg.txt"], ["x.jpg.txt", "x.png"]),
    "AppleDouble": ("a.jpg", ["._a.jpg", "._b.jpg"], ["._a.jpg"]),
    "files of folders": ("Thumbs.jpg", ["Thumbs.db", "desktop.ini", ".DS_Store"], []),
    "live photo": ("IMG_1.HEIC", ["IMG_1.MOV", "IMG_11.MOV"], ["IMG_1.MOV"]),
    "live photo, Android": ("IMG_1.jpg", ["IMG_1.mp4"], ["IMG_1.mp4"]),
    "Apple adjustments": (
        "IMG_0001.HEIC",
        ["IMG_0001.AAE", "IMG_O0001.AAE", "IMG_O0002.AAE"],
        ["IMG_0001.AAE", "IMG_O0001.AAE"],
    ),
    "raw and JPEG": (
        "D_1.JPG",
        ["D_1.NEF", "D_1.xmp", "D_1.JPG.xmp", "D_1.NEF.xmp"],
        ["D_1.JPG.xmp", "D_1.NEF", "D_1.xmp"],
    ),
    "Lightroom": ("D_1.NEF", ["D_1.xmp"], ["D_1.xmp"]),
    "darktable": (
        "D_1.NEF",
        ["D_1.NEF.xmp", "D_1_01.NEF.xmp", "D_2_01.NEF.xmp"],
        ["D_1.NEF.xmp", "D_1_01.NEF.xmp"],
    ),
    "digiKam": ("a.jpg", ["a.jpg.xmp", "a.png.xmp"], ["a.jpg.xmp"]),
    "raw converters": (
        "D.NEF",
        ["D.NEF.pp3", "D.NEF.dop", "D.NEF.cos", "D.on1", "D.vrd", "D.NEF.nksc"],
        ["D.NEF.cos", "D.NEF.dop", "D.NEF.nksc", "D.NEF.pp3", "D.on1", "D.vrd"],
    ),
    "thumbnail of a film": ("MVI_1.THM", ["MVI_1.AVI"], ["MVI_1.AVI"]),
    "A1111": ("00001-7.png", ["00001-7.txt"], ["00001-7.txt"]),
    "ComfyUI": ("ComfyUI_00001_.png", ["ComfyUI_00001_.json"], ["ComfyUI_00001_.json"]),
    "kohya": ("7.png", ["7.txt", "7.caption", "7.npz"], ["7.caption", "7.npz", "7.txt"]),
    "decision": ("20250705_215218.png", ["20250705_215218.decision"], ["20250705_215218.decision"]),
    "Takeout": ("I.jpg", ["I.jpg.json", "I.jpg.suppl.json"], ["I.jpg.json", "I.jpg.suppl.json"]),
    "Takeout, cut word": (
        "I.jpg",
        [f"I.jpg{'.supplemental-metadata'[:n]}.json" for n in (1, 2, 9, 22)],
        ["I.jpg..json", "I.jpg.s.json", "I.jpg.suppleme.json", "I.jpg.supplemental-metadata.json"],
    ),
    "Takeout, number": (
        "I(1).jpg",
        ["I.jpg", "I.jpg(1).json", "I.jpg.supplemental-metadata(1).json", "I.jpg.json"],
        ["I.jpg(1).json", "I.jpg.supplemental-metadata(1).json"],
    ),
    "Takeout, cut word and number": (
        "I(2).jpg", ["I.jpg", "I.jpg.supple(2).json", "I.jpg.supple(1).json"],
        ["I.jpg.supple(2).json"],
    ),
    "Takeout, number of none": ("I.jpg", ["I.jpg(1).json", "I.jpg.supplem(1).json"], []),
    "Takeout, cut name": (
        f"{LONG}.jpg", [f"{LONG[:46]}.json", f"{LONG[:45]}.json"], [f"{LONG[:46]}.json"]
    ),
    "Takeout, cut name and number": (
        f"{LONG}(1).jpg",
        [f"{LONG}.jpg", f"{LONG[:46]}(1).json", f"{LONG[:46]}.json"],
        [f"{LONG[:46]}(1).json"],
    ),
    "Takeout, edited": ("I-edited.jpg", ["I.jpg", "I.jpg.json"], ["I.jpg.json"]),
    "Takeout, edited in German": ("I-bearbeitet.jpg", ["I.jpg", "I.jpg.json"], ["I.jpg.json"]),
    "Takeout, edited with its own": (
        "I-edited.jpg", ["I.jpg", "I.jpg.json", "I-edited.jpg.json"], ["I-edited.jpg.json"]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("image", "beside", "owned"), OWNED.values(), ids=OWNED)
def test_an_image_owns_what_the_table_says(image, beside, owned):
    assert bundle_members([image, *beside], image) == [image, *owned]


def test_every_row_of_the_documentation_is_tested():
    table = DOCS.read_text(encoding="utf-8").split("|---|---|---|\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE) == list(OWNED)


@pytest.mark.parametrize(
    ("image", "others", "members"),
    [
        (
            "x_stage1.5_swap.png",
            ["x_stage1.yaml", "x_stage1.5_swap.yaml"],
            ["x_stage1.5_swap.yaml"],
        ),  # the stem ends at the last dot
        ("a.jpg", ["a.cr2", "A.yaml"], ["a.cr2"]),  # another case is another name
        ("noext", ["noext.txt"], ["noext.txt"]),
        ("v1.5(1).png", ["v1.5(1).json"], ["v1.5(1).json"]),  # .5 is no image
        ("I.jpg", ["I.jpg.other(1).json"], ["I.jpg.other(1).json"]),  # not Google's word
    ],
)
def test_a_bundle_is_the_image_and_what_is_named_after_it(image, others, members):
    assert bundle_members([image, *others], image) == [image, *members]


def test_a_file_belongs_to_every_image_that_it_matches_alike():
    folder = FolderBundles(["a.jpg", "a.png", "a.txt", "I.jpg", "I-edited.jpg", "I.jpg.json"])
    assert folder.owners("a.txt") == ["a.jpg", "a.png"]
    assert folder.owners("I.jpg.json") == ["I-edited.jpg", "I.jpg"]


def test_the_content_decides_what_is_an_image():
    folder = FolderBundles(["a.b", "a.b.png", "a.b.xmp"], {"a.b"}.__contains__)
    assert folder.members("a.b") == ["a.b", "a.b.png", "a.b.xmp"]


def test_names_that_differ_only_in_case_or_unicode_form_are_ambiguous():
    folder = FolderBundles(["caf\u00e9.png", "cafe\u0301.yaml", "CAF\u00c9.txt", "cafe.yaml"])
    assert folder.ambiguous("caf\u00e9.png") == ["CAF\u00c9.txt", "cafe\u0301.yaml"]


def test_an_image_named_after_another_is_not_ambiguous():
    folder = FolderBundles(["x.jpg", "x.jpg.png", "X.JPG.webp", "x.jpg.txt"])
    assert folder.ambiguous("x.jpg") == []


@pytest.mark.parametrize(
    ("name", "image", "kind"),
    [
        ("a.jpg.XMP", "a.jpg", ".xmp"),
        ("a.xmp", "a.jpg", ".xmp"),
        ("a.yml", "a.jpg", ".yaml"),
        ("a.jpg.exif.txt", "a.jpg", ".exif.txt"),
        ("I.jpg.supplemental-meta(1).json", "I(1).jpg", ".json"),
        ("IMG_O0001.AAE", "IMG_0001.HEIC", ".aae"),
        ("D_1_01.NEF.xmp", "D_1.NEF", ".xmp"),
        ("a", "a.jpg", "a"),
    ],
)
def test_the_kind_of_a_companion_is_what_follows_the_name(name, image, kind):
    assert kind_of(name, image) == kind
