"""Measure the recall of pHash, `dct` and `mix`, alone and with `verify`, on altered photographs.

    python benchmarks/bench_verify.py [FOLDER] [--burst FOLDER] [LIMIT]

FOLDER contains photographs; a folder named `burst` inside it (or the one given) contains frames of
one burst, which are similar but never the same picture. Each photograph is altered in many ways,
some of them combined. The results cover every second photograph, on which nothing was tuned; with
`--tuned`, the others. The output is the recall of altered copies at the bound where no unrelated
pair, or 5 % or 1 % of the pairs of frames, would be proposed. With `verify`, each method proposes
pairs at a loose bound (that of its slider), and the score of the verdict decides; the recall of
`verify` by kind of alteration is also reported for pairs proposed by any method. Pictures with
almost no content (plain and out-of-focus parts of the photographs, drawn skies and gradients) are
compared separately: their copies, and all pairs of different ones, both as they are and with the
same caption bar. Without FOLDER, pictures are drawn, which says little about photographs.
"""

import argparse
import io
import itertools
import time
from pathlib import Path

import cv2
import numpy as np
from bench_embedders import (
    ALTERED,
    SUFFIXES,
    alike,
    captioned,
    cropped,
    drawn,
    framed,
    gamma,
    jpeg,
    patched,
    rasters,
    scaled,
)  # fmt: skip
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from threadpoolctl import threadpool_limits

from dedup_nb.compare import verify
from dedup_nb.finders import embeddings, phash
from dedup_nb.pictures import features, images

LOOSE = {"pHash": 48 / 64, "dct": None, "mix": 0.4}  # smallest similarity of a proposed pair


def barred(picture):
    tall = round(picture.height * 0.15)
    sheet = Image.new("RGB", (picture.width, picture.height + tall), (245, 245, 245))
    sheet.paste(picture, (0, 0))
    ImageDraw.Draw(sheet).text(
        (picture.width * 0.3, picture.height + tall * 0.25), "one evening in june", "black",
        font_size=tall * 0.45)  # fmt: skip
    return sheet


def part(picture, left, top, right, bottom):
    width, height = picture.size
    return picture.crop(
        tuple(map(round, (left * width, top * height, right * width, bottom * height)))
    )


FURTHER = {
    "cropped 25 %": lambda p: part(p, 0.1, 0.15, 0.85, 0.9),
    "cropped 50 %": lambda p: part(p, 0.2, 0.15, 0.7, 0.65),
    "mirrored": ImageOps.mirror,
    "quarter turn": lambda p: p.transpose(Image.Transpose.ROTATE_90),
    "half turn": lambda p: p.transpose(Image.Transpose.ROTATE_180),
    "turned 4 degrees": lambda p: p.rotate(4, Image.Resampling.BICUBIC),
    "caption bar": barred,
    "sepia": lambda p: ImageOps.colorize(
        ImageOps.grayscale(p), (20, 10, 0), (255, 235, 190), (150, 105, 70)
    ),
    "mirrored, cropped": lambda p: cropped(ImageOps.mirror(p), 0.1),
    "cropped, darker, jpeg 40": lambda p: jpeg(gamma(cropped(p, 0.1), 1.3), 40),
    "framed, half size": lambda p: scaled(framed(p, "black", 0.05), 0.5),
    "captioned, jpeg 50": lambda p: jpeg(captioned(p), 50),
    "patch 1 %": lambda p: patched(p, 0.01),
    "blurred more": lambda p: p.filter(ImageFilter.GaussianBlur(max(p.size) / 200)),
}
KINDS = {**ALTERED, **FURTHER}
TURNED = "ukbench00120_rotation"  # a photograph turned by 25 degrees, missed by `alike`


def read(folder, limit):
    """Return the photographs of a folder without similar ones, and the frames of its burst.

    In place of one that is a copy after all is None.
    """
    every = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    pictures, measured = [], []
    for path in every:
        if "burst" in path.parts[:-1]:
            continue
        picture = opened(path)
        small = rasters(picture)
        if is_flat(picture):  # no measure is reliable for it: `review`
            continue
        if not any(alike(small, other) for other in measured):
            pictures.append(picture if TURNED not in path.name else None)
            measured.append(small)
        if len(pictures) == limit:
            break
    return pictures, [opened(path) for path in every if "burst" in path.parts[:-1]]


def is_flat(picture):
    return np.asarray(picture.convert("L").resize((32, 32))).std() < images.FLAT_CONTRAST


def opened(path):
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    picture.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
    return picture


class Measured:
    """Rasters, thumbnails and features of many pictures, and the time it took to compute them."""

    def __init__(self, pictures):
        self.rasters = [rasters(picture) for picture in pictures]
        kept = [stored(picture) for picture in pictures]
        begun = time.process_time()
        self.small = [images.pixels(data) for data in kept]
        self.thumbnail_ms = 1000 * (time.process_time() - begun) / max(len(pictures), 1)
        begun = time.process_time()
        self.features = [features.unpack(features.extract(p), p) for p in self.small]
        self.features_ms = 1000 * (time.process_time() - begun) / max(len(pictures), 1)

    def nearness(self):
        """Return the similarities of all pairs for each method, in the best of 8 orientations."""
        codes = phash.unpack(phash.kind("phash", 64).encode(self.rasters), "rotate")
        signs = np.unpackbits(codes, axis=-1).astype(np.float32) * 2 - 1
        yield "pHash", (1 + best(signs) / 64) / 2
        for name in ("dct", "mix"):
            stored = embeddings.embedder(name).kind.encode(self.rasters)
            yield name, best(embeddings.unpack(name, stored, "rotate"))

    def score(self, a, b):
        return verdict(*((self.small[k], self.features[k]) for k in (a, b))).score


def verdict(a, b):
    """Return the verdict on two pictures, each given as (thumbnail, features)."""
    return verify.plain_verdict(a[0], b[0]) or verify.same_picture(a[1], b[1])


def stored(picture):
    """Return the thumbnail of a picture as the store keeps it."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return images.measure(buffer.getvalue(), "a.png", ()).thumbnail


def thumbnail(picture):
    return images.pixels(stored(picture))


def best(vectors):
    """Return the largest product of each upright picture with another in any orientation."""
    turned = [vectors[:, 0] @ vectors[:, k].T for k in range(vectors.shape[1])]
    most = np.max(turned, axis=0)
    return np.maximum(most, most.T)


def report(name, true, unrelated, frames):
    line = f"{name:20}"
    bounds = [("no unrelated pair", unrelated.max(initial=0))]
    for share in (0.05, 0.01):
        bound = np.quantile(frames, 1 - share, method="higher") if len(frames) else 0
        bounds.append((f"{share:.0%} of frames", max(bound, unrelated.max(initial=0))))
    for what, bound in bounds:
        line += f"  {np.mean(true > bound):.3f} at {what}"
    print(line)
    return bounds[-1][1]


def plainest(picture, rng):
    """Return the part of a picture with the fewest features, out of a hundred parts."""
    parts = []
    for _ in range(100):
        width = rng.uniform(0.25, 0.5)
        left, top = rng.uniform(0, 1 - width, 2)
        parts.append(part(picture, left, top, left + width, top + width))
    return min(parts, key=lambda p: len(features.extract(thumbnail(p))))


def faint(originals):
    """Return pictures with almost no content, all different."""
    rng = np.random.default_rng(1)
    yield from (plainest(picture, rng) for picture in originals)
    for picture in originals:
        yield part(picture, 0.3, 0.3, 0.8, 0.8).filter(ImageFilter.GaussianBlur(24))
    v, u = np.mgrid[-1:1:384j, -1:1:512j]
    for _ in range(12):
        across, down, bent = rng.uniform(-40, 40, 3)
        yield tinted(rng, across * u + down * v + bent * np.hypot(u, v - 0.3))
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(512) * 512, np.fft.fftfreq(384) * 384)) + 1e-9
    for amount in (3, 5, 8, 12, 18, 25) * 2:
        grain = np.fft.fft2(rng.normal(size=v.shape)) / np.maximum(f, 1) ** 1.8
        clouds = np.fft.ifft2(grain).real
        yield tinted(rng, amount * (clouds - clouds.mean()) / clouds.std() + 20 * v)


def tinted(rng, shade):
    pixels = shade[..., None] + rng.uniform(70, 200, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def tell_faint(originals):
    """Print how many copies of faint pictures are found, and which different ones are confused."""
    pictures = list(faint(originals))
    seen = lambda p: (small := thumbnail(p), features.unpack(features.extract(small), small))  # noqa: E731
    whole = [seen(picture) for picture in pictures]
    kinds = list(KINDS.values())[::5]
    found = [
        verdict(whole[k], seen(make(picture))).same
        for k, picture in enumerate(pictures)
        for make in kinds
    ]
    wrong, pairs = [], list(itertools.combinations(range(len(pictures)), 2))
    for what, make in (("as they are", None), ("caption bar", barred), ("caption", captioned)):
        made = whole if make is None else [seen(make(picture)) for picture in pictures]
        wrong += [(what, a, b) for a, b in pairs if verdict(made[a], made[b]).same]
    print(
        f"{len(pictures)} faint pictures: {np.mean(found):.3f} of {len(found)} copies found; of "
        f"{3 * len(pairs):,} pairs of different ones, two thirds with one caption, {len(wrong)} "
        f"judged the same {wrong or ''}"
    )


def named(place, made):
    kind = place % len(made)
    return f"photograph {place // len(made)} {['', *KINDS][kind]}".strip()


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", nargs="?")
    asked.add_argument("limit", nargs="?", type=int, default=60)
    asked.add_argument(
        "--tuned", action="store_true", help="report the other half of the photographs"
    )
    given = asked.parse_args()
    originals, frames = read(given.folder, given.limit) if given.folder else (drawn(12), [])
    originals = [picture for picture in originals[0 if given.tuned else 1 :: 2] if picture]
    made = [lambda p: p, *KINDS.values()]
    pictures = [make(picture) for picture in originals for make in made] + frames
    of = np.repeat(np.arange(len(originals)), len(made))
    print(
        f"{len(originals)} photographs, {len(KINDS)} altered copies of each, {len(frames)} frames"
    )
    measured = Measured(pictures)
    firsts = np.flatnonzero(np.arange(len(of)) % len(made) == 0)
    copies = np.array([(f, f + k) for f in firsts for k in range(1, len(made))])
    pairs = np.array(list(itertools.combinations(range(len(of), len(pictures)), 2)), int)
    frame_pairs = pairs.reshape(-1, 2)
    apart = np.argwhere(np.triu(of[:, None] != of[None], 1))
    begun = time.process_time()
    score = {tuple(pair): measured.score(*pair) for pair in copies}
    copy_ms = 1000 * (time.process_time() - begun) / len(copies)
    score |= {tuple(pair): measured.score(*pair) for pair in frame_pairs}
    begun, few = time.process_time(), apart[:: max(len(apart) // 3000, 1)]
    score |= {tuple(pair): measured.score(*pair) for pair in few}
    other_ms = 1000 * (time.process_time() - begun) / max(len(few), 1)
    everything = {}
    for name, near in measured.nearness():
        at = lambda pairs: near[pairs[:, 0], pairs[:, 1]]  # noqa: B023, E731
        loose = LOOSE[name] or embeddings.embedder(name).floor
        report(f"{name} alone", at(copies), at(apart), at(frame_pairs))
        proposed = apart[at(apart) >= loose]
        score |= {tuple(p): measured.score(*p) for p in proposed[:5000] if tuple(p) not in score}
        both = lambda pairs: np.array(  # noqa: E731
            [score[tuple(p)] if near[tuple(p)] >= loose else 0.0 for p in pairs]  # noqa: B023
        )
        bound = report(
            f"{name} with verify", both(copies), both(proposed[:5000]), both(frame_pairs)
        )
        everything[name] = (both(copies) > bound).reshape(len(originals), -1)
        kept = both(copies) >= verify.SAME
        print(
            f"{'':20}  at score {verify.SAME}: {kept.mean():.3f} of copies, "
            f"{np.mean(both(frame_pairs) >= verify.SAME) if len(frames) else 0:.4f} of frames, "
            f"{int((both(proposed[:5000]) >= verify.SAME).sum())} of {len(proposed[:5000])} "
            "unrelated pairs proposed"
        )
        for a, b in proposed[:5000]:
            if score[a, b] >= verify.SAME:
                print(f"{'':20}  judged the same: {named(a, made)}, {named(b, made)}")
    print(
        f"CPU: thumbnail {measured.thumbnail_ms:.1f} ms, features {measured.features_ms:.0f} ms "
        f"per file, once; {copy_ms:.0f} ms per pair of copies, {other_ms:.0f} ms per unrelated pair"
    )
    plain = np.mean(
        [verify.plain_verdict(*(measured.small[k] for k in p)) is not None for p in copies]
    )
    for share in (
        1.0,
        0.5,
        0.1,
    ):  # each with new files; most pairs with the same framing need no features
        ms = share * copy_ms + (1 - share) * other_ms + measured.thumbnail_ms
        ms += (1 - share * plain) * measured.features_ms
        print(
            f"CPU of 10,000 proposals among 10,000 files, {share:.0%} of them copies "
            f"({plain:.0%} of these decided without features): {ms * 10_000 / 60_000:.1f} minutes"
        )
    every = np.array([score[tuple(pair)] for pair in copies]).reshape(len(originals), -1)
    everything["verify"] = every > bound
    print(
        f"verify, pairs proposed by any method: {everything['verify'].mean():.3f} at the last bound"
    )
    tell_faint(originals)
    for k, what in enumerate(KINDS):
        shares = (f"{name} {found[:, k].mean():.2f}" for name, found in everything.items())
        print(f"{what:28}" + "   ".join(shares))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    with threadpool_limits(1, "blas"):  # as `checks` does
        main()
