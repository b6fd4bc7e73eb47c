"""Two files -> what each lacks of the other; a task for watched processes."""

from __future__ import annotations

import numpy as np

from dedup_nb.compare.holding import opening
from dedup_nb.compare.holding.judging import holding
from dedup_nb.pictures import images
from dedup_nb.pictures.engines.tasks import Item


def compare(item: Item) -> Item:
    """Decode two files at full size and return what each holds that the other lacks.

    Parameters
    ----------
    item : Item
        Blocks: the absolute paths of `a` and `b`. Facts: `matrix`, the six numbers of
        `Verdict.matrix`; `max_pixels`, optional.

    Returns
    -------
    Item
        Facts: `Holding.as_dict`.

    Raises
    ------
    ValueError
        If one cannot be read or decoded, or is too large.
    """
    limit = float(item.facts.get("max_pixels", images.MAX_PIXELS))
    a, b = (opening.opened(path, limit) for path in item.blocks)
    matrix = np.reshape(np.array(item.facts["matrix"], np.float64), (2, 3))
    return Item(holding(a.pixels, b.pixels, matrix, (a.saved, b.saved)).as_dict())
