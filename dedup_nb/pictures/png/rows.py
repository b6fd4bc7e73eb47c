"""Inflated rows of a PNG -> their pixels, or averages of squares of them, compiled by numba.

A PNG stores each pixel as its difference from a prediction, which is made from the pixels to the
left, above, and above on the left; so neighbours in a row cannot be computed at once. Pixels on a
diagonal can: here eight rows are undone together, each a pixel behind the row above it, in one
vector of 8 x 4 lanes of 16 bits. The prediction is chosen lane by lane with masks, so any mixture
of the five filters takes the same time. LLVM makes it AVX or NEON instructions by itself.

The filters: https://www.w3.org/TR/png-3/#9Filters. Averages are those of Pillow's `Image.reduce`.

Everything compiled together stays in this file: numba's cache only notices changes of the file in
which a function is.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

ROWS = 8  # undone together
PAD = 64  # bytes of room at both ends of a row, and after the inflated rows
MOST_FACTOR = 256  # so that the sums of a column fit into 16 bits
NONE, SUB, UP, AVERAGE, PAETH = range(5)  # the filters
OPAQUE, RGBA_BYTES = 255, 4

BYTE, SHORT, WORD, LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
CHANNELS = 4  # of which a pixel of three bytes, or of one, leaves some unused
LANES = CHANNELS * ROWS
VECTOR, PIXEL = ir.VectorType(SHORT, LANES), ir.VectorType(SHORT, CHANNELS)
AS_WORDS, AS_BYTES = ir.VectorType(WORD, ROWS), ir.VectorType(BYTE, 2 * LANES)
SHIFTED = [*range(CHANNELS), *range(LANES, 2 * LANES - CHANNELS)]  # a pixel, then the upper rows


class PixelsType(types.Type):  # type: ignore[misc]
    """Numba's type of one pixel of each row: a vector of `LANES` 16-bit numbers."""

    def __init__(self) -> None:
        super().__init__(name="Pixels")


@register_model(PixelsType)
class PixelsModel(models.PrimitiveModel):  # type: ignore[misc]
    """How LLVM holds it."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


PIXELS = PixelsType()
ADDRESS = types.int64


def _same(value: int) -> Any:
    return ir.Constant(VECTOR, [value] * LANES)


def _loaded(builder: Any, address: Any) -> Any:
    word = builder.load(builder.inttoptr(address, WORD.as_pointer()))
    word.align = 1
    return word


def _by_row(builder: Any, flags: list[Any]) -> Any:
    """Make a mask of all bits in the lanes of each row whose flag is true."""
    mask = ir.Constant(VECTOR, ir.Undefined)
    for lane in range(LANES):
        flag = builder.sext(flags[lane // CHANNELS], SHORT)
        mask = builder.insert_element(mask, flag, WORD(lane))
    return mask


@intrinsic  # type: ignore[untyped-decorator]
def _nothing(typing: Any) -> Any:
    """Make pixels of zeros."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _same(0)

    return PIXELS(), generate


@intrinsic  # type: ignore[untyped-decorator]
def _load(typing: Any, address: Any, step: Any) -> Any:
    """Read a pixel of each row, four bytes each, the next row `step` bytes further."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, step = values
        words = ir.Constant(AS_WORDS, ir.Undefined)
        for row in range(ROWS):
            words = builder.insert_element(words, _loaded(builder, address), WORD(row))
            address = builder.add(address, step)
        return builder.zext(builder.bitcast(words, ir.VectorType(BYTE, LANES)), VECTOR)

    return PIXELS(ADDRESS, ADDRESS), generate


@intrinsic  # type: ignore[untyped-decorator]
def _store(typing: Any, address: Any, step: Any, pixels: Any) -> Any:
    """Write a pixel of each row; bytes beyond a pixel are written over by the next one."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, step, pixels = values
        small = builder.trunc(pixels, ir.VectorType(BYTE, LANES))
        words = builder.bitcast(small, AS_WORDS)
        for row in range(ROWS):
            word = builder.extract_element(words, WORD(row))
            builder.store(word, builder.inttoptr(address, WORD.as_pointer())).align = 1
            address = builder.add(address, step)
        return context.get_dummy_value()

    return types.none(ADDRESS, ADDRESS, PIXELS), generate


@intrinsic  # type: ignore[untyped-decorator]
def _above(typing: Any, address: Any, pixels: Any) -> Any:
    """Return what is above each pixel: one that is read, and those that were just undone."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, pixels = values
        read = builder.bitcast(_loaded(builder, address), ir.VectorType(BYTE, CHANNELS))
        pixel = builder.zext(read, PIXEL)
        widened = ir.Constant(ir.VectorType(WORD, LANES), [*range(CHANNELS)] * ROWS)
        first = builder.shuffle_vector(pixel, pixel, widened)
        order = ir.Constant(ir.VectorType(WORD, LANES), SHIFTED)
        return builder.shuffle_vector(first, pixels, order)

    return PIXELS(ADDRESS, PIXELS), generate


@intrinsic  # type: ignore[untyped-decorator]
def _mask(typing: Any, filters: Any, wanted: Any) -> Any:
    """Mask the rows with a filter; a byte of `filters` each, the first row's is the lowest."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        filters, wanted = values
        kinds = [builder.trunc(builder.lshr(filters, LONG(8 * row)), BYTE) for row in range(ROWS)]
        wanted = builder.trunc(wanted, BYTE)
        return _by_row(builder, [builder.icmp_signed("==", kind, wanted) for kind in kinds])

    return PIXELS(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _begun(typing: Any, pixels: Any, x: Any) -> Any:
    """Return pixels with zeros for the rows that have not begun: row k begins k steps later."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pixels, x = values
        flags = [builder.icmp_signed("<=", LONG(row), x) for row in range(ROWS)]
        return builder.and_(pixels, _by_row(builder, flags))

    return PIXELS(PIXELS, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _either(typing: Any, one: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.or_(*values)

    return PIXELS(PIXELS, PIXELS), generate


@intrinsic  # type: ignore[untyped-decorator]
def _undone(
    typing: Any, raw: Any, left: Any, up: Any, corner: Any,
    sees_left: Any, sees_up: Any, sees_corner: Any, averages: Any,
) -> Any:  # fmt: skip
    """Add its prediction to each raw value, modulo 256.

    Paeth's predictor becomes Sub if it sees only what is on the left, Up if it sees only what is
    above, and None if it sees nothing; so only Average needs a predictor of its own.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        raw, left, up, corner, sees_left, sees_up, sees_corner, averages = values

        def size(v: Any) -> Any:
            return builder.select(
                builder.icmp_signed("<", v, _same(0)), builder.sub(_same(0), v), v
            )

        def plus(one: Any, other: Any) -> Any:  # modulo 256: the upper bytes are all zero
            total = builder.add(builder.bitcast(one, AS_BYTES), builder.bitcast(other, AS_BYTES))
            return builder.bitcast(total, VECTOR)

        mean = builder.and_(builder.lshr(builder.add(left, up), _same(1)), averages)
        left, up = builder.and_(left, sees_left), builder.and_(up, sees_up)
        corner = builder.and_(corner, sees_corner)
        to_left, to_up = builder.sub(up, corner), builder.sub(left, corner)
        to_corner = size(builder.add(to_left, to_up))
        to_left, to_up = size(to_left), size(to_up)
        is_up = builder.icmp_signed("<=", to_up, to_corner)
        best, least = builder.select(is_up, up, corner), builder.select(is_up, to_up, to_corner)
        best = builder.select(builder.icmp_signed("<=", to_left, least), left, best)
        return plus(best, plus(mean, raw))  # the sum that is known early first

    return PIXELS(*[PIXELS] * 8), generate


@numba.njit(cache=True, boundscheck=False)  # type: ignore[untyped-decorator]
def undo(raw: Any, at: int, width: int, pixel_bytes: int, rows: Any) -> bool:
    """Undo the filters of `ROWS` rows.

    Parameters
    ----------
    raw : ndarray of uint8, shape (n,)
        Filtered rows, each after a byte that names its filter, then at least `PAD` bytes of any
        content. Not checked.
    at : int
        Where in `raw` the first row's filter is.
    width, pixel_bytes : int
        Pixels of a row; bytes of a pixel, at most 4.
    rows : ndarray of uint8, shape (ROWS + 1, PAD + width * pixel_bytes + PAD)
        The first is the row above, of zeros for the first row of a picture; the others are written.

    Returns
    -------
    bool
        False, and nothing is written, if a filter is none of the five.
    """
    step = width * pixel_bytes + 1
    filters: Any = 0
    for row in range(ROWS):
        kind = np.int64(raw[at + row * step])
        if kind > PAETH:
            return False
        filters |= kind << (8 * row)
    paeth, averages = _mask(filters, PAETH), _mask(filters, AVERAGE)
    sees_left = _either(paeth, _mask(filters, SUB))
    sees_up = _either(paeth, _mask(filters, UP))
    here = raw.ctypes.data + at + 1
    above = rows.ctypes.data + PAD
    out = above + rows.shape[1]
    across, down = step - pixel_bytes, rows.shape[1] - pixel_bytes  # a row below, a pixel behind
    left = _nothing()
    corner = left
    for x in range(ROWS - 1):
        up = _above(above, left)
        pixels = _begun(_load(here, across), x)
        left = _undone(pixels, left, up, corner, sees_left, sees_up, paeth, averages)
        corner = up
        _store(out, down, left)
        here, above, out = here + pixel_bytes, above + pixel_bytes, out + pixel_bytes
    for _ in range(width):
        up = _above(above, left)
        pixels = _load(here, across)
        left = _undone(pixels, left, up, corner, sees_left, sees_up, paeth, averages)
        corner = up
        _store(out, down, left)
        here, above, out = here + pixel_bytes, above + pixel_bytes, out + pixel_bytes
    return True


@numba.njit(cache=True, boundscheck=False)  # type: ignore[untyped-decorator]
def average(rows: Any, count: int, y: int, height: int, factor: int, sums: Any, out: Any) -> None:
    """Add undone rows to squares, and write the averages of those that are complete.

    Parameters
    ----------
    rows : ndarray of uint8
        As in `undo`.
    count, y, height : int
        How many of them; which row of the picture the first is; rows of the picture.
    factor : int
        Pixels of a square's side, at most `MOST_FACTOR`.
    sums : ndarray of uint16, shape (width * pixel_bytes,)
        Sums of the columns over the rows of squares that are not complete; changed.
    out : ndarray of uint8, shape (ceil(height / factor), ceil(width / factor), pixel_bytes)
        Changed.
    """
    for row in range(count):
        _add(rows[row + 1, PAD : PAD + len(sums)], out.shape[2], sums)
        added = (y + row) % factor + 1
        if added == factor or y + row == height - 1:
            _average(sums, added, factor, out[(y + row) // factor])


@numba.njit(cache=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _add(values: Any, pixel_bytes: int, sums: Any) -> None:
    """Add a row to the sums of its columns; colours count by their opacity."""
    width = len(values) // pixel_bytes
    opacity = OPAQUE
    if pixel_bytes == RGBA_BYTES:
        for x in range(width):
            opacity &= values[RGBA_BYTES * x + 3]
    if opacity == OPAQUE:
        for k in range(len(values)):
            sums[k] += values[k]
        return
    for x in range(width):
        alpha = np.uint32(values[RGBA_BYTES * x + 3])
        for k in range(RGBA_BYTES * x, RGBA_BYTES * x + 3):
            product = np.uint32(values[k]) * alpha + np.uint32(128)
            sums[k] += ((product >> np.uint32(8)) + product) >> np.uint32(8)
        sums[RGBA_BYTES * x + 3] += alpha


@numba.njit(cache=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _average(sums: Any, count: int, factor: int, out: Any) -> None:
    """Write a row of averages like Pillow's `reduce`, and set the sums of `count` rows to zero."""
    pixel_bytes = out.shape[1]
    width = len(sums) // pixel_bytes
    for place in range(len(out)):
        first = place * factor
        across = min(factor, width - first)
        n = across * count
        share = np.uint64(np.float32(2**32) / np.float32(256 * n))
        for channel in range(pixel_bytes):
            total = np.uint64(n // 2)
            for x in range(first, first + across):
                total += np.uint64(sums[x * pixel_bytes + channel])
            out[place, channel] = (total * share) >> np.uint64(24)
    for k in range(len(sums)):
        sums[k] = 0
