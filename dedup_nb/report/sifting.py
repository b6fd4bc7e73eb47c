"""Groups -> which of them are shown, and in what order. Numbers in, numbers out.

What filters and orders need of the images of all groups lies in flat arrays, so that a hundred
thousand groups are sifted at once, without any of them being made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDERS = ("found", "doubt", "bytes", "size", "newest", "oldest")

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sieve:
    """Which groups are shown; what is empty or None leaves everything in."""

    root: str = ""
    stage: str = ""
    least_mb: float | None = None  # freed
    from_value: float | None = None  # of the weakest link, inclusive
    to_value: float | None = None
    unreviewed: bool = False
    order: str = "found"

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Sieve:
        """Return what a browser asks for; what is not understood is left out."""
        order = str(asked.get("order"))
        return cls(
            root=str(asked.get("root") or ""),
            stage=str(asked.get("stage") or ""),
            least_mb=_number(asked.get("least_mb")),
            from_value=_number(asked.get("from_value")),
            to_value=_number(asked.get("to_value")),
            unreviewed=bool(asked.get("unreviewed")),
            order=order if order in ORDERS else "found",
        )

    @property
    def idle(self) -> bool:
        """Whether it leaves everything as it is."""
        return self == Sieve()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if np.isfinite(value) else None


@dataclass
class Facets:
    """What is known of the images of all groups, one entry an image in every array.

    Attributes
    ----------
    starts : ndarray of int64
        Where each group begins; its images follow each other.
    staged : ndarray of bool
        Whether the image would move.
    values : ndarray of float64
        Measure to the keeper; nan for keepers and where there is none.
    times : ndarray of float64
        When the image was changed, in any unit.
    roots, stages, digests : sequence of str
    rises : bool
        Whether the measure rises as images grow alike.
    """

    starts: Indices
    staged: NDArray[np.bool_]
    sizes: Floats
    values: Floats
    times: Floats
    roots: NDArray[Any]
    stages: NDArray[Any]
    digests: NDArray[Any]
    rises: bool = False
    _holding: dict[str, list[int]] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Number of groups."""
        return len(self.starts)

    @cached_property
    def counts(self) -> Indices:
        """Images of each group."""
        return np.diff(np.append(self.starts, len(self.staged)))

    @cached_property
    def group_of(self) -> Indices:
        """The group of each image."""
        return np.repeat(np.arange(self.n), self.counts)

    @cached_property
    def freed(self) -> Floats:
        """Bytes that each group frees."""
        return self._reduced(np.add, np.where(self.staged, self.sizes, 0.0))

    @cached_property
    def weakest(self) -> Floats:
        """The weakest link of each group; nan where it has none."""
        return self._reduced(np.fmin if self.rises else np.fmax, self.values)

    @cached_property
    def newest(self) -> Floats:
        """When the newest image of each group was changed."""
        return self._reduced(np.fmax, self.times)

    def _reduced(self, how: np.ufunc, values: Floats) -> Floats:
        made: Floats = how.reduceat(values, self.starts) if self.n else np.zeros(0)
        return made

    def having(self, column: NDArray[Any], value: str) -> NDArray[np.bool_]:
        """Tell which groups have an image of that root or stage."""
        found = np.zeros(self.n, bool)
        found[self.group_of[column == value]] = True
        return found

    def holding(self, digests: Collection[str]) -> list[int]:
        """Return the groups that hold any of these contents, in their order."""
        if not self._holding and self.n:
            for digest, k in zip(self.digests.tolist(), self.group_of.tolist(), strict=True):
                self._holding.setdefault(digest, []).append(k)
        return sorted({k for digest in digests for k in self._holding.get(digest, ())})

    def sift(self, sieve: Sieve, reviewed: Collection[int] = ()) -> Indices:
        """Return the groups that a sieve leaves, in its order.

        Parameters
        ----------
        sieve : Sieve
            What is asked for.
        reviewed : collection of int
            Groups that are left out where only unreviewed ones are asked for.
        """
        left = np.ones(self.n, bool)
        if sieve.root:
            left &= self.having(self.roots, sieve.root)
        if sieve.stage:
            left &= self.having(self.stages, sieve.stage)
        if sieve.least_mb is not None:
            left &= self.freed >= 1e6 * sieve.least_mb
        if sieve.from_value is not None:
            left &= self.weakest >= sieve.from_value
        if sieve.to_value is not None:
            left &= self.weakest <= sieve.to_value
        if sieve.unreviewed:
            left[list(reviewed)] = False
        order = np.argsort(self._keys(sieve.order), kind="stable")
        kept: Indices = order[left[order]]
        return kept

    def _keys(self, order: str) -> Floats:
        if order == "doubt":
            return np.nan_to_num(self.weakest if self.rises else -self.weakest, nan=-np.inf)
        if order == "bytes":
            return -self.freed
        if order == "size":
            return -self.counts.astype(np.float64)
        if order in ("newest", "oldest"):
            return -self.newest if order == "newest" else self.newest
        return np.arange(self.n, dtype=np.float64)


def facets_of(groups: Sequence[Mapping[str, Any]]) -> Facets:
    """Return the facets of groups: their own, where they have them, else by making each."""
    if hasattr(groups, "facets"):
        own: Facets = groups.facets
        return own
    starts: list[int] = []
    rows: list[tuple[Any, ...]] = []
    for group in groups:
        starts.append(len(rows))
        rows += [_row(member) for member in group["members"] if member]
    columns = list(zip(*rows, strict=True)) or [()] * 7
    flags, sizes, values, times, roots, stages, digests = columns
    return Facets(
        np.array(starts, np.int64),
        np.array(flags, bool),
        np.array(sizes, np.float64),
        np.array(values, np.float64),
        np.unique(np.array(times, object), return_inverse=True)[1].astype(np.float64),
        np.array(roots, object),
        np.array(stages, object),
        np.array(digests, object),
        rises=any(m.get("measure") in ("cosine", "inputs") for m in _first(groups)),
    )


def _first(groups: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return iter([m for m in groups[0]["members"] if m] if len(groups) else [])


def _row(member: Mapping[str, Any]) -> tuple[Any, ...]:
    value = member.get("value")
    linked = member["role"] != "keeper" and value is not None
    return (
        member["role"] == "stage",
        float(member.get("bytes") or 0),
        float(value) if linked and value is not None else np.nan,
        str(member.get("mtime") or ""),
        str(member.get("root") or ""),
        str(member.get("stage") or ""),
        member["sha256"],
    )


class Sifted(Sequence[Mapping[str, Any]]):
    """The groups that a sieve left; each is made when it is asked for."""

    def __init__(self, groups: Sequence[Mapping[str, Any]], places: Indices) -> None:
        self.groups, self.places = groups, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self.groups[int(place)] for place in self.places[k]]
        return self.groups[int(self.places[k])]

    def position(self, place: int) -> int | None:
        """Return where a group of all is among those left, or None."""
        at = np.flatnonzero(self.places == place)
        return int(at[0]) if len(at) else None
