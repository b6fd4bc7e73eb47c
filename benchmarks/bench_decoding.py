"""Hash a folder of pictures, whole jobs: ratios to peer tools and to lower bounds.

    python benchmarks/bench_decoding.py [FOLDER]

Times are CPU seconds of this process and its children. The pictures are drawn, in the format and
size of those in a real collection; those of FOLDER are saved as such, too. Each job finds new
files, but the system has read them before and our decoders have started.
"""

import io
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import psutil
import simplejpeg
from isal import isal_zlib
from PIL import Image

from dedup_nb.finders import phash
from dedup_nb.library import catalogue, png_chunks
from dedup_nb.pictures import measures, store

N_PICTURES, N_COPIES = 24, 8  # copies differ by a text in the file, so none is in the cache
PNG_SIZE, JPEG_SIZE = (1024, 1536), (3000, 2000)
GRAIN = 0.6  # grey levels; makes a PNG as large as that of a render
IMAGEHASH = (
    "import sys, imagehash; from PIL import Image\n"
    "for path in sys.argv[1:]: imagehash.phash(Image.open(path))"
)
CZKAWKA = (
    "import sys; from pathlib import Path; from czkawka import ImageSimilarity\n"
    "finder = ImageSimilarity(); finder.set_directories([Path(sys.argv[1])])\n"
    "finder.set_similarity(5); finder.find_similar()"
)


def cpu():
    """Return the CPU seconds of this process, of its children, and of those that have ended."""
    times = os.times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        seconds += sum(child.cpu_times()[:2])
    return seconds


def cost(act):
    """Return the CPU seconds of a call, its children included."""
    begun = cpu()
    act()
    return cpu() - begun


def drawn(seed, size):
    """Return a smooth picture with grain."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = rng.normal(0, GRAIN, smooth.shape).round().astype(np.int16)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def real(folder, size):
    """Yield photographs of a folder that are large enough, resized to a size."""
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".png")):
        with Image.open(path) as opened:
            if min(opened.size) >= min(size) * 0.6:
                yield opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def save(pictures, folder, name, **options):
    """Save some copies of each picture under a folder, all of different content."""
    suffix = {"PNG": "png", "JPEG": "jpg"}[name]
    folder.mkdir()
    for number, picture in enumerate(pictures):
        if number == N_PICTURES:
            break
        buffer = io.BytesIO()
        picture.save(buffer, name, **options)
        for copy in range(N_COPIES):
            text = f"{number}-{copy}".encode()
            (folder / f"{number:02}-{copy}.{suffix}").write_bytes(marked(buffer.getvalue(), text))
    return sorted(folder.iterdir())


def marked(data, text):
    """Return a PNG or JPEG with a comment."""
    if data.startswith(png_chunks.HEAD):
        body = b"tEXtcopy\0" + text
        at = 33  # after the header
        chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
        return data[:at] + chunk + data[at:]
    return data[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + data[2:]


def ours(folder):
    """Digest, facts, hash, thumbnail: what the first catalogue of a library stores."""
    images = catalogue.scan(folder, ["."]).images
    keys = [store.FileKey(f.path, f.bytes, f.mtime_ns, f.ctime_ns) for f in images]
    with tempfile.TemporaryDirectory() as cache:
        kept = store.Store(Path(cache))
        measures.measure_files(folder, keys, kept, [phash.kind("phash", 64)])
        kept.close()


def peer(code, *arguments):
    """Run a peer in a process and a cache of its own."""
    with tempfile.TemporaryDirectory() as home:
        fresh = os.environ | {"HOME": home, "XDG_CACHE_HOME": home}
        run = [sys.executable, "-c", code, *map(str, arguments)]
        subprocess.run(run, check=True, env=fresh, capture_output=True)


def inflated(path, inflate):
    """Inflate the data of a PNG and do nothing with them."""
    data = path.read_bytes()
    parts = [data[a:b] for kind, a, b in png_chunks.chunks(data) if kind == b"IDAT"]
    inflater = inflate()
    for part in parts:
        inflater.decompress(part)


def scaled(path):
    """Decode a JPEG at the smallest scale that leaves 128 x 256 pixels."""
    data = path.read_bytes()
    width, height = simplejpeg.decode_jpeg_header(data)[1::-1]
    scale = max(128 / min(width, height), 256 / max(width, height))
    least = {"min_height": int(height * scale), "min_width": int(width * scale)}
    simplejpeg.decode_jpeg(data, fastdct=False, fastupsample=False, **least)


FLOORS = {
    "PNG": {
        "inflating by igzip alone": lambda path: inflated(path, isal_zlib.decompressobj),
        "inflating by zlib alone": lambda path: inflated(path, zlib.decompressobj),
    },
    "JPEG": {"scaled decoding alone": scaled},
}


def compare(title, name, paths):
    """Print what a folder costs us, peers and lower bounds."""
    folder, n = paths[0].parent, len(paths)
    size = sum(path.stat().st_size for path in paths) / n / 1e6
    with Image.open(paths[0]) as opened:
        width, height = opened.size
    print(f"{title} {name} {width}x{height}, {size:.1f} MB, {n} files; CPU ms a file:")
    ours(folder)  # a first pass loads the files, and compiles what is not compiled yet
    own = min(cost(lambda: ours(folder)) for _ in range(3))
    told = {"dedup_nb, the whole job": own}
    told["Czkawka's engine, the whole job"] = min(
        cost(lambda: peer(CZKAWKA, folder)) for _ in range(2)
    )
    told["an imagehash loop"] = cost(lambda: peer(IMAGEHASH, *paths))
    for floor, act in FLOORS[name].items():
        told[floor] = min(cost(lambda act=act: [act(path) for path in paths]) for _ in range(3))
    for what, seconds in told.items():
        print(f"  {what:32} {seconds / n * 1e3:6.1f}   {seconds / own:.2f} of ours")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        sources = {"drawn": lambda size: (drawn(seed, size) for seed in range(N_PICTURES))}
        if len(sys.argv) > 1:
            sources["real"] = lambda size: real(sys.argv[1], size)
        for title, make in sources.items():
            for name, size, options in (
                ("PNG", PNG_SIZE, {}),
                ("JPEG", JPEG_SIZE, {"quality": 92}),
            ):
                paths = save(make(size), Path(scratch) / f"{title}-{name}", name, **options)
                if paths:
                    compare(title, name, paths)


if __name__ == "__main__":
    main()
