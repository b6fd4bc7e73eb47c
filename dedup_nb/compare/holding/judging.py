"""Two pictures and a map between them -> what each lacks of the other, in words.

Each axis is judged alone: detail, coding, depth, tone and colour, transparency, marks. What one
picture lacks keeps it from standing in for the other; where nobody can say which is the richer,
neither may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dedup_nb.compare.holding import (
    aligning,
    alpha,
    coding,
    detail,
    enlarging,
    marks,
    rings,
    tones,
)
from dedup_nb.compare.holding.geometry import Aligned, Floats, Pixels
from dedup_nb.compare.holding.words import LACKS

SOME_LINES = 97
LEAST_PX = 32  # a shorter side is too short to compare detail
RESIZED = 1.01  # ratio of sizes from which on one is the other, resized
LEAST_COARSENESS, COARSER = 0.2, 1.6  # JPEG quality 90; times the coarseness of the other
PALETTE, EVEN = 256, 0.5  # most colours of a palette; share of equal neighbours in a drawing
FEW_COLOURS = 31  # every so many pixels are looked at first


@dataclass(frozen=True)
class Holding:
    """What each of two pictures lacks of the other; words of `LACKS`.

    Attributes
    ----------
    a_lacks, b_lacks : tuple of str
        What one has and the other has not.
    both : tuple of str
        Why neither may stand in for the other.
    """

    a_lacks: tuple[str, ...] = ()
    b_lacks: tuple[str, ...] = ()
    both: tuple[str, ...] = ()

    def lacks(self, which: str) -> tuple[str, ...]:
        """Return everything that keeps `a` or `b` from standing in for the other."""
        return (self.a_lacks if which == "a" else self.b_lacks) + self.both

    def reason(self, which: str) -> str:
        """Return why `a` or `b`, as keeper, may not stand in for the other; "" if it may."""
        return "; ".join(LACKS[word].reason for word in self.lacks(which))

    def as_dict(self) -> dict[str, list[str]]:
        """Return it as plain data."""
        return {name: list(words) for name, words in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Holding:
        """Return what `as_dict` gave.

        Raises
        ------
        ValueError
            If it is something else.
        """
        named = [data.get(name) for name in ("a_lacks", "b_lacks", "both")]
        if not all(isinstance(words, list) for words in named):
            raise ValueError("not what a comparison at full size gives")
        parts = [tuple(words or ()) for words in named]
        if not all(isinstance(word, str) and word in LACKS for words in parts for word in words):
            raise ValueError("a comparison at full size with unknown words")
        return cls(*parts)


@dataclass(frozen=True)
class Saved:
    """What a file says of how its pixels were saved.

    Attributes
    ----------
    depth : int
        Bits a channel that it really uses.
    smooth : bool
        Whether by a lossy codec other than JPEG, such as WebP or AVIF.
    coarseness : float
        Quantisation of a JPEG: 1 for quality 50, 0.5 for 75; 0 for other files.
    """

    depth: int = 8
    smooth: bool = False
    coarseness: float = 0.0


PLAIN = Saved()


def holding(
    a: Pixels, b: Pixels, matrix: Floats, saved: tuple[Saved, Saved] = (PLAIN, PLAIN)
) -> Holding:
    """Return what each of two pictures lacks of the other.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (height, width, 3 or 4)
        Upright pictures in sRGB at full size, RGB or RGBA.
    matrix : ndarray of float64, shape (2, 3)
        Rough affine map from pixels of a to pixels of b, whole numbers being pixel centres.
    saved : pair of Saved, optional
        What their files say; the pixels decide where they can.

    Returns
    -------
    Holding
        Empty if both hold the same.
    """
    return compared(a, b, matrix, saved)[0]


def compared(
    a: Pixels, b: Pixels, matrix: Floats, saved: tuple[Saved, Saved] = (PLAIN, PLAIN)
) -> tuple[Holding, Aligned | None]:
    """Return what `holding` does, and how both are aligned; None if equal or too small for it."""
    a_lacks, b_lacks, both = set[str](), set[str](), set[str]()
    aligned = None
    if saved[0].depth != saved[1].depth:
        (a_lacks if saved[0].depth < saved[1].depth else b_lacks).add("depth")
    if min(*a.shape[:2], *b.shape[:2]) < LEAST_PX:
        both.add("unknown")
    elif not _equal(a, b):
        aligned = aligning.align(a, b, matrix)
        fine, coarse, both = _pixels(aligned, saved[::-1] if aligned.swapped else saved)
        a_lacks |= coarse if aligned.swapped else fine
        b_lacks |= fine if aligned.swapped else coarse
    order = list(LACKS)
    words = (tuple(sorted(part, key=order.index)) for part in (a_lacks, b_lacks, both))
    return Holding(*words), aligned


def _equal(a: Pixels, b: Pixels) -> bool:
    """Return whether all pixels are equal; most pairs differ in the first lines compared."""
    if a.shape != b.shape or not np.array_equal(a[::SOME_LINES], b[::SOME_LINES]):
        return False
    return np.array_equal(a, b)


def _pixels(aligned: Aligned, saved: tuple[Saved, Saved]) -> tuple[set[str], set[str], set[str]]:
    """Return what the fine and the coarse one lack, and what neither holds."""
    fine, coarse, both = set[str](), set[str](), set[str]()
    lacks = (fine, coarse)
    for words, missing in zip(lacks, alpha.lacking(aligned), strict=True):
        if missing:
            words.add("transparency")
    marked = marks.found(aligned)
    if marked.both:
        both.add("marks")
    elif marked.fine or marked.coarse:
        lacks[int(marked.coarse)].add("covered")
    tone = tones.compared(aligned, marked.where)
    if tone in (tones.TONED, tones.RECOLOURED):
        both.add(tone)
    elif tone != tones.SAME:
        lacks[int(tone == tones.COARSE_GREY)].add("colour")
    few = [_is_palette(p.pixels) for p in (aligned.fine, aligned.coarse)]
    if few[0] != few[1] and not (fine | coarse) & {"colour"}:
        poor = aligned.coarse if few[1] else aligned.fine
        if not _is_even(poor.grey) or tones.is_dithered(aligned):
            lacks[int(few[1])].add("depth")
    _detail(aligned, saved, lacks, both)
    if aligned.is_stretched and "detail" not in coarse:
        both.add("stretched")
    return fine, coarse, both


def _is_palette(pixels: Pixels) -> bool:
    """Return whether a picture has so few colours that it came from a palette."""
    part = pixels[:: max(pixels.shape[0] // 256, 1), :: max(pixels.shape[1] // 256, 1), :3]
    colours = part.reshape(-1, 3).astype(np.int32)
    colours = colours[:, 0] | colours[:, 1] << 8 | colours[:, 2] << 16
    if len(np.unique(colours[::FEW_COLOURS])) > PALETTE:  # most pictures
        return False
    return len(np.unique(colours)) <= PALETTE


def _is_even(grey: Pixels) -> bool:
    """Return whether most neighbours are equal, as in drawings; dither makes them differ."""
    return float(np.mean(grey[:, 1:] == grey[:, :-1])) > EVEN


def _detail(
    aligned: Aligned,
    saved: tuple[Saved, Saved],
    lacks: tuple[set[str], set[str]],
    both: set[str],
) -> None:
    """Add detail, coding, noise, sharpness and enlargement."""
    lattices = [coding.lattice(p.rgb) for p in (aligned.fine, aligned.coarse)]
    shown = [0.0 if one is None else one.coarseness for one in lattices]
    coarseness = [max(*pair) for pair in zip(shown, (s.coarseness for s in saved), strict=True)]
    is_larger = aligned.ratio > rings.ENLARGED
    if is_larger:
        got, alias = enlarging.reduced(aligned)
        coarseness[0] = 0.0  # reduced to the grid of the other
    else:
        got, alias = rings.compared(aligned.fine, aligned.coarse, aligned.matrix), 0.0
    if got is None:
        both.add("unknown")
        return
    for k, one in enumerate((got, got.turned())):
        if detail.has_more(one, coarseness[k], is_larger, saved[k].smooth):
            lacks[1 - k].add("detail")
    if is_larger:
        above = enlarging.beyond(aligned)
        if above is None:
            both.add("unknown")
        elif not enlarging.repeats(aligned) and detail.is_finer(above, shown[0], alias):
            lacks[1].add("detail")
        elif detail.uses_its_pixels(got.most.coarse):
            poorer = detail.has_more(
                got.turned(), coarseness[1], True, saved[1].smooth, detail.PLAINLY
            )
            if not poorer:  # of a smaller picture than this one
                both.add("enlarged")
        return
    made = _coarser(aligned, lattices) or _resized_and_coarser(aligned, coarseness)
    for k in made:
        lacks[k].add("coding")
    if not made:
        _noise(got, coarseness, saved, both)


def _coarser(aligned: Aligned, lattices: list[coding.Lattice | None]) -> list[int]:
    """Return which of the two is the other one, quantised more coarsely."""
    shift = aligned.shift
    if shift is None:
        return []
    pixels = aligned.fine.rgb, aligned.coarse.rgb
    ways = shift, (-shift[0], -shift[1])
    return [
        k
        for k, own in enumerate(lattices)
        if own and coding.is_coarser(pixels[k], pixels[1 - k], ways[k], own, lattices[1 - k])
    ]


def _resized_and_coarser(aligned: Aligned, coarseness: list[float]) -> list[int]:
    """Return which of two pictures of nearly one size was resized from the other and coarsened.

    Resizing by a few per cent leaves too little to see of who was first; the files tell it.
    """
    if not RESIZED < aligned.ratio <= rings.ENLARGED:
        return []
    fine, coarse = coarseness
    if max(fine, coarse) < LEAST_COARSENESS:
        return []
    return [0] if fine > COARSER * coarse else [1] if coarse > COARSER * fine else []


def _noise(
    got: rings.Compared, coarseness: list[float], saved: tuple[Saved, Saved], both: set[str]
) -> None:
    """Add noise and sharpness, of which nobody can say who had them first."""
    for k, one in enumerate((got, got.turned())):
        if detail.is_noisier(one, saved[1 - k].smooth):
            both.add("noise")
        if detail.is_sharper(one.most, coarseness[k]):
            both.add("sharpness")
