"""Times in order -> the first image of each cluster: the loop of `time_window`, compiled by numba.

A module of its own, imported when it is first used, since numba takes a quarter of a second.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def cut(times, codes, brackets, window, anchored, first):  # type: ignore[no-untyped-def]
    """Write the start of each image's cluster into `first`; images are in order of time."""
    began = np.full(brackets.max() + 1 if len(brackets) else 0, -1)  # cluster of each bracket
    since = 0
    for at in range(1, len(times)):
        here = first[at - 1]
        if brackets[at - 1] >= 0:
            began[brackets[at - 1]] = here
        of_class = codes[at] == codes[at - 1]
        near = times[at] - times[since] <= window
        together = brackets[at] >= 0 and began[brackets[at]] == here
        if of_class and (near or together):
            first[at] = here
            if not anchored:
                since = at
        else:
            first[at] = since = at
