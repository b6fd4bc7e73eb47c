"""Compare CLIP end to end with the model alone, on a CPU or a GPU.

    python benchmarks/bench_clip.py [MODEL] [BATCHES] [FOLDER]

The default model is ViT-B-32 with random weights. Both runs embed the same pictures in batches of
the same size; end to end, pictures are read, checked, decoded, embedded and stored in a new cache.
Without FOLDER, pictures of 1024x1536 pixels are drawn, half JPEG and half PNG. The output is
pictures per second (meaningful on an idle machine) and CPU time per picture.
"""

import io
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from dedup_nb.finders import clip, embeddings, vectors
from dedup_nb.library import catalogue
from dedup_nb.pictures import measures, orientations, store
from dedup_nb.pictures.engines import decoders

ROUNDS = 3
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def checkpoint(folder, name):
    """Write a checkpoint of random weights; return its path."""
    open_clip = clip.library()
    import torch

    torch.manual_seed(0)
    path = folder / "random.pt"
    torch.save(open_clip.create_model(name).state_dict(), path)
    return path


def drawn(folder, n, motifs=8):
    """Draw pictures as detailed as photographs, each motif many times with different bytes."""
    rng = np.random.default_rng(0)
    contents = []
    for k in range(motifs):
        coarse = Image.fromarray(rng.integers(0, 256, (48, 32, 3), dtype=np.uint8))
        picture = coarse.resize((1024, 1536), Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (1536, 1024, 3))
        picture = Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))
        picture = picture.filter(ImageFilter.GaussianBlur(0.8))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90) if k % 2 else picture.save(buffer, "PNG")
        contents.append((buffer.getvalue(), "jpg" if k % 2 else "png"))
    for k in range(n):
        content, suffix = contents[k % motifs]
        (folder / f"{k}.{suffix}").write_bytes(content + b"%d" % k)  # appended after the image data


def cost(act):
    """Return (wall seconds, CPU seconds of this process and its children) of a call."""

    def cpu():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    begun, spent = time.perf_counter(), cpu()
    act()
    return time.perf_counter() - begun, cpu() - spent


def main(name="ViT-B-32", batches=16, folder=None):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        weights = clip.Weights(name, str(checkpoint(scratch, name)))
        model = clip.Model(weights)
        print(model.says)
        n = int(batches) * model.batch
        library = Path(folder) if folder else scratch / "lib"
        if not folder:
            library.mkdir()
            drawn(library, n)
        images = [f for f in catalogue.scan(library, ["."]).images
                 if Path(f.path).suffix.lower() in SUFFIXES]  # fmt: skip
        keys = [store.FileKey(f.path, f.bytes, f.mtime_ns, f.ctime_ns) for f in images]
        table = measures.measure_files(library, keys, store.Store(scratch / "first"), [])
        good = [(k, facts.sha256) for k, facts in zip(keys, table, strict=True)
                if facts.status == "ok"]  # fmt: skip
        good = list({digest: (key, digest) for key, digest in good}.values())
        files, digests = zip(*(good * (1 + n // len(good)))[:n], strict=True)
        n = len(set(digests))
        paths = [os.fsencode(library / f.path) for f in dict.fromkeys(files)]
        read = dict(decoders.measure_all(paths, [model.input], max_pixels=float("inf")))
        rasters = [read[k].rasters[model.input] for k in range(len(paths))]
        clip.Model = lambda weights: model  # load it once, not in every round

        def alone():
            for start in range(0, n, model.batch):
                model.encode(rasters[start : start + model.batch], orientations.ORIENTATIONS[0])

        def whole(number):
            kept = store.Store(scratch / f"cache{number}")
            chosen = embeddings.embedder("clip", name, weights.pretrained)
            made = vectors.by_model(library, files, digests, kept, chosen, say=lambda line: None)
            assert made.there.all()

        alone()
        ratios = []
        for number in range(ROUNDS):
            model_s, model_cpu = cost(alone)
            whole_s, whole_cpu = cost(lambda number=number: whole(number))
            ratios.append((model_s / whole_s, model_cpu / whole_cpu))
            print(f"model alone {n / model_s:.1f} pictures/s, {1000 * model_cpu / n:.0f} ms CPU "
                  f"each; end to end {n / whole_s:.1f}/s, {1000 * whole_cpu / n:.0f} ms; ratio "
                  f"{ratios[-1][0]:.2f} by time, {ratios[-1][1]:.2f} by CPU")  # fmt: skip
        by_time, by_cpu = np.median(ratios, axis=0)
        print(f"{n} pictures, {os.cpu_count()} cores: end to end reaches {by_time:.2f} of the "
              f"model alone by time, {by_cpu:.2f} by CPU (median of {ROUNDS})")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:4])
