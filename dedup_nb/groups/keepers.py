"""The words of `keeper_order`, one entry each -> the order in which images are kept.

To add a word, add an entry to `KEEPER_WORDS`: its name, the reason shown for an image kept by it,
its help, and what it sorts by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb.groups.roles import Indices

Keys = list["pd.Series[Any]"]  # sort keys, the most important first; smallest is best


@dataclass(frozen=True)
class KeeperWord:
    """One word of `keeper_order`.

    Attributes
    ----------
    name : str
        The word, as written in profiles.
    better : str
        Why an image that wins by this word is kept, for reports.
    help : str
        What the word prefers, for the example profile and the documentation.
    keys : callable
        Images and the preferred roots -> the sort keys.
    """

    name: str
    better: str
    help: str
    keys: Callable[[pd.DataFrame, Sequence[str]], Keys]


def _place_of_root(images: pd.DataFrame, prefer: Sequence[str]) -> Keys:
    places = {root: place for place, root in enumerate(prefer)}
    return [images["root"].map(lambda root: places.get(root, len(places)))]


def _pixels(images: pd.DataFrame) -> pd.Series[Any]:
    return images["width"] * images["height"]


KEEPER_WORDS: Mapping[str, KeeperWord] = {
    word.name: word
    for word in (
        KeeperWord(
            "protected",
            "protected",
            "images in a curated root or matched by protect",
            lambda images, prefer: [~images["protected"]],
        ),
        KeeperWord("prefer", "in a preferred root", "roots in the order of prefer", _place_of_root),
        KeeperWord(
            "stage",
            "higher stage",
            "the higher stage",
            lambda images, prefer: [-images["level"].fillna(-1.0)],
        ),
        KeeperWord(
            "pixels", "more pixels", "more pixels", lambda images, prefer: [-_pixels(images)]
        ),
        KeeperWord("bytes", "more bytes", "more bytes", lambda images, prefer: [-images["bytes"]]),
        KeeperWord("mtime", "newer", "changed last", lambda images, prefer: [-images["mtime_ns"]]),
        KeeperWord(
            "path",
            "same except for its path",
            "the path that sorts first, so that ties are never random",
            lambda images, prefer: [images["path"].rank(method="first")],
        ),
        KeeperWord("newest", "newer", "changed last", lambda images, prefer: [-images["mtime_ns"]]),
        KeeperWord("oldest", "older", "changed first", lambda images, prefer: [images["mtime_ns"]]),
        KeeperWord(
            "largest",
            "larger",
            "more pixels, then more bytes",
            lambda images, prefer: [-_pixels(images), -images["bytes"]],
        ),
    )
}

# Best first; the path comes last so that ties are never random.
KEEPER_ORDER = ["protected", "prefer", "stage", "pixels", "bytes", "mtime", "path"]


def keeper_rank(
    images: pd.DataFrame, order: Sequence[str] = KEEPER_ORDER, prefer: Sequence[str] = ()
) -> Indices:
    """Rank images in keeper order, from 0 (kept first).

    Parameters
    ----------
    images : DataFrame
        Columns `path, root, level, width, height, bytes, mtime_ns, protected`.
    order : sequence of str
        Words of `KEEPER_WORDS`, the most important first. Ties are broken by path.
    prefer : sequence of str
        Roots, best first.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        If a word is unknown.
    """
    unknown = [word for word in order if word not in KEEPER_WORDS]
    if unknown:
        raise ValueError(
            f"keeper_order has the unknown word {unknown[0]}; use {', '.join(KEEPER_WORDS)}"
        )
    keys = [
        key.to_numpy()
        for word in (*order, "path")
        for key in KEEPER_WORDS[word].keys(images, prefer)
    ]
    ranked = np.lexsort(keys[::-1])
    ranks = np.empty(len(images), np.int64)
    ranks[ranked] = np.arange(len(images))
    return ranks
