"""Thumbnails and features of two pictures -> verdicts, as tasks for watched processes.

OpenCV may crash on pictures that nobody thought of; then one pair cannot be compared, and the
kernel goes on. What these tasks return is checked by whoever asked for it.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare import framing, verify
from dedup_nb.pictures import features, images, sift
from dedup_nb.pictures.engines import Item

REMEMBERED = 256  # pictures, 0.2 MB each; the pairs of a group share their keeper

sift.prepare()  # while the process starts: the time limit of an item is for the item

_pixels = lru_cache(REMEMBERED)(images.pixels)


@lru_cache(REMEMBERED)
def _features(kept: bytes, jpeg: bytes) -> features.Features:
    """Return a picture with its features; those of its stretched contrast stay with it too."""
    return features.unpack(kept, _pixels(jpeg))


class _Damaged(ValueError):
    """A thumbnail cannot be decoded; `position` says which."""

    def __init__(self, position: int) -> None:
        super().__init__(f"thumbnail {position} is damaged")
        self.position = position


def first_sight(item: Item) -> Item:
    """Return the verdict on two thumbnails if they clearly have one framing; else None."""
    try:
        a, b = _decoded(item)
    except _Damaged as error:
        return Item({"damaged": error.position})
    return _told(verify.plain_verdict(a, b, _sizes(item)))


def features_of(item: Item) -> Item:
    """Return the features of a thumbnail, as stored."""
    try:
        (pixels,) = _decoded(item)
    except _Damaged as error:
        return Item({"damaged": error.position})
    return Item({}, [features.extract(pixels)])


def aligned(item: Item) -> Item:
    """Return the verdict on two pictures by their features: thumbnails, then features."""
    try:
        _decoded(item, 2)
    except _Damaged as error:
        return Item({"damaged": error.position})
    of_a, of_b = map(_features, item.blocks[2:], item.blocks[:2])
    return _told(verify.same_picture(of_a, of_b, _sizes(item)))


def same_place(item: Item) -> Item:
    """Return the share of two thumbnails that differs locally, and their difference in tone."""
    try:
        a, b = _decoded(item)
    except _Damaged as error:
        return Item({"damaged": error.position})
    found = framing.same_framing(a, b)
    area = found.edited_area if found.alike >= framing.ALIKE else 1.0
    return Item({"area": float(area), "tone": images.tone_difference(a, b)})


def _decoded(item: Item, count: int | None = None) -> list[NDArray[np.uint8]]:
    pictures = []
    for position, jpeg in enumerate(item.blocks[:count]):
        try:
            pictures.append(_pixels(jpeg))
        except ValueError as error:
            raise _Damaged(position) from error
    return pictures


def _sizes(item: Item) -> tuple[verify.Size, verify.Size]:
    (a, b), (c, d) = item.facts["sizes"]
    return (a, b), (c, d)


def _told(verdict: verify.Verdict | None) -> Item:
    facts: dict[str, Any] = {"verdict": asdict(verdict) if verdict else None}
    return Item(facts)
