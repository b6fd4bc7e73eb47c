"""Proposed pairs -> verdicts on their pixels, each computed once and stored by content.

Connects `groups`, which asks for verdicts, `verify`, which computes them, and the store. Works on
the stored thumbnails: no file is read again. Features are computed only where two framings differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.compare import verify
from dedup_nb.compare.verify import Verdict
from dedup_nb.groups.checks import Judgement
from dedup_nb.library.progress import Ticker
from dedup_nb.pictures import features, images
from dedup_nb.pictures.engines import LOCAL, Engine
from dedup_nb.pictures.store import Store

FEATURES = "sift 3"  # store kind of features; increase the number when they change
VERDICTS = "verdict 13"  # store kind of verdicts; likewise
AT_ONCE = 16  # largest number of pairs compared while a slider moves; the others wait
AHEAD = 10_000  # largest number of pairs compared in advance for looser thresholds
BATCH = 256  # pairs compared and stored together
LEAST_DETAIL = 0.9  # share of the resolution of a crop or framed copy that its keeper must have

SIDES = ("", "a", "b")
CROPS = (*SIDES, verify.BOTH_CROPPED)
TUPLES = ("kinds", "where", "matrix")  # fields of a verdict that JSON keeps as lists

Pair = tuple[str, str]  # two sha256, the smaller first
Thumbnails = dict[str, NDArray[np.uint8]]


class Verdicts:
    """Compares the pixels of pairs of images; what `groups.Checks` asks for.

    Parameters
    ----------
    catalogue : DataFrame
        Columns `sha256, width, height` of the images.
    store : Store
        Holds the thumbnails, features and verdicts.
    engine : Engine
        Compares the pairs.
    remake : callable
        Decodes contents again whose thumbnails were lost or damaged.
    """

    def __init__(
        self,
        catalogue: pd.DataFrame,
        store: Store,
        engine: Engine = LOCAL,
        remake: Callable[[Sequence[str]], None] = lambda digests: None,
    ) -> None:
        self.store, self.engine, self.remake = store, engine, remake
        self.digests: list[str] = list(catalogue["sha256"])
        sizes = catalogue[["width", "height"]].to_numpy(np.int64)
        self.sizes = {d: (int(w), int(h)) for d, (w, h) in zip(self.digests, sizes, strict=True)}
        self.verdicts: dict[Pair, Verdict] = {}
        self.failed: set[Pair] = set()
        self.left: float = AT_ONCE
        self.waiting = 0

    # -- interface for groups --------------------------------------------------------------------

    def refused(self, members: NDArray[np.int64], keepers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pairs are known not to be copies; compares as many as the limit allows.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Catalogue rows, pair by pair.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        rows = list(zip(members.tolist(), keepers.tolist(), strict=True))
        self._know({self._pair(*pair) for pair in rows})
        judgements = [self.judgement(*pair) for pair in rows]
        return np.array([one is not None and not one.accepted for one in judgements], bool)

    def judgement(self, member: int, keeper: int) -> Judgement | None:
        """Return the judgement on a member and its keeper, or None if it is not known."""
        pair = self._pair(member, keeper)
        if pair[0] == pair[1]:
            return Judgement(True, "exact copy", 1.0)
        verdict = self.verdicts.get(pair)
        if verdict is None:
            return None
        return judge(verdict, member_first=pair[0] == self.digests[member])

    def describe(self) -> str:
        """Return a sentence on the pairs compared and the results."""
        same = [verdict for verdict in self.verdicts.values() if verdict.same]
        edited = sum(not verdict.unedited for verdict in same)
        text = (
            f"{len(self.verdicts):,} pairs verified by their pixels: {len(same) - edited:,} show "
            f"the same picture, {edited:,} the same picture with a local edit, "
            f"{len(self.verdicts) - len(same):,} different pictures"
        )
        if self.waiting:
            text += "; looser thresholds add more pairs, which wait for review until you save them"
        return text

    @contextmanager
    def at_most(self, pairs: float) -> Iterator[None]:
        """Compare at most this many pairs inside the block; the others stay unknown."""
        before, self.left, self.waiting = self.left, pairs, 0
        try:
            yield
        finally:
            self.left = before

    def without_limit(self) -> Any:
        """Compare every requested pair inside the block."""
        return self.at_most(float("inf"))

    # -- computing verdicts ----------------------------------------------------------------------

    def _pair(self, a: int, b: int) -> Pair:
        first, second = sorted((self.digests[a], self.digests[b]))
        return first, second

    def _know(self, pairs: set[Pair]) -> None:
        known = self.verdicts.keys() | self.failed
        unknown = sorted(pair for pair in pairs - known if pair[0] != pair[1])
        if not unknown:
            return
        stored = self.store.measures(VERDICTS, map(" ".join, unknown), sound)
        self.verdicts |= {
            pair: unpacked(stored[" ".join(pair)]) for pair in unknown if " ".join(pair) in stored
        }
        unknown = [pair for pair in unknown if pair not in self.verdicts]
        if len(unknown) > self.left:
            self.waiting += len(unknown)
            return
        if self.left != AT_ONCE:  # a budget, not the limit for each move of the slider
            self.left -= len(unknown)
        if unknown:
            self._compare(unknown)

    def _compare(self, pairs: Sequence[Pair]) -> None:
        tell = Ticker("verified pairs:")
        for start in range(0, len(pairs), BATCH):
            part = pairs[start : start + BATCH]
            small = self._thumbnails(part)
            able = [pair for pair in part if pair[0] in small and pair[1] in small]
            self._keep(self._at_first_sight(able, small))
            rest = [pair for pair in able if pair not in self.verdicts]
            self._keep(self._by_features(rest, small))
            tell(start + len(part), len(pairs))
        self.failed |= set(pairs) - self.verdicts.keys()  # their thumbnails were removed meanwhile

    def _keep(self, verdicts: Mapping[Pair, Verdict]) -> None:
        self.verdicts |= verdicts
        self.store.put(
            [], measures=[(VERDICTS, " ".join(p), _packed(v)) for p, v in verdicts.items()]
        )

    def _thumbnails(self, pairs: Sequence[Pair]) -> Thumbnails:
        wanted = _digests(pairs)
        small = self._decoded(wanted)
        if lost := [digest for digest in wanted if digest not in small]:
            self.remake(lost)
            small |= self._decoded(lost)
        return small

    def _decoded(self, digests: Sequence[str]) -> Thumbnails:
        """Return the thumbnails that are in the cache; a damaged one is deleted there."""
        stored = {digest: self.store.thumbnail(digest) for digest in digests}
        there = {digest: jpeg for digest, jpeg in stored.items() if jpeg}
        small = dict(zip(there, self.engine.map(_pixels, there.values()), strict=True))
        for digest in [digest for digest, picture in small.items() if picture is None]:
            self.store.forget_damaged(digest)
        return {digest: picture for digest, picture in small.items() if picture is not None}

    def _at_first_sight(self, pairs: Sequence[Pair], small: Thumbnails) -> dict[Pair, Verdict]:
        """Return the verdicts on the pairs that clearly have one framing."""

        def look(pair: Pair) -> Verdict | None:
            return verify.plain_verdict(small[pair[0]], small[pair[1]], self._sizes(pair))

        looked = zip(pairs, self.engine.map(look, pairs), strict=True)
        return {pair: verdict for pair, verdict in looked if verdict}

    def _by_features(self, pairs: Sequence[Pair], small: Thumbnails) -> dict[Pair, Verdict]:
        """Return the verdicts on pairs by their features, computing missing features first."""
        wanted = _digests(pairs)
        kept = self.store.measures(FEATURES, wanted, features.sound)
        missing = [digest for digest in wanted if digest not in kept]
        pictures = [small[digest] for digest in missing]
        made = dict(zip(missing, self.engine.map(features.extract, pictures), strict=True))
        self.store.put([], measures=[(FEATURES, d, value) for d, value in made.items()])
        every = {d: features.unpack(value, small[d]) for d, value in (kept | made).items()}

        def look(pair: Pair) -> Verdict:
            return verify.same_picture(every[pair[0]], every[pair[1]], self._sizes(pair))

        return dict(zip(pairs, self.engine.map(look, pairs), strict=True))

    def _sizes(self, pair: Pair) -> tuple[verify.Size, verify.Size]:
        return self.sizes[pair[0]], self.sizes[pair[1]]


def judge(verdict: Verdict, *, member_first: bool) -> Judgement:
    """Return whether a member may be staged for its keeper.

    A picture is never staged for a crop of it, or for a copy with a border or a caption.

    Parameters
    ----------
    verdict : Verdict
        Verdict on the two images.
    member_first : bool
        Whether the member is picture `a` of the verdict.
    """
    member = "a" if member_first else "b"
    finer = verdict.scale if member_first else 1 / max(verdict.scale, 1e-6)
    kinds, score = ", ".join(verdict.kinds), verdict.score
    if not verdict.same:
        return Judgement(
            False, "", score, f"the pixels show a different picture, score {score:.2f}"
        )
    if not verdict.unedited:
        area = f"{verdict.edited_area:.1%} of the area differs"
        return Judgement(False, kinds, score, f"{kinds}: {area}")
    if verdict.crop == verify.BOTH_CROPPED:
        part = f"both show only {verdict.overlap:.0%} of each other"
        return Judgement(False, kinds, score, f"shifted: {part}, like frames of a panorama")
    if verdict.border and verdict.border != member:
        what = "a caption" if verdict.crop else "a border"
        return Judgement(False, kinds, score, f"the keeper has {what} around the picture")
    if verdict.border == member and finer < LEAST_DETAIL:
        return Judgement(False, kinds, score, "has a border, but more detail than its keeper")
    if verdict.crop and verdict.crop != member:
        kinds = kinds.replace("cropped", "whole")
        part = f"the keeper shows only {verdict.overlap:.0%} of it"
        return Judgement(False, kinds, score, f"the keeper is a crop of it: {part}")
    if verdict.crop and finer < LEAST_DETAIL:
        return Judgement(False, kinds, score, "a crop with more detail than its keeper")
    return Judgement(True, kinds, score)


def _pixels(thumbnail: bytes) -> NDArray[np.uint8] | None:
    try:
        return images.pixels(thumbnail)
    except ValueError:
        return None


def _digests(pairs: Sequence[Pair]) -> list[str]:
    return sorted({digest for pair in pairs for digest in pair})


def _packed(verdict: Verdict) -> bytes:
    return json.dumps(asdict(verdict)).encode()


def unpacked(data: bytes) -> Verdict:
    """Return a stored verdict.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        values = json.loads(data)
        verdict = Verdict(**values | {name: tuple(values.get(name, ())) for name in TUPLES})
        numbers = [value for value in values.values() if not isinstance(value, str | list)]
        right = all(isinstance(value, str) for value in verdict.kinds)
        right &= verdict.crop in CROPS and verdict.border in SIDES and len(verdict.where) in (0, 4)
        right &= len(verdict.matrix) in (0, 6)
        right &= all(map(math.isfinite, [*numbers, *verdict.where, *verdict.matrix]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a verdict") from error
    if not right:
        raise ValueError("not a verdict")
    return verdict


def sound(values: Sequence[bytes]) -> list[bool]:
    """Return which stored verdicts can be read."""
    return [_is_verdict(value) for value in values]


def _is_verdict(data: bytes) -> bool:
    try:
        unpacked(data)
    except ValueError:
        return False
    return True
