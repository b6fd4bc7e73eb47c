"""Measure the recall of `dct`, `mix` and pHash on altered copies of your own photographs.

    python benchmarks/bench_embedders.py FOLDER [LIMIT] [MODEL.onnx]

With MODEL, which has its JSON beside it, that encoder is measured too: the cosine above which there
is no unrelated pair is where its `min_cosine` begins.

Each photograph is altered in many ways; a pair of two different photographs, altered or not, is
unrelated. Recall is reported at zero false pairs and at one in a hundred thousand. Photographs in
FOLDER that any of the methods finds similar, in any orientation, are counted once. Without FOLDER,
pictures are drawn, which says little about photographs.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedup_nb.finders import embeddings, encoders, phash
from dedup_nb.pictures import images, orientations

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def jpeg(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def scaled(picture, factor):
    size = [max(16, round(side * factor)) for side in picture.size]
    return picture.resize(size, Image.Resampling.LANCZOS)


def cropped(picture, share):
    dx, dy = (round(side * share / 2) for side in picture.size)
    return picture.crop((dx, dy, picture.width - dx, picture.height - dy))


def cut_off(picture, share):
    return picture.crop((round(picture.width * share), 0, picture.width, picture.height))


def framed(picture, colour, share):
    return ImageOps.expand(picture, round(min(picture.size) * share), colour)


def letterboxed(picture, share):
    height = round(picture.height * share)
    sheet = Image.new("RGB", (picture.width, picture.height + 2 * height))
    sheet.paste(picture, (0, height))
    return sheet


def captioned(picture):
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    draw.text((picture.width * 0.05, picture.height * 0.85), "copyright 2025", "white",
              font_size=picture.height * 0.06)  # fmt: skip
    return copy


def patched(picture, share):
    copy, side = picture.copy(), int((picture.width * picture.height * share) ** 0.5)
    copy.paste((128, 90, 60), (picture.width // 3, picture.height // 3,
                               picture.width // 3 + side, picture.height // 3 + side))  # fmt: skip
    return copy


def noisy(picture, sigma):
    grain = np.random.default_rng(0).normal(0, sigma, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def gamma(picture, power):
    return picture.point([round(255 * (v / 255) ** power) for v in range(256)] * 3)


def warmer(picture):
    red, green, blue = picture.split()
    more, less = ([min(255, int(v * factor)) for v in range(256)] for factor in (1.1, 0.85))
    return Image.merge("RGB", [red.point(more), green, blue.point(less)])


ALTERED = {
    "jpeg 75": lambda p: jpeg(p, 75),
    "jpeg 40": lambda p: jpeg(p, 40),
    "jpeg 15": lambda p: jpeg(p, 15),
    "half size": lambda p: scaled(p, 0.5),
    "quarter size": lambda p: scaled(p, 0.25),
    "upscaled": lambda p: scaled(p, 1.5),
    "wider by a tenth": lambda p: p.resize((int(p.width * 1.1), p.height)),
    "cropped 2 %": lambda p: cropped(p, 0.02),
    "cropped 5 %": lambda p: cropped(p, 0.05),
    "cropped 10 %": lambda p: cropped(p, 0.1),
    "cut off 5 %": lambda p: cut_off(p, 0.05),
    "frame white": lambda p: framed(p, "white", 0.05),
    "frame black": lambda p: framed(p, "black", 0.1),
    "letterbox": lambda p: letterboxed(p, 0.12),
    "framed, jpeg 50": lambda p: jpeg(framed(p, (240, 235, 220), 0.06), 50),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.25),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.7),
    "contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.4),
    "flatter": lambda p: ImageEnhance.Contrast(p).enhance(0.6),
    "saturation": lambda p: ImageEnhance.Color(p).enhance(1.6),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "gamma .7": lambda p: gamma(p, 0.7),
    "gamma 1.5": lambda p: gamma(p, 1.5),
    "equalised": ImageOps.equalize,
    "warmer": warmer,
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(max(p.size) / 300)),
    "sharpened": lambda p: p.filter(ImageFilter.UnsharpMask(3, 150)),
    "noise": lambda p: noisy(p, 12),
    "caption": captioned,
    "patch 4 %": lambda p: patched(p, 0.04),
    "turned 1 degree": lambda p: p.rotate(1, Image.Resampling.BICUBIC),
    "half size, jpeg 50, darker": lambda p: jpeg(gamma(scaled(p, 0.5), 1.3), 50),
}


def rasters(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    sizes = (*phash.kind("phash", 64).sizes, images.TRIMMED_LUMA, images.TRIMMED_CHROMA)
    return images.measure(buffer.getvalue(), "a.png", sizes).rasters


def photographs(folder, limit):
    """Return the photographs of a folder without similar ones."""
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    pictures, measured = [], []
    for path in files:
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        picture.thumbnail((512, 512), Image.Resampling.LANCZOS)
        small = rasters(picture)
        if not any(alike(small, other) for other in measured):
            pictures.append(picture)
            measured.append(small)
        if len(pictures) == limit:
            break
    return pictures


def alike(a, b):
    """Return whether two pictures may be the same, in any of the eight orientations."""
    codes = phash.unpack(phash.kind("phash", 64).encode([a, b]), "rotate")
    vectors = embeddings.unpack("mix", embeddings.embedder("mix").kind.encode([a, b]), "rotate")
    bits = np.bitwise_count(codes[0, 0] ^ codes[1]).sum(axis=1).min()
    return bits <= 16 or (vectors[1] @ vectors[0, 0]).max() > 0.65


def drawn(n):
    rng = np.random.default_rng(0)
    coarse = [Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)) for _ in range(n)]
    return [picture.resize((480, 360), Image.Resampling.BICUBIC) for picture in coarse]


def nearness(pictures):
    """Return the similarities of all pairs for each method; larger means more similar."""
    codes = phash.unpack(phash.kind("phash", 64).encode(pictures))[:, 0]
    signs = np.unpackbits(codes, axis=1).astype(np.float32) * 2 - 1
    yield "pHash", signs @ signs.T / 64
    for name in ("dct", "mix"):
        stored = embeddings.embedder(name).kind.encode(pictures)
        vectors = embeddings.unpack(name, stored)[:, 0]
        yield name, vectors @ vectors.T


def by_model(path, altered):
    """Return the similarities of all pairs by an ONNX model."""
    model = embeddings.embedder("onnx", pretrained=path).weights.load()
    print(model.says)
    prepared = []
    for picture in altered:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        measured = images.measure(buffer.getvalue(), "a.png", [model.input])
        prepared.append(measured.rasters[model.input])
    stored = model.encode(prepared, orientations.ORIENTATIONS[0])
    if encoders.NOT_A_VECTOR in stored:
        sys.exit("the model gives no vector for some pictures")
    vectors = encoders.unpack(stored)
    return vectors @ vectors.T


def main(folder=None, limit=60, model=None):
    originals = photographs(folder, int(limit)) if folder else drawn(30)
    kinds = [lambda p: p, *ALTERED.values()]
    altered = [make(picture) for picture in originals for make in kinds]
    pictures = [rasters(picture) for picture in altered]
    of = np.repeat(np.arange(len(originals)), len(kinds))
    print(f"{len(originals)} photographs, {len(ALTERED)} altered copies of each")
    unrelated = np.triu(of[:, None] != of[None], 1)
    firsts = np.flatnonzero(np.arange(len(of)) % len(kinds) == 0)
    misses = {}
    of_model = [("onnx", by_model(model, altered))] if model else []
    for name, near in [*nearness(pictures), *of_model]:
        true = np.stack([near[first, first + 1 : first + len(kinds)] for first in firsts])
        false = np.sort(near[unrelated])[::-1]
        recalls = []
        for what, bound in (
            ("no false pair", false[0]),
            ("1e-5", false[len(false) // 100_000]),
            ("1e-3", false[len(false) // 1000]),
        ):
            recalls.append(f"{(true > bound).mean():.3f} at {what} (above {bound:.3f})")
        print(f"{name:6} recall of copies {'; '.join(recalls)}; {len(false):,} unrelated pairs")
        own = embeddings.EMBEDDERS.get(name)
        if own is not None and own.min_cosine is not None:
            wrong = np.count_nonzero(false >= own.min_cosine)
            print(f"       at its own {own.min_cosine:g}: {(true >= own.min_cosine).mean():.3f}, "
                  f"{wrong} unrelated pairs; at its floor {own.floor:g}: "
                  f"{np.mean(false >= own.floor):.1e} of them")  # fmt: skip
        misses[name] = (true > false[len(false) // 100_000]).mean(axis=0)
    for k, what in enumerate(ALTERED):
        print(f"{what:28}" + "".join(f"{name} {part[k]:.2f}   " for name, part in misses.items()))


if __name__ == "__main__":
    main(*sys.argv[1:4])
