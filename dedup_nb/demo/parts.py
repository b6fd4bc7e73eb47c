"""The parts of the demo library, in the order in which they are written.

Each part uses its own days and folders. Single pictures start with later stages, so that they do
not form a series by accident.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dedup_nb.demo import copies, pictures
from dedup_nb.demo.copies import jpeg, png
from dedup_nb.demo.library import (
    ENHANCED,
    GENERATED,
    SWAPPED,
    UPSCALED,
    WORDS,
    Clock,
    Entry,
    Library,
    LineUp,
    Run,
    level,
    made,
)
from dedup_nb.demo.pictures import Scene
from dedup_nb.demo.poorer import poorer

Part = Callable[[Library, np.random.Generator], None]

SESSIONS = ("mojo1/20250612", "mojo1/20250613", "mojo1/portraits", "mojo1/2025-06 summer")
ALL_FOUR: LineUp = (GENERATED, SWAPPED, UPSCALED, ENHANCED)
THREE: LineUp = (GENERATED, UPSCALED, ENHANCED)
LINE_UPS: tuple[LineUp, ...] = (
    ALL_FOUR,
    THREE,
    (GENERATED, SWAPPED, UPSCALED),
    (GENERATED, UPSCALED),
    (GENERATED, ENHANCED),
    ("stage1", UPSCALED, "stage3_final"),
)


def sessions(library: Library, rng: np.random.Generator) -> None:
    """The main part of the collection: series, each of a different scene."""
    for n, folder in enumerate(SESSIONS):
        clock = Clock(f"2025-06-{12 + n}T10:15:00", rng)
        for k in range(library.some(9)):
            line_up = LINE_UPS[(n * library.some(9) + k) % len(LINE_UPS)]
            wanted = "person" if SWAPPED in line_up and k % 2 else ""
            name, scene = library.new_scene(rng, "portrait" if n == 2 else wanted)
            if scene.who not in ("portrait", "person"):  # nobody there whose face could change
                line_up = tuple(stage for stage in line_up if stage != SWAPPED)
            library.series(library.new_run(folder, name, scene, line_up), clock)


# Number of copies of each kind; common kinds are more frequent.
# fmt: off
COUNTS = {
    "exact_copy": 10, "png_resave": 5, "jpeg_high": 9, "jpeg_middle": 7, "jpeg_low": 5, "webp": 8,
    "smaller": 11, "larger": 3, "brightness": 5, "contrast": 5, "saturation": 4, "gamma": 5,
    "blur": 4, "sharpen": 4, "noise": 5, "border": 10, "crop_small": 10, "crop_medium": 12,
    "stretched": 5, "vignette": 5, "watermark": 6, "metadata": 4,
    # hard kinds
    "mirrored": 4, "rotated_90": 3, "rotated_180": 2, "tilted": 3, "crop_large": 4,
    "caption_bar": 4, "recoloured": 5,
}
# fmt: on


def second_pass(library: Library, rng: np.random.Generator) -> None:
    """Copies with their own stamps and the stage name of their source."""
    kinds = [kind for kind, n in COUNTS.items() for _ in range(library.some(n))]
    sources = library.originals(1)
    picked = rng.choice(len(sources), len(kinds), replace=len(kinds) > len(sources))
    chosen = sorted(
        ((sources[n], kind) for n, kind in zip(picked, kinds, strict=True)),
        key=lambda one: (-level(library.images[one[0]].stage), one),
    )
    clock = Clock("2025-06-20T09:00:00", rng)
    for n, (source, kind) in enumerate(chosen):
        folder = "mojo1/second pass" + ("/from the laptop" if n % 2 else "")
        library.copy(rng, source, kind, folder, stamp=clock.next())


OWN_NAMES = ("best of june", "for the wall", "Grüße aus Wien", "postcard", "cover idea")


def selected(library: Library, rng: np.random.Generator) -> None:
    """Copies of finals, with the same name, with " (1)", or with a custom name."""
    finals = library.originals(3, SESSIONS)
    for n, k in enumerate(rng.permutation(len(finals))[: library.some(34, 4)]):
        source = finals[k]
        stamp = library.images[source].stamp
        kind = ("exact_copy", "exact_copy", "png_resave", "jpeg_high")[n % 4]
        if n % 5 == 4:
            stem = f"{OWN_NAMES[n // 5 % len(OWN_NAMES)]} {n:02}"
            library.copy(rng, source, kind, "selected/prints & cards", stem=stem)
            continue
        stem = Path(source).stem + (" (1)" if n % 7 == 6 else "")
        folder = "selected/finals" if n % 3 else "selected"
        with_caption = n % 2 == 0
        path = library.copy(
            rng, source, kind, folder, stamp=stamp, stem=stem, companions=with_caption
        )
        if n % 6 == 0:
            library.companion(f"{path}.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>\n", stamp)


def crops(library: Library, rng: np.random.Generator) -> None:
    """Crops of finals under the name of the final, with a marker beside most PNGs."""
    finals = library.originals(3, SESSIONS)
    for n, k in enumerate(rng.permutation(len(finals))[: library.some(14, 2)]):
        was = library.images[finals[k]]
        folder = ("crop/faces", "crop/wide", "crop")[n % 3]
        cut = copies.cropped(library.opened(finals[k]), rng, 0.16, 0.25)
        entry = replace(was, kind="crop_large", of=finals[k], series=None, hard=True)
        path = library.picture(folder, cut, entry)
        if n % 5 != 4:
            library.companion(f"{folder}/{entry.stem}.cropped", "", entry.stamp)
        if n % 6 == 5:  # the same crop once more, lighter in bytes
            library.copy(rng, path, "jpeg_high", "crop/again", stamp=was.stamp)


def _other(scene: Scene) -> Scene:
    """Return the scene with somebody else in it."""
    who = {"person": "cat"}.get(scene.who, "person")
    return replace(scene, who=who, look=scene.look + 1, face=scene.face + 1)


VARIATIONS: dict[str, tuple[int, Callable[[Scene], Scene]]] = {
    "other_subject": (4, _other),
    "colour_variant": (3, lambda scene: replace(scene, hue=0.3)),
    "expression": (2, lambda scene: replace(scene, smile=-0.9)),
    "other_light": (3, lambda scene: replace(scene, light=1)),
    "moved": (3, lambda scene: replace(scene, move=(0.2, 0.0))),
}


def variations(library: Library, rng: np.random.Generator) -> None:
    """Look-alikes drawn from one description: another subject, dress, expression, light."""
    clock = Clock("2025-06-24T11:00:00", rng)
    for kind, (n, change) in VARIATIONS.items():
        for i in range(library.some(n)):
            who = "portrait" if kind == "expression" else ("person", "cat", "balloon")[i % 3]
            name, scene = library.new_scene(rng, who)
            first = Entry(name, f"{name}/{kind}", stage=UPSCALED, stamp=clock.next())
            second = replace(first, picture=f"{name}/{kind}-2", kind=kind, stamp=clock.next())
            library.picture("mojo1/variations", library.drawn(scene), first)
            library.picture("mojo1/variations", library.drawn(change(scene)), second)
            library.never([first.picture, second.picture], kind)


def retouched(library: Library, rng: np.random.Generator) -> None:
    """Pictures of the sessions with 5 to 8 % of their area changed."""
    sources = library.originals(1, SESSIONS)
    picked = [sources[n] for n in rng.permutation(len(sources))[: library.some(6, 2)]]
    clock = Clock("2025-06-25T20:00:00", rng)
    for source in sorted(picked, key=lambda path: (-level(library.images[path].stage), path)):
        was = library.images[source]
        entry = replace(
            was,
            kind="local_edit",
            of=source,
            series=None,
            stamp=clock.next(),
            picture=f"{was.picture}/edited",
        )
        library.picture("mojo1/retouched", copies.edited(library.opened(source), rng), entry)
        library.never([was.picture, entry.picture], "local_edit")


def bursts(library: Library, rng: np.random.Generator) -> None:
    """Bursts of a walking person, a rising balloon or a moving cat: frames 1 to 4 s apart."""
    clock = Clock("2025-06-27T18:30:00", rng)
    for who, place, n, across, rise in (
        ("person", "city", 5, 0.9, 0.0),
        ("balloon", "hills", 6, 0.9, -0.4),
        ("cat", "room", 5, 0.5, 0.0),
    ):
        clock.next(200, 400)
        name, scene = library.new_scene(rng, who, place)
        frames = []
        for k, t in enumerate(np.linspace(-0.5, 0.5, n)):
            move = (across * float(t), rise * float(t))
            image = library.drawn(replace(scene, move=move, stride=float(np.sin(2.1 * k))), 1)
            frames.append(f"{name}/frame{k}")
            entry = Entry(name, frames[-1], "burst", stage=GENERATED, stamp=clock.next(1, 5))
            library.picture("mojo1/burst tests", image, entry)
        library.never(frames, "burst")


FLAT_COLOURS = (
    (250, 250, 250),
    (12, 12, 12),
    (128, 128, 128),
    (200, 40, 40),
    (40, 90, 160),
    (235, 225, 205),
    (60, 120, 70),
    (0, 0, 0),
)
RAMP_ENDS = ((255, 240, 200), (200, 225, 255), (255, 220, 220))
RAMP_ANGLES = (0, 0, 8, 90, 45, 180)


def plain(library: Library, rng: np.random.Generator) -> None:
    """Pictures that hashes confuse: flat pictures, ramps, pages of text, signs."""
    folder = "mojo1/failed and plain"
    clock = Clock("2025-06-29T08:00:00", rng)
    w, h = library.size(Scene("sea", 0), 1)
    first = 100 * library.seed
    drawings: dict[str, tuple[int, Callable[[int], Image.Image]]] = {
        "flat": (8, lambda n: pictures.flat(FLAT_COLOURS[n], n, (w, h))),
        "ramp": (
            6,
            lambda n: pictures.ramp((20 + 8 * n, 30, 60), RAMP_ENDS[n % 3], RAMP_ANGLES[n], (w, h)),
        ),
        "text_page": (6, lambda n: pictures.page(first + n, (2 * w, 2 * h))),
        "logo": (5, lambda n: pictures.logo(first + n, (w, h))),
    }
    for kind, (n, drawing) in drawings.items():
        entries = [
            Entry(f"{kind}{k}", f"{kind}{k}", kind, stage=GENERATED, stamp=clock.next())
            for k in range(library.some(n, 2))
        ]
        paths = [library.picture(folder, drawing(k), entry) for k, entry in enumerate(entries)]
        library.never([entry.picture for entry in entries], kind)
        library.flat += paths if kind == "flat" else []
    library.flat.append(
        library.copy(rng, library.flat[0], "exact_copy", folder, stamp=clock.next())
    )


# ---------------------------------------------------------------- sets


def _same_again(image: Image.Image, n: int) -> Image.Image:
    """Return an image that looks the same, as from a second run or a lossy save."""
    if n % 3 == 0:
        return image
    lossy = jpeg(image, 93) if n % 3 == 1 else copies.encode(image, "WEBP", quality=90, method=2)
    with Image.open(io.BytesIO(lossy)) as again:
        return again.convert("RGB")


# A change turns the second run of a pair into one that must not be pruned for the first.
Change = Callable[[Library, np.random.Generator, Scene, Run], None]


def _one_stage_differs(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    k = int(rng.integers(len(run.line_up)))
    name, other = library.new_scene(rng, scene.who, scene.place)
    same_shape = replace(other, seed=other.seed // 3 * 3 + scene.seed % 3)
    run.images[k] = library.stages(same_shape, run.line_up)[k]
    run.entries[k] = Entry(name, f"{name}/{run.line_up[k]}", stage=run.line_up[k])


def _local_edit(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    k = int(rng.integers(len(run.line_up)))
    was = run.entries[k].picture
    run.images[k] = copies.edited(made(run.images[k]), rng)
    run.entries[k] = replace(run.entries[k], kind="local_edit", picture=f"{was}/edited")
    library.never([was, f"{was}/edited"], "local_edit")


def _small_edit(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    k = len(run.line_up) - 1
    was = run.entries[k].picture
    run.images[k] = copies.edited(made(run.images[k]), rng, 0.05, 0.05)
    run.entries[k] = replace(run.entries[k], kind="local_edit", picture=f"{was}/edited")
    library.never([was, f"{was}/edited"], "local_edit")


def _another_line_up(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    run.line_up, run.images, run.entries = run.line_up[:2], run.images[:2], run.entries[:2]


def _other_picture(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    name, other = library.new_scene(rng, scene.who, scene.place)
    drawn = library.new_run(run.folder, name, other, run.line_up)
    run.images, run.entries = drawn.images, drawn.entries


def _split(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    run.last_folder = "mojo1/20250709 finals"


def _both_split(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    """Both runs lost their last stage to another folder, so that what is left looks whole."""
    run.last_folder = "mojo1/20250709 finals"


def _prompt_differs(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    prompt = f"{WORDS['cat']}, at night, neon lights, take {scene.seed % 97}"
    run.story = replace(run.story, prompt=prompt, parameters="")


def _png_text_differs(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    run.story = replace(run.story, parameters="a lighthouse in a storm\nSteps: 12, Seed: 5")


def _no_companions(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    run.story = replace(run.story, yaml=False, caption=False, text=False, parameters="")


def _no_change(library: Library, rng: np.random.Generator, scene: Scene, run: Run) -> None:
    pass


SETS: tuple[tuple[str, int, Change], ...] = (
    ("redundant", 7, _no_change),
    ("triple", 1, _no_change),
    ("inconclusive", 1, _no_companions),
    ("one_stage_differs", 2, _one_stage_differs),
    ("local_edit_in_one_stage", 2, _local_edit),
    ("another_line_up", 2, _another_line_up),
    ("same_yaml_other_picture", 1, _other_picture),
    ("split_over_folders", 1, _split),
    ("prompt_differs", 2, _prompt_differs),
    ("png_text_differs", 1, _png_text_differs),
    ("small_edit_in_one_stage", 3, _small_edit),
    ("both_split_over_folders", 1, _both_split),
)


def sets(library: Library, rng: np.random.Generator) -> None:
    """Series made twice, and series that only look like it."""
    clock = Clock("2025-07-01T09:00:00", rng)
    plan = [(why, change) for why, n, change in SETS for _ in range(library.some(n))]
    for n, (why, change) in enumerate(plan):
        made = _made_again(library, rng, clock, why, change, n)
        if why in ("redundant", "triple"):
            library.sets["redundant"].append(made)
        elif why == "inconclusive":
            library.sets["inconclusive"].append(made)
        else:
            library.sets["never"].append({"sets": made, "why": why})


def _made_again(
    library: Library, rng: np.random.Generator, clock: Clock, why: str, change: Change, n: int
) -> list[list[str]]:
    """Write a series and its second run, or a third too, and return their paths."""
    usual = (THREE, (GENERATED, SWAPPED, UPSCALED), ALL_FOUR, (GENERATED, UPSCALED))[n % 4]
    whole = ("split_over_folders", "another_line_up", "both_split_over_folders")
    line_up = THREE if why in whole else usual
    who = ("person", "portrait")[n % 2] if SWAPPED in line_up else ""
    name, scene = library.new_scene(rng, who)
    folder = f"mojo1/2025070{1 + n % 2} run"
    run = library.new_run(folder, name, scene, line_up)
    settings = f"{run.story.prompt}\nSteps: 28, Seed: {scene.seed}"
    parameters = settings if why == "png_text_differs" else run.story.parameters
    run.story = replace(run.story, yaml=True, tagged=False, parameters=parameters)
    if why == "both_split_over_folders":
        change(library, rng, scene, run)
    written = [library.series(run, clock)]
    origins = written[0]
    for again in range(2 if why == "triple" else 1):
        second = Run(
            folder if n % 3 == 0 else f"{folder} again",
            line_up,
            [
                library.later(_same_again, image, n + again + k)
                for k, image in enumerate(run.images)
            ],
            [
                replace(entry, kind="set_copy", of=path)
                for entry, path in zip(run.entries, origins, strict=True)
            ],
            run.story,
        )
        change(library, rng, scene, second)
        written.append(library.series(second, clock))
    return written


# ---------------------------------------------------------------- stamps


WINDOWS = (
    ("2025-07-10T10:00:00", (0, 5)),  # at the bound
    ("2025-07-10T10:10:00", (0, 6)),  # past it
    ("2025-07-10T10:20:00", (0, 4, 8, 12)),  # one cluster chained, two anchored
    ("2025-07-10T23:59:58", (0, 3)),
    ("2025-07-31T23:59:57", (0, 4)),
    ("2024-02-29T23:59:59", (0, 1)),
    ("2025-12-31T23:59:56", (0, 5)),
    ("2025-07-11T09:00:00", (0, 0)),  # the same second, in two folders
)
BAD_STAMPS = {
    "20250231_101500_stage2_upscaled": "invalid",
    "20251301_101501_stage2_upscaled": "invalid",
    "20250711_251502_stage2_upscaled": "invalid",
    "20250711_1015_stage2_upscaled": "without seconds",
    "stage2_upscaled of the harbour": "absent",
}


def windows(library: Library, rng: np.random.Generator) -> None:
    """Stamps near the time window: at the bound, past it, in chains, and across midnight."""
    folder = "mojo1/quick ones"

    def new(folder: str, stage: str, stamp: datetime) -> None:
        name, scene = library.new_scene(rng)
        library.picture(
            folder, library.drawn(scene, 1), Entry(name, name, stage=stage, stamp=stamp)
        )

    for start, offsets in WINDOWS:
        for n, offset in enumerate(offsets):
            stamp = datetime.fromisoformat(start) + timedelta(seconds=offset)
            new(folder + ("/second camera" if n % 2 else ""), UPSCALED, stamp)
    for second, stage in enumerate((UPSCALED, GENERATED)):  # neighbours of different stages
        new(f"{folder}/mixed", stage, datetime(2025, 7, 11, 10, 0, 2 * second))
    for stem, why in BAD_STAMPS.items():
        name, scene = library.new_scene(rng)
        path = f"{folder}/{stem}.png"
        library.excluded[path] = why
        data = library.later(png, library.drawn(scene, 1))
        library.image(path, data, Entry(name, name, stage=UPSCALED), datetime(2025, 7, 11, 12))


def camera(library: Library, rng: np.random.Generator) -> None:
    """Ordinary photographs: camera names, EXIF dates, one picture in all eight orientations."""
    folder = "mojo1/camera"
    taken = datetime(2025, 7, 20, 15)
    for n in range(library.some(12, 4)):
        taken += timedelta(seconds=2 if n in (1, 2) else int(rng.integers(30, 900)))
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Lumen", "L-20"
        exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
        hundredths = int(rng.integers(100))
        exif.get_ifd(0x8769)[0x9291] = f"{hundredths:02}"
        name, scene = library.new_scene(rng)
        path = f"{folder}/IMG_{n + 1:04}.jpg"
        data = library.later(partial(jpeg, quality=90, exif=exif), library.drawn(scene))
        library.image(path, data, Entry(name, name), taken)
        library.exif_times[path] = taken.isoformat()
        library.exposed[path] = taken + timedelta(milliseconds=10 * hundredths)
    for n, kind in enumerate(("exact_copy", "smaller", "jpeg_middle", "crop_small")):
        source = f"{folder}/IMG_{n + 1:04}.jpg"
        copy = library.copy(rng, source, kind, f"{folder}/phone", stem=f"IMG_{n + 1:04} copy")
        if kind == "exact_copy":
            library.exif_times[copy] = library.exif_times[source]
            library.exposed[copy] = library.exposed[source]
    name, scene = library.new_scene(rng)
    image = library.drawn(scene)
    upright = f"{folder}/turned/orientation_1.jpg"
    for orientation in copies.ORIENTATIONS:
        entry = Entry(name, name)
        if orientation > 1:
            entry = replace(entry, kind="exif_orientation", of=upright)
        path = f"{folder}/turned/orientation_{orientation}.jpg"
        library.image(path, library.later(copies.oriented, image, orientation), entry, taken)


# ---------------------------------------------------------------- odd files

ODD = "mojo1/odd"
ODD_DAY = datetime(2025, 7, 25, 12)
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
NOT_UTF8 = "not utf-8 \udcff\udce9.png"  # as Python spells the bytes FF and E9 in a name


def odd(library: Library, rng: np.random.Generator) -> None:
    """Names, formats and files that break careless programs."""

    def new(file: str, encoded: Callable[[Image.Image], bytes] = png) -> None:
        name, scene = library.new_scene(rng)
        data = library.later(encoded, library.drawn(scene, 1))
        library.image(f"{ODD}/{file}", data, Entry(name, name), ODD_DAY)

    for file in ODD_NAMES:
        new(file)
    with suppress(OSError):  # some file systems accept only UTF-8
        new(NOT_UTF8)
    new("formats/sixteen bits.png", _sixteen_bits)
    new("formats/for print.jpg", lambda image: jpeg(image.convert("CMYK"), 90))
    new("formats/palette.png", _palette)
    new("formats/moving.gif", _moving)
    new("formats/really a png.jpg")
    new("formats/SHOUTING.PNG")
    _beside(library)
    _damaged(library, png(library.drawn(library.new_scene(rng)[1], 1).result()))


def _sixteen_bits(image: Image.Image) -> bytes:
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    return png(Image.fromarray(grey * 257))


def _palette(image: Image.Image) -> bytes:
    few = image.quantize(64, dither=Image.Dither.NONE)
    return copies.encode(few, "PNG", transparency=0)


def _moving(image: Image.Image) -> bytes:
    frames = [image.rotate(5 * n).quantize(32, dither=Image.Dither.NONE) for n in range(3)]
    return copies.encode(frames[0], "GIF", save_all=True, append_images=frames[1:])


def _beside(library: Library) -> None:
    """Companions with odd names or without a picture, a hidden file, a symlink."""
    library.companion(f'{ODD}/it\'s "quoted".caption', "a quoted name\n", ODD_DAY)
    library.companion(f"{ODD}/<b>x</b>&.yaml", "prompt: tags in a name\n", ODD_DAY)
    library.companion(f"{ODD}/two  spaces.txt", "a note\n", ODD_DAY)
    orphan = f"{ODD}/20250101_000000_stage2_upscaled.yaml"
    library.companion(orphan, "prompt: its picture is gone\n", ODD_DAY, "orphan_companion")
    library.companion(f"{ODD}/.hidden.png", "", ODD_DAY, "skipped")
    link = f"{ODD}/link to a picture.png"
    if not (library.folder / link).is_symlink():
        (library.folder / link).symlink_to("100%.png")
    library.not_images[link] = "skipped"


def _damaged(library: Library, whole: bytes) -> None:
    files = {
        "truncated.png": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "a letter.png": b"Dear reader, this is no picture.\n",
        "broken.jpg": b"\xff\xd8\xff\xe0" + bytes(range(200)),
    }
    for name, data in files.items():
        path = f"{ODD}/damaged/{name}"
        library.write(path, data, ODD_DAY)
        library.unreadable.append(path)
    library.companion(f"{ODD}/damaged/truncated.caption", "half a picture\n", ODD_DAY)


PARTS: tuple[Part, ...] = (
    sessions,
    second_pass,
    selected,
    crops,
    variations,
    retouched,
    bursts,
    plain,
    sets,
    windows,
    camera,
    odd,
    poorer,
)
