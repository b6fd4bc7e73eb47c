"""Formats: what the first bytes and the suffix tell."""

import io
import struct

import pytest
from drawn import photo

from dedup_nb.library import formats


def ftyp(*brands):
    body = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (len(body) + 4).to_bytes(4, "big") + body


def icon(count=1, offset=22):
    return b"\0\0\1\0" + struct.pack("<HBBBBHHII", count, 16, 16, 0, 0, 1, 32, 900, offset)


def targa(kind=2, width=30, bits=24):
    return bytes([0, 0, kind]) + bytes(9) + struct.pack("<HHBB", width, 20, bits, 0)


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
        ("a.raw", b"whatever", "RAW"),
        ("a.nef", b"\xff\xd8\xff\xe0", "JPEG"),  # no raw file begins like this
        ("a.fff", b"II*\0", "RAW"),
        ("a.heic", ftyp(b"heic"), "HEIF"),
        ("a.mp4", ftyp(b"msf1", b"hevc"), "HEIF"),  # a sequence of pictures, whatever its name
        ("a.hif", ftyp(b"mif1", b"miaf", b"MiHB", b"heix"), "HEIF"),
        ("a.heic", ftyp(b"mif1", b"avif", b"heic"), "AVIF"),  # the first codec counts
        ("a.heic", ftyp(b"mif1", *[b"xxxx"] * 8, b"avif"), "AVIF"),
        ("a.bin", ftyp(b"isom", b"mp42"), None),
        ("a.bin", ftyp(b"isom") + b"heic", None),  # after the box
        ("a.txt", b"\xff\x0a\x1f", "JXL"),
        ("a.txt", b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
        ("a.bin", b"8BPS\0\1", "PSD"),
        ("a.bin", b"DDS \x7c\0\0\0", "DDS"),
        ("a.bin", b"DDS of the month", None),
        ("a.bin", b"P6\n# a comment\n3 4\n255\n", "PPM"),
        ("a.bin", b"P5 3 4 255 ", "PPM"),
        ("a.bin", b"Pf\n3 4\n-1.0\n", "PPM"),
        ("a.txt", b"P1 is the first page", None),
        ("a.ico", icon(), "ICO"),
        ("a.bin", icon(), "ICO"),
        ("a.bin", icon(count=0), None),
        ("a.bin", icon(offset=3), None),
        ("a.ttf", b"\0\1\0\0\0\x0f" + bytes(20), None),
        ("a.tga", targa(), "TGA"),
        ("A.TGA", targa(kind=11, bits=8), "TGA"),
        ("a.tga", targa(width=0), "unknown"),
        ("a.tga", targa(kind=4), "unknown"),
        ("a.tga", targa(bits=7), "unknown"),
        ("a.tga", b"hello, this is no picture at all", "unknown"),
        ("a.bin", targa(), None),  # nothing but the suffix tells it
        ("a.jpg", targa(), "unknown"),
        ("a.tga", b"\x89PNG\r\n\x1a\n", "PNG"),
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
