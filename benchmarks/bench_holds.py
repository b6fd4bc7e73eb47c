"""What a picture holds: photographs, copies of them made in every way, and who is kept.

    python benchmarks/bench_holds.py FOLDER [--only KIND]... [--photos N] [--side PX]

Prints for each way of making a copy in how many percent the source is kept, both hold the same, the
pair waits for review, or the source would be staged for the copy; then the milliseconds a pair.
"""

from __future__ import annotations

import argparse
import colorsys
import io
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from dedup_nb.compare.holding.coding import QUALITY_50
from dedup_nb.compare.holding.judging import Saved, holding

Pixels = Any
KINDS: dict[str, tuple[str, Callable[..., Any]]] = {}
PLAIN, WORSE, FORMS = "plain copies", "worse copies", "changed"
THUMBNAIL_PX = 256  # where a real map comes from
SIDE_PX = 1024
FILE = "file"  # where a picture keeps what its file says


def kind(name: str, group: str) -> Callable[..., Any]:
    """Register a way of making a copy."""

    def add(make: Callable[..., Any]) -> Callable[..., Any]:
        KINDS[name] = group, make
        return make

    return add


def saved(picture: Any, form: str = "JPEG", **options: Any) -> Any:
    """Return a picture as it is after saving."""
    data = io.BytesIO()
    picture.save(data, form, **options)
    opened = Image.open(data)
    copy = opened.convert("RGB")
    copy.info[FILE] = said(opened)
    return copy


def said(opened: Any) -> Saved:
    """Return what a file says of how it was saved."""
    if opened.format == "JPEG":
        table = np.array(opened.quantization[0]).reshape(8, 8)
        return Saved(coarseness=float(np.median(table / QUALITY_50)))
    return Saved(smooth=opened.format in ("WEBP", "AVIF"))


def resized(picture: Any, factor: float, how: Any = Image.Resampling.LANCZOS) -> Any:
    return picture.resize(
        (max(round(picture.width * factor), 8), max(round(picture.height * factor), 8)), how
    )


def channels(picture: Any) -> Any:
    return np.asarray(picture).astype(np.float64)


def picture_of(values: Any) -> Any:
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


for quality in (95, 85, 75, 60, 50):
    kind(f"JPEG {quality}", PLAIN if quality > 70 else WORSE)(
        lambda p, rng, quality=quality: saved(p, quality=quality)
    )
kind("JPEG 90 4:4:4", PLAIN)(lambda p, rng: saved(p, quality=90, subsampling=0))
kind("twice saved", PLAIN)(lambda p, rng: saved(saved(p, quality=88), quality=80))
kind("WebP 80", PLAIN)(lambda p, rng: saved(p, "WEBP", quality=80))
kind("WebP 60", PLAIN)(lambda p, rng: saved(p, "WEBP", quality=60))
kind("AVIF 70", PLAIN)(lambda p, rng: saved(p, "AVIF", quality=70))
for factor in (0.75, 0.5, 0.25):
    kind(f"reduced {factor}", PLAIN)(lambda p, rng, f=factor: resized(p, f))
    kind(f"reduced {factor}, JPEG 85", PLAIN)(
        lambda p, rng, f=factor: saved(resized(p, f), quality=85)
    )
kind("reduced 0.5, bicubic", PLAIN)(lambda p, rng: resized(p, 0.5, Image.Resampling.BICUBIC))
kind("reduced 0.5, box", PLAIN)(lambda p, rng: resized(p, 0.5, Image.Resampling.BOX))
kind("reduced 0.4, OpenCV linear", PLAIN)(
    lambda p, rng: Image.fromarray(cv2.resize(np.asarray(p), None, fx=0.4, fy=0.4))
)
kind("messenger", PLAIN)(lambda p, rng: saved(resized(p, 0.6), quality=70))
kind("messenger twice", PLAIN)(lambda p, rng: saved(saved(resized(p, 0.6), quality=70), quality=70))
kind("mirrored", PLAIN)(lambda p, rng: saved(ImageOps.mirror(p), quality=90))
kind("turned", PLAIN)(lambda p, rng: saved(p.transpose(Image.Transpose.ROTATE_90), quality=90))
kind("cropped 1 px", PLAIN)(
    lambda p, rng: (saved(p.crop((1, 1, p.width - 1, p.height - 1)), quality=90), (1, 1))
)
kind("bordered", PLAIN)(
    lambda p, rng: (saved(ImageOps.expand(p, 30, "white"), quality=90), (-30, -30))
)


def _text(p: Any, fill: Any, **options: Any) -> Any:
    copy = p.copy()
    size = max(p.width // 40, 12)
    place = (p.width - size * 9, p.height - size * 2)
    ImageDraw.Draw(copy).text(
        place, "© J. Smith", fill=fill, font=ImageFont.load_default(size), **options
    )
    return copy


kind("watermark", PLAIN)(lambda p, rng: saved(_text(p, "white"), quality=90))
kind("watermark, faint", PLAIN)(
    lambda p, rng: saved(Image.blend(p, _text(p, "white"), 0.5), quality=90)
)

for how in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS"):
    for factor in (1.5, 2, 3):
        kind(f"enlarged {factor}, {how.lower()}", WORSE)(
            lambda p, rng, how=how, f=factor: saved(
                resized(p, f, getattr(Image.Resampling, how)), quality=92
            )
        )
kind("enlarged 2, PNG", WORSE)(lambda p, rng: resized(p, 2, Image.Resampling.BICUBIC))
kind("enlarged 2, sharpened", WORSE)(
    lambda p, rng: saved(
        resized(p, 2, Image.Resampling.BICUBIC).filter(ImageFilter.UnsharpMask(2, 150, 3)),
        quality=92,
    )
)
kind("thumbnail enlarged to 1", WORSE)(
    lambda p, rng: saved(resized(p, 0.25).resize(p.size, Image.Resampling.BICUBIC), quality=92)
)
kind("thumbnail enlarged to 2", WORSE)(
    lambda p, rng: saved(
        resized(p, 0.25).resize((p.width * 2, p.height * 2), Image.Resampling.LANCZOS), quality=92
    )
)
kind("half size enlarged to 1", WORSE)(
    lambda p, rng: resized(p, 0.5).resize(p.size, Image.Resampling.LANCZOS)
)
kind("JPEG 25", WORSE)(lambda p, rng: saved(p, quality=25))
kind("JPEG 25 as PNG", WORSE)(lambda p, rng: saved(saved(p, quality=25), "PNG"))
kind("JPEG 25 as JPEG 95", WORSE)(lambda p, rng: saved(saved(p, quality=25), quality=95))
kind("JPEG 40 as WebP 95", WORSE)(lambda p, rng: saved(saved(p, quality=40), "WEBP", quality=95))
kind("blurred 0.7", WORSE)(lambda p, rng: p.filter(ImageFilter.GaussianBlur(0.7)))
kind("blurred 1.2", WORSE)(
    lambda p, rng: saved(p.filter(ImageFilter.GaussianBlur(1.2)), quality=95)
)
kind("GIF", WORSE)(lambda p, rng: saved(p, "GIF"))
kind("palette, no dither", WORSE)(lambda p, rng: p.quantize(64, dither=0).convert("RGB"))
for sigma in (3, 5, 10):
    kind(f"noise {sigma}", WORSE)(
        lambda p, rng, s=sigma: saved(
            picture_of(channels(p) + rng.normal(0, s, (p.height, p.width, 3))), quality=95
        )
    )
kind("grain 6", WORSE)(
    lambda p, rng: picture_of(
        channels(p)
        + 6 * 1.8 * cv2.GaussianBlur(rng.normal(0, 1, (p.height, p.width)), (0, 0), 0.7)[..., None]
    )
)
kind("denoised, median", WORSE)(
    lambda p, rng: saved(p.filter(ImageFilter.MedianFilter(3)), quality=95)
)
kind("denoised, bilateral", WORSE)(
    lambda p, rng: Image.fromarray(cv2.bilateralFilter(np.asarray(p), 7, 25, 3))
)
kind("sharpened", WORSE)(
    lambda p, rng: saved(p.filter(ImageFilter.UnsharpMask(2, 100, 2)), quality=95)
)
kind("sharpened, PNG", WORSE)(lambda p, rng: p.filter(ImageFilter.SHARPEN))


def _damaged(p: Any, rng: Any, *, garbage: bool) -> Any:
    data = io.BytesIO()
    p.save(data, "JPEG", quality=92)
    stream = bytearray(data.getvalue())
    at = int(len(stream) * rng.uniform(0.9, 0.985))
    if garbage:
        stream[at : at + 5] = b"\x12\x34\x56\x78\x9a"
    else:
        stream = stream[:at] + b"\xff\xd9"
    return Image.open(io.BytesIO(bytes(stream))).convert("RGB")


kind("damaged, end missing", WORSE)(lambda p, rng: _damaged(p, rng, garbage=False))
kind("damaged, garbage", WORSE)(lambda p, rng: _damaged(p, rng, garbage=True))

kind("grey", FORMS)(lambda p, rng: saved(p.convert("L").convert("RGB"), quality=95))
kind("sepia", FORMS)(
    lambda p, rng: saved(ImageOps.colorize(p.convert("L"), "#201008", "#fff4e0"), quality=95)
)


def _toned(p: Any, change: Callable[[Any], Any]) -> Any:
    return saved(picture_of(change(channels(p))), quality=95)


def _saturated(p: Any, share: float) -> Any:
    values = channels(p)
    grey = values @ [0.299, 0.587, 0.114]
    return saved(picture_of(grey[..., None] + share * (values - grey[..., None])), quality=95)


def _hue(p: Any, degrees: float) -> Any:
    hsv = np.asarray(p.convert("HSV")).copy()
    hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees * 256 / 360)) % 256
    return saved(Image.fromarray(hsv, "HSV").convert("RGB"), quality=95)


kind("faded", FORMS)(lambda p, rng: _toned(p, lambda v: 40 + 0.75 * v))
kind("brighter 12", FORMS)(lambda p, rng: _toned(p, lambda v: v + 12))
kind("gamma 0.85", FORMS)(lambda p, rng: _toned(p, lambda v: 255 * (v / 255) ** 0.85))
kind("warmer", FORMS)(lambda p, rng: _toned(p, lambda v: v * [1.08, 1.0, 0.92]))
kind("saturation 1.3", FORMS)(lambda p, rng: _saturated(p, 1.3))
kind("saturation 0.6", FORMS)(lambda p, rng: _saturated(p, 0.6))
for degrees in (20, 40, 120):
    kind(f"hue {degrees}", FORMS)(lambda p, rng, d=degrees: _hue(p, d))


def _recoloured(p: Any, rng: Any) -> Any:
    """Turn the hue of an ellipse of 4 % of the area, in the most colourful of 12 places."""
    places = [(rng.uniform(0.15, 0.85), rng.uniform(0.15, 0.85)) for _ in range(12)]
    width, height = (s * np.sqrt(0.04 * 4 / np.pi) / 2 for s in p.size)
    turned, values = channels(_hue(p, 120)), channels(p)
    best, most = None, -1.0
    for x, y in places:
        mask = Image.new("L", p.size, 0)
        box = [
            x * p.width - width,
            y * p.height - height,
            x * p.width + width,
            y * p.height + height,
        ]
        ImageDraw.Draw(mask).ellipse(box, fill=255)
        inside = np.asarray(mask) > 0
        chroma = float(np.ptp(values[inside], axis=1).mean())
        if chroma > most:
            best, most = inside, chroma
    return saved(picture_of(np.where(best[..., None], turned, values)), quality=95)


kind("recoloured part", FORMS)(_recoloured)


def _ticket(p: Any, number: str) -> Any:
    copy = p.copy()
    size = max(p.width // 40, 12)
    draw = ImageDraw.Draw(copy)
    left, top = p.width - size * 8, p.height - size * 2
    draw.rectangle([left, top, left + size * 7, top + size * 1.5], fill="white")
    draw.text((left + size // 3, top), number, fill="black", font=ImageFont.load_default(size))
    return copy


kind("two numbers", FORMS)(lambda p, rng: (_ticket(p, "No. 8423"), (0, 0), _ticket(p, "No. 0017")))
kind("number and blank", FORMS)(lambda p, rng: (_ticket(p, "No. 8423"), (0, 0), _ticket(p, "")))
kind("blank and number", FORMS)(lambda p, rng: (_ticket(p, ""), (0, 0), _ticket(p, "No. 17")))
kind("two dates on the photograph", FORMS)(
    lambda p, rng: (_dated(p, "2021-04-17"), (0, 0), _dated(p, "2019-11-02"))
)


def _dated(p: Any, text: str) -> Any:
    copy = p.copy()
    size = max(p.width // 30, 12)
    ImageDraw.Draw(copy).text(
        (p.width - size * 7, p.height - size * 2),
        text,
        fill=(255, 140, 0),
        font=ImageFont.load_default(size),
    )
    return saved(copy, quality=92)


def _red(h: float) -> Any:
    return [255 * v for v in colorsys.hsv_to_rgb(h, 1, 1)]


def rough_map(source: Any, copy: Any, name: str, shift: tuple[int, int], rng: Any) -> Any:
    """Return the map from the source to the copy, as inexact as one from thumbnails."""
    w, h = source.size
    if name == "mirrored":
        exact = np.array([[-1, 0, w - 1], [0, 1, 0]], np.float64)
    elif name == "turned":
        exact = np.array([[0, 1, 0], [-1, 0, w - 1]], np.float64)
    elif shift != (0, 0):
        exact = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], np.float64)
    else:
        x, y = copy.width / w, copy.height / h
        exact = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]], np.float64)
    off = rng.uniform(-0.25, 0.25, 2) * max(copy.size) / THUMBNAIL_PX
    rough = exact.copy()
    rough[:, :2] = rough[:, :2] @ (np.eye(2) + rng.uniform(-0.001, 0.001, (2, 2)))
    rough[:, 2] += off
    return rough


def outcome(got: Any) -> str:
    """Return who is kept, of source `a` and copy `b`."""
    if got.both or (got.a_lacks and got.b_lacks):
        return "review"
    return "staged" if got.a_lacks else "kept" if got.b_lacks else "tie"


def source_of(path: Path, side: int) -> Any:
    """Return the middle of a photograph on its own grid of blocks."""
    opened = Image.open(path)
    file = said(opened)
    picture = ImageOps.exif_transpose(opened).convert("RGB")
    left, top = (max((n - side) // 32 * 16, 0) for n in picture.size)
    part = picture.crop(
        (left, top, min(left + side, picture.width), min(top + side * 3 // 4, picture.height))
    )
    part.info[FILE] = file
    return part


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("folder", type=Path, nargs="?")
    args.add_argument("--only", action="append", help="a kind, or a part of its name")
    args.add_argument("--photos", type=int, default=40)
    args.add_argument("--every", type=int, default=1)
    args.add_argument("--first", type=int, default=0)
    args.add_argument("--side", type=int, default=SIDE_PX)
    args.add_argument("--tell", action="store_true", help="print each pair")
    given = args.parse_args()
    if given.folder is None:
        print("bench_holds needs photographs: pass a folder")
        return
    suffixes = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}
    paths = sorted(p for p in given.folder.rglob("*") if p.suffix.lower() in suffixes)
    paths = paths[given.first :: given.every][: given.photos]
    counts: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    words: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    spent: list[float] = []
    for path in paths:
        source = source_of(path, given.side)
        if min(source.size) < 200:
            continue
        for number, (name, (_, make)) in enumerate(KINDS.items()):
            if given.only and not any(part in name for part in given.only):
                continue
            rng = np.random.default_rng([number, len(path.name)])
            made = make(source, rng)
            copy, shift, first = (
                (*made, source)[:3]
                if isinstance(made, tuple)
                else (
                    made,
                    (0, 0),
                    source,
                )
            )
            matrix = rough_map(first, copy, name, shift, rng)
            a, b = np.asarray(first), np.asarray(copy)
            start = time.perf_counter()
            files = tuple(picture.info.get(FILE, Saved()) for picture in (first, copy))
            got = holding(a, b, matrix, files)
            spent.append(time.perf_counter() - start)
            counts[name][outcome(got)] += 1
            words[name].update(f"a {w}" for w in got.a_lacks)
            words[name].update(f"b {w}" for w in got.b_lacks)
            words[name].update(got.both)
            if given.tell:
                print(f"{path.name[:40]:40} {name:28} {outcome(got):7} {got}")
    print(f"{'kind':30} {'kept':>5} {'tie':>5} {'review':>6} {'staged':>6}  in %, and the words")
    for name, (group, _) in KINDS.items():
        total = sum(counts[name].values())
        if total:
            shares = [100 * counts[name][k] / total for k in ("kept", "tie", "review", "staged")]
            row = f"{name:30} {shares[0]:5.0f} {shares[1]:5.0f} {shares[2]:6.0f} {shares[3]:6.0f}"
            told = ", ".join(f"{w} {n}" for w, n in sorted(words[name].items()))
            print(f"{row}  {group[0]}  {told}")
    print(f"{1000 * np.median(spent):.0f} ms a pair (median), {1000 * max(spent):.0f} at most")


if __name__ == "__main__":
    main()
