"""Two files -> what each lacks of the other, and whether they are copies at all.

A task for watched processes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dedup_nb.compare.holding import opening
from dedup_nb.compare.holding.judging import Holding, holding
from dedup_nb.compare.holding.opening import Opened
from dedup_nb.compare.look_words import Look
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
        Facts: those of `Holding.as_dict`, and `look` as in `Look.as_dict`; or `stale`, true, if a
        file has changed meanwhile.

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
    held = holding(a.pixels, b.pixels, matrix, (a.saved, b.saved))
    return Item({**_with_original(held, a, b).as_dict(), "look": Look().as_dict()})


def _with_original(held: Holding, a: Opened, b: Opened) -> Holding:
    """Say which is the original if one is the other, saved again without loss.

    A lossy file cannot be made from a lossless one without changing pixels.
    """
    if a.lossy == b.lossy or a.pixels.shape != b.pixels.shape or held.both:
        return held
    apart = np.abs(a.pixels.astype(np.int16) - b.pixels)
    if apart.max(initial=0) > SAME_LEVELS:
        return held
    if a.lossy:
        return replace(held, b_lacks=(*held.b_lacks, "original"))
    return replace(held, a_lacks=(*held.a_lacks, "original"))
