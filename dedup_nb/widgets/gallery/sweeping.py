"""Many groups at once -> which of them a person may accept together, and a sample to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.tables import shown
from dedup_nb.report.sifting import Facets, facets_of
from dedup_nb.widgets.gallery.display import Display

SAMPLED = 8  # groups of a sample
NO_KIND = "not compared"

Likeness = frozenset[tuple[str, str, str, str]]  # kind, folder of the keeper, folder, role


@dataclass(frozen=True)
class Sweep:
    """Groups that can be accepted together.

    Attributes
    ----------
    positions : ndarray of int64
        Positions on display.
    text : str
        What they have in common; empty if they are all on display.
    images, freed_bytes, waiting, waiting_groups : int
        Images that would move and what that frees; images that still wait for a person, and in
        how many groups.
    """

    positions: NDArray[np.int64]
    text: str
    images: int
    freed_bytes: int
    waiting: int
    waiting_groups: int


class Sweeper:
    """Finds groups that are open: neither accepted nor answered.

    Parameters
    ----------
    display : Display
        The groups on display.
    decisions : Decisions
        What a person has said.
    """

    def __init__(self, display: Display, decisions: Decisions) -> None:
        self.display, self.decisions = display, decisions

    def find(self, which: str, k: int) -> Sweep:
        """Return the open groups on display: `all`, or those `alike` the one at position `k`.

        Groups are alike if the same kinds of change, pairs of folders and roles occur in them.
        """
        facets, places = facets_of(self.display.all), self.display.places
        left = places[self._open(facets)[places]]
        text = ""
        if which == "alike" and 0 <= k < len(places):
            alike = _Alike(facets)
            wanted = alike.of(int(places[k]))
            left = left[[alike.of(place) == wanted for place in left.tolist()]]
            text = describe(wanted)
        waiting = self.waiting(facets)
        counts = np.bincount(facets.group_of[waiting], minlength=facets.n)[left]
        rows = facets.having_rows(left)
        position = {place: at for at, place in enumerate(places.tolist())}
        return Sweep(
            positions=np.array([position[place] for place in left.tolist()], np.int64),
            text=text,
            images=int(np.count_nonzero(facets.staged[rows])),
            freed_bytes=int(facets.freed[left].sum()),
            waiting=int(counts.sum()),
            waiting_groups=int(np.count_nonzero(counts)),
        )

    def sample(self, sweep: Sweep, seed: int) -> list[int]:
        """Return the positions of some of its groups, drawn by chance, in their order."""
        n = len(sweep.positions)
        drawn = np.random.default_rng(seed).choice(n, min(n, SAMPLED), replace=False)
        return sorted(sweep.positions[drawn].tolist())

    def accept(self, sweep: Sweep, finder: str) -> None:
        """Accept its groups in one step."""
        facets, places = facets_of(self.display.all), self.display.places
        paths, digests = facets.column("path"), facets.digests
        with self.decisions.together():
            for k in sweep.positions.tolist():
                rows = facets.rows_of(int(places[k]))
                members = list(zip(paths[rows].tolist(), digests[rows].tolist(), strict=True))
                self.decisions.review(members, group=self.display.id(k), finder=finder)

    def waiting(self, facets: Facets) -> NDArray[np.bool_]:
        """Return which images wait for a person, shape (n_rows,)."""
        rows = facets.matching("role", "review")
        mentioned = self.decisions.mentioned()
        for k in facets.holding(mentioned):
            part = facets.rows_of(k)
            if self.decisions.answered(set(facets.digests[part].tolist())):
                rows[part] = False
            for row in range(part.start, part.stop):
                image = facets.column("path")[row], facets.digests[row]
                rows[row] &= self.decisions.mark_of(*image) is None
        return rows

    def _open(self, facets: Facets) -> NDArray[np.bool_]:
        """Return which groups can be accepted, shape (n_groups,)."""
        left = np.ones(facets.n, bool)
        left[facets.group_of[facets.digests == ""]] = False  # no decision is remembered about them
        for k in facets.holding(self.decisions.mentioned()):
            digests = set(facets.digests[facets.rows_of(k)].tolist())
            left[k] &= not (self.decisions.reviewed(digests) or self.decisions.answered(digests))
        return left


class _Alike:
    """What groups are alike in, each made when first needed."""

    def __init__(self, facets: Facets) -> None:
        self.facets = facets
        names = ("kind", "keeper", "path", "role")
        self.columns = [facets.column(name) for name in names]
        self._made: dict[int, Likeness] = {}

    def of(self, k: int) -> Likeness:
        """Return the kinds, folders and roles of a group's images other than keepers."""
        if k not in self._made:
            rows = self.facets.rows_of(k)
            self._made[k] = frozenset(_likenesses(*(column[rows] for column in self.columns)))
        return self._made[k]


def _likenesses(*columns: NDArray[Any]) -> Iterator[tuple[str, str, str, str]]:
    for kind, keeper, path, role in zip(*(column.tolist() for column in columns), strict=True):
        if role != "keeper":
            yield kind, keeper.rpartition("/")[0], path.rpartition("/")[0], role


def describe(likeness: Likeness) -> str:
    """Return what groups have in common: `cropped, in crop, kept in mojo1`."""
    texts = []
    for kind, keeper, folder, role in sorted(likeness):
        waits = ", waits for review" if role == "review" else ""
        where = f"in {folder or '.'}" + ("" if folder == keeper else f", kept in {keeper or '.'}")
        texts.append(shown(f"{kind or NO_KIND}, {where}{waits}"))
    return "; ".join(texts)
