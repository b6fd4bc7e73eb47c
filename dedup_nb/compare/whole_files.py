"""Two files -> what each lacks of the other, and whether they are copies at all.

A task for watched processes.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from dedup_nb.compare import containers
from dedup_nb.compare.holding import opening
from dedup_nb.compare.holding.judging import Holding, compared
from dedup_nb.compare.holding.opening import Opened
from dedup_nb.compare.look_words import Look
from dedup_nb.compare.second_look import look
from dedup_nb.pictures import images
from dedup_nb.pictures.engines.tasks import Item

SAME_LEVELS = 1  # grey levels by which two decoders of one file may differ


def compare(item: Item) -> Item:
    """Decode two files at full size and return what each holds that the other lacks.

    Parameters
    ----------
    item : Item
        Blocks: the absolute paths of `a` and `b`. Facts: `matrix`, the six numbers of
        `Verdict.matrix`; `sha256`, two digests, optional; `max_pixels`, optional.

    Returns
    -------
    Item
        Facts: those of `Holding.as_dict`, `look` as in `Look.as_dict`, and `equal`, whether all
        pixels are the same; or `stale`, true, if a file has changed meanwhile.

    Raises
    ------
    ValueError
        If one cannot be decoded, or is too large.
    """
    limit = float(item.facts.get("max_pixels", images.MAX_PIXELS))
    digests = item.facts.get("sha256", ("", ""))
    try:
        a, b = (
            opening.opened(path, digest, limit)
            for path, digest in zip(item.blocks, digests, strict=True)
        )
    except opening.Changed:
        return Item({"stale": True})
    matrix = np.reshape(np.array(item.facts["matrix"], np.float64), (2, 3))
    held, aligned = compared(a.pixels, b.pixels, matrix, (a.saved, b.saved))
    equal, seen = _equal(a, b), Look()
    held = _with_original(held, a, b) if equal else held
    if aligned is not None and not equal:
        seen = containers.shown(aligned)
        if not seen.kind:
            covered = "covered" in held.a_lacks + held.b_lacks
            seen = look(aligned, covered, (a.saved.coarseness, b.saved.coarseness))
    return Item({**held.as_dict(), "look": seen.as_dict(), "equal": equal})


def _equal(a: Opened, b: Opened) -> bool:
    """Return whether all pixels are the same, as far as decoders agree."""
    if a.pixels.shape != b.pixels.shape:
        return False
    return bool(cv2.absdiff(a.pixels, b.pixels).max(initial=0) <= SAME_LEVELS)


def _with_original(held: Holding, a: Opened, b: Opened) -> Holding:
    """Say which of two pictures with equal pixels is the original.

    A lossy file cannot be made from a lossless one without changing pixels.
    """
    if a.lossy == b.lossy or held.both:
        return held
    if a.lossy:
        return replace(held, b_lacks=(*held.b_lacks, "original"))
    return replace(held, a_lacks=(*held.a_lacks, "original"))
