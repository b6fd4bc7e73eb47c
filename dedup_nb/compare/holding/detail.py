"""What two aligned pictures share by ring of frequency -> who has detail, noise or sharpness.

Numbers of `rings` in, yes or no out. Constants were set on photographs; `bench_holds` measures them
on others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import rings
from dedup_nb.compare.holding.enlarging import Beyond
from dedup_nb.compare.holding.geometry import Floats
from dedup_nb.compare.holding.rings import MIDDLES, Compared, Shared

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
PLAINLY = 10.0  # times the least detail: so much is beyond doubt
ALIAS = 1.2  # grey levels squared that only folding of finer detail explains
# Folding counts only where much is reduced, little is explained, and there is something.
ALIAS_END, ALIAS_UNEXPLAINED, ALIAS_LEFT = 0.27, 0.62, 1.0
TOP_PIXELS, LEAST_TOP = slice(11, 14), 0.2  # highest rings, and grey levels squared there
HIGH = slice(8, 15)  # rings of noise
# Noise has about the same power in all rings, grain more in the middle ones. A codec that removes
# noise removes the highest most, and adds its own to the lowest.
LOWEST, LOWER, UPPER, TOP = slice(0, 4), slice(4, 8), slice(8, 10), slice(13, 15)
NOISIER, NOISE_LEAST = 1.3, 1.0  # times the other's power, and grey levels squared more
WHITE = ((LOWEST, 1.0, 3.5), (LOWER, 0.9, 1.75))  # of the high rings, relative to others
FLAT_END = (0.6, 1.5)  # the highest ring relative to the first of the high ones
GRAINY, GRAIN_LEAST = 1.5, 5.0  # as NOISIER, in the middle
BUSY, ADDED = 0.5, 0.6  # share that is noise, of a flat patch; share that the power has risen by
SHARPER, SHARPER_RINGS = 1.2, 3  # times stronger, and yet the same detail, in so many rings
COHERENT, CLEAR = 0.9, 6.0  # share that both have; times the coding noise


def step_at(frequency: Floats) -> NDArray[Any]:
    """Return the step of JPEG quality 50 at a frequency in cycles a pixel, in grey levels."""
    known = [0.03, 0.06, 0.12, 0.2, 0.3, 0.4, 0.5], [11, 11, 14, 22, 45, 75, 95]
    return np.interp(frequency, *known)


def coded(power: Floats, coarseness: float) -> Floats:
    """Return the power of the noise that a quantisation causes; less where most is rounded to 0."""
    steps = (coarseness * step_at(MIDDLES)) ** 2
    noise: Floats = steps / 12 * np.clip(power / np.maximum(steps / 4, 1e-6), 0, 1)
    return noise


def has_more(
    got: Compared, coarseness: float, reduced: bool, is_smooth: bool, times: float = 1.0
) -> bool:
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
    times : float
        How many times the least that counts it must be.
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
    if is_smooth:
        return lost > times * SMOOTH_LOST
    return lost > times * LOST or gone > times * GONE


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


def is_noisier(got: Compared, smoothed: bool = False) -> bool:
    """Return whether the first has noise that the second has not, beyond what a codec removes.

    Parameters
    ----------
    got : Compared
    smoothed : bool
        Whether the second was saved by a codec that smooths, such as WebP or AVIF.
    """
    own, its = got.flat.fine_left, got.flat.coarse_left
    high = _power(own, HIGH)
    end = _power(own, TOP) / max(_power(own, UPPER), 1e-6)
    is_even = FLAT_END[0] < end < FLAT_END[1]
    if (
        high < BUSY * _power(got.flat.fine, HIGH) and not smoothed
    ):  # no patch is flat: the noise adds to the detail
        more = float((got.flat.fine - got.flat.coarse)[HIGH].mean())
        return is_even and _is_white(own, WHITE[1:]) and more > max(ADDED * high, NOISE_LEAST)
    if high <= NOISIER * _power(its, HIGH) + NOISE_LEAST:
        return False
    if _power(own, LOWER) > GRAINY * _power(its, LOWER) + GRAIN_LEAST and not smoothed:
        return True
    return is_even and _is_white(own, WHITE)


def _is_white(power: Floats, bands: tuple[tuple[slice, float, float], ...]) -> bool:
    """Return whether the high rings have about the power of lower ones."""
    high = _power(power, HIGH)
    return all(low < high / max(_power(power, band), 1e-6) < top for band, low, top in bands)


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
