"""The words of `keeper_order`, one entry each -> the order in which images are kept.

To add a word, add an entry to `KEEPER_WORDS`: its name, the reason shown for an image kept by it,
its help, and what it sorts by.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    place : bool
        Whether it prefers an image because of where it is, not because of what it is. Such an image
        is never staged for a copy that holds more.
    """

    name: str
    better: str
    help: str
    keys: Callable[[pd.DataFrame, Sequence[str]], Keys]
    place: bool = False


def _place_of_root(images: pd.DataFrame, prefer: Sequence[str]) -> Keys:
    places = {root: place for place, root in enumerate(prefer)}
    return [images["root"].map(lambda root: places.get(root, len(places)))]


def _richest(images: pd.DataFrame, prefer: Sequence[str]) -> Keys:
    return [-images["holds"].map(_count)]


def _count(words: tuple[str, ...]) -> int:
    """Count what an image holds; the JSON of a Google export mostly repeats its time and place."""
    return len(words) - (".json" in words and "time" in words)


def _first_taken(images: pd.DataFrame, prefer: Sequence[str]) -> Keys:
    return [images["taken"].where(images["taken"] != "", "9999").rank(method="dense")]


def _format_rank(images: pd.DataFrame, prefer: Sequence[str]) -> Keys:
    places = {name: place for place, name in enumerate(FORMATS_BEST_FIRST)}
    return [images["format"].map(lambda name: places.get(name, len(places)))]


def _pixels(images: pd.DataFrame) -> pd.Series[Any]:
    return images["width"] * images["height"]


# without loss first, then by what they keep of a picture of the same quality
FORMATS_BEST_FIRST = (
    "PSD", "TIFF", "PNG", "BMP", "PPM", "QOI", "TGA", "JXL", "HEIF", "AVIF", "JPEG2000", "WEBP",
    "JPEG", "DDS", "GIF", "ICO",
)  # fmt: skip

KEEPER_WORDS: Mapping[str, KeeperWord] = {
    word.name: word
    for word in (
        KeeperWord(
            "protected",
            "protected",
            "images in a curated root or matched by protect",
            lambda images, prefer: [~images["protected"]],
            place=True,
        ),
        KeeperWord(
            "prefer",
            "in a preferred root",
            "roots in the order of prefer",
            _place_of_root,
            place=True,
        ),
        KeeperWord(
            "stage",
            "higher stage",
            "the higher stage",
            lambda images, prefer: [-images["level"].fillna(-1.0)],
        ),
        KeeperWord(
            "holds",
            "holds more",
            "more kinds of content: prompt, capture data, keywords, film, companions",
            _richest,
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
        KeeperWord(
            "taken", "taken first", "the earliest time of capture; none comes last", _first_taken
        ),
        KeeperWord(
            "format",
            "a better file format",
            f"the file format: {', '.join(FORMATS_BEST_FIRST)}",
            _format_rank,
        ),
    )
}

# Best first; the path comes last so that ties are never random.
KEEPER_ORDER = ["protected", "prefer", "stage", "holds", "pixels", "bytes", "mtime", "path"]

# Breaks ties after `holds` if no root is preferred; not a word of profiles.
TIES = (("holds", 1), ("path", 0))  # where: after `holds`, else before `path`, else at the end
ROOT_ORDER = KeeperWord("", "in an earlier root", "the order of roots", _place_of_root)


def words_of(order: Sequence[str], *, has_prefer: bool) -> list[KeeperWord]:
    """Return the words of a keeper order, with the tie-breaks that every order has.

    The path comes last. Without preferred roots, the order of `roots` decides after `holds`, or
    before the path if `holds` is not among the words.

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
    words = [KEEPER_WORDS[name] for name in order]
    if not has_prefer:
        tie = next((order.index(name) + after for name, after in TIES if name in order), None)
        words.insert(len(words) if tie is None else tie, ROOT_ORDER)
    return [*words, KEEPER_WORDS["path"]]


def sort_keys(
    word: KeeperWord, images: pd.DataFrame, prefer: Sequence[str], roots: Sequence[str]
) -> list[NDArray[Any]]:
    """Return the keys of one word, smallest first; `roots` is used by `ROOT_ORDER` only."""
    order = roots if word is ROOT_ORDER else prefer
    return [key.to_numpy() for key in word.keys(images, order)]


def keeper_rank(
    images: pd.DataFrame,
    order: Sequence[str] = KEEPER_ORDER,
    prefer: Sequence[str] = (),
    roots: Sequence[str] = (),
) -> Indices:
    """Rank images in keeper order, from 0 (kept first).

    Parameters
    ----------
    images : DataFrame
        Columns `path, root, level, width, height, bytes, mtime_ns, protected` and `holds` (tuples
        of words); for the words `taken` and `format` those columns too.
    order : sequence of str
        Words of `KEEPER_WORDS`, the most important first. Ties are broken by path.
    prefer : sequence of str
        Preferred roots, best first.
    roots : sequence of str
        All roots; without `prefer`, their order breaks ties.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        If a word is unknown.
    """
    words = words_of(order, has_prefer=bool(prefer))
    keys = [key for word in words for key in sort_keys(word, images, prefer, roots)]
    return _ranks(keys, len(images))


def place_rank(
    images: pd.DataFrame, order: Sequence[str] = KEEPER_ORDER, prefer: Sequence[str] = ()
) -> Indices:
    """Rank images by the first words of an order that prefer a place; equal if these are equal.

    An image in a better place is never staged for a copy that holds more.

    Parameters
    ----------
    images, order, prefer
        See `keeper_rank`.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    words = itertools.takewhile(lambda word: word.place, words_of(order, has_prefer=True))
    keys = [key for word in words for key in sort_keys(word, images, prefer, ())]
    if not keys:
        return np.zeros(len(images), np.int64)
    table = pd.DataFrame(dict(enumerate(keys)))
    ranks: Indices = table.groupby(list(table), sort=True).ngroup().to_numpy(np.int64)
    return ranks


def _ranks(keys: Sequence[NDArray[Any]], n: int) -> Indices:
    ranks = np.empty(n, np.int64)
    ranks[np.lexsort(keys[::-1])] = np.arange(n)
    return ranks
