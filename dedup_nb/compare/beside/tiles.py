"""Squares of pictures, and of their differences, for a browser; tasks for watched processes.

A picture is halved `level` times, rounded up, and cut into squares of `TILE_PX`, from its upper
left corner. Squares in full size are PNG, since they must show the pixels of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from dedup_nb.compare.beside.kept import KEPT, Size, size_at
from dedup_nb.compare.holding.geometry import (
    Floats,
    Picture,
    Pixels,
    canvas,
    chained,
    inverse,
    scale_of,
    spread,
    visible,
)
from dedup_nb.pictures.engines.tasks import Item

TILE_PX = 512
MOST_TILES = 48  # in one item
MOST_LEVEL = 20
QUALITY = 92  # of reduced squares
QUICK_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
GAIN = 6  # a difference of 43 levels is full red, one of 128 is white
FAINT = 0.25  # brightness of the picture below its differences
ELSEWHERE = (58, 62, 84)  # RGB where the other picture shows nothing
MARGIN_PX = 4

Tile = tuple[int, int]  # column and row


def tiles(item: Item) -> Item:
    """Cut squares out of a picture.

    Parameters
    ----------
    item : Item
        Block: the absolute path. Facts: `sha256`; `size`, width and height; `level`; `tiles`, pairs
        of column and row.

    Returns
    -------
    Item
        A PNG or JPEG for each tile.

    Raises
    ------
    ValueError
        If it cannot be decoded, has changed, or has another size.
    """
    (path,) = item.blocks
    sha256, size, level, wanted = _asked(item)
    pixels = KEPT.reduced(path, sha256, size, level)
    _check(pixels, size_at(size, level))
    made = [_encoded(_cut(pixels, tile), level) for tile in wanted]
    KEPT.tidy()
    return Item({}, made)


def differences(item: Item) -> Item:
    """Cut squares out of the difference of two pictures, in the place of the first.

    Parameters
    ----------
    item : Item
        As for `tiles`, with two paths; `sha256` holds two digests, `matrix` the six numbers of the
        map from the first to the second.

    Returns
    -------
    Item
        A PNG for each tile: the first picture, dark and grey, and differences over it: red, then
        yellow and white.
    """
    digests, size, level, wanted = _asked(item)
    a, b = (KEPT.whole(path, sha) for path, sha in zip(item.blocks, digests, strict=True))
    _check(a.pixels, size)
    matrix = np.reshape(np.array(item.facts["matrix"], np.float64), (2, 3))
    made = [_encoded(_heat(a, b, matrix, *part), 0) for part in _parts(size, level, wanted)]
    KEPT.tidy()
    return Item({}, made)


def _asked(item: Item) -> tuple[Any, Size, int, list[Tile]]:
    facts = item.facts
    width, height = facts["size"]
    wanted = [(int(column), int(row)) for column, row in facts["tiles"]]
    return facts["sha256"], (int(width), int(height)), int(facts["level"]), wanted


def _check(pixels: Pixels, size: Size) -> None:
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise ValueError(f"is {width}x{height} now, and was {size[0]}x{size[1]} when catalogued")


def _cut(pixels: Pixels, tile: Tile) -> Pixels:
    left, top = (part * TILE_PX for part in tile)
    square = pixels[top : top + TILE_PX, left : left + TILE_PX]
    if not square.size:
        raise ValueError("that square lies outside of the picture")
    return square


def _encoded(pixels: Pixels, level: int) -> bytes:
    if pixels.shape[2] == 4:
        return _saved(".png", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), QUICK_PNG)
    turned = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    if level:
        return _saved(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return _saved(".png", turned, QUICK_PNG)


def _saved(suffix: str, pixels: Any, options: list[int]) -> bytes:
    right, data = cv2.imencode(suffix, pixels, options)
    if not right:
        raise ValueError("a square could not be saved")
    return bytes(data)


# -- differences ---------------------------------------------------------------------------------


def _parts(size: Size, level: int, wanted: list[Tile]) -> Iterator[tuple[Floats, Size]]:
    """Yield the map from each tile to the whole picture, and the size of the tile."""
    width, height = size_at(size, level)
    whole = spread(size[0] / width, size[1] / height)
    for column, row in wanted:
        left, top = column * TILE_PX, row * TILE_PX
        inside = min(TILE_PX, width - left), min(TILE_PX, height - top)
        if min(inside) <= 0:
            raise ValueError("that square lies outside of the picture")
        yield chained(np.array([[1, 0, left], [0, 1, top]], np.float64), whole), inside


def _heat(a: Picture, b: Picture, matrix: Floats, place: Floats, size: Size) -> Pixels:
    apart, shown = apart_on(a, b, place, chained(place, matrix), size)
    heat = GAIN * apart.astype(np.int32)
    grey = cv2.cvtColor(_drawn(a, place, size, 255), cv2.COLOR_RGB2GRAY)
    ground = (grey * FAINT).astype(np.int32)[..., None]  # the picture, to see where it is
    colours = np.stack([heat, heat - 255, heat - 510], axis=2).clip(0, 255)
    drawn: Pixels = np.maximum(ground, colours).astype(np.uint8)
    drawn[~shown] = ELSEWHERE
    return drawn


def apart_on(a: Picture, b: Picture, to_a: Floats, to_b: Floats, size: Size) -> tuple[Pixels, Any]:
    """Return by how many levels two pictures differ on a canvas, and where both show something.

    Parameters
    ----------
    a, b : Picture
        Two pictures; transparent ones are compared over white and over black.
    to_a, to_b : ndarray of float64, shape (2, 3)
        From the canvas to each.
    size : (width, height)
        Of the canvas.
    """
    grounds = (255,) if a.alpha is None and b.alpha is None else (255, 0)
    apart = np.zeros(size[::-1], np.uint8)
    for ground in grounds:
        x, y = _drawn(a, to_a, size, ground), _drawn(b, to_b, size, ground)
        red, green, blue = cv2.split(cv2.absdiff(x, y))
        apart = cv2.max(apart, cv2.max(cv2.max(red, green), blue))
    return apart, visible(to_a, size, a.size) & visible(to_b, size, b.size)


def _drawn(picture: Picture, matrix: Floats, size: Size, ground: int) -> Pixels:
    """Draw a picture on a canvas; where it is not reduced, only the part that is needed is used."""
    if scale_of(matrix) >= 2 or picture.alpha is not None:
        return canvas(picture, matrix, size, ground)
    corners = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [*size, 1]]) @ matrix.T
    low = np.clip(np.floor(corners.min(0)).astype(int) - MARGIN_PX, 0, None)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + MARGIN_PX, picture.size)
    part = picture.pixels[low[1] : high[1], low[0] : high[0], :3]
    if not part.size:
        return np.full((size[1], size[0], 3), ground, np.uint8)
    moved = chained(matrix, inverse(np.array([[1, 0, low[0]], [0, 1, low[1]]], np.float64)))
    return canvas(Picture(np.ascontiguousarray(part)), moved, size, ground)
