"""Pictures and small libraries drawn for the tests, so that each pair is near for a known reason."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dedup_nb.finders import phash
from dedup_nb.library import catalogue
from dedup_nb.pictures import measures, store


def photo(seed, width=192, height=128):
    """A random picture with detail at every scale: the hashes of two seeds are far apart.

    Of two sizes of one seed, the larger one shows more detail, as of a photograph.
    """
    return _large_photo(seed).resize((width, height), Image.Resampling.LANCZOS)


@lru_cache(256)
def _large_photo(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((576, 384), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(90):  # edges, which no interpolation makes
        x, y, wide = (int(value) for value in rng.integers(4, (576, 384, 26)))
        light = int(rng.integers(0, 2)) * 150 + 40
        draw.ellipse([x, y, x + wide, y + 0.7 * wide], fill=(light, light, light))
    return picture


def save(picture, path, **options):
    """Save a picture, folders made, with a time that depends on nothing."""
    path = Path(os.fsdecode(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    os.utime(path, ns=(10**18, 10**18))
    return path


def write(path, data=b""):
    """Write a companion."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(10**18, 10**18))
    return path


def make_library(folder):
    """Make a library of two roots: a series, copies of three kinds, companions, odd files."""
    a, b = folder / "mojo1", folder / "selected"
    stages = ["stage1_generated", "stage2_upscaled", "stage3_enhanced"]
    for k, stage in enumerate(stages):  # one series: stages of one picture
        save(photo(1, 96 * (k + 1), 64 * (k + 1)), a / f"20250705_2152{10 + k}_{stage}.png")
        write(a / f"20250705_2152{10 + k}_{stage}.yaml", b"prompt: a hill\n")
    write(a / "20250705_215210.decision", b"keep\n")
    save(photo(1, 288, 192), b / "20250705_215212_stage3_enhanced.png")  # exact copy
    write(b / "20250705_215212_stage3_enhanced.yaml", b"prompt: a hill\n")
    save(photo(1, 288, 192), b / "20250706_101010_stage3_enhanced.jpg", quality=80)  # re-encoded
    save(photo(2), a / "plain.png")
    write(a / "plain.txt", b"its own companion")
    save(photo(2, 96, 64), a / "plain small.png")  # resized
    write(a / "plain small.txt", b"a companion")
    write(a / "plain.txt", b"another companion")
    save(photo(3), a / "alone.png")
    save(Image.new("RGB", (96, 64), (120, 120, 120)), a / "grey1.png")  # flat: no hash tells them
    save(Image.new("RGB", (96, 64), (121, 121, 121)), a / "grey2.png")
    write(a / "broken.png", b"\x89PNG\r\n\x1a\nthis is no picture")
    write(a / "orphan.yaml", b"prompt: lost\n")
    write(a / "notes.pdf", b"%PDF")
    return folder


def measured(folder, cache, roots=("."), kinds=(), **options):
    """Scan and decode a library; return the catalogue and the store."""
    kept = store.Store(cache)
    found = catalogue.scan(folder, list(roots)).images
    keys = [store.FileKey(*image.key) for image in found]
    kinds = list(kinds) or [phash.kind("phash", 64)]
    facts = measures.measure_files(folder, keys, kept, kinds, **options)
    return catalogue.table(found, facts), kept


def tree(folder):
    """Every file of a folder: mode, time and bytes."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
