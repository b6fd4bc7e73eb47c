"""Sixteen pairs of files, found by pHash with default parameters: which one stays."""

import io
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import encoded as encoded_
import numpy as np
import pytest
from drawn import write
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from dedup_nb.finders import phash
from dedup_nb.session import workbench

OLD, NEW = datetime(2020, 5, 1).timestamp(), datetime(2024, 5, 1).timestamp()
FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\x10\x08mdat" + bytes(4096)
PROMPT = "a lighthouse\nNegative prompt: x\nSteps: 20, Sampler: Euler a, Seed: 1"
RAW = b"II*\0" + bytes(8_000)
TAKEOUT = (
    '{"title": "a.jpg", "photoTakenTime": {"timestamp": "1588334400"},'
    ' "geoData": {"latitude": 52.52, "longitude": 13.41, "altitude": 0.0}}'
)


def photo(seed=1, width=900, height=600):
    """A picture with detail at every scale, as a photograph has."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128.0)
    for cells, amount in ((4, 70), (9, 50), (23, 35), (60, 25), (150, 14)):
        small = rng.normal(0, amount, (max(2, cells * height // width), cells, 3))
        for channel in range(3):
            coarse = Image.fromarray(small[..., channel].astype(np.float32))
            fine = coarse.resize((width, height), Image.Resampling.BICUBIC)
            pixels[..., channel] += np.asarray(fine)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y, wide = (int(value) for value in rng.integers(30, (width, height, 160)))
        colour = tuple(int(value) for value in rng.integers(0, 255, 3))
        draw.ellipse([x, y, x + wide, y + wide * 0.7], fill=colour)
    return picture


def jpeg(picture, quality=90, **options):
    return encoded(picture, "JPEG", quality=quality, **options)


def png(picture, **options):
    return encoded(picture, "PNG", **options)


def encoded(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def of_jpeg(data):
    """A JPEG XL that gives back a JPEG; the encoder reads it from a file."""
    with tempfile.TemporaryDirectory() as folder:
        return encoded_.jxl_of_jpeg(data, Path(folder) / "a.jpg")


def again(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def exif(place=True):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Lumen", "L-20"
    details = tags.get_ifd(0x8769)
    details[0x9003] = "2020:05:01 12:00:00"
    if place:
        tags.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    return tags


def with_prompt(picture):
    info = PngInfo()
    info.add_text("parameters", PROMPT)
    return png(picture, pnginfo=info, compress_level=9)


def resized(picture, by, method=Image.Resampling.LANCZOS):
    return picture.resize((round(picture.width * by), round(picture.height * by)), method)


def marked(picture):
    """The picture with a small watermark near its lower edge."""
    copy = picture.copy()
    font = ImageFont.load_default(22)
    place = (picture.width - 14, picture.height - 14)
    ImageDraw.Draw(copy).text(place, "© studio", (255, 255, 255), font, anchor="rs")
    return copy


def screenshot(picture):
    screen = Image.new("RGB", (1200, 900), (32, 34, 40))
    draw = ImageDraw.Draw(screen)
    for k in range(20):
        draw.text((16, 20 + 40 * k), f"menu item {k}", (220, 220, 220), ImageFont.load_default(18))
    screen.paste(resized(picture, 0.9), (300, 120))
    return screen


def ticket(number):
    page = photo(5, 1000, 500)
    draw = ImageDraw.Draw(page)
    draw.rectangle([820, 455, 985, 490], fill="white")
    if number is not None:
        draw.text((830, 458), f"No. {number:05}", "black", ImageFont.load_default(28))
    return page


def sixteen_bits(picture):
    """The picture in grey as a 16-bit TIFF, with levels between those of 8 bits."""
    levels = np.asarray(picture.convert("L")).astype(np.int64) * 257
    between = np.random.default_rng(2).integers(-100, 101, levels.shape)
    deep = np.clip(levels + between, 0, 65535).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "TIFF")
    return buffer.getvalue()


Files = dict[str, bytes]
A = photo()
STAGED, WAITING = "stage", "review"

PAIRS: dict[str, tuple[Callable[[], Files], dict[str, str]]] = {
    "a JPEG with EXIF and its PNG re-save without": (
        lambda: {"a.jpg": (one := jpeg(A, exif=exif())), "new/b.png": png(again(one))},
        {"new/b.png": STAGED},
    ),
    "a JPEG without EXIF and its PNG re-save": (
        lambda: {"a.jpg": (one := jpeg(A)), "new/b.png": png(again(one))},
        {"new/b.png": STAGED},
    ),
    "stage 2 with its prompt and its export without": (
        lambda: {"20250705_215210_stage2_upscaled.png": with_prompt(A), "new/b.png": png(A)},
        {"new/b.png": STAGED},
    ),
    "a photograph with a film and the exported JPEG": (
        lambda: {"a.jpg": jpeg(A, 88) + FILM, "new/b.jpg": jpeg(again(jpeg(A, 88)), 95)},
        {"new/b.jpg": STAGED},
    ),
    "a HEIC with its film and the exported JPEG": (
        lambda: {
            "a.HEIC": (one := encoded_.heic(A, exif=encoded_.exif())),
            "a.MOV": FILM,
            "new/b.jpg": jpeg(again(one), 95, exif=exif(place=False)),
        },
        {"new/b.jpg": STAGED},
    ),
    "a JPEG and the JPEG XL that gives it back": (
        lambda: {"a.jpg": (one := jpeg(A, exif=exif())), "new/b.jxl": of_jpeg(one)},
        {"new/b.jxl": STAGED},
    ),
    "a Photoshop file and its export": (
        lambda: {"a.psd": encoded_.psd(A, layers=3), "new/b.jpg": jpeg(A, 95)},
        {"new/b.jpg": STAGED},
    ),
    "a raw file and its export": (
        lambda: {"a.dng": encoded_.raw(A, preview=jpeg(A)), "new/b.jpg": jpeg(A, 95)},
        {},
    ),
    "an original and its messenger copy": (
        lambda: {
            "a.jpg": (one := jpeg(A, 92, exif=exif())),
            "new/b.jpg": jpeg(resized(again(one), 0.6), 70),
        },
        {"new/b.jpg": STAGED},
    ),
    "an original and its reduction with EXIF": (
        lambda: {
            "a.jpg": (one := jpeg(A, 92, exif=exif())),
            "new/b.jpg": jpeg(resized(again(one), 0.5), 92, exif=exif()),
        },
        {"new/b.jpg": STAGED},
    ),
    "the whole picture and one marked as cropped": (
        lambda: {
            "a.png": png(A),
            "new/b.png": png(A.crop((18, 12, 890, 592))),
            "new/b.cropped": b"",
        },
        {"a.png": WAITING, "new/b.png": WAITING},
    ),
    "a 16-bit TIFF and a JPEG of it": (
        lambda: {"a.tif": sixteen_bits(A), "new/b.jpg": jpeg(A.convert("L"), 95)},
        {"new/b.jpg": STAGED},
    ),
    "a JPEG with its NEF and a lone JPEG": (
        lambda: {"a.jpg": (one := jpeg(A)), "a.nef": RAW, "new/b.jpg": one},
        {"new/b.jpg": STAGED},
    ),
    "a JPEG with its NEF and an equal backup of both": (
        lambda: {"a.jpg": (one := jpeg(A)), "a.nef": RAW, "backup/a.jpg": one, "backup/a.nef": RAW},
        {"backup/a.jpg": STAGED},
    ),
    "a picture and an interpolated enlargement of it": (
        lambda: {
            "a.jpg": (one := jpeg(A, 92)),
            "new/b.jpg": jpeg(resized(again(one), 2), 95),
        },
        {"a.jpg": WAITING, "new/b.jpg": WAITING},
    ),
    "an original and its edit in a photo editor": (
        lambda: {
            "a.jpg": (one := jpeg(A, 92)),
            "new/b.jpg": jpeg(
                ImageEnhance.Color(ImageEnhance.Contrast(again(one)).enhance(1.35)).enhance(1.5), 95
            ),
        },
        {"a.jpg": WAITING, "new/b.jpg": WAITING},
    ),
    "a picture and the same in a plain border": (
        lambda: {"a.png": png(A), "new/b.png": png(ImageOps.expand(A, 24, "white"))},
        {"new/b.png": STAGED},
    ),
    "a picture and a screenshot that shows it": (
        lambda: {"a.jpg": jpeg(A, 92), "new/b.png": png(screenshot(A))},
        {"a.jpg": WAITING, "new/b.png": WAITING},
    ),
    "a clean picture and a watermarked one": (
        lambda: {"a.png": png(A), "new/b.png": png(marked(A))},
        {"new/b.png": STAGED},
    ),
    "two tickets that differ by their number": (
        lambda: {"a.png": png(ticket(17)), "new/b.png": png(ticket(8423))},
        {"a.png": WAITING, "new/b.png": WAITING},
    ),
    "a numbered ticket and a blank one": (
        lambda: {"a.png": png(ticket(17)), "new/b.png": png(ticket(None))},
        {"a.png": WAITING, "new/b.png": WAITING},
    ),
    "a phone's JPEG with time and place, and its Takeout copy with a JSON": (
        lambda: {
            "a.jpg": (one := jpeg(A, 92, exif=exif())),
            "new/b.jpg": jpeg(again(one), 80),
            "new/b.jpg.json": TAKEOUT.encode(),
        },
        {"new/b.jpg": STAGED},
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_of_a_pair_the_one_that_holds_everything_stays(name, tmp_path):
    make, expected = PAIRS[name]
    folder = tmp_path / "lib"
    for path, data in make().items():
        write(folder / path, data)
        when = NEW if path.startswith("new/") else OLD
        os.utime(folder / path, (when, when))
    run = workbench.start(
        "10_phash",
        {
            "library": str(folder),
            "cache_dir": str(tmp_path / "cache"),
            "run_dir": str(tmp_path / "out/lib/run"),
        },
    )
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 16, rows=rows)
    candidates = run.candidates(pairs)
    with run.verdicts.without_limit():
        table = candidates.table(candidates.cut(16))
    staged = sorted(row.path for row in table.itertuples() if row.role == "stage")
    wanted = sorted(path for path, role in expected.items() if role == STAGED)
    why = "; ".join(f"{row.path}={row.role} ({row.reason})" for row in table.itertuples())
    assert staged == wanted, why
