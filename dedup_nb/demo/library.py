"""Drawn pictures -> files with names, companions and times, and the truth about them."""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from dedup_nb.demo import copies, pictures
from dedup_nb.demo.pictures import Scene

Truth = dict[str, Any]
LineUp = tuple[str, ...]  # the stage names of a series, in order

T = TypeVar("T")
Picture = Image.Image | Future[Image.Image]

WINDOW_S = 5
MOST_WAITING = 16  # files being made: their pictures are in memory
SUFFIXES = (".yaml", ".caption", ".txt", ".xmp", ".cropped")
GENERATED, SWAPPED = "stage1_generated", "stage1.5_face_swapped"
UPSCALED, ENHANCED = "stage2_upscaled", "stage3_enhanced"
SHAPES = ((176, 256), (256, 176), (208, 208))  # stage 1, in pixels; stage 2 is 2x, stage 3 is 3x
EARLY, LATE = datetime(2025, 8, 1, 12), datetime.max

CAST = {  # who is met where
    "hills": ("balloon", "person", "nobody"),
    "sea": ("nobody", "person", "balloon"),
    "city": ("person", "portrait", "nobody"),
    "forest": ("person", "nobody", "cat"),
    "meadow": ("nobody", "portrait", "cat"),
    "table": ("nobody", "nobody", "cat"),
    "room": ("cat", "person", "portrait"),
    "studio": ("portrait", "portrait", "portrait"),
}
WORDS = {
    "hills": "wide hills under a large sky",
    "sea": "quiet sea, small boats",
    "city": "city street, tall buildings",
    "forest": "old forest in fog",
    "meadow": "garden flowers, shallow focus",
    "table": "still life on a wooden table",
    "room": "living room, window light",
    "studio": "soft studio background",
    "nobody": "no people",
    "person": "a person standing, full figure",
    "portrait": "portrait of a person, eye contact",
    "cat": "a sitting cat",
    "balloon": "a hot-air balloon",
}


def made(value: T | Future[T]) -> T:
    """Return a value, once a thread has made it."""
    return value.result() if isinstance(value, Future) else value


def level(stage: str | None) -> float:
    """Return the number in a stage's name: 1.5 for `stage1.5_face_swapped`, 0 for no stage."""
    return float(stage.removeprefix("stage").split("_")[0]) if stage else 0.0


@dataclass
class Entry:
    """The truth about one image."""

    scene: str
    picture: str
    kind: str = "original"
    of: str | None = None
    series: str | None = None
    stage: str | None = None
    stamp: datetime | None = None
    hard: bool = False

    @property
    def stem(self) -> str:
        """Its file name without the suffix."""
        return f"{self.stamp:%Y%m%d_%H%M%S}_{self.stage}"

    def described(self) -> dict[str, str | None]:
        """Return its entry in the truth file."""
        stamp = self.stamp.isoformat() if self.stamp else None
        names = ("scene", "picture", "kind", "of", "series", "stage")
        return {**{name: getattr(self, name) for name in names}, "stamp": stamp}


class Clock:
    """Successive stamps, like those of a person at work."""

    def __init__(self, start: str, rng: np.random.Generator) -> None:
        self.now = datetime.fromisoformat(start)
        self.rng = rng

    def series(self, n: int) -> list[datetime]:
        """Return the stamps of a series of n stages, 20 to 295 s from first to last."""
        self.now += timedelta(seconds=int(self.rng.integers(40, 260)))
        cuts = np.sort(self.rng.uniform(0.15, 1, n - 1))
        span_s = float(np.clip(self.rng.lognormal(4.48, 0.6), 20, 295))
        seconds = [0, *np.round(cuts / cuts[-1] * (span_s - n + 1)).astype(int).tolist()]
        stamps = [self.now + timedelta(seconds=s + k) for k, s in enumerate(seconds)]
        self.now = stamps[-1]
        return stamps

    def next(self, low: int = 28, high: int = 300) -> datetime:
        """Return a stamp some seconds after the last one."""
        self.now += timedelta(seconds=int(self.rng.integers(low, high)))
        return self.now


@dataclass(frozen=True)
class Story:
    """The contents of a series' companions."""

    prompt: str
    seed: int | None = None
    model: str = ""
    character: str = ""
    parameters: str = ""  # goes into the PNG itself
    yaml: bool = True
    caption: bool = True
    text: bool = False
    tagged: bool = False  # with a tag that only the program which wrote it can read
    decision: bool = False

    @classmethod
    def about(cls, scene: Scene) -> Story:
        """Return companions that fit a scene; they differ between scenes."""
        n = scene.seed
        prompt = f"{WORDS[scene.who]}, {WORDS[scene.place]}, take {n % 9973}"
        settings = f"{prompt}\nSteps: 28, Sampler: Euler a, CFG scale: 6, Seed: {n}, Size: 832x1216"
        return cls(
            prompt,
            seed=n if n % 3 else None,
            model="dreamshaper_xl" if n % 4 == 0 else "",
            character=f"characters/{('mira_v2', 'jon_v1', 'ada_v3')[n % 3]}.safetensors",
            parameters=settings if n % 4 == 1 else "",
            yaml=n % 11 != 0,
            caption=n % 5 != 0,
            text=n % 17 == 0,
            tagged=n % 13 == 0,
            decision=n % 6 == 0,
        )

    def yaml_text(self, filename: str, stage: str) -> str:
        """Return the YAML companion of one image."""
        lines = [
            f"prompt: {json.dumps(self.prompt)}",
            f"stage: {stage}",
            "loras:",
            "  character:",
            f"    path: {self.character}",
            "    weight: 0.8",
            f"image_filename: {json.dumps(filename)}",
            "status: done",
        ]
        lines += [f"seed: {self.seed}"] if self.seed is not None else []
        lines += [f"model: {self.model}"] if self.model else []
        lines += ["size: !!python/tuple", "- 832", "- 1216"] if self.tagged else []
        return "\n".join(lines) + "\n"


@dataclass
class Run:
    """A series before it is written."""

    folder: str
    line_up: LineUp
    images: list[Picture]
    entries: list[Entry]
    story: Story
    last_folder: str = ""  # where the last stage goes, if not into `folder`


@dataclass
class Library:
    """A library being written, and the truth about it so far.

    Pictures are drawn and encoded in the threads of `pool`: Pillow and NumPy let other threads run
    meanwhile. What is random and what goes into the truth is settled before, in one thread, so that
    the bytes do not depend on the threads.
    """

    folder: Path
    seed: int
    scale: float
    share: float
    pool: Executor
    images: dict[str, Entry] = field(default_factory=dict)
    look_alikes: dict[tuple[str, str], str] = field(default_factory=dict)  # two pictures -> kind
    flat: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    not_images: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    exif_times: dict[str, str] = field(default_factory=dict)
    exposed: dict[str, datetime] = field(default_factory=dict)  # with fractions of a second
    sets: dict[str, list[Any]] = field(
        default_factory=lambda: {"redundant": [], "inconclusive": [], "never": []}
    )
    prompted: set[str] = field(default_factory=set)  # images with a prompt in the file
    richer: dict[tuple[str, str], str] = field(default_factory=dict)  # source, copy -> kind
    scenes: int = 0
    being_made: dict[str, Future[None]] = field(default_factory=dict)

    def some(self, n: int, least: int = 1) -> int:
        """Return how many of n things to make."""
        return min(n, max(least, round(n * self.share)))

    # ------------------------------------------------------------ files

    def later(self, make: Callable[..., T], *given: Any) -> Future[T]:
        """Call a function in a thread; what it is given may be made by threads itself.

        Threads take up what they do in order, so none waits for what nobody has begun.
        """
        return self.pool.submit(lambda: make(*map(made, given)))

    def write(self, path: str, data: bytes | Future[bytes], when: datetime) -> None:
        """Write one file with a fixed time of last change, in a thread."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self.finish(MOST_WAITING)
        self.being_made[path] = self.later(_write, target, data, when)

    def finish(self, most: int = 0) -> None:
        """Wait until at most so many files are being made."""
        while len(self.being_made) > most:
            self._finish(next(iter(self.being_made)))

    def _finish(self, path: str) -> None:
        """Wait for one file, if it is being made."""
        if (future := self.being_made.pop(path, None)) is not None:
            future.result()

    def image(
        self,
        path: str,
        data: bytes | Future[bytes],
        entry: Entry,
        when: datetime | None = None,
    ) -> str:
        """Write one image, note what it is and return its path."""
        if path in self.images:
            raise ValueError(f"the demo library names {path} twice; draw from another seed")
        changed = when or entry.stamp or EARLY + timedelta(seconds=len(self.images))
        self.write(path, data, changed)
        self.images[path] = entry
        if entry.stamp is None:
            self.excluded.setdefault(path, "absent")
        elif entry.stage is None:
            self.excluded.setdefault(path, "no stage")
        return path

    def picture(self, folder: str, image: Picture, entry: Entry) -> str:
        """Write one image as PNG under the name of the grammar."""
        return self.image(f"{folder}/{entry.stem}.png", self.later(copies.png, image), entry)

    def companion(
        self, path: str, text: str, when: datetime | None, what: str = "companion"
    ) -> None:
        """Write one companion file."""
        self.write(path, text.encode(), when or EARLY)
        self.not_images[path] = what

    def opened(self, path: str) -> Image.Image:
        """Return a written image again, as RGB."""
        self._finish(path)
        with Image.open(self.folder / path) as image:
            return image.convert("RGB")

    def originals(self, lowest: float, under: tuple[str, ...] = ("",)) -> list[str]:
        """Return the originals with a stage of at least `lowest`, sorted."""
        return sorted(
            path
            for path, entry in self.images.items()
            if entry.kind == "original" and level(entry.stage) >= lowest and path.startswith(under)
        )

    def copy(
        self,
        rng: np.random.Generator,
        source: str,
        kind: str,
        folder: str,
        *,
        stamp: datetime | None = None,
        stem: str = "",
        companions: bool | None = None,
    ) -> str:
        """Write a copy of an image and return its path.

        It keeps the stage of its source and is named by `stamp` and stage or, given both, by
        `stem` in their place; with a `stem` alone it has neither stamp nor stage.
        """
        was = self.images[source]
        make = {**copies.COPIES, **copies.HARD_COPIES}.get(kind)
        data: bytes | Future[bytes]
        if make is None:
            self._finish(source)
            data, suffix = (self.folder / source).read_bytes(), Path(source).suffix
        else:
            encoded, suffix = make(self.opened(source), rng)
            data = self.later(encoded)
        hard = was.hard or kind in copies.HARD_COPIES
        stage = was.stage if stamp else None
        entry = replace(was, kind=kind, of=source, series=None, stamp=stamp, stage=stage, hard=hard)
        place = f"{folder}/{stem or entry.stem}"
        path = self.image(place + suffix, data, entry)
        if make is None and source in self.prompted:
            self.prompted.add(path)
        if companions if companions is not None else rng.random() < 0.5:
            self.companion(f"{place}.caption", "a copy of an earlier picture\n", stamp)
        return path

    # ------------------------------------------------------------ scenes and series

    def new_scene(
        self, rng: np.random.Generator, who: str = "", place: str = ""
    ) -> tuple[str, Scene]:
        """Return the id of the next scene and the scene; places and subjects take turns."""
        n = self.scenes
        self.scenes += 1
        places = tuple(CAST)
        place = place or places[n % len(places)]
        if who and who not in CAST[place]:
            fitting = [name for name in places if who in CAST[name]]
            place = fitting[n % len(fitting)]
        who = who or CAST[place][n // len(places) % len(CAST[place])]
        seed, look, face = (int(value) for value in rng.integers(2**31, size=3))
        return f"scene{n:03}", Scene(place, seed, who, look, face)

    def size(self, scene: Scene, times: int) -> tuple[int, int]:
        """Return the pixels of a scene at stage 1 (times 1), 2 or 3."""
        w, h = SHAPES[scene.seed % len(SHAPES)]
        return max(round(w * self.scale), 16) * times, max(round(h * self.scale), 16) * times

    def drawn(self, scene: Scene, times: int = 2) -> Future[Image.Image]:
        """Draw a scene at the size of stage 1 (times 1) or 2."""
        image = self.later(pictures.draw, scene, self.size(scene, 2))
        return image if times == 2 else self.later(_halved, image)

    def stages(self, scene: Scene, line_up: LineUp) -> list[Picture]:
        """Draw a scene at every stage of a line-up."""
        first = second = self.drawn(scene)
        if SWAPPED in line_up:
            second = self.drawn(replace(scene, face=scene.face + 1))
        by_level = {
            1.0: lambda: self.later(_halved, first),
            1.5: lambda: self.later(_halved, second),
            2.0: lambda: second,
            3.0: lambda: self.later(_enhanced, second, self.size(scene, 3)),
        }
        return [by_level[level(stage)]() for stage in line_up]

    def new_run(self, folder: str, name: str, scene: Scene, line_up: LineUp) -> Run:
        """Draw a scene as a series, not yet written."""
        entries = [Entry(name, f"{name}/{stage}", stage=stage) for stage in line_up]
        return Run(folder, line_up, self.stages(scene, line_up), entries, Story.about(scene))

    def series(self, run: Run, clock: Clock) -> list[str]:
        """Write a series with its companions and return its paths in the order of stages."""
        stamps = clock.series(len(run.line_up))
        name = f"{stamps[0]:%Y%m%d_%H%M%S}"
        paths = []
        for image, entry, stamp in zip(run.images, run.entries, stamps, strict=True):
            written = replace(entry, series=name, stamp=stamp)
            last = stamp == stamps[-1] and run.last_folder
            place = f"{last or run.folder}/{written.stem}"
            data = self.later(copies.png, image, run.story.parameters)
            paths.append(self.image(f"{place}.png", data, written))
            if run.story.parameters:
                self.prompted.add(paths[-1])
            self._tell(run.story, place, written)
        if run.story.decision:
            path = f"{run.folder}/{name}.decision"
            self.companion(path, f"keep {run.line_up[-1]}\n", stamps[-1])
        return paths

    def _tell(self, story: Story, place: str, entry: Entry) -> None:
        if story.yaml:
            text = story.yaml_text(f"{entry.stem}.png", str(entry.stage))
            self.companion(f"{place}.yaml", text, entry.stamp)
        if story.caption:
            self.companion(f"{place}.caption", f"{story.prompt}\n", entry.stamp)
        if story.text:
            self.companion(f"{place}.txt", "look at the hands again\n", entry.stamp)

    def never(self, alike: Iterable[str], kind: str) -> None:
        """Note that these pictures look alike and no two of them are the same."""
        for one, other in itertools.combinations(alike, 2):
            self.look_alikes[min(one, other), max(one, other)] = kind

    # ------------------------------------------------------------ the truth

    def truth(self) -> Truth:
        """Return everything that is known, as the docstring of the package describes it."""
        by_picture: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.images):
            by_picture[self.images[path].picture].append(path)
        soft = [[p for p in paths if not self.images[p].hard] for paths in by_picture.values()]
        pairs = sorted(
            pair for paths in by_picture.values() for pair in itertools.combinations(paths, 2)
        )
        hard = {pair for pair in pairs if any(self.images[path].hard for path in pair)}
        clusters = sorted(paths for paths in soft if len(paths) > 1)
        lossy = {
            (entry.of, path): entry.kind
            for path, entry in self.images.items()
            if entry.of and entry.kind in copies.LOSSY
        }
        return {
            "images": {path: entry.described() for path, entry in sorted(self.images.items())},
            "clusters": clusters,
            "spare": [self._spare(paths) for paths in clusters],
            "hard_clusters": sorted(paths for paths in by_picture.values() if len(paths) > 1),
            "duplicates": [[*pair, self._kind(pair)] for pair in pairs if pair not in hard],
            "hard_duplicates": [[*pair, self._kind(pair)] for pair in pairs if pair in hard],
            "never": sorted(
                [min(a, b), max(a, b), kind]
                for (one, other), kind in self.look_alikes.items()
                for a, b in itertools.product(by_picture[one], by_picture[other])
            ),
            "richer": sorted([*pair, kind] for pair, kind in (lossy | self.richer).items()),
            "flat": sorted(self.flat),
            "unreadable": sorted(self.unreadable),
            "not_images": dict(sorted(self.not_images.items())),
            "time_windows": {
                "seconds": WINDOW_S,
                "chain": self._windows(anchored=False),
                "anchored": self._windows(anchored=True),
                "excluded": dict(sorted(self.excluded.items())),
                "exif": dict(sorted(self.exif_times.items())),
            },
            "sets": self.sets,
        }

    def _spare(self, paths: Iterable[str]) -> int:
        """Return how many images of a cluster may go: those that another holds everything of.

        Images in `selected` are preferred and stay; those of sets that differ somewhere stay too.
        """
        bound = {
            path
            for sets in (*(each["sets"] for each in self.sets["never"]), *self.sets["inconclusive"])
            for each in sets
            for path in each
        }
        free = [path for path in paths if path not in bound]
        order = sorted(free, key=lambda p: (not p.startswith("selected/"), -len(self._held(p))))
        kept: list[set[str]] = []
        for path in order:
            if not any(self._held(path) <= others for others in kept):
                kept.append(self._held(path))
        return len(free) - len(kept)

    def _held(self, path: str) -> set[str]:
        """Return the kinds of companions of an image, and whether it has a prompt."""
        stem = path.rpartition(".")[0]
        kinds = {suffix for suffix in SUFFIXES if stem + suffix in self.not_images}
        return kinds | ({"prompt"} if path in self.prompted else set())

    def _kind(self, pair: tuple[str, str]) -> str:
        kinds = sorted({self.images[path].kind for path in pair} - {"original"})
        return "+".join(kinds) or "original"

    def _windows(self, *, anchored: bool) -> list[list[str]]:
        by_stage: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        for path, entry in self.images.items():
            if path in self.unreadable or self.excluded.get(path) in ("invalid", "without seconds"):
                continue
            if entry.stamp:
                by_stage[entry.stage or "", "name"].append((entry.stamp, path))
            elif path in self.exposed:
                by_stage[entry.stage or "", "exif"].append((self.exposed[path], path))
        clusters = [
            cluster for stamped in by_stage.values() for cluster in _runs(sorted(stamped), anchored)
        ]
        return sorted(cluster for cluster in clusters if len(cluster) > 1)


def _runs(stamped: Sequence[tuple[datetime, str]], anchored: bool) -> list[list[str]]:
    """Cut a row of stamps where the next is too far from the first (anchored) or the last."""
    clusters: list[list[str]] = []
    since = datetime.min
    for stamp, path in stamped:
        near = bool(clusters) and stamp - since <= timedelta(seconds=WINDOW_S)
        if near:
            clusters[-1].append(path)
        else:
            clusters.append([path])
        if not (near and anchored):
            since = stamp
    return clusters


def _write(target: Path, data: bytes, when: datetime) -> None:
    target.write_bytes(data)
    when_ns = int(when.replace(tzinfo=UTC).timestamp()) * 10**9
    os.utime(target, ns=(when_ns, when_ns))


def _halved(image: Image.Image) -> Image.Image:
    return image.reduce(2)


def _enhanced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Enlarge a picture, and sharpen and warm it a little, as a last stage does."""
    image = image.resize(size, Image.Resampling.BICUBIC)
    crisp = image.filter(ImageFilter.UnsharpMask(2, 70, 2))
    vivid = ImageEnhance.Color(crisp).enhance(1.15)
    red = [min(round(v * 1.03), 255) for v in range(256)]
    return vivid.point([*red, *range(256), *(round(v * 0.96) for v in range(256))])
