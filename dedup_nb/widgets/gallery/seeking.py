"""Where a person goes next: the next group that waits, or that nobody has reviewed."""

from __future__ import annotations

import numpy as np

from dedup_nb.report.sifting import facets_of
from dedup_nb.widgets.gallery.display import Display
from dedup_nb.widgets.gallery.filtering import Filter
from dedup_nb.widgets.gallery.messages import Messages
from dedup_nb.widgets.gallery.sweeping import Sweeper


def next_group(
    what: str, k: int, display: Display, filter_: Filter, messages: Messages, sweeper: Sweeper
) -> int | None:
    """Return the next group after position `k` that is `open` or `waiting`, from the top again.

    None if there is no such group but the one at `k`.
    """
    n = len(display)
    order = [(k + step) % n for step in range(1, n)]
    if not hasattr(display.all, "facets"):  # each is made on the way
        wanted = messages.waiting if what == "waiting" else lambda g: not messages.is_reviewed(g)
        return next((at for at in order if wanted(display[at])), None)
    facets = facets_of(display.all)
    if what == "waiting":
        mask = facets.having(sweeper.waiting(facets))
    else:
        mask = np.ones(facets.n, bool)
        mask[list(filter_.reviewed(display.all, facets))] = False
    found = np.flatnonzero(mask[display.places][order])
    return order[int(found[0])] if len(found) else None
