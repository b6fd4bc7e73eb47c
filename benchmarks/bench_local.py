"""Measure the embedder `local`: recall, proposals a file, time and memory.

    python benchmarks/bench_local.py FOLDER [LIMIT] [--many N]

FOLDER has photographs of yours. The library that is searched holds each of them and one altered
copy of each, in turn every kind of `bench_embedders.ALTERED` and `TURNED`; this repeats until each
photograph had eight. With --many, codes of N pictures are made up from theirs, and the search is
timed and its memory measured.
"""

import argparse
import resource
import time
from collections import defaultdict

import numpy as np
from bench_embedders import ALTERED, cropped, photographs
from PIL import Image, ImageOps

from dedup_nb.finders.local import codes, kept, proposing, search
from dedup_nb.pictures import features, images

ROUNDS = 8


def screenshot(picture):
    sheet = Image.new("RGB", (1280, 800), (238, 238, 240))
    inside = ImageOps.contain(picture, (760, 640))
    sheet.paste(inside, (260, 90))
    return sheet


def captioned_above(picture):
    sheet = Image.new("RGB", (picture.width, int(1.3 * picture.height)), "white")
    sheet.paste(picture, (0, sheet.height - picture.height))
    return sheet


TURNED = {
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "turned 90": lambda p: p.transpose(Image.Transpose.ROTATE_90),
    "turned 20": lambda p: p.rotate(20, Image.Resampling.BICUBIC),
    "half of it": lambda p: cropped(p, 0.3),
    "a quarter of it": lambda p: cropped(p, 0.5),
    "mirrored half": lambda p: cropped(ImageOps.mirror(p), 0.3),
    "screenshot": screenshot,
    "caption above": captioned_above,
    "96 pixels": lambda p: ImageOps.contain(p, (96, 96)),
}
KINDS = ALTERED | TURNED


def features_of(picture):
    return features.extract(images.pixels(images._thumbnail(picture)))


def spent():
    return time.process_time()


def proposed(values):
    """Return the pairs of codes and the CPU seconds that took."""
    begun = spent()
    pictures = proposing.Pictures(codes.decoded(values))
    made = proposing.propose(pictures, lambda: np.arange(len(values)))
    return set(zip(made.i.tolist(), made.j.tolist(), strict=True)), spent() - begun


def recall(pictures):
    hits, files, count, taken = defaultdict(list), 0, 0, 0.0
    begun, made = spent(), 0
    originals = [kept.encode(features_of(picture)) for picture in pictures]
    kinds = list(KINDS)
    proposed(originals[:50])  # compiles
    for turn in range(ROUNDS):
        names = [kinds[(k * ROUNDS + turn * 7) % len(kinds)] for k in range(len(pictures))]
        copies = [KINDS[name](p) for name, p in zip(names, pictures, strict=True)]
        begun = spent()
        stored = [features_of(copy) for copy in copies]
        made += spent() - begun
        pairs, seconds = proposed([*originals, *map(kept.encode, stored)])
        for k, name in enumerate(names):
            hits[name].append((k, k + len(pictures)) in pairs)
        files, count, taken = files + 2 * len(pictures), count + len(pairs), taken + seconds
    right = sum(map(sum, hits.values())) / files
    print(f"extraction: {made / ROUNDS / len(pictures) * 1e4:.0f} CPU s per 10,000 files")
    print(f"search, {files // ROUNDS} files: {taken / files * 1e4:.1f} CPU s per 10,000 files")
    print(f"proposals: {count / files:.3f} a file, of which {right:.3f} right")
    print(f"recall: {np.mean([hit for part in hits.values() for hit in part]):.4f}")
    for name, part in hits.items():
        if not all(part):
            print(f"  {name}: {np.mean(part):.3f} of {len(part)}")
    return originals


def many(originals, n):
    """Search n made-up pictures: features of two pictures each, moved and changed a little."""
    rng = np.random.default_rng(0)
    rows = [np.frombuffer(value, codes.ENTRY) for value in originals if value]
    pool = np.concatenate(rows)
    learnt = codes.basis()

    def picture():
        chosen = pool[rng.integers(0, len(pool), 90)].copy()
        noise = rng.integers(-9, 10, chosen["value"].shape)
        chosen["value"] = np.clip(chosen["value"].astype(int) + noise, 0, 255)
        cells, reaches = np.zeros(len(chosen), np.int64), np.zeros(len(chosen), np.int64)
        codes._place(np.ascontiguousarray(chosen["value"]), *learnt.halves, cells, reaches)
        chosen["cell"], chosen["reach"] = cells, reaches // codes.REACH_STEP
        return chosen.tobytes()

    parts = kept._Parts(n)
    for start in range(0, n, 1_000):
        parts.add(codes.decoded([picture() for _ in range(min(1_000, n - start))]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    coded = parts.whole()
    begun = spent()
    index = search.Index(coded)
    built = spent() - begun
    begun, asked = spent(), min(n, 4_096)
    index.ask(0, asked)
    each = (spent() - begun) / asked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{n:,} pictures: index built in {built:.1f} CPU s")
    print(f"  asking takes {each * 1e3:.2f} CPU ms a picture")
    print(f"  the index takes {(peak - before) * 1024 / n:,.0f} bytes a picture beside the codes")
    print(f"  most memory {peak / 2**20:.2f} GiB, {peak * 1024 / n:,.0f} bytes a picture")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("limit", nargs="?", type=int, default=300)
    parser.add_argument("--many", type=int, nargs="*", default=[])
    arguments = parser.parse_args()
    originals = recall(photographs(arguments.folder, arguments.limit))
    for n in arguments.many:
        many(originals, n)


if __name__ == "__main__":
    main()
