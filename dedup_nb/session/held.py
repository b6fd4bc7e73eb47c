"""Stored contents -> the columns of the images that say what each holds besides its pixels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dedup_nb.pictures import contents as facts
from dedup_nb.pictures import measures
from dedup_nb.pictures.store import Store

READ_AT_ONCE = 50_000


Held = tuple[str, ...]  # such as `12 frames`, `prompt`, `time`
Contents = dict[str, tuple[Held, str]]  # sha256 -> what it holds, and when it was taken


def contents(store: Store, digests: Sequence[str]) -> Contents:
    """Return what some contents hold, and when the picture was taken, by sha256.

    Damaged values are deleted from the cache and left out.
    """
    known: Contents = {}
    for start in range(0, len(digests), READ_AT_ONCE):
        part = digests[start : start + READ_AT_ONCE]
        damaged = []
        for digest, value in store.measures(measures.CONTENTS.name, part).items():
            if (one := of_value(value)) is None:
                damaged.append(digest)
            else:
                known[digest] = one
        if damaged:
            store.drop_measures(measures.CONTENTS.name, damaged)
    return known


def of_value(value: bytes) -> tuple[Held, str] | None:
    """Return what a stored value says that a content holds, and when it was taken; None if damaged.

    Returns
    -------
    tuple of (names, time) or None
    """
    try:
        one = facts.Contents.of_bytes(value)
        return tuple(map(sys.intern, one.holds)), str(one.words.get("time", ""))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def columns(
    digests: Sequence[str],
    statuses: Sequence[str],
    known: Contents,
) -> dict[str, pd.Series[Any]]:
    """Return the columns `holds` and `taken` of some images.

    Nothing holds what a readable image holds whose contents are not known: it waits for review.

    Parameters
    ----------
    digests, statuses : sequence of str
        Sha256 and status of each image.
    known : Contents
        See `contents`.
    """
    shared: dict[Held, Held] = {}
    holds, taken = [], []
    for digest, status in zip(digests, statuses, strict=True):
        unknown = (f"contents that are not known ({digest[:8]})",) if status == "ok" else ()
        held, time = known.get(digest, (unknown, ""))
        holds.append(shared.setdefault(held, held))
        taken.append(time)
    return {"holds": pd.Series(holds, dtype=object), "taken": pd.Series(taken, dtype=object)}
