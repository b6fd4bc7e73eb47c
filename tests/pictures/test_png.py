"""PNG: a plain one is decoded fast, with Pillow's pixels; any doubt leaves it to Pillow."""

import io
import itertools
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from drawn import photo
from PIL import Image

from dedup_nb.pictures import decoding, images
from dedup_nb.pictures.engines import decoders, processes
from dedup_nb.pictures.png import decoder, rows
from dedup_nb.pictures.png.plain import plain

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
COLOURS = {"L": 0, "RGB": 2, "RGBA": 6}


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width, height, depth=8, colours=2, compression=0, filters=0, interlaced=0):
    fields = (width, height, depth, colours, compression, filters, interlaced)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def png(*chunks, end=True):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + (chunk(b"IEND", b"") if end else b"")


def raw_rows(seed, height, row_bytes, filters=(0, 1, 2, 3, 4)):
    """Rows of noise, each with any of the filters: whatever they mean, it is a picture."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 256, (height, row_bytes + 1), np.uint8)
    made[:, 0] = rng.choice(filters, height)
    return made.tobytes()


def made(mode, width, height, seed=0, raw=None, parts=1):
    """A PNG of rows with all filters, its data in some chunks."""
    raw = raw_rows(seed, height, width * CHANNELS[mode]) if raw is None else raw
    data = zlib.compress(raw)
    cuts = [len(data) * k // parts for k in range(parts + 1)]
    idats = [chunk(b"IDAT", data[a:b]) for a, b in itertools.pairwise(cuts)]
    return png(header(width, height, colours=COLOURS[mode]), *idats)


def by_pillow(data, factor):
    opened = Image.open(io.BytesIO(data))
    opened.load()
    return np.asarray(opened.reduce(factor) if factor > 1 else opened)


def fast(data, factor=1):
    found = plain(data)
    assert found is not None
    pixels = decoder.decoded(data, found, factor)
    return None if pixels is None else np.asarray(decoding._of_png(pixels, factor))


SIZES = [(1, 1), (1, 9), (9, 1), (2, 7), (3, 8), (17, 16), (40, 33), (301, 23)]


@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_any_mixture_of_filters_gives_the_pixels_of_pillow(mode, size):
    data = made(mode, *size, seed=sum(size))
    assert np.array_equal(fast(data), by_pillow(data, 1))


@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", [2, 3, 6, 7, 256])
def test_averages_are_those_of_pillow(mode, size, factor):
    data = made(mode, *size, seed=factor)
    assert np.array_equal(fast(data, factor), by_pillow(data, factor))


@pytest.mark.parametrize("opacity", ["opaque", "clear", "half", "some rows"])
def test_colours_count_by_their_opacity(opacity):
    pixels = np.random.default_rng(1).integers(0, 256, (48, 60, 4), np.uint8)
    pixels[..., 3] = {"opaque": 255, "clear": 0, "half": 128, "some rows": 255}[opacity]
    if opacity == "some rows":
        pixels[20:30, ::3, 3] = 7
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert np.array_equal(fast(buffer.getvalue(), 6), by_pillow(buffer.getvalue(), 6))


def test_rows_may_be_cut_anywhere_by_chunks_and_by_pieces(monkeypatch):
    data = made("RGB", 37, 50, parts=23)
    for piece in (1, 7, 111, 112, 113, 4000):
        monkeypatch.setattr(decoder, "INFLATED_BYTES", piece)
        assert np.array_equal(fast(data), by_pillow(data, 1)), piece


NOISE = zlib.compress(raw_rows(0, 8, 3 * 8))
IDAT = chunk(b"IDAT", NOISE)
PALETTE = chunk(b"PLTE", bytes(3 * 256))


@pytest.mark.parametrize(
    "what, data",
    [
        ("interlaced", png(header(8, 8, interlaced=1), IDAT)),
        ("16 bits", png(header(8, 8, depth=16), IDAT)),
        ("a palette", png(header(8, 8, colours=3), PALETTE, IDAT)),
        ("grey with opacity", png(header(8, 8, colours=4), IDAT)),
        ("a transparent colour", png(header(8, 8), chunk(b"tRNS", bytes(6)), IDAT)),
        ("animated", png(header(8, 8), chunk(b"acTL", bytes(8)), IDAT)),
        ("another compression", png(header(8, 8, compression=1), IDAT)),
        ("another method of filters", png(header(8, 8, filters=1), IDAT)),
        ("no pixels", png(header(0, 8), IDAT)),
        ("rows of a megabyte", png(header(2**20, 8), IDAT)),
        ("no data", png(header(8, 8))),
        ("no end", png(header(8, 8), IDAT, end=False)),
        ("no header", png(IDAT)),
        ("two headers", png(header(8, 8), header(8, 8), IDAT)),
        ("a short header", png(chunk(b"IHDR", bytes(12)), IDAT)),
        ("something between the data", png(header(8, 8), IDAT, chunk(b"tEXt", b"a\0b"), IDAT)),
        ("EXIF after the data", png(header(8, 8), IDAT, chunk(b"eXIf", b"MM\0*"))),
        ("a wrong checksum of the data", png(header(8, 8), IDAT[:-1] + b"\0")),
        (
            "a wrong checksum of a text",
            png(header(8, 8), chunk(b"tEXt", b"a\0b")[:-1] + b"x", IDAT),
        ),
        ("cut off", png(header(8, 8), IDAT)[:-20]),
        ("another format", b"\xff\xd8\xff" + bytes(40)),
    ],
)
def test_what_is_not_plain_is_left_to_pillow(what, data):
    assert plain(data) is None


def test_texts_may_come_before_and_after_the_data():
    text = chunk(b"tEXt", b"parameters\0a cat")
    assert plain(png(header(8, 8), text, IDAT, text, chunk(b"tIME", bytes(7)))) is not None


GOOD = raw_rows(0, 8, 24)


@pytest.mark.parametrize(
    "what, data",
    [
        ("a row is missing", zlib.compress(GOOD[:-25])),
        ("a byte is missing", zlib.compress(GOOD[:-1])),
        ("a byte too many", zlib.compress(GOOD + b"\0")),
        ("a row too many", zlib.compress(GOOD + GOOD[:25])),
        ("a hundred megabytes too many", zlib.compress(bytes(10**8), 9)),
        ("an unknown filter", zlib.compress(b"\x05" + GOOD[1:])),
        ("something after the stream", zlib.compress(GOOD) + b"\0"),
        ("a wrong checksum of the stream", zlib.compress(GOOD)[:-1] + b"\0"),
        ("a stream that is cut off", zlib.compress(GOOD)[:-7]),
        ("no stream", b"no stream"),
        ("nothing", b""),
    ],
)
def test_malformed_data_are_left_to_pillow(what, data):
    assert fast(png(header(8, 8), chunk(b"IDAT", data))) is None


def same_on_both_ways(data, monkeypatch):
    """Measure a PNG with the fast decoder and without; return its status."""
    monkeypatch.setattr(decoding._Png, "left", 0)
    results = []
    for has in (True, False):
        monkeypatch.setattr(decoding, "HAS_ISAL", has)
        results.append(images.measure(data, "a.png", [(32, 32), images.TRIMMED_CHROMA]))
    assert results[0] == results[1]
    return results[0].status


def mutated(rng):
    """A PNG with a few changed bytes, whose checksums may be right again."""
    size = tuple(int(side) for side in rng.integers(1, 60, 2))
    mode = str(rng.choice([*CHANNELS]))
    width = max(1, size[0])
    rows_now = bytearray(raw_rows(int(rng.integers(2**31)), size[1], width * CHANNELS[mode]))
    if rng.random() < 0.3:
        rows_now[rng.integers(len(rows_now))] = int(rng.integers(256))
    packed = bytearray(zlib.compress(bytes(rows_now), int(rng.integers(10))))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            packed[rng.integers(len(packed))] = int(rng.integers(256))
    head = header(max(1, width + int(rng.integers(-1, 2))), size[1], colours=COLOURS[mode])
    data = bytearray(png(head, chunk(b"IDAT", bytes(packed))))
    if rng.random() < 0.2:
        data[rng.integers(len(data))] = int(rng.integers(256))
    if rng.random() < 0.1:
        del data[rng.integers(len(data)) :]
    return bytes(data)


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_hostile_files_give_the_same_on_both_ways(count, monkeypatch):
    rng = np.random.default_rng(count)
    told = [same_on_both_ways(mutated(rng), monkeypatch) for _ in range(count)]
    assert {"ok", "unreadable"} <= {*told}


@pytest.mark.parametrize("count", [60, pytest.param(5_000, marks=pytest.mark.slow)])
def test_hostile_files_end_no_watched_process(count, tmp_path, monkeypatch):
    rng = np.random.default_rng(7 * count)
    files = [mutated(rng) for _ in range(count)]
    paths = [tmp_path / f"{k}.png" for k in range(count)]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    processes.POOL.close()
    start = "from dedup_nb.pictures import decoding\ndecoding._Png.left = 0\nfrom dedup_nb"
    monkeypatch.setattr(processes, "PROGRAM", processes.PROGRAM.replace("from dedup_nb", start, 1))

    told = dict(decoders.measure_all([os.fsencode(path) for path in paths], [(32, 32)], workers=1))

    processes.POOL.close()
    monkeypatch.setattr(decoding, "HAS_ISAL", False)
    assert told == {k: images.measure(data, f"{k}.png", [(32, 32)]) for k, data in enumerate(files)}


@pytest.mark.parametrize("size", [(1, 8), (5, 8), (61, 8)])
@pytest.mark.parametrize("pixel_bytes", [1, 3, 4])
def test_nothing_outside_the_room_of_a_row_is_written(size, pixel_bytes):
    width, row_bytes = size[0], size[0] * pixel_bytes
    whole = np.full((rows.ROWS + 3, row_bytes + 2 * rows.PAD), 0xA5, np.uint8)
    raw = np.frombuffer(raw_rows(3, rows.ROWS, row_bytes) + bytes(rows.PAD), np.uint8).copy()
    kept = raw.copy()
    whole[1] = 0

    assert rows.undo(raw, 0, width, pixel_bytes, whole[1:-1])

    left = rows.PAD - 4 * rows.ROWS  # a pixel for each row before and after
    assert (whole[[0, -1]] == 0xA5).all() and (whole[2:-1, :left] == 0xA5).all()
    assert (whole[2:-1, -left:] == 0xA5).all() and np.array_equal(raw, kept)


def test_the_decoder_that_starts_later_changes_nothing(monkeypatch):
    buffer = io.BytesIO()
    photo(1, 640, 400).save(buffer, "PNG")
    assert same_on_both_ways(buffer.getvalue(), monkeypatch) == "ok"
    model = images.ModelInput(64, 64)
    results = []
    for has in (True, False):
        monkeypatch.setattr(decoding, "HAS_ISAL", has)
        results.append(images.measure(buffer.getvalue(), "a.png", [model]))
    assert results[0] == results[1]


def test_it_starts_when_enough_has_been_decoded_without():
    code = (
        "import io, sys\n"
        "from PIL import Image\n"
        "from dedup_nb.pictures import decoding, images\n"
        "buffer = io.BytesIO(); Image.new('RGB', (1000, 1000)).save(buffer, 'PNG')\n"
        "before = 'numba' in sys.modules\n"
        "told = []\n"
        "for _ in range(18):\n"
        "    images.measure(buffer.getvalue(), 'a.png', [(32, 32)])\n"
        "    told.append('numba' in sys.modules)\n"
        "from dedup_nb.pictures.png import rows\n"
        "print(before, told.index(True), sum(rows.undo.stats.cache_misses.values()))\n"
    )
    run = [sys.executable, "-c", code]
    subprocess.run(run, check=True)  # compiles, if nobody has yet
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "16", "0"]
