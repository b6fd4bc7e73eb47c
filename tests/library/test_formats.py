"""Formats: what the first bytes and the suffix tell."""

import io

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
        ("a.heic", b"\0\0\0\x18ftypheic", "HEIF"),
        ("a.png", b"hello", "unknown"),  # listed as unreadable, never taken for a companion
        ("a.jpg", b"", "unknown"),
        ("a.yaml", b"prompt: x", None),
        ("BM.txt", b"BMW is a car and this is a text", None),
    ],
)
def test_what_is_not_decodable_is_still_told_apart(name, head, expected):
    assert formats.image_format(name, head) == expected


def test_the_stem_ends_at_the_last_dot_only():
    assert formats.stem("x_stage1.5_face.png") == "x_stage1.5_face"
    assert formats.stem(".hidden") == ".hidden"
