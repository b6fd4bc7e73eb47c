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
from numpy.typing import NDArray

from dedup_nb.compare.holding import alpha, coding, geometry, marks, rings, tones
from dedup_nb.compare.holding.geometry import Aligned, Floats, Pixels
from dedup_nb.compare.holding.rings import MIDDLES, Beyond, Compared, Shared
from dedup_nb.compare.holding.words import LACKS

# What is left of a ring counts as detail if it is this share of the power, this share after noise
# and coding, this many times the other's power, and this many grey levels squared.
AWAY, DETAIL, STRONGER, LEAST = 0.15, 0.10, 1.5, 1.5
LOST, SMOOTH_LOST = 2.0, 6.0  # grey levels squared of detail that the other lacks, over all rings
GONE, GONE_TIMES, GONE_LEAST = 0.35, 3.0, 0.3  # the same where the other has this little power
NOISE_TIMES = 1.5  # noise in detailed tiles relative to flat patches
# Log-odds that what is above the highest frequency of the coarse one is detail, not the trace of
# enlarging and coding; fitted on photographs, see `is_finer`.
SHARE_WEIGHT, UNEXPLAINED_WEIGHT, POWER_WEIGHT, ODDS = 2.44, 12.6, 1.42, -6.8
FINER = 0.4
ALIAS = 1.2  # grey levels squared that only folding of finer detail explains
ALIAS_END, ALIAS_UNEXPLAINED, ALIAS_LEFT = (
    0.27,
    0.62,
    1.0,
)  # only where much is reduced, and little is explained
TOP_PIXELS, LEAST_TOP = slice(11, 14), 0.2  # highest rings, and grey levels squared there
HIGH, MIDDLE = slice(8, 15), slice(4, 9)  # rings of noise, and of plain detail
# Noise has about the same power in all rings, grain more in the middle ones. A codec that removes
# noise removes the highest most, and adds its own to the lowest.
LOWEST, LOWER, UPPER, TOP = slice(0, 4), slice(4, 8), slice(8, 10), slice(13, 15)
NOISIER, NOISE_LEAST = 1.3, 1.0  # times the other's power, and grey levels squared more
WHITE = ((LOWEST, 1.0, 3.5), (LOWER, 0.9, 1.75))  # of the high rings, relative to others
FLAT_END = (0.6, 1.5)  # the highest ring relative to the first of the high ones
GRAINY, GRAIN_LEAST = 1.5, 5.0  # as NOISIER, in the middle
SOME_LINES = 97
LEAST_PX = 32  # a shorter side is too short to compare detail
SHARPER, SHARPER_RINGS = 1.2, 3  # times stronger, and yet the same detail, in so many rings
COHERENT, CLEAR = 0.9, 6.0  # share that both have; times the coding noise
PALETTE, EVEN = 256, 0.5  # most colours of a palette; share of equal neighbours in a drawing


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
    a_lacks, b_lacks, both = set[str](), set[str](), set[str]()
    if saved[0].depth != saved[1].depth:
        (a_lacks if saved[0].depth < saved[1].depth else b_lacks).add("depth")
    if min(*a.shape[:2], *b.shape[:2]) < LEAST_PX:
        both.add("unknown")
    elif not _equal(a, b):
        aligned = geometry.align(a, b, matrix)
        fine, coarse, both = _pixels(aligned, saved[::-1] if aligned.swapped else saved)
        a_lacks |= coarse if aligned.swapped else fine
        b_lacks |= fine if aligned.swapped else coarse
    order = list(LACKS)
    return Holding(*(tuple(sorted(words, key=order.index)) for words in (a_lacks, b_lacks, both)))


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
    return fine, coarse, both


def _is_palette(pixels: Pixels) -> bool:
    """Return whether a picture has so few colours that it came from a palette."""
    part = pixels[:: max(pixels.shape[0] // 256, 1), :: max(pixels.shape[1] // 256, 1), :3]
    return len(np.unique(part.reshape(-1, 3) @ np.array([1, 256, 65536]))) <= PALETTE


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
    q = [coding.lattice(p.rgb) for p in (aligned.fine, aligned.coarse)]
    ratio = aligned.ratio
    enlarged = ratio > rings.ENLARGED
    if enlarged:
        got, alias = rings.reduced(aligned)
    else:
        got, alias = rings.compared(aligned.fine, aligned.coarse, aligned.matrix), 0.0
    if got is None:
        both.add("unknown")
        return
    shown = [0.0 if one is None else one.coarseness for one in q]
    coarseness = [max(*pair) for pair in zip(shown, (s.coarseness for s in saved), strict=True)]
    if enlarged:
        above = rings.beyond(aligned)
        if above is None:
            both.add("unknown")
        elif not rings.repeats(aligned) and is_finer(above, shown[0], alias):
            lacks[1].add("detail")
        elif uses_its_pixels(got.most.coarse):
            both.add("enlarged")
        coarseness[0] = 0.0  # reduced to the grid of the other
    for k, one in enumerate((got, got.turned())):
        if has_more(one, coarseness[k], enlarged, saved[k].smooth):
            lacks[1 - k].add("detail")
    shift = aligned.shift
    made = [False, False]
    if not enlarged and shift is not None:
        pixels = aligned.fine.rgb, aligned.coarse.rgb
        for k in (0, 1):
            way = shift if k == 0 else (-shift[0], -shift[1])
            own = q[k]
            made[k] = own is not None and coding.is_coarser(
                pixels[k], pixels[1 - k], way, own, q[1 - k]
            )
            if made[k]:
                lacks[k].add("coding")
    if not enlarged and not any(made):
        if is_noisier(got) or is_noisier(got.turned()):
            both.add("noise")
        if is_sharper(got.most, coarseness[0]) or is_sharper(got.most.turned(), coarseness[1]):
            both.add("sharpness")


def step_at(frequency: Floats) -> NDArray[Any]:
    """Return the step of JPEG quality 50 at a frequency in cycles a pixel, in grey levels."""
    known = [0.03, 0.06, 0.12, 0.2, 0.3, 0.4, 0.5], [11, 11, 14, 22, 45, 75, 95]
    return np.interp(frequency, *known)


def coded(power: Floats, coarseness: float) -> Floats:
    """Return the power of the noise that a quantisation causes; less where most is rounded to 0."""
    steps = (coarseness * step_at(MIDDLES)) ** 2
    noise: Floats = steps / 12 * np.clip(power / np.maximum(steps / 4, 1e-6), 0, 1)
    return noise


def has_more(got: Compared, coarseness: float, reduced: bool, is_smooth: bool) -> bool:
    """Return whether the first has detail that the second lacks.

    Parameters
    ----------
    got : Compared
    coarseness : float
        Quantisation of the first.
    reduced : bool
        Whether both were compared at the size of the coarser one, whose last rings are unsure.
    is_smooth : bool
        Whether the first was saved by a codec without blocks of eight, whose noise no histogram
        shows and may look like a little detail.
    """
    noise = (coarseness * step_at(MIDDLES)) ** 2 / 12
    at, end = MIDDLES, 0.36 if reduced else 0.45
    sure = at < end
    lost = gone = 0.0
    for pool in (got.most, got.usual):
        left = pool.fine_left
        signal = left - NOISE_TIMES * got.flat.fine_left - np.minimum(noise, left)
        own = sure & (left > AWAY * pool.fine) & (signal > DETAIL * pool.fine)
        stronger = own & (signal > LEAST) & (pool.fine > STRONGER * pool.coarse)
        alone = own & (signal > GONE_LEAST) & (pool.fine > GONE_TIMES * pool.coarse)
        lost = max(lost, float((signal * rings.AREAS)[stronger].sum()))
        gone = max(gone, float((signal * rings.AREAS)[alone].sum()))
    return lost > SMOOTH_LOST if is_smooth else lost > LOST or gone > GONE


def is_finer(above: Beyond, coarseness: float, alias: float = 0.0) -> bool:
    """Return whether the fine one has detail beyond the coarse one's highest frequency.

    An enlargement has some power there as well: images of the coarse one's detail, which any
    interpolation leaves and the coarse one explains, and coding noise, which is weak.
    """
    noise = coded(above.power, 0.0 if above.reduced else coarseness)
    signal = np.maximum(above.left - NOISE_TIMES * above.flat_left - noise, 0)
    at = MIDDLES / above.end
    band, near = (at > 1.08) & (at < 2.2), (at > 0.6) & (at < 0.95)
    share = float(np.sqrt(_mean(signal, band) / max(_mean(above.coarse, near), 1e-6)))
    left = _mean(above.left, band)
    unexplained = left / max(_mean(above.power, band), 1e-6)
    folded = alias > ALIAS and above.end < ALIAS_END
    if folded and unexplained > ALIAS_UNEXPLAINED and left > ALIAS_LEFT:
        return True
    odds = (
        ODDS
        + SHARE_WEIGHT * np.log(share + 0.01)
        + UNEXPLAINED_WEIGHT * unexplained
        + POWER_WEIGHT * np.log(left + 0.05)
    )
    return bool(odds > FINER)


def uses_its_pixels(power: Floats) -> bool:
    """Return whether a picture has anything in its highest frequencies.

    A smooth picture has not: of two sizes of it nobody can tell which was made of which, and each
    holds all that the other does.
    """
    return float(power[TOP_PIXELS].mean()) >= LEAST_TOP


def _mean(power: Floats, band: NDArray[np.bool_]) -> float:
    areas = rings.AREAS[band]
    return float((power[band] * areas).sum() / max(areas.sum(), 1e-9))


def is_noisier(got: Compared) -> bool:
    """Return whether the first has noise that the second has not, beyond what a codec removes."""
    own, its = got.flat.fine_left, got.flat.coarse_left
    high = _power(own, HIGH)
    if high <= NOISIER * _power(its, HIGH) + NOISE_LEAST:
        return False
    if _power(own, LOWER) > GRAINY * _power(its, LOWER) + GRAIN_LEAST:
        return True
    white = all(low < high / max(_power(own, band), 1e-6) < top for band, low, top in WHITE)
    end = _power(own, TOP) / max(_power(own, UPPER), 1e-6)
    return white and FLAT_END[0] < end < FLAT_END[1]


def _power(power: Floats, band: slice) -> float:
    """Return the mean power of rings in grey levels squared."""
    return float(np.maximum(power[band], 0).mean())


def is_sharper(pool: Shared, coarseness: float) -> bool:
    """Return whether the first is the second, sharpened, or the second the first, softened."""
    at, noise = MIDDLES, (coarseness * step_at(MIDDLES)) ** 2 / 12
    clear = (pool.coherence > COHERENT) & (at > 0.06) & (at < 0.45)
    clear &= pool.fine > CLEAR * noise  # saving twice strengthens what is near a step
    low = max(float(np.median(pool.gain[:3])), 1e-6)
    return int(np.count_nonzero(pool.gain[clear] > SHARPER * low)) >= SHARPER_RINGS
