"""Folders with the naming of many sources, run with nothing but a library: names, windows, series."""

import itertools
import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from commands import dedup_nb
from drawn import photo, save
from PIL import Image

from dedup_nb.library import tables

WINDOW_S = 5  # the default of 20_time_window
UUIDS = [f"{k:08x}-7e6b-4523-b666-6f8a5cca4053" for k in range(100)]
EXIF, EXPOSED = 0x8769, 0x9003

# How each source names the k-th picture, made at `t`. Described in library/naming/presets.py.
TIMED = {
    "pixel": lambda k, t: (
        f"PXL_{t:%Y%m%d_%H%M%S}{t.microsecond // 1000:03}{('', '.MP')[k % 2]}.jpg"
    ),
    "samsung": lambda k, t: f"{t:%Y%m%d_%H%M%S}.jpg",
    "honor": lambda k, t: f"IMG_{t:%Y%m%d_%H%M%S}.jpg",
    "oppo": lambda k, t: f"IMG{t:%Y%m%d%H%M%S}.jpg",
    "dropbox": lambda k, t: f"{t:%Y-%m-%d %H.%M.%S}.jpg",
    "android screenshots": lambda k, t: f"Screenshot_{t:%Y%m%d-%H%M%S}_Chrome.jpg",
    "mac screenshots": lambda k, t: f"Screenshot {t:%Y-%m-%d} at {t:%I.%M.%S %p}.jpg",
    "scansnap": lambda k, t: f"{t:%Y%m%d%H%M%S}.jpg",
    "stages": lambda k, t: f"{t:%Y%m%d_%H%M%S}_stage1_generated.png",
}
EXPOSED_ONLY = {  # the name tells no time, the camera does
    "nikon": lambda k: f"DSC_{k:04}.JPG",
    "iphone": lambda k: f"IMG_{k:04}.JPG",
}
UNTIMED = {
    "whatsapp": lambda k: f"IMG-20200301-WA{k:04}.jpg",
    "invokeai": lambda k: f"{UUIDS[k]}.png",
    "midjourney": lambda k: f"bob_a_cat_in_a_hat_{UUIDS[k // 4]}_{k % 4}.png",
    "flatbed": lambda k: f"scan{k:04}.jpg",
}
BURSTS = {  # frames of one burst, by their number
    "samsung burst": lambda k, t: f"{t:%Y%m%d_%H%M%S}_{k + 1:03}.jpg",
    "nexus burst": lambda k, t: f"{k:05}IMG_{k:05}_BURST{t:%Y%m%d%H%M%S}.jpg",
}
UNREAD = ["the harbour.jpg", "12345678_654321.jpg", "cat 20200231.jpg"]


def times(seed):
    """Times of twelve pictures: some follow each other within seconds, on other days by source."""
    rng = np.random.default_rng(seed)
    moment = datetime(2020, 3, 1, 11, 59, 50) + timedelta(days=seed)
    for _ in range(12):
        yield moment
        moment += timedelta(seconds=int(rng.choice([1, 3, 5, 6, 40])))


def windows(stamped):
    """The true clusters: each picture within five seconds of the one before."""
    clusters, last = [], datetime.min
    for path, moment in sorted(stamped, key=lambda each: each[1]):
        if moment - last > timedelta(seconds=WINDOW_S):
            clusters.append(set())
        clusters[-1].add(path)
        last = moment
    return [cluster for cluster in clusters if len(cluster) > 1]


class Sources:
    """A library of folders that are named as their sources name them, and what is true of it."""

    def __init__(self, library):
        self.library, self.clusters, self.series = library, [], []
        self.read, self.unread, self.made = [], [], itertools.count()
        for seed, (source, name) in enumerate(TIMED.items()):
            moments = list(times(seed))
            paths = [self.picture(f"{source}/{name(k, t)}") for k, t in enumerate(moments)]
            self.clusters += windows(zip(paths, moments, strict=True))
        for seed, (source, name) in enumerate(EXPOSED_ONLY.items()):
            moments = list(times(50 + seed))
            paths = [self.picture(f"{source}/{name(k)}", t) for k, t in enumerate(moments)]
            self.clusters += windows(zip(paths, moments, strict=True))
        for source, name in UNTIMED.items():
            for k in range(8):
                self.picture(f"{source}/{name(k)}")
        for seed, (source, name) in enumerate(BURSTS.items()):
            moment = datetime(2021, 5, 1 + seed, 9)
            self.clusters.append({self.picture(f"{source}/{name(k, moment)}") for k in range(4)})
        for k in range(1, 5):
            render = f"ComfyUI_{k:05}_.png"
            self.run(*(f"comfyui/{step}/{render}" for step in ("01_base", "02_upscaled")))
            self.run(*(f"words/night_{word}_{k:05}_.png" for word in ("base", "upscaled")))
            before, after = (
                f"{2 * k:05}-31415926{k}-before-highres-fix",
                f"{2 * k + 1:05}-31415926{k}",
            )
            self.run(f"a1111/{before}.png", f"a1111/{after}.png")
        for name in UNREAD:
            self.unread.append(self.picture(f"odd/{name}"))
        self.read = [path for path in self.read if path not in self.unread]

    def picture(self, path, taken=None):
        number = next(self.made)
        exif = Image.Exif()
        if taken:
            exif[0x010F] = "Lumen"
            exif.get_ifd(EXIF)[EXPOSED] = f"{taken:%Y:%m:%d %H:%M:%S}"
        save(photo(number, 48 + number % 7, 32), self.library / path, exif=exif)
        self.read.append(path)
        return path

    def run(self, *paths):
        self.series.append({self.picture(path) for path in paths})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The sources and a headless run whose profile sets nothing but the library."""
    folder = tmp_path_factory.mktemp("sources")
    sources = Sources(folder / "lib")
    profile = folder / "mine.yaml"
    profile.write_text(f"library: lib\ncache_dir: {folder / 'cache'}\n")
    only = ("--only", "00_catalogue", "--only", "20_time_window")
    done = dedup_nb("run", profile, *only, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return sources, Path(done.stdout.splitlines()[-1])


def test_every_name_of_a_source_is_read_and_no_other(world):
    sources, run = world
    unread = {row["path"] for row in tables.read_csv(run / "00_catalogue/unread_names.csv")}
    assert unread == set(sources.unread)
    read = {
        row["pattern"]: int(row["images"])
        for row in tables.read_csv(run / "00_catalogue/name_patterns.csv")
    }
    assert sum(read.values()) == len(sources.read) + len(UNREAD) and read["(none)"] == len(UNREAD)
    assert json.loads((run / "00_catalogue/summary.json").read_text())["names_read"] == read
    assert set(read) == {
        "stages", "camera", "phone", "screenshots", "comfyui", "a1111", "invokeai", "midjourney",
        "scanner", "(none)",
    }  # fmt: skip


def test_time_windows_are_the_true_ones_of_every_source(world):
    sources, run = world
    found = defaultdict(set)
    for row in tables.read_csv(run / "20_time_window/groups.csv"):
        found[row["component_id"]].add(row["path"])
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, sources.clusters))


def test_series_are_the_true_ones_where_there_are_stages(world):
    sources, run = world
    found = defaultdict(set)
    for row in tables.read_csv(run / "catalogue.csv"):
        if row["series"]:
            folder = row["path"].rpartition("/")[0]
            found[folder.partition("/")[0], row["series"]].add(row["path"])
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, sources.series))
