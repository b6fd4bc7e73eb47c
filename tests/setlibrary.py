"""Sets of stages drawn for the tests: the same again, edited, split, told differently."""

import io

import numpy as np
from drawn import save, write
from PIL import Image

from dedup_nb.demo import copies, pictures
from dedup_nb.demo.pictures import Scene
from dedup_nb.library import tables
from dedup_nb.steps.set_pruning import pruning, setgroups

STAGES = {1: "stage1_generated", 1.5: "stage1.5_face_swapped", 2: "stage2_upscaled", 3: "stage3_enhanced"}  # fmt: skip
SIZE = (176, 128)
DRAWN = {}


def drawn(seed):
    if seed not in DRAWN:
        DRAWN[seed] = pictures.draw(Scene("meadow", seed, "cat", seed, seed), SIZE)
    return DRAWN[seed]


def again(picture):
    """The same picture, saved lossily."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return Image.open(buffer).convert("RGB")


def edited(picture):
    """The same picture, 5 % of its area replaced."""
    return copies.edited(picture, np.random.default_rng(1), 0.05, 0.05)


def series(
    folder, minute, seed, levels=(1, 2, 3), *, changed=None, prompt="a hill", decision=False
):
    """Write a series of one picture, 20 s from stage to stage; return its paths.

    `changed` is level -> what becomes of the picture at that stage.
    """
    paths = []
    for k, level in enumerate(levels):
        stem = f"20250705_10{minute:02}{20 * k:02}_{STAGES[level]}"
        picture = drawn(seed)
        if level > 1.5:
            picture = picture.resize((2 * SIZE[0], 2 * SIZE[1]), Image.Resampling.BICUBIC)
        picture = (changed or {}).get(level, lambda same: same)(picture)
        paths.append(save(picture, folder / f"{stem}.png"))
        if prompt is not None:
            write(folder / f"{stem}.yaml", f"prompt: {prompt}\nstage: {STAGES[level]}\n".encode())
        write(folder / f"{stem}.caption", b"a caption\n")
    if decision:
        write(folder / f"20250705_10{minute:02}00.decision", b"keep stage3\n")
    return paths


def make_sets(folder):
    """A library of one pair of equal sets for each reason to prune or to keep."""
    a, b = folder / "mojo1/run", folder / "mojo1/again"
    lossy = dict.fromkeys((1, 1.5, 2, 3), again)
    series(a, 1, 1, decision=True)  # made three times
    series(b, 2, 1, changed=lossy, decision=True)
    series(b, 3, 1)
    series(a, 4, 2)  # a stage edited
    series(b, 5, 2, changed={2: edited})
    series(a, 6, 3)  # another line-up
    series(b, 7, 3, (1, 2))
    series(a, 8, 4)  # another prompt
    series(b, 9, 4, prompt="the sea")
    series(a, 10, 5)  # nothing told
    series(b, 11, 5, prompt=None)
    for minute, under in ((12, a), (13, b)):  # both split over folders
        *_, final = series(under, minute, 6)
        for path in sorted(final.parent.glob(f"{final.stem}.*")):
            (folder / "mojo1/finals").mkdir(exist_ok=True)
            path.rename(folder / "mojo1/finals" / path.name)
    return folder


def compared(run, max_edited_area=0.01, **more):
    """The sets of a run, compared and grouped."""
    return setgroups.Sets(pruning.compare(pruning.Found(run), **more), max_edited_area)


def roles(made, threshold=0.85):
    """Series id -> the one role of all its images, of every set in a group."""
    table = made.table(made.cut(threshold))
    found = {}
    for series_id, part in table.groupby("series"):
        (found[series_id],) = set(part.role)
    return found


def reasons(made, threshold=0.85):
    table = made.table(made.cut(threshold))
    return {row.series: row.reason for row in table.drop_duplicates("series").itertuples()}


def manifest_of(folder):
    return list(tables.read_csv(folder / "manifest.csv"))
