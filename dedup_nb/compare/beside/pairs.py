"""Images of the catalogue -> their pixels in squares, and how two of them lie beside each other.

What a person compares: pictures from the files themselves, aligned the way `verify` aligned them.
Everything that touches pixels runs in watched processes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb.compare.beside import placing
from dedup_nb.compare.beside.kept import Size, size_at
from dedup_nb.compare.beside.placing import Box
from dedup_nb.compare.beside.tiles import MOST_LEVEL, MOST_TILES, TILE_PX, Tile
from dedup_nb.compare.holding.geometry import Floats, inverse
from dedup_nb.compare.look_words import CONTAINED, COPY, MOVED, Look
from dedup_nb.compare.verdicts import Verdicts
from dedup_nb.compare.verify import Verdict
from dedup_nb.pictures.engines import LOCAL, Engine, Failure, Item

SOUND = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
KEPT_PAIRS = 256
MOST = 1e9  # of a number in a map
SAME_FILE, NOT_ALIGNED = "the same content", "not aligned"
ROUGHLY = "aligned by their thumbnails"


@dataclass(frozen=True)
class Pair:
    """How a second image lies beside a first one.

    Attributes
    ----------
    matrix : tuple of six numbers
        Affine map from pixels of the first to pixels of the second, whole numbers being pixel
        centres; where they could not be aligned, it only stretches one to the other's size.
    aligned : bool
        Whether they could be aligned.
    text : str
        How: `aligned: shifted by 3 px across, scaled by 0.5`, `aligned by their thumbnails`, or
        `not aligned`.
    differing : float or None
        Share of the pixels that both show which differ by more than JPEG noise, 0 to 1; None if it
        was not counted.
    boxes : tuple of (left, top, right, bottom)
        The areas that held the pair back, as shares of the first image, 0 to 1.
    outlined : str
        What those areas are, or "".
    """

    matrix: tuple[float, ...]
    aligned: bool
    text: str
    differing: float | None = None
    boxes: tuple[Box, ...] = ()
    outlined: str = ""


class Beside:
    """Shows images of the catalogue beside each other.

    Parameters
    ----------
    catalogue : DataFrame
        Columns `path, sha256, width, height` of the images.
    library : Path
        Folder that the paths are relative to.
    verdicts : Verdicts
        Compares pairs that nobody has compared yet.
    engine : Engine
        Decodes and compares the files.
    """

    def __init__(
        self, catalogue: pd.DataFrame, library: Path, verdicts: Verdicts, engine: Engine = LOCAL
    ) -> None:
        self.library, self.verdicts, self.engine = library, verdicts, engine
        self.rows = {path: row for row, path in enumerate(catalogue["path"])}
        self.digests: list[str] = list(catalogue["sha256"])
        self.sizes = catalogue[["width", "height"]].to_numpy(np.int64)
        self._placed: dict[tuple[str, str], Pair] = {}

    def tiles(self, path: str, level: int, tiles: Sequence[Tile]) -> list[bytes]:
        """Return squares of an image as PNG or JPEG; see `beside.tiles`.

        Parameters
        ----------
        path : str
            Path of an image of the catalogue.
        level : int
            How often it is halved.
        tiles : sequence of (column, row)
            At most `MOST_TILES`; those that lie outside of the picture are ignored.

        Raises
        ------
        ValueError
            If they cannot be made; the message says why.
        """
        row = self._row(path)
        facts = {"sha256": self.digests[row], **self._wanted(row, level, tiles)}
        return self._squares("tiles", Item(facts, [self._file(path)]))

    def differences(self, a: str, b: str, level: int, tiles: Sequence[Tile]) -> list[bytes]:
        """Return squares of the difference of two images, placed as the first; see `tiles`."""
        row, other = self._row(a), self._row(b)
        facts = {
            "sha256": [self.digests[row], self.digests[other]],
            "matrix": self.placed(a, b).matrix,
            **self._wanted(row, level, tiles),
        }
        return self._squares("differences", Item(facts, [self._file(a), self._file(b)]))

    def near(self, a: str, b: str) -> Pair:
        """Return how two images lie beside each other, from their thumbnails alone."""
        row, other = self._row(a), self._row(b)
        size, its = self._size(row), self._size(other)
        matrix = self._matrix(row, other)
        if matrix is None:
            return Pair(_numbers(placing.plain_map(size, its)), False, NOT_ALIGNED)
        same = self.digests[row] == self.digests[other]
        return Pair(_numbers(matrix), True, SAME_FILE if same else ROUGHLY)

    def placed(self, a: str, b: str) -> Pair:
        """Return how two images lie beside each other, aligned at full size.

        Raises
        ------
        ValueError
            If one cannot be decoded; the message says why.
        """
        row, other = self._row(a), self._row(b)
        key = (self.digests[row], self.digests[other])
        if key not in self._placed:
            self._placed[key] = self._place(a, b, row, other)
            while len(self._placed) > KEPT_PAIRS:
                del self._placed[next(iter(self._placed))]
        return self._placed[key]

    # -- one pair --------------------------------------------------------------------------------

    def _place(self, a: str, b: str, row: int, other: int) -> Pair:
        rough = self.near(a, b)
        if self.digests[row] == self.digests[other]:
            return Pair(rough.matrix, True, SAME_FILE, 0.0)
        boxes, outlined = self._areas(row, other, rough)
        facts = {
            "sha256": [self.digests[row], self.digests[other]],
            "matrix": rough.matrix,
            "aligned": rough.aligned,
        }
        result = self._judged("beside", Item(facts, [self._file(a), self._file(b)]))
        try:
            matrix, differing = _checked(result)
        except (KeyError, TypeError, ValueError):
            raise ValueError("cannot be compared: the process sent what it should not") from None
        text = self._text(row, other, matrix) if rough.aligned else NOT_ALIGNED
        return Pair(_numbers(matrix), rough.aligned, text, differing, boxes, outlined)

    def _verdict(self, row: int, other: int) -> Verdict | None:
        """Return the verdict on two images, whose `a` is the one with the smaller digest."""
        with self.verdicts.at_most(1):
            self.verdicts.refused(np.array([row]), np.array([other]))
        return self.verdicts.verdicts.get(self._pair(row, other))

    def _look(self, row: int, other: int) -> Look:
        """Return what is known of a second look at two images, taken at full size."""
        full_size = self.verdicts.full_size
        compared = full_size.known.get(self._pair(row, other)) if full_size else None
        return compared.look if compared else Look()

    def _pair(self, row: int, other: int) -> tuple[str, str]:
        first, second = sorted((self.digests[row], self.digests[other]))
        return first, second

    def _matrix(self, row: int, other: int) -> Floats | None:
        if self.digests[row] == self.digests[other]:
            return np.eye(2, 3)
        verdict = self._verdict(row, other)
        if verdict is None or not verdict.matrix:
            return None
        matrix = np.reshape(np.array(verdict.matrix, np.float64), (2, 3))
        return matrix if self.digests[row] < self.digests[other] else inverse(matrix)

    def _text(self, row: int, other: int, matrix: Floats) -> str:
        return f"aligned: {placing.words(matrix, self._size(row), self._size(other))}"

    # -- the areas that held it back -------------------------------------------------------------

    def _areas(self, row: int, other: int, rough: Pair) -> tuple[tuple[Box, ...], str]:
        """Return the areas that differ, as shares of the first image, and what they are."""
        verdict, look = self._verdict(row, other), self._look(row, other)
        if verdict is None or not rough.aligned:
            return (), ""
        first = self.digests[row] < self.digests[other]
        if look.kind != COPY and look.where:
            if first:
                return look.where, _outlined(look)
            matrix = np.reshape(np.array(rough.matrix), (2, 3))
            size, its = self._size(row), self._size(other)
            return tuple(_moved(box, its, matrix, size) for box in look.where), _outlined(look)
        where = verdict.where if first else verdict.where_in_b
        if not verdict.edited_area or len(where) != 4:
            return (), ""
        left, top, right, bottom = where
        text = f"{100 * verdict.edited_area:.1f} % of the area differs"
        return ((left, top, right, bottom),), text

    # -- files and processes ---------------------------------------------------------------------

    def _row(self, path: str) -> int:
        if path not in self.rows:
            raise ValueError("cannot be shown: it is not in the catalogue")
        return self.rows[path]

    def _size(self, row: int) -> Size:
        width, height = self.sizes[row].tolist()
        return max(int(width), 1), max(int(height), 1)

    def _file(self, path: str) -> bytes:
        return os.path.join(os.fsencode(self.library.absolute()), os.fsencode(path))

    def _wanted(self, row: int, level: int, tiles: Sequence[Tile]) -> dict[str, Any]:
        size = self._size(row)
        if not 0 <= level <= MOST_LEVEL or len(tiles) > MOST_TILES:
            raise ValueError("cannot be shown: more squares than there are")
        columns, rows = (-(-side // TILE_PX) for side in size_at(size, level))
        for column, line in tiles:
            if not (0 <= column < columns and 0 <= line < rows):
                raise ValueError("cannot be shown: that square lies outside of the picture")
        return {"size": size, "level": level, "tiles": [list(tile) for tile in tiles]}

    def _squares(self, task: str, item: Item) -> list[bytes]:
        blocks = list(self._judged(task, item).blocks)
        right = len(blocks) == len(item.facts["tiles"])
        if not right or not all(block.startswith(SOUND) for block in blocks):
            raise ValueError("cannot be shown: the decoder sent what it should not")
        return blocks

    def _judged(self, task: str, item: Item) -> Item:
        (result,) = self.engine.judge(task, [item], 1)
        if isinstance(result, Failure):
            raise ValueError(f"cannot be shown: {result}")
        return result


def _outlined(look: Look) -> str:
    """Return what the areas of a second look are."""
    if look.kind == MOVED:
        return "what moved"
    if look.kind == CONTAINED:
        return "where it shows the other"
    return f"{100 * look.area:.1f} % of the area differs"


def _numbers(matrix: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.asarray(matrix).ravel())


def _checked(result: Item) -> tuple[Floats, float]:
    """Return the map and the share that differs, if they can be right."""
    matrix, differing = result.facts["matrix"], result.facts["differing"]
    numbers = [*matrix, differing]
    if len(matrix) != 6 or not all(type(n) in (int, float) and abs(n) < MOST for n in numbers):
        raise ValueError("not a map")
    made = np.reshape(np.array(matrix, np.float64), (2, 3))
    if not 0 <= differing <= 1 or math.isclose(float(np.linalg.det(made[:, :2])), 0):
        raise ValueError("not a map")
    return made, float(differing)


def _corners(box: Box, size: Size) -> Floats:
    left, right = (x * size[0] - 0.5 for x in box[::2])
    top, bottom = (y * size[1] - 0.5 for y in box[1::2])
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _moved(box: Box, of: Size, matrix: Floats, to: Size) -> Box:
    """Return a box of the second picture as one around it in the first; `matrix` is first to it."""
    back = inverse(matrix)
    places = _corners(box, of) @ back[:, :2].T + back[:, 2]
    return _around(places, to)


def _around(places: Floats, size: Size) -> Box:
    low, high = (
        np.clip((edge + 0.5) / size, 0, 1) for edge in (places.min(axis=0), places.max(axis=0))
    )
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
