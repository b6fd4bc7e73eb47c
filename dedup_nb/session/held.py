"""Stored contents -> the columns of the images that say what each holds besides its pixels."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from dedup_nb.pictures import contents as facts
from dedup_nb.pictures import measures
from dedup_nb.pictures.store import Store

READ_AT_ONCE = 50_000

Texts = tuple[str, ...]


class Held(NamedTuple):
    """What one content holds besides its pixels."""

    holds: Texts  # such as `12 frames`, `prompt`, `time`
    taken: str  # when the picture was taken, or ""
    shot: Texts  # how it was taken; see `contents.Contents.shot`
    frame: Texts  # what tells frames of a burst apart; see `contents.Contents.frame`


Contents = dict[str, Held]  # by sha256


def contents(store: Store, digests: Sequence[str]) -> Contents:
    """Return what some contents hold besides their pixels, by sha256.

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


def of_value(value: bytes) -> Held | None:
    """Return what a stored value says that a content holds; None if it is damaged."""
    try:
        one = facts.Contents.of_bytes(value)
        texts = [tuple(map(sys.intern, each)) for each in (one.holds, one.shot, one.frame)]
        return Held(texts[0], str(one.words.get("time", "")), *texts[1:])
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def words(store: Store, digest: str) -> Mapping[str, str]:
    """Return the words that one content holds, by kind; see `contents.Contents.words`."""
    value = store.measures(measures.CONTENTS.name, [digest]).get(digest)
    try:
        told = facts.Contents.of_bytes(value).words if value else {}
        return {str(kind): str(text) for kind, text in told.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def columns(
    digests: Sequence[str],
    statuses: Sequence[str],
    known: Contents,
) -> dict[str, pd.Series[Any]]:
    """Return the columns `holds`, `taken`, `shot` and `frame` of some images.

    Nothing holds what a readable image holds whose contents are not known: it waits for review.

    Parameters
    ----------
    digests, statuses : sequence of str
        Sha256 and status of each image.
    known : Contents
        See `contents`.
    """
    shared: dict[Texts, Texts] = {}
    made: list[Held] = []
    for digest, status in zip(digests, statuses, strict=True):
        unknown = (f"contents that are not known ({digest[:8]})",) if status == "ok" else ()
        held = known.get(digest) or Held(unknown, "", (), ())
        made.append(held._replace(holds=shared.setdefault(held.holds, held.holds)))
    return {
        name: pd.Series([getattr(held, name) for held in made], dtype=object)
        for name in Held._fields
    }
