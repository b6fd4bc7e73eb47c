"""Texts: what strangers' files say, bounded, never interpreted."""

import os
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from dedup_nb.library import png_chunks, texts

HOSTILE = "<img src=x onerror=alert(1)>"


def png(folder, **stored):
    info = PngImagePlugin.PngInfo()
    for name, text in stored.items():
        if name == "packed":
            info.add_text(name, text, zip=True)
        elif name == "wide":
            info.add_itxt(name, text, zip=True)
        else:
            info.add_text(name, text)
    path = folder / "a.png"
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    return path.read_bytes()


def test_prompts_stored_in_a_png_are_read_however_they_are_stored(tmp_path):
    stored = {
        "parameters": f"a hill\nSteps: 20 {HOSTILE}",
        "packed": "deep " * 40,
        "wide": "höher ☃",
    }
    assert texts.in_png(png(tmp_path, **stored)) == stored


def test_a_text_that_inflates_without_end_is_cut():
    body = b"bomb\0\0" + zlib.compress(b"x" * 50_000_000)
    chunk = struct.pack(">I4s", len(body), b"zTXt") + body + b"\0" * 4
    (text,) = texts.in_png(png_chunks.HEAD + chunk).values()
    assert len(text) < texts.MAX_BYTES + 20 and text.endswith(texts.CUT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff no png",
        png_chunks.HEAD + b"\0\0",
        png_chunks.HEAD + struct.pack(">I4s", 2**31, b"tEXt") + b"no end",
        png_chunks.HEAD + struct.pack(">I4s", 6, b"zTXt") + b"k\0\0bad" + b"\0" * 4,
        png_chunks.HEAD + struct.pack(">I4s", 3, b"iTXt") + b"k\0\1" + b"\0" * 4,
    ],
)
def test_what_is_no_png_or_damaged_tells_nothing(data):
    assert texts.in_png(data) == {}


def test_companions_are_read_as_text_up_to_a_bound(tmp_path):
    (tmp_path / "a.yaml").write_text("!!python/object:os.system {x: 1}\n")
    (tmp_path / "a.caption").write_bytes(b"caf\xe9 " + HOSTILE.encode())
    (tmp_path / "a.bin").write_bytes(b"\0\1")
    (tmp_path / "a.txt").write_text("x" * 200_000)
    os.mkfifo(tmp_path / "a.pipe")
    (tmp_path / "a.link").symlink_to("/etc/passwd")
    names = ["a.yaml", "a.caption", "a.bin", "a.txt", "a.pipe", "a.link"]
    found = texts.companions(os.fsencode(tmp_path), names, "a")
    assert found[".yaml"] == "!!python/object:os.system {x: 1}\n"
    assert found[".caption"] == f"caf\ufffd {HOSTILE}"
    assert found[".bin"] == "(not text)"
    assert len(found[".txt"]) < texts.MAX_BYTES + 20
    assert found[".pipe"].startswith("cannot be read: not a regular file")
    assert found[".link"].startswith("cannot be read: ") and "root:" not in found[".link"]


def test_what_differs_comes_first_and_line_by_line():
    a = {"stamp": "10:00", "format": "PNG", ".yaml": "prompt: a hill\nseed: 1\nsteps: 20\n"}
    b = {
        "stamp": "10:05",
        "format": "PNG",
        ".yaml": "prompt: a hill\nseed: 2\nsteps: 20\n",
        ".txt": "x",
    }
    rows = texts.compare(a, b)
    assert [(row["name"], row["same"]) for row in rows] == [
        ("stamp", False), (".yaml", False), (".txt", False), ("format", True),
    ]  # fmt: skip
    assert rows[1]["diff"] == [
        ("@", ""), (" ", "prompt: a hill"), ("-", "seed: 1"), ("+", "seed: 2"), (" ", "steps: 20"),
    ]  # fmt: skip
    assert (rows[2]["a"], rows[2]["b"]) == (None, "x") and "diff" not in rows[2]
