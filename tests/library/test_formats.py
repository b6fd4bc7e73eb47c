"""Formats: what the first bytes and the suffix tell."""

import io
import struct

import pytest
from drawn import photo

from dedup_nb.library import formats


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_the_content_tells_the_format_whatever_the_suffix_says(name):
    buffer = io.BytesIO()
    photo(1).save(buffer, name)
    assert formats.image_format("picture.txt", buffer.getvalue()[: formats.HEAD_BYTES]) == name


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.cr2", b"II*\0", "RAW"),  # TIFF inside, but no picture that can be compared
        ("a.tif", b"II*\0\x10\0\0\0CR\x02\0", "RAW"),  # Canon, whatever its name
        ("a.tif", b"MM\0*\0\0\0\x08MMMM", "RAW"),  # Phase One
        ("a.bin", b"FUJIFILMCCD-RAW 0201", "RAW"),
        ("a.fff", b"II*\0", "RAW"),
        ("a.heic", b"\0\0\0\x18ftypheic", "HEIF"),
        ("a.png", b"hello", "unknown"),  # listed as unreadable, never taken for a companion
        ("a.jpg", b"", "unknown"),
        ("a.yaml", b"prompt: x", None),
        ("BM.txt", b"BMW is a car and this is a text", None),
    ],
)
def test_what_is_not_decodable_is_still_told_apart(name, head, expected):
    assert formats.image_format(name, head) == expected


def tiff(*directories, below=()):
    """A TIFF of directories (tag -> number); `below` are what SubIFDs of the first point to."""
    size = [
        2 + 12 * (len(tags) + bool(below and not place)) + 4
        for place, tags in enumerate((*directories, *below))
    ]
    starts = [8 + sum(size[:place]) for place in range(len(size))]
    body = b"II*\0" + struct.pack("<I", 8)
    for place, tags in enumerate((*directories, *below)):
        entries = dict(tags)
        if below and not place:
            entries[330] = starts[len(directories)]
        last = place >= len(directories) - 1
        body += struct.pack("<H", len(entries))
        for tag, value in sorted(entries.items()):
            body += struct.pack("<HHII", tag, 4, 1, value)
        body += struct.pack("<I", 0 if last else starts[place + 1])
    return body


SMALL, LARGE = {256: 160, 257: 107, 262: 2}, {256: 6000, 257: 4000, 262: 2}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (tiff(LARGE), "TIFF"),
        (tiff(LARGE, {**SMALL, 254: 1}), "TIFF"),  # with a thumbnail after it
        (tiff(SMALL, LARGE), "TIFF"),  # two pages
        (tiff(LARGE, below=[SMALL]), "TIFF"),  # a pyramid
        (tiff({**SMALL, 254: 1}, LARGE), "RAW"),  # a preview comes first
        (tiff(SMALL, below=[{**LARGE, 262: 32803}]), "RAW"),  # Hasselblad, GoPro
        (tiff(SMALL, below=[LARGE]), "RAW"),
        (tiff({**LARGE, 262: 32803}), "RAW"),  # Pentax
        (tiff(SMALL, {**LARGE, 262: 34892}), "RAW"),
        (tiff({**LARGE, 50706: 0x00000401}), "RAW"),  # DNG
        (tiff({**LARGE, 330: 8}), "TIFF"),  # points to itself
        (tiff(LARGE)[:40], "TIFF"),  # cut off
        (b"II*\0\xff\xff\xff\xff", "TIFF"),
    ],
)
def test_a_raw_file_by_another_name_is_told_by_its_directories(content, expected):
    def read(at, count):
        return content[at : at + count]

    assert formats.image_format("a.tif", content[: formats.HEAD_BYTES], read) == expected


def test_the_stem_ends_at_the_last_dot_only():
    assert formats.stem("x_stage1.5_face.png") == "x_stage1.5_face"
    assert formats.stem(".hidden") == ".hidden"
