"""Size of a plan, answers and wrong ones among them -> the most that may be wrong in all of it.

The bound is exact for a finite plan and holds however often somebody looks at it and whenever the
answering stops. An answer changes how likely the answers so far are for each number of wrong images
in the plan (hypergeometric). A number is excluded once the answers are 20 times less likely under
it than under a mixture of numbers that was fixed beforehand (beta-binomial). That ratio is a
martingale if the number is the true one, so by Ville's inequality it ever reaches 20 with a
probability of at most 5 %; see docs/warranty.md for the sources. Where images are called wrong,
some others may have been passed by a slip: the bound allows for one slip in 50 answers.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log

CONFIDENCE = 0.95
# The mixture: shares of wrong images of about 1 in 5,000. With a larger number fewer answers are
# needed where none is wrong (304 for 1 % of a large plan; 299 are the least), more where some are.
PRIOR = 5_000.0
SLIPS = 0.02  # share of the wrong images that are called right by mistake


@lru_cache(maxsize=65_536)
def most_wrong(images: int, answers: int, wrong: int) -> int:
    """Return how many images of a plan are wrong at most, with 95 % confidence.

    Parameters
    ----------
    images : int
        Images in the plan, of which each is as likely to be drawn as any other.
    answers : int
        How many were drawn without replacement and answered, 0 to `images`.
    wrong : int
        How many of these are wrong, 0 to `answers`.

    Returns
    -------
    int
        From `wrong` to `images`. One-sided; valid after each answer.

    Raises
    ------
    ValueError
        If the numbers do not fit together.
    """
    if not 0 <= wrong <= answers <= images:
        raise ValueError(f"{wrong} wrong of {answers} answers of {images} images is impossible")
    if not answers:
        return images
    return min(_most_called(images, answers, wrong) + _missed(wrong), images)


def _missed(wrong: int) -> int:
    """Return how many wrong images were called right at most, if so many were called wrong.

    The number is Poisson, and the bound has a confidence of 95 %.
    """
    mean = wrong * SLIPS / (1 - SLIPS)
    chance = total = exp(-mean)
    missed = 0
    while total < CONFIDENCE:
        missed += 1
        chance *= mean / missed
        total += chance
    return missed


def _most_called(images: int, answers: int, wrong: int) -> int:
    """Return how many images a person would call wrong at most, if asked about all."""
    least = _log_mixture(answers, wrong) + log(1 - CONFIDENCE)
    low = min(wrong * (images + 1) // answers, images - answers + wrong)  # the most likely number
    high = images - answers + wrong + 1  # impossible
    low = max(low, wrong)
    while high - low > 1:  # the likelihood falls beyond the most likely number
        middle = (low + high) // 2
        if _log_likelihood(images, answers, wrong, middle) > least:
            low = middle
        else:
            high = middle
    return low


def answers_needed(images: int, most: int, wrong: int = 0) -> int | None:
    """Return how many answers show that at most `most` images are wrong, or None if none do.

    Parameters
    ----------
    images, wrong : int
        As for `most_wrong`; `wrong` counts all of the answers.
    most : int
        The bound that is wished for, inclusive.
    """
    if wrong > most:
        return None
    low, high = wrong - 1, images  # all answers show the number itself
    while high - low > 1:
        middle = (low + high) // 2
        if most_wrong(images, middle, wrong) <= most:
            high = middle
        else:
            low = middle
    return high


def _log_likelihood(images: int, answers: int, wrong: int, number: int) -> float:
    """Return log P(`wrong` of the answers are wrong), if `number` of all images are."""
    return (
        _log_choose(number, wrong)
        + _log_choose(images - number, answers - wrong)
        - _log_choose(images, answers)
    )


def _log_mixture(answers: int, wrong: int) -> float:
    """Return the same under the mixture, which does not depend on the number of images."""
    return (
        _log_choose(answers, wrong)
        + _log_beta(wrong + 1, answers - wrong + PRIOR)
        - _log_beta(1, PRIOR)
    )


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
