"""A seed -> a demo library and the truth about it.

The library looks like a real collection: three roots, the naming grammar with one stamp a stage,
companions of every kind, copies of many kinds and hard look-alikes, awkward names and damaged
files. The truth lies beside it, in `<folder>.truth.json`, never inside. All paths in it are
relative to the library, with `/`; a name that is no UTF-8 holds surrogate escapes.

- `version`, `seed`, `scale`, `share`: what it was made from.
- `images`: path -> `scene` (id of what is drawn), `picture` (id shared by exactly the images that
  show the same picture at the same stage), `kind` ("original", "exact_copy", "jpeg_low", ...),
  `of` (the path it was copied from, or null), `series` (id or null), `stage` (full name or null),
  `stamp` (ISO, or null where the name holds no valid one).
- `clusters`: lists of paths that are the same picture at the same stage, hard kinds left out;
  `hard_clusters`: the same with them. Only those of two or more.
- `duplicates`: `[path, path, kind]`, every pair within a cluster (a pair finder may propose it:
  same stage, or one without a stage; never within one series); `hard_duplicates`: the pairs with
  a hard kind in them (mirrored, turned, cut, recoloured).
- `never`: `[path, path, kind]`, look-alikes that are not the same picture.
- `flat`: nearly uniform pictures, no matter for a hash.
- `unreadable`: files that name or declare themselves images and cannot be decoded.
- `not_images`: path -> "companion", "orphan_companion" or "skipped" (hidden file, symlink).
- `time_windows`: `seconds`, and the clusters of two or more of one stage name over all roots:
  `chain` (each within `seconds` of the one before) and `anchored` (each within `seconds` of the
  first; the next image after that anchors the next cluster). `excluded`: path -> why it takes no
  part ("absent", "invalid", "without seconds", "no stage"). `exif`: path -> time of exposure.
- `sets`: `redundant`, lists of whole series (each a list of paths in stage order) that are
  identical stage by stage, all but one superfluous; `inconclusive`, the same but companions are
  missing for the cross-check; `never`, `{"sets": [...], "why": ...}`, not to be pruned.

`score` compares what a finder proposes with it.
"""

from __future__ import annotations

import io
import itertools
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from dedup_nb import demo_copies, demo_pictures
from dedup_nb.demo_copies import jpeg, png
from dedup_nb.demo_pictures import Scene

VERSION = 1
ROOTS = ("mojo1", "selected", "crop")
WINDOW_S = 5

Truth = dict[str, Any]
Progress = Callable[[int, int], None]
Line = tuple[str, ...]  # the stage names of a series, in order

GENERATED, SWAPPED = "stage1_generated", "stage1.5_face_swapped"
UPSCALED, ENHANCED = "stage2_upscaled", "stage3_enhanced"
ALL_FOUR: Line = (GENERATED, SWAPPED, UPSCALED, ENHANCED)
LINE_UPS: tuple[Line, ...] = (
    ALL_FOUR,
    (GENERATED, UPSCALED, ENHANCED),
    (GENERATED, SWAPPED, UPSCALED),
    (GENERATED, UPSCALED),
    (GENERATED, ENHANCED),
    ("stage1", UPSCALED, "stage3_final"),
)
SHAPES = ((176, 256), (256, 176), (208, 208))  # stage 1, in pixels; stage 2 is 2x, stage 3 is 3x


# ---------------------------------------------------------------- making it


def truth_path(folder: Path) -> Path:
    """Return where the truth about a library lies: beside it."""
    return folder.with_name(folder.name + ".truth.json")


def read_truth(folder: Path) -> Truth:
    """Return the truth about the library in `folder`."""
    truth: Truth = json.loads(truth_path(folder).read_text("utf-8"))
    return truth


def is_made(folder: Path, seed: int = 7, *, scale: float = 1.0, share: float = 1.0) -> bool:
    """Say whether a complete library from the same seed, by this version, lies in `folder`."""
    try:
        truth = read_truth(folder)
    except (OSError, ValueError):
        return False
    made_from = [truth.get(key) for key in ("version", "seed", "scale", "share")]
    files = [*truth.get("images", ()), *truth.get("not_images", ()), *truth.get("unreadable", ())]
    return made_from == [VERSION, seed, scale, share] and all(
        os.path.lexists(folder / name) for name in files
    )


def make_library(
    folder: Path,
    seed: int = 7,
    progress: Progress | None = None,
    *,
    scale: float = 1.0,
    share: float = 1.0,
) -> Path:
    """Write a library and, last, the truth beside it; the same seed gives the same bytes and times.

    Parameters
    ----------
    folder : Path
        Where to write; made if absent. An earlier attempt of the same seed that was interrupted
        is written again in place.
    progress : callable, optional
        Called with the parts done and the number of parts.
    scale : float
        Size of the pictures; 1 is 176x256 pixels at stage 1, a fifth of a real collection's.
    share : float
        Share of the pictures of each kind, at least one each; for tests.

    Raises
    ------
    ValueError
        If `folder` exists and holds something else.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    label = json.dumps([VERSION, seed, scale, share])
    ours = unfinished.is_file() and unfinished.read_text("utf-8") == label
    if not ours and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder} exists and is not empty; choose another folder for the demo library"
        )
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.write_text(label, "utf-8")
    library = _Library(folder, seed, scale, share)
    for done, part in enumerate(_PARTS):
        if progress:
            progress(done, len(_PARTS))
        part(library, np.random.default_rng([seed, done]))
    if progress:
        progress(len(_PARTS), len(_PARTS))
    truth = {"version": VERSION, "seed": seed, "scale": scale, "share": share, **library.truth()}
    truth_path(folder).write_text(json.dumps(truth, indent=1) + "\n", "utf-8")
    unfinished.unlink()
    return folder


@dataclass
class Entry:
    """What the truth says of one image."""

    scene: str
    picture: str
    kind: str = "original"
    of: str | None = None
    series: str | None = None
    stage: str | None = None
    stamp: datetime | None = None
    hard: bool = False


class Clock:
    """Stamps in a row, as a person at work makes them."""

    def __init__(self, start: str, rng: np.random.Generator) -> None:
        self.now = datetime.fromisoformat(start)
        self.rng = rng

    def series(self, n: int) -> list[datetime]:
        """Return the stamps of a series of n stages, 20 to 295 s from first to last."""
        self.now += timedelta(seconds=int(self.rng.integers(40, 260)))
        cuts = np.sort(self.rng.uniform(0.15, 1, n - 1))
        span = float(np.clip(self.rng.lognormal(4.48, 0.6), 12 * n, 295))
        seconds = [0, *np.round(cuts / cuts[-1] * (span - n)).astype(int).tolist()]
        stamps = [self.now + timedelta(seconds=s + k) for k, s in enumerate(seconds)]
        self.now = stamps[-1]
        return stamps

    def next(self, low: int = 28, high: int = 300) -> datetime:
        """Return a stamp some seconds after the last one."""
        self.now += timedelta(seconds=int(self.rng.integers(low, high)))
        return self.now


@dataclass
class _Library:
    """A library being written, and what is known about it."""

    folder: Path
    seed: int
    scale: float
    share: float
    images: dict[str, Entry] = field(default_factory=dict)
    look_alikes: dict[tuple[str, str], str] = field(default_factory=dict)  # two pictures -> kind
    flat: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    not_images: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    exif_times: dict[str, str] = field(default_factory=dict)
    redundant: list[list[list[str]]] = field(default_factory=list)
    inconclusive: list[list[list[str]]] = field(default_factory=list)
    never_sets: list[dict[str, Any]] = field(default_factory=list)
    scenes: int = 0

    def some(self, n: int, least: int = 1) -> int:
        """Return how many of n things to make."""
        return min(n, max(least, round(n * self.share)))

    # -------- files

    def write(self, path: str, data: bytes, when: datetime) -> None:
        """Write one file with a fixed time of last change."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        when_ns = int(when.replace(tzinfo=UTC).timestamp()) * 10**9
        os.utime(target, ns=(when_ns, when_ns))

    def image(self, path: str, data: bytes, entry: Entry, when: datetime | None = None) -> str:
        """Write one image and note what it is."""
        if path in self.images:
            raise ValueError(f"the demo library names {path} twice")
        self.write(
            path, data, when or entry.stamp or datetime(2025, 8, 1, 12, 0, len(self.images) % 60)
        )
        self.images[path] = entry
        if entry.stamp is None:
            self.excluded.setdefault(path, "absent")
        elif entry.stage is None:
            self.excluded.setdefault(path, "no stage")
        return path

    def companion(self, path: str, text: str, when: datetime, what: str = "companion") -> None:
        """Write one companion file."""
        self.write(path, text.encode(), when)
        self.not_images[path] = what

    def opened(self, path: str) -> Image.Image:
        """Return a written image again, as RGB."""
        with Image.open(self.folder / path) as image:
            return image.convert("RGB")

    # -------- scenes

    def new_scene(
        self, rng: np.random.Generator, who: str = "", place: str = ""
    ) -> tuple[str, Scene]:
        """Return the next scene and its id; places and subjects take turns."""
        n = self.scenes
        self.scenes += 1
        if not place:
            place = tuple(demo_pictures.PLACES)[n % len(demo_pictures.PLACES)]
        if who and who not in _CAST[place]:
            place = next(
                name for name in _CAST if who in _CAST[name] and (n % 2 or name != "studio")
            )
        who = who or _CAST[place][(n // len(demo_pictures.PLACES)) % len(_CAST[place])]
        scene = Scene(
            place, int(rng.integers(2**31)), who, int(rng.integers(2**31)), int(rng.integers(2**31))
        )
        return f"scene{n:03}", scene

    def size(self, scene: Scene, times: int) -> tuple[int, int]:
        """Return the pixels of a scene at stage 1 (times 1), 2 or 3."""
        w, h = SHAPES[scene.seed % len(SHAPES)]
        return max(round(w * self.scale), 16) * times, max(round(h * self.scale), 16) * times

    def stages(self, scene: Scene, line_up: Line) -> list[Image.Image]:
        """Draw a scene at every stage of a line-up."""
        swapped = replace(scene, face=scene.face + 1) if SWAPPED in line_up else scene
        first = demo_pictures.draw(scene, self.size(scene, 2))
        second = first if swapped == scene else demo_pictures.draw(swapped, self.size(scene, 2))
        return [self._staged(stage, scene, first, second) for stage in line_up]

    def _staged(
        self, stage: str, scene: Scene, first: Image.Image, second: Image.Image
    ) -> Image.Image:
        if stage.startswith("stage3"):
            return _enhance(second.resize(self.size(scene, 3), Image.Resampling.BICUBIC))
        if stage.startswith("stage2"):
            return second
        return (second if stage == SWAPPED else first).reduce(2)

    # -------- whole series

    def series(
        self,
        folder: str,
        name: str,
        scene: Scene,
        images: Sequence[Image.Image],
        line_up: Line,
        stamps: Sequence[datetime],
        *,
        story: _Story | None = None,
        entries: Sequence[Entry] | None = None,
        folders: Sequence[str] | None = None,
    ) -> list[str]:
        """Write a series with its companions and return its paths in the order of stages."""
        story = story or _Story.about(scene)
        run = f"{stamps[0]:%Y%m%d_%H%M%S}"
        paths = []
        for k, (stage, stamp, image) in enumerate(zip(line_up, stamps, images, strict=True)):
            entry = replace(entries[k]) if entries else Entry(name, f"{name}/{stage}")
            entry.series, entry.stage, entry.stamp = run, stage, stamp
            stem = f"{folders[k] if folders else folder}/{stamp:%Y%m%d_%H%M%S}_{stage}"
            paths.append(self.image(f"{stem}.png", png(image, story.parameters), entry))
            story.write(self, stem, ".png", stage, stamp)
        if story.decision:
            self.companion(f"{folder}/{run}.decision", f"keep {line_up[-1]}\n", stamps[-1])
        return paths

    def never(self, pictures: Iterable[str], kind: str) -> None:
        """Note that these pictures look alike and no two of them are the same."""
        for pair in itertools.combinations(pictures, 2):
            self.look_alikes[min(pair), max(pair)] = kind

    # -------- the truth

    def truth(self) -> Truth:
        """Return everything that is known, as the module's docstring describes it."""
        by_picture: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.images):
            by_picture[self.images[path].picture].append(path)
        soft = [[p for p in paths if not self.images[p].hard] for paths in by_picture.values()]
        pairs = [pair for paths in by_picture.values() for pair in itertools.combinations(paths, 2)]
        hard = {pair for pair in pairs if self.images[pair[0]].hard or self.images[pair[1]].hard}
        return {
            "images": {path: self._described(entry) for path, entry in sorted(self.images.items())},
            "clusters": sorted(paths for paths in soft if len(paths) > 1),
            "hard_clusters": sorted(paths for paths in by_picture.values() if len(paths) > 1),
            "duplicates": [
                [*pair, self._pair_kind(*pair)] for pair in sorted(pairs) if pair not in hard
            ],
            "hard_duplicates": [[*pair, self._pair_kind(*pair)] for pair in sorted(hard)],
            "never": sorted(
                [min(a, b), max(a, b), kind]
                for (one, other), kind in self.look_alikes.items()
                for a in by_picture[one]
                for b in by_picture[other]
            ),
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
            "sets": {
                "redundant": self.redundant,
                "inconclusive": self.inconclusive,
                "never": self.never_sets,
            },
        }

    @staticmethod
    def _described(entry: Entry) -> dict[str, str | None]:
        return {
            "scene": entry.scene,
            "picture": entry.picture,
            "kind": entry.kind,
            "of": entry.of,
            "series": entry.series,
            "stage": entry.stage,
            "stamp": entry.stamp.isoformat() if entry.stamp else None,
        }

    def _pair_kind(self, a: str, b: str) -> str:
        kinds = sorted({self.images[a].kind, self.images[b].kind} - {"original"})
        return "+".join(kinds) or "exact_copy"

    def _windows(self, *, anchored: bool) -> list[list[str]]:
        by_stage: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        for path, entry in self.images.items():
            if path not in self.excluded and entry.stamp and entry.stage:
                by_stage[entry.stage].append((entry.stamp, path))
        clusters = []
        for stamped in by_stage.values():
            cluster: list[tuple[datetime, str]] = []
            for one in [*sorted(stamped), (datetime.max, "")]:
                if cluster and one[0] - cluster[0 if anchored else -1][0] > timedelta(
                    seconds=WINDOW_S
                ):
                    clusters.append([path for _, path in cluster])
                    cluster = []
                cluster.append(one)
        return sorted(cluster for cluster in clusters if len(cluster) > 1)


def _enhance(image: Image.Image) -> Image.Image:
    """Sharpen and warm a picture a little, as a last stage does."""
    crisp = image.filter(ImageFilter.UnsharpMask(2, 70, 2))
    vivid = ImageEnhance.Color(crisp).enhance(1.15)
    return vivid.point(
        [min(round(v * 1.03), 255) for v in range(256)]
        + list(range(256))
        + [round(v * 0.96) for v in range(256)]
    )


_CAST: dict[str, tuple[str, ...]] = {  # who is met where
    "hills": ("balloon", "person", "nobody"),
    "sea": ("nobody", "person", "balloon"),
    "city": ("person", "portrait", "nobody"),
    "forest": ("person", "nobody", "cat"),
    "meadow": ("nobody", "portrait", "cat"),
    "table": ("nobody", "nobody", "cat"),
    "room": ("cat", "person", "portrait"),
    "studio": ("portrait", "portrait", "portrait"),
}
_WORDS = {
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


@dataclass(frozen=True)
class _Story:
    """What the companions of a series tell."""

    prompt: str
    seed: int | None = None
    model: str = ""
    character: str = "characters/mira_v2.safetensors"
    parameters: str = ""  # goes into the PNG itself
    yaml: bool = True
    caption: bool = True
    text: bool = False
    tagged: bool = False  # with a tag that only the program which wrote it can read
    decision: bool = False

    @classmethod
    def about(cls, scene: Scene, **changes: Any) -> _Story:
        """Return the companions that fit a scene; no two series tell quite the same."""
        n = scene.seed
        prompt = f"{_WORDS[scene.who]}, {_WORDS[scene.place]}, take {n % 9973}"
        settings = f"{prompt}\nSteps: 28, Sampler: Euler a, CFG scale: 6, Seed: {n}, Size: 832x1216"
        story = cls(
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
        return replace(story, **changes)

    def write(self, library: _Library, stem: str, suffix: str, stage: str, stamp: datetime) -> None:
        """Write the companions of one image."""
        if self.yaml:
            library.companion(f"{stem}.yaml", self._yaml(Path(stem).name + suffix, stage), stamp)
        if self.caption:
            library.companion(f"{stem}.caption", f"{self.prompt}\n", stamp)
        if self.text:
            library.companion(f"{stem}.txt", "look at the hands again\n", stamp)

    def _yaml(self, filename: str, stage: str) -> str:
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


# ---------------------------------------------------------------- its parts

SESSIONS = ("mojo1/20250612", "mojo1/20250613", "mojo1/portraits", "mojo1/2025-06 summer")


def _sessions(library: _Library, rng: np.random.Generator) -> None:
    """The body of the collection: series, each of another scene."""
    for n, folder in enumerate(SESSIONS):
        clock = Clock(f"2025-06-{12 + n}T10:15:00", rng)
        for k in range(library.some(9)):
            line_up = LINE_UPS[(n * 9 + k) % len(LINE_UPS)]
            who = (
                "portrait"
                if folder.endswith("portraits")
                else "person"
                if SWAPPED in line_up and k % 2
                else ""
            )
            name, scene = library.new_scene(rng, who)
            if SWAPPED in line_up and scene.who not in ("portrait", "person"):
                line_up = tuple(stage for stage in line_up if stage != SWAPPED)
            library.series(
                folder,
                name,
                scene,
                library.stages(scene, line_up),
                line_up,
                clock.series(len(line_up)),
            )


# How many copies of each kind; what people do often, more often.
# fmt: off
COUNTS = {
    "exact_copy": 10, "png_resave": 5, "jpeg_high": 9, "jpeg_middle": 7, "jpeg_low": 5, "webp": 8,
    "smaller": 11, "larger": 3, "brightness": 5, "contrast": 5, "saturation": 4, "gamma": 5,
    "blur": 4, "sharpen": 4, "noise": 5, "border": 10, "crop_small": 10, "crop_medium": 12,
    "stretched": 5, "vignette": 5, "watermark": 6, "metadata": 4,
}
HARD_COUNTS = {
    "mirrored": 4, "rotated_90": 3, "rotated_180": 2, "tilted": 3, "crop_large": 4,
    "caption_bar": 4, "recoloured": 5,
}
# fmt: on


def _level(stage: str) -> float:
    return float(stage.removeprefix("stage").split("_")[0])


def _copies(library: _Library, rng: np.random.Generator) -> None:
    """Copies under stamps of their own, with the stage name of what they were copied from."""
    plan = [kind for kind, n in {**COUNTS, **HARD_COUNTS}.items() for _ in range(library.some(n))]
    sources = sorted(path for path, entry in library.images.items() if entry.stage)
    picked = rng.choice(len(sources), len(plan), replace=len(plan) > len(sources))
    chosen = sorted(
        ((sources[n], kind) for n, kind in zip(picked, plan, strict=True)),
        # The last stage first, so that no two copies in a row look like a series.
        key=lambda one: (-_level(str(library.images[one[0]].stage)), one),
    )
    clock = Clock("2025-06-20T09:00:00", rng)
    folders = ("mojo1/second pass", "mojo1/second pass/from the laptop")
    for n, (source, kind) in enumerate(chosen):
        folder = folders[n % 2]
        copy_of(library, rng, source, kind, folder, stamp=clock.next())


def copy_of(
    library: _Library,
    rng: np.random.Generator,
    source: str,
    kind: str,
    folder: str,
    *,
    stamp: datetime | None = None,
    stem: str = "",
    staged: bool = True,
    companions: bool | None = None,
) -> str:
    """Write a copy of an image and return its path.

    It is called by `stem`, or by `stamp` and the stage of its source.
    """
    was = library.images[source]
    make = {**demo_copies.COPIES, **demo_copies.HARD_COPIES}.get(kind)
    if make is None:
        data, suffix = (library.folder / source).read_bytes(), Path(source).suffix
    else:
        data, suffix = make(library.opened(source), rng)
    entry = replace(
        was,
        kind=kind,
        of=source,
        series=None,
        stamp=stamp,
        stage=was.stage if staged else None,
        hard=kind in demo_copies.HARD_COPIES or was.hard,
    )
    name = stem or f"{stamp:%Y%m%d_%H%M%S}_{was.stage}"
    when = stamp or datetime(
        2025, 8, 2, 9, len(library.images) // 60 % 60, len(library.images) % 60
    )
    path = library.image(f"{folder}/{name}{suffix}", data, entry, when)
    if companions if companions is not None else rng.random() < 0.5:
        library.companion(f"{folder}/{name}.caption", "a copy of an earlier picture\n", when)
    return path


def _selected(library: _Library, rng: np.random.Generator) -> None:
    """Copies of finals: under the same name, with " (1)", or under a name of a person's own."""
    finals = sorted(
        p
        for p, e in library.images.items()
        if e.stage and e.kind == "original" and _level(e.stage) == 3
    )
    order = [finals[n] for n in rng.permutation(len(finals))]
    own = (
        "best of june",
        "for the wall",
        "print me",
        "Grüße aus Wien",
        "postcard",
        "cover idea",
        "keeper",
        "blue hour",
    )
    for n, source in enumerate(order[: library.some(34, 4)]):
        was = library.images[source]
        kind = ("exact_copy", "exact_copy", "png_resave", "jpeg_high")[n % 4]
        if n % 5 == 4:
            copy_of(
                library,
                rng,
                source,
                kind,
                "selected/prints & cards",
                stem=f"{own[n // 5 % len(own)]} {n:02}",
                staged=False,
            )
            continue
        stem = Path(source).stem + (" (1)" if n % 7 == 6 else "")
        folder = "selected/finals" if n % 3 else "selected"
        path = copy_of(
            library, rng, source, kind, folder, stamp=was.stamp, stem=stem, companions=n % 2 == 0
        )
        if n % 6 == 0 and was.stamp:
            library.companion(f"{path}.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>\n", was.stamp)


def _crops(library: _Library, rng: np.random.Generator) -> None:
    """Crops of finals under the name of the final, with a marker beside most PNGs."""
    finals = sorted(
        p
        for p, e in library.images.items()
        if e.stage and e.kind == "original" and _level(e.stage) >= 2
    )
    for n, k in enumerate(rng.permutation(len(finals))[: library.some(14, 2)]):
        source = finals[k]
        was = library.images[source]
        folder = ("crop/faces", "crop/wide", "crop")[n % 3]
        cut = demo_copies.cropped(library.opened(source), rng, 0.16, 0.25)
        entry = replace(was, kind="crop_large", of=source, series=None, hard=True)
        path = library.image(f"{folder}/{Path(source).stem}.png", png(cut), entry)
        if n % 5 != 4 and was.stamp:
            library.companion(f"{folder}/{Path(source).stem}.cropped", "", was.stamp)
        if n % 6 == 5:  # the same crop once more, lighter in bytes
            copy_of(
                library,
                rng,
                path,
                "jpeg_high",
                f"{folder}/again",
                stamp=was.stamp,
                stem=Path(source).stem,
            )


def _variants(library: _Library, rng: np.random.Generator) -> None:
    """Look-alikes drawn from one description: another subject, dress, expression, light."""
    clock = Clock("2025-06-24T11:00:00", rng)
    changes: dict[str, tuple[int, Callable[[Scene, int], Scene]]] = {
        "other_subject": (
            4,
            lambda s, k: replace(s, who=_other(s), look=s.look + k, face=s.face + k),
        ),
        "colour_variant": (3, lambda s, k: replace(s, hue=0.3 * k)),
        "expression": (2, lambda s, k: replace(s, smile=-0.9, face=s.face)),
        "other_light": (3, lambda s, k: replace(s, light=k)),
        "moved": (3, lambda s, k: replace(s, move=(0.2 * k, 0.0))),
    }
    for kind, (n, change) in changes.items():
        for i in range(library.some(n)):
            name, scene = library.new_scene(
                rng, "portrait" if kind == "expression" else ("person", "cat", "balloon")[i % 3]
            )
            several = 2
            pictures = []
            for k in range(several):
                drawn = change(scene, k) if k else scene
                image = demo_pictures.draw(drawn, library.size(scene, 2))
                entry = Entry(
                    name,
                    f"{name}/{kind}{k}",
                    f"{kind}_{k}" if k else "original",
                    stage=UPSCALED,
                    stamp=clock.next(),
                )
                stem = f"mojo1/variations/{entry.stamp:%Y%m%d_%H%M%S}_{UPSCALED}"
                library.image(f"{stem}.png", png(image), entry)
                pictures.append(entry.picture)
            library.never(pictures, kind)


def _other(scene: Scene) -> str:
    return {"person": "cat", "cat": "person", "balloon": "person", "portrait": "cat"}.get(
        scene.who, "person"
    )


def _retouched(library: _Library, rng: np.random.Generator) -> None:
    """Pictures of the sessions with 5 to 8 % of their area changed."""
    sources = sorted(
        p
        for p, e in library.images.items()
        if e.kind == "original" and p.startswith(SESSIONS) and e.stage
    )
    picked = [sources[n] for n in rng.permutation(len(sources))[: library.some(6, 2)]]
    clock = Clock("2025-06-25T20:00:00", rng)
    for n, source in enumerate(
        sorted(picked, key=lambda p: (-_level(str(library.images[p].stage)), p))
    ):
        was = library.images[source]
        stamp = clock.next()
        entry = replace(
            was,
            kind="local_edit",
            of=source,
            series=None,
            stamp=stamp,
            picture=f"{was.picture}/edit{n}",
        )
        image = demo_copies.edited(library.opened(source), rng)
        library.image(f"mojo1/retouched/{stamp:%Y%m%d_%H%M%S}_{was.stage}.png", png(image), entry)
        library.never([was.picture, entry.picture], "local_edit")


def _bursts(library: _Library, rng: np.random.Generator) -> None:
    """Somebody walks, a cat stirs, a balloon rises: frames some seconds apart."""
    clock = Clock("2025-06-27T18:30:00", rng)
    for n in range(library.some(3)):
        clock.next(200, 400)
        name, scene = library.new_scene(rng, ("person", "balloon", "cat")[n])
        frames = int(rng.integers(5, 8))
        across = 0.9 if scene.who != "cat" else 0.5
        pictures = []
        for k in range(frames):
            t = k / (frames - 1) - 0.5
            rise = -0.4 * t if scene.who == "balloon" else 0.0
            moved = replace(scene, move=(across * t, rise), stride=float(np.sin(2.1 * k)))
            image = demo_pictures.draw(moved, library.size(scene, 2)).reduce(2)
            stamp = clock.next(1, 5)
            entry = Entry(name, f"{name}/frame{k}", "burst_frame", stage=GENERATED, stamp=stamp)
            library.image(
                f"mojo1/burst tests/{stamp:%Y%m%d_%H%M%S}_{GENERATED}.png", png(image), entry
            )
            pictures.append(entry.picture)
        library.never(pictures, "burst")


def _plain(library: _Library, rng: np.random.Generator) -> None:
    """What fools a hash: flat pictures, ramps, pages of text, signs."""
    clock = Clock("2025-06-29T08:00:00", rng)
    size = (library.size(Scene("sea", 0), 1)[0], library.size(Scene("sea", 0), 1)[1])
    greys = (
        (250, 250, 250),
        (12, 12, 12),
        (128, 128, 128),
        (200, 40, 40),
        (40, 90, 160),
        (235, 225, 205),
        (60, 120, 70),
        (0, 0, 0),
    )
    flats = [demo_pictures.flat(greys[n], n, size) for n in range(library.some(8, 2))]
    angles = (0, 0, 8, 90, 45, 180)
    ends = ((255, 240, 200), (200, 225, 255), (255, 220, 220))
    ramps = [
        demo_pictures.ramp((20 + 8 * n, 30, 60), ends[n % 3], angles[n], size)
        for n in range(library.some(6, 2))
    ]
    pages = [
        demo_pictures.page(library.seed * 100 + n, (size[0] * 2, size[1] * 2))
        for n in range(library.some(6, 2))
    ]
    logos = [demo_pictures.logo(library.seed * 100 + n, size) for n in range(library.some(5, 2))]
    for kind, images in {"flat": flats, "ramp": ramps, "text_page": pages, "logo": logos}.items():
        pictures = []
        for n, image in enumerate(images):
            entry = Entry(f"{kind}{n}", f"{kind}{n}", kind, stage=GENERATED, stamp=clock.next())
            path = library.image(
                f"mojo1/failed and plain/{entry.stamp:%Y%m%d_%H%M%S}_{GENERATED}.png",
                png(image),
                entry,
            )
            pictures.append(entry.picture)
            if kind == "flat":
                library.flat.append(path)
        library.never(pictures, kind)
    twice = copy_of(
        library, rng, library.flat[0], "exact_copy", "mojo1/failed and plain", stamp=clock.next()
    )
    library.flat.append(twice)


def _same_again(image: Image.Image, n: int) -> Image.Image:
    """Return an image as a second run or a lossy save gives it: the same to the eye."""
    if n % 3 == 0:
        return image
    if n % 3 == 1:
        with Image.open(_buffer(jpeg(image, 93))) as again:
            return again.convert("RGB")
    with Image.open(_buffer(demo_copies.encode(image, "WEBP", quality=90, method=2))) as again:
        return again.convert("RGB")


def _buffer(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def _sets(library: _Library, rng: np.random.Generator) -> None:
    """Whole series made twice, and series that only look so."""
    clock = Clock("2025-07-01T09:00:00", rng)
    makers = {
        "redundant": library.some(7),
        "triple": 1,
        "inconclusive": 1,
        "one_stage_differs": library.some(2),
        "local_edit_in_one_stage": library.some(2),
        "another_line_up": library.some(2),
        "same_yaml_other_picture": 1,
        "split_over_folders": 1,
        "prompt_differs": library.some(2),
        "png_text_differs": 1,
    }
    n = 0
    for why, count in makers.items():
        for _ in range(count):
            _set(library, rng, clock, why, n)
            n += 1


def _set(library: _Library, rng: np.random.Generator, clock: Clock, why: str, n: int) -> None:
    line_up = (LINE_UPS[1], LINE_UPS[2], ALL_FOUR, LINE_UPS[3])[n % 4]
    if why in ("split_over_folders", "another_line_up"):
        line_up = LINE_UPS[1]
    name, scene = library.new_scene(
        rng, ("person", "portrait")[n % 2] if SWAPPED in line_up else ""
    )
    images = library.stages(scene, line_up)
    sure = {"yaml": True, "tagged": False}
    story = _Story.about(scene, **sure)
    if why == "png_text_differs":
        story = replace(story, parameters=f"{story.prompt}\nSteps: 28, Seed: {scene.seed}")
    first_folder = f"mojo1/2025070{1 + n % 2} run"
    first = library.series(
        first_folder, name, scene, images, line_up, clock.series(len(line_up)), story=story
    )
    entries = [replace(library.images[path], kind="set_copy", of=path) for path in first]
    again = [_same_again(image, n + k) for k, image in enumerate(images)]
    second_folder = first_folder if n % 3 == 0 else f"mojo1/2025070{1 + n % 2} run again"
    folders = None
    second_story = replace(story, decision=n % 4 == 0)
    if why == "one_stage_differs":
        k = int(rng.integers(len(line_up)))
        other_name, other = library.new_scene(rng, scene.who, scene.place)
        again[k] = library.stages(
            replace(other, seed=other.seed // 3 * 3 + scene.seed % 3), line_up
        )[k]
        entries[k] = Entry(other_name, f"{other_name}/{line_up[k]}")
    elif why == "local_edit_in_one_stage":
        k = int(rng.integers(len(line_up)))
        again[k] = demo_copies.edited(images[k], rng)
        entries[k] = replace(
            entries[k], kind="local_edit", picture=f"{entries[k].picture}/edit-of-set{n}"
        )
        library.never([f"{name}/{line_up[k]}", entries[k].picture], "local_edit")
    elif why == "another_line_up":
        again, entries, line_up = again[:2], entries[:2], line_up[:2]
    elif why == "same_yaml_other_picture":
        other_name, other = library.new_scene(rng, scene.who, scene.place)
        again = library.stages(other, line_up)
        entries = [Entry(other_name, f"{other_name}/{stage}") for stage in line_up]
    elif why == "split_over_folders":
        folders = [second_folder] * (len(line_up) - 1) + ["mojo1/20250709 finals"]
    elif why == "prompt_differs":
        second_story = replace(
            second_story, prompt=f"{_WORDS['cat']}, at night, neon lights, take {n}", parameters=""
        )
    elif why == "png_text_differs":
        second_story = replace(
            second_story, parameters=f"a lighthouse in a storm\nSteps: 12, Seed: {n}"
        )
    elif why == "inconclusive":
        second_story = replace(second_story, yaml=False, caption=False, parameters="", text=False)
    sets = [first]
    for copy in range(2 if why == "triple" else 1):
        stamps = clock.series(len(line_up))
        made = [_same_again(image, n + copy) for image in again] if copy else again
        folder = f"{second_folder} {copy}" if copy else second_folder
        sets.append(
            library.series(
                folder,
                name,
                scene,
                made,
                line_up,
                stamps,
                story=second_story,
                entries=entries,
                folders=folders,
            )
        )
    if why in ("redundant", "triple"):
        library.redundant.append(sets)
    elif why == "inconclusive":
        library.inconclusive.append(sets)
    else:
        library.never_sets.append({"sets": sets, "why": why})


def _windows(library: _Library, rng: np.random.Generator) -> None:
    """Stamps close together and not quite: at the bound, in chains, over midnight, month ends."""
    times = (
        # two pictures 5 s apart are in, 6 s are out
        ("2025-07-10T10:00:00", (0, 5), UPSCALED),
        ("2025-07-10T10:10:00", (0, 6), UPSCALED),
        # a chain whose ends are far apart is one cluster chained and two anchored
        ("2025-07-10T10:20:00", (0, 4, 8, 12), UPSCALED),
        ("2025-07-10T23:59:58", (0, 3), UPSCALED),
        ("2025-07-31T23:59:57", (0, 4), UPSCALED),
        ("2024-02-29T23:59:59", (0, 1), UPSCALED),
        ("2025-12-31T23:59:56", (0, 5), UPSCALED),
        ("2025-07-11T09:00:00", (0, 0), UPSCALED),  # the same second, in two folders
    )
    for start, offsets, stage in times:
        first = datetime.fromisoformat(start)
        for n, offset in enumerate(offsets):
            name, scene = library.new_scene(rng)
            entry = Entry(name, name, stage=stage, stamp=first + timedelta(seconds=offset))
            folder = "mojo1/quick ones" + ("/second camera" if n % 2 else "")
            image = demo_pictures.draw(scene, library.size(scene, 1))
            library.image(f"{folder}/{entry.stamp:%Y%m%d_%H%M%S}_{stage}.png", png(image), entry)
    # Neighbours in time of different stages, later stage first so that they are no series.
    for offset, stage in ((0, UPSCALED), (2, GENERATED)):
        name, scene = library.new_scene(rng)
        stamp = datetime(2025, 7, 11, 10, 0, offset)
        image = demo_pictures.draw(scene, library.size(scene, 1))
        library.image(
            f"mojo1/quick ones/{stamp:%Y%m%d_%H%M%S}_{stage}.png",
            png(image),
            Entry(name, name, stage=stage, stamp=stamp),
        )
    bad = {
        "20250231_101500_stage2_upscaled": "invalid",
        "20251301_101501_stage2_upscaled": "invalid",
        "20250711_251502_stage2_upscaled": "invalid",
        "20250711_1015_stage2_upscaled": "without seconds",
        "stage2_upscaled of the harbour": "absent",
    }
    for stem, why in bad.items():
        name, scene = library.new_scene(rng)
        image = demo_pictures.draw(scene, library.size(scene, 1))
        path = f"mojo1/quick ones/{stem}.png"
        library.excluded[path] = why
        library.image(
            path, png(image), Entry(name, name, stage=UPSCALED), datetime(2025, 7, 11, 12)
        )


def _camera(library: _Library, rng: np.random.Generator) -> None:
    """Ordinary photographs: no grammar, EXIF dates, one picture in all eight orientations."""
    folder = "mojo1/camera"
    taken = datetime(2025, 7, 20, 15, 0)
    for n in range(library.some(12, 4)):
        name, scene = library.new_scene(rng)
        taken += timedelta(seconds=2 if n in (1, 2) else int(rng.integers(30, 900)))
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Lumen", "L-20"
        exif.get_ifd(0x8769).update(
            {0x9003: f"{taken:%Y:%m:%d %H:%M:%S}", 0x9291: f"{int(rng.integers(100)):02}"}
        )
        path = f"{folder}/IMG_{n + 1:04}.jpg"
        image = demo_pictures.draw(scene, library.size(scene, 2))
        library.image(path, jpeg(image, 90, exif=exif), Entry(name, name), taken)
        library.exif_times[path] = taken.isoformat()
    for n in range(library.some(4)):
        kind = ("exact_copy", "smaller", "jpeg_middle", "crop_small")[n]
        copy_of(
            library,
            rng,
            f"{folder}/IMG_{n + 1:04}.jpg",
            kind,
            f"{folder}/from phone",
            stem=f"IMG_{n + 1:04} copy",
            staged=False,
        )
    name, scene = library.new_scene(rng)
    image = demo_pictures.draw(scene, library.size(scene, 2))
    for orientation in demo_copies.ORIENTATIONS:
        path = f"{folder}/turned/orientation_{orientation}.jpg"
        first = f"{folder}/turned/orientation_1.jpg" if orientation > 1 else None
        kind = "exif_orientation" if first else "original"
        library.image(
            path, demo_copies.oriented(image, orientation), Entry(name, name, kind, first), taken
        )


ODD_NAMES = (
    "Ünïcödé 日本語 🌸.png",
    "two  spaces.png",
    'it\'s "quoted".png',
    "line\nbreak.png",
    "<b>x</b>&.png",
    "=1+1.png",
    "-rf.png",
    "100%.png",
    "semi;colon,comma.png",
    "trailing dot..png",
)


def _odd(library: _Library, rng: np.random.Generator) -> None:
    """Names, formats and files that break careless programs."""
    when = datetime(2025, 7, 25, 12)
    folder = "mojo1/odd"

    def new() -> tuple[Entry, Image.Image]:
        name, scene = library.new_scene(rng)
        return Entry(name, name), demo_pictures.draw(scene, library.size(scene, 1))

    for name in ODD_NAMES:
        entry, image = new()
        library.image(f"{folder}/{name}", png(image), entry, when)
    entry, image = new()
    with suppress(OSError):  # some file systems take UTF-8 alone
        library.image(
            f"{folder}/{os.fsdecode(b'not utf-8 ' + bytes([0xFF, 0xE9]) + b'.png')}",
            png(image),
            entry,
            when,
        )
    library.companion(f'{folder}/it\'s "quoted".caption', "a quoted name\n", when)
    library.companion(f"{folder}/<b>x</b>&.yaml", "prompt: tags in a name\n", when)

    _formats(library, new, when)
    _damaged(library, new, when)
    library.companion(
        f"{folder}/20250101_000000_stage2_upscaled.yaml",
        "prompt: its picture is gone\n",
        when,
        "orphan_companion",
    )
    library.write(f"{folder}/.hidden.png", png(new()[1]), when)
    library.not_images[f"{folder}/.hidden.png"] = "skipped"
    link = library.folder / folder / "link to a picture.png"
    if not link.is_symlink():
        link.symlink_to("100%.png")
    library.not_images[f"{folder}/link to a picture.png"] = "skipped"


def _formats(
    library: _Library, new: Callable[[], tuple[Entry, Image.Image]], when: datetime
) -> None:
    folder = "mojo1/odd/formats"
    entry, image = new()
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    library.image(f"{folder}/sixteen bits.png", png(Image.fromarray(grey * 257)), entry, when)
    entry, image = new()
    library.image(f"{folder}/for print.jpg", jpeg(image.convert("CMYK"), 90), entry, when)
    entry, image = new()
    palette = image.quantize(64, dither=Image.Dither.NONE)
    library.image(
        f"{folder}/palette.png", demo_copies.encode(palette, "PNG", transparency=0), entry, when
    )
    entry, image = new()
    frames = [image.rotate(5 * n).quantize(32, dither=Image.Dither.NONE) for n in range(3)]
    library.image(
        f"{folder}/moving.gif",
        demo_copies.encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        entry,
        when,
    )
    entry, image = new()
    library.image(f"{folder}/really a png.jpg", png(image), entry, when)
    entry, image = new()
    library.image(f"{folder}/SHOUTING.PNG", png(image), entry, when)


def _damaged(
    library: _Library, new: Callable[[], tuple[Entry, Image.Image]], when: datetime
) -> None:
    whole = png(new()[1])
    files = {
        "truncated.png": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "a letter.png": b"Dear reader, this is no picture.\n",
        "broken.jpg": b"\xff\xd8\xff\xe0" + bytes(range(200)),
    }
    for name, data in files.items():
        path = f"mojo1/odd/damaged/{name}"
        library.write(path, data, when)
        library.unreadable.append(path)
    library.companion("mojo1/odd/damaged/truncated.caption", "half a picture\n", when)


_PARTS = (
    _sessions,
    _copies,
    _selected,
    _crops,
    _variants,
    _retouched,
    _bursts,
    _plain,
    _sets,
    _windows,
    _camera,
    _odd,
)


# ---------------------------------------------------------------- scoring


def score(
    truth: Truth, staged: Iterable[tuple[str, str]], exclude: Collection[str] = ()
) -> dict[str, Any]:
    """Compare proposed pairs with the truth.

    A proposal (member, keeper) is right if the truth has both in one cluster, hard kinds included.
    Of a cluster of n pictures n - 1 are redundant, hard kinds and flat pictures left out; recall
    is the share of them that was rightly proposed.

    Parameters
    ----------
    truth : dict
        What `read_truth` returned.
    staged : iterable of (str, str)
        Proposed members with their keepers, paths relative to the library.
    exclude : collection of str
        Images that the finder was told never to propose; nothing is expected of them.

    Returns
    -------
    dict
        `precision`, `recall` (1.0 where there is nothing to divide by), the counts `proposed`,
        `right`, `found` and `redundant`, `false` as `[member, keeper, kind]`, `false_by_kind`,
        and `by_kind`: kind of copy -> `[reached, all]`, a copy being reached if it is in a right
        pair on either side.
    """
    proposals = list(staged)
    cluster_of = {path: n for n, paths in enumerate(truth["hard_clusters"]) for path in paths}
    right = [
        (member, keeper)
        for member, keeper in proposals
        if member != keeper
        and member in cluster_of
        and cluster_of[member] == cluster_of.get(keeper)
    ]
    wrong = sorted(set(proposals) - set(right))
    rightly = {member for member, _ in right}
    left_out = {*truth["flat"], *exclude}
    clusters = [[path for path in paths if path not in left_out] for paths in truth["clusters"]]
    redundant = sum(len(paths) - 1 for paths in clusters if paths)
    found = sum(
        min(len(paths) - 1, len(rightly.intersection(paths))) for paths in clusters if paths
    )
    never = {frozenset(pair): kind for *pair, kind in truth["never"]}
    false = [[a, b, _why_false(truth, never, a, b)] for a, b in wrong]
    return {
        "precision": len(right) / len(proposals) if proposals else 1.0,
        "recall": found / redundant if redundant else 1.0,
        "proposed": len(proposals),
        "right": len(right),
        "found": found,
        "redundant": redundant,
        "false": false,
        "false_by_kind": dict(sorted(Counter(kind for _, _, kind in false).items())),
        "by_kind": _by_kind(truth, {path for pair in right for path in pair}, left_out),
    }


def _why_false(truth: Truth, never: dict[frozenset[str], str], a: str, b: str) -> str:
    """Name what fooled the finder."""
    kind = never.get(frozenset((a, b)))
    one, other = truth["images"].get(a), truth["images"].get(b)
    if kind or not one or not other:
        return kind or "not an image"
    if one["series"] and one["series"] == other["series"]:
        return "one_series"
    return "other_stage" if one["scene"] == other["scene"] else "unrelated"


def _by_kind(truth: Truth, reached: set[str], left_out: set[str]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for paths in truth["hard_clusters"]:
        for path in paths:
            kind = truth["images"][path]["kind"]
            if path not in left_out and truth["images"][path]["of"]:
                count = counts.setdefault(kind, [0, 0])
                count[0] += path in reached
                count[1] += 1
    return dict(sorted(counts.items()))
