"""Proposed pairs -> verdicts on their pixels, each computed once and stored by content.

Connects `groups`, which asks for verdicts, `looks`, which computes them in watched processes, and
the store. Works on the stored thumbnails: no file is read again. Features are computed only where
two framings differ. A pair whose comparison crashes or hangs waits for review with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.compare import verify
from dedup_nb.compare.full_size import Compared, FullSize
from dedup_nb.compare.look_words import EDITED, MOVED
from dedup_nb.compare.verify import Verdict
from dedup_nb.groups.checks import (
    CONTAINED,
    CONTAINER,
    DIFFERENT,
    DOUBTFUL,
    INSIDE,
    SAME,
    Judgement,
)
from dedup_nb.library import turns
from dedup_nb.library.progress import Ticker
from dedup_nb.pictures import features, images, kept_features
from dedup_nb.pictures.engines import LOCAL, Engine, Failure, Item
from dedup_nb.pictures.store import Store

FEATURES = features.KIND
VERDICTS = "verdict 18"  # store kind of verdicts; likewise
# Store kind of why pairs could not be compared; another version of the code or of what crashed may.
UNCOMPARED = f"uncompared, {VERDICTS}, OpenCV {cv2.__version__}, NumPy {np.__version__}"
UNCOMPARED_REASON = "could not be compared: "
AT_ONCE = 16  # pairs compared while a slider moves; if there are more, none is
AHEAD = 10_000  # largest number of pairs compared in advance for looser thresholds
AHEAD_AT_FULL_SIZE = 1_000  # likewise, by their whole files
BATCH = 256  # pairs compared and stored together
LEAST_LIKELY = 0.05  # lowest score of pictures that may be the same after all
LEAST_DETAIL = 0.9  # share of the resolution of a crop or framed copy that its keeper must have

WHOLE = frozenset(("tone", "sharpness", "stretched"))  # changes of the whole, which say more
SIDES = ("", "a", "b")
CROPS = (*SIDES, verify.BOTH_CROPPED)
MOST = 1e300  # neither infinite nor, as comparisons tell, not a number
LENGTHS = {"where": (0, 4), "where_in_b": (0, 4), "matrix": (0, 6)}  # of fields that hold numbers
USUAL = asdict(Verdict(0.0))
TUPLES = ("kinds", "where", "where_in_b", "matrix")  # fields of a verdict that JSON keeps as lists

Pair = tuple[str, str]  # two sha256, the smaller first
Thumbnails = dict[str, bytes]
Told = Callable[[Iterable[Item | Failure]], Iterable[Item | Failure]]


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
    full_size : FullSize, optional
        Compares pairs that show the same picture at full size, before one is staged.
    """

    def __init__(
        self,
        catalogue: pd.DataFrame,
        store: Store,
        engine: Engine = LOCAL,
        remake: Callable[[Sequence[str]], None] = lambda digests: None,
        full_size: FullSize | None = None,
    ) -> None:
        self.store, self.engine, self.remake = store, engine, remake
        self.digests: list[str] = list(catalogue["sha256"])
        sizes = catalogue[["width", "height"]].to_numpy(np.int64)
        self.sizes = {d: (int(w), int(h)) for d, (w, h) in zip(self.digests, sizes, strict=True)}
        self.verdicts: dict[Pair, Verdict] = {}
        self.uncompared: dict[Pair, str] = {}  # why
        self.featureless: dict[str, str] = {}  # contents whose features cannot be found, and why
        self.failed: set[Pair] = set()
        self.full_size = full_size
        self.left: float | None = None  # None while a slider moves: `AT_ONCE` at a time
        self.left_at_full_size = 0.0
        self.waiting: set[Pair] = set()  # asked for in a block with a limit, and not compared
        self._final: dict[tuple[int, int], Judgement] = {}  # that no further comparison changes

    # -- interface for groups --------------------------------------------------------------------

    def refused(self, members: NDArray[np.int64], keepers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pairs are known not to be copies; compares as many as the limit allows.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Catalogue rows, pair by pair; the first are compared first.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        rows = list(zip(members.tolist(), keepers.tolist(), strict=True))
        pairs = list(dict.fromkeys(self._pair(*pair) for pair in rows))
        self._know(pairs)
        self._know_at_full_size(pairs)
        judgements = [self.judgement(*pair) for pair in rows]
        return np.array([one is not None and not one.accepted for one in judgements], bool)

    def judgement(self, member: int, keeper: int) -> Judgement | None:
        """Return the judgement on a member and its keeper, or None if it is not known."""
        final = self._final.get((member, keeper))
        return self._judged(member, keeper) if final is None else final

    def _judged(self, member: int, keeper: int) -> Judgement | None:
        pair = self._pair(member, keeper)
        if pair[0] == pair[1]:
            return Judgement(True, "exact copy", 1.0, equal=True)
        if reason := self.uncompared.get(pair):
            why = f"{UNCOMPARED_REASON}{reason}"
            return Judgement(False, "", 0.0, why, picture=DOUBTFUL)
        verdict = self.verdicts.get(pair)
        if verdict is None:
            return None
        member_first = pair[0] == self.digests[member]
        judged, stays = judge(verdict, member_first=member_first), "b" if member_first else "a"
        compared = None if self.full_size is None else self.full_size.known.get(pair)
        if compared is not None and compared.look.whole:
            judged = contained(judged, compared, stays)
        elif compared is not None and judged.accepted:
            judged = beside(judged, compared, stays)
        elif self.full_size is not None and judged.accepted:
            return None
        if self.full_size is None or compared is not None:
            self._final[member, keeper] = judged  # a slider and a mark ask for it at every cut
        return judged

    def pictures(self, members: NDArray[np.int64], keepers: NDArray[np.int64]) -> list[str | None]:
        """Return whether pairs show the same picture, by their thumbnails; see `Checks.pictures`.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Catalogue rows, pair by pair.
        """
        pairs = [self._pair(*ends) for ends in zip(members.tolist(), keepers.tolist(), strict=True)]
        self._know(pairs)
        return [self._picture(pair) for pair in pairs]

    def _picture(self, pair: Pair) -> str | None:
        if pair[0] == pair[1]:
            return SAME
        if pair in self.uncompared:
            return DOUBTFUL
        verdict = self.verdicts.get(pair)
        return None if verdict is None else picture(verdict)

    def describe(self) -> str:
        """Return a sentence on the pairs compared and the results."""
        same = [verdict for verdict in self.verdicts.values() if verdict.same]
        different = sum(picture(verdict) == DIFFERENT for verdict in self.verdicts.values())
        edited = sum(not verdict.unedited for verdict in same)
        text = (
            f"{len(self.verdicts):,} pairs verified by their pixels: {len(same) - edited:,} show "
            f"the same picture, {edited:,} the same picture with a local edit, "
            f"{different:,} different pictures"
        )
        if doubtful := len(self.verdicts) - len(same) - different:
            text += f", {doubtful:,} perhaps the same picture"
        if self.uncompared:
            text += f"; {len(self.uncompared):,} could not be compared and wait for your review"
        if self.full_size is not None and (whole := self.full_size.describe()):
            text += f"; {whole}"
        if waiting := len(self.waiting):
            text += (
                f"; {waiting:,} more pairs at looser thresholds were not compared and wait for "
                "review until you save them"
            )
        return text

    @contextmanager
    def at_most(self, pairs: float, at_full_size: float = 0) -> Iterator[None]:
        """Compare at most this many pairs inside the block, the first ones; others stay unknown.

        Parameters
        ----------
        pairs : float
            Pairs compared by their thumbnails.
        at_full_size : float
            Pairs compared by their whole files, which takes much longer.
        """
        before, self.left = (self.left, self.left_at_full_size), pairs
        self.waiting.clear()
        self.left_at_full_size = at_full_size
        try:
            yield
        finally:
            self.left, self.left_at_full_size = before

    def without_limit(self) -> Any:
        """Compare every requested pair inside the block."""
        return self.at_most(float("inf"), float("inf"))

    # -- computing verdicts ----------------------------------------------------------------------

    def _pair(self, a: int, b: int) -> Pair:
        first, second = sorted((self.digests[a], self.digests[b]))
        return first, second

    def _know(self, pairs: Iterable[Pair]) -> None:
        """Look pairs up and compare the first of the others, as many as the limit allows.

        While a slider moves, all are compared or none, so that it stays fast.
        """
        unknown = self._looked_up(pairs)
        if self.left is None:
            now = unknown if len(unknown) <= AT_ONCE else []
        else:
            now = unknown[: int(min(self.left, len(unknown)))]
            self.left -= len(now)
        self.waiting |= set(unknown[len(now) :])
        self.waiting -= set(now)
        if not now:
            return
        with turns.at("verdicts") as shared:  # what another notebook has compared meanwhile is kept
            if now := self._looked_up(now) if shared else now:
                self._compare(sorted(now))

    def _looked_up(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Look pairs up in the store; return those that were never compared."""
        known = self.verdicts.keys() | self.failed | self.uncompared.keys()
        unknown = [
            pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1] and pair not in known
        ]
        if not unknown:
            return []
        stored = self.store.measures(VERDICTS, map(" ".join, unknown), sound)
        self.verdicts |= {
            pair: unpacked(stored[" ".join(pair)]) for pair in unknown if " ".join(pair) in stored
        }
        unknown = [pair for pair in unknown if pair not in self.verdicts]
        reasons = self.store.measures(UNCOMPARED, map(" ".join, unknown), sound_reasons)
        self.uncompared |= {
            pair: reasons[" ".join(pair)].decode() for pair in unknown if " ".join(pair) in reasons
        }
        return [pair for pair in unknown if pair not in self.uncompared]

    def _know_at_full_size(self, pairs: Iterable[Pair]) -> None:
        """Compare the pairs that their thumbnails would stage at full size too, the first first."""
        if self.full_size is None:
            return
        alike = {p: v for p in pairs if (v := self.verdicts.get(p)) and (_may_go(v) or _frames(v))}
        compared, waiting = self.full_size.know(alike, self.left_at_full_size)
        self.left_at_full_size -= compared
        self.waiting = (self.waiting - alike.keys()) | set(waiting)

    def _compare(self, pairs: Sequence[Pair]) -> None:
        tell = Ticker("verified pairs:")
        size = self.engine.batch(BATCH)
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            small = self._thumbnails(part)
            self._at_first_sight(part, small)
            if lost := {d for d in _digests(part) if d not in small}:  # or damaged
                self.remake(sorted(lost))
                small |= self._thumbnails([pair for pair in part if not lost.isdisjoint(pair)])
                self._at_first_sight([pair for pair in part if not lost.isdisjoint(pair)], small)
            left = self._open(part, small)
            done = start + len(part) - len(left)
            told = partial(tell.passing, before=done, total=len(pairs))
            self._by_features(left, small, told)
            tell(start + len(part), len(pairs))
        # their thumbnails were removed meanwhile
        self.failed |= set(pairs) - self.verdicts.keys() - self.uncompared.keys()

    def _open(self, pairs: Sequence[Pair], small: Thumbnails) -> list[Pair]:
        """Return the pairs without a result that have both thumbnails."""
        known = self.verdicts.keys() | self.uncompared.keys()
        return [p for p in pairs if p not in known and p[0] in small and p[1] in small]

    def _keep(self, verdicts: Mapping[Pair, Verdict], reasons: Mapping[Pair, str]) -> None:
        self.verdicts |= verdicts
        self.uncompared |= reasons
        values = [(VERDICTS, " ".join(p), _packed(v)) for p, v in verdicts.items()]
        values += [(UNCOMPARED, " ".join(p), r.encode()) for p, r in reasons.items()]
        self.store.put([], measures=values)

    def _thumbnails(self, pairs: Sequence[Pair]) -> Thumbnails:
        """Return the thumbnails that are in the cache; a damaged one is deleted there."""
        stored = {digest: self.store.thumbnail(digest) for digest in _digests(pairs)}
        there = {digest: jpeg for digest, jpeg in stored.items() if jpeg}
        for digest in [digest for digest, jpeg in there.items() if not images.is_thumbnail(jpeg)]:
            self.store.forget_damaged(digest)
            del there[digest]
        return there

    def _at_first_sight(self, pairs: Sequence[Pair], small: Thumbnails) -> None:
        """Find the verdicts on the pairs that clearly have one framing.

        Thumbnails that turn out to be damaged are deleted from the cache and from `small`.
        """
        able = self._open(pairs, small)
        items = (Item({"sizes": self._sizes((a, b))}, [small[a], small[b]]) for a, b in able)
        results = dict(zip(able, self.engine.judge("first sight", items, len(able)), strict=True))
        self._keep(*_sorted_out(results))
        for pair, result in results.items():
            if (place := _damaged(result)) is not None and pair[place] in small:
                self.store.forget_damaged(pair[place])
                del small[pair[place]]

    def _by_features(self, pairs: Sequence[Pair], small: Thumbnails, told: Told) -> None:
        """Find the verdicts on pairs by their features, computing missing features first.

        `told` passes the results on and reports each.
        """
        every = self._features(_digests(pairs), small)
        able = [(a, b) for a, b in pairs if a in every and b in every]
        blind = {pair: self._blind(pair) for pair in pairs if self._blind(pair)}
        items = (
            Item({"sizes": self._sizes((a, b))}, [small[a], small[b], every[a], every[b]])
            for a, b in able
        )
        made = told(self.engine.judge("aligned", items, len(able)))
        results = dict(zip(able, made, strict=True))
        verdicts, reasons = _sorted_out(results)
        self._keep(verdicts, reasons | blind)

    def _blind(self, pair: Pair) -> str:
        return self.featureless.get(pair[0], "") or self.featureless.get(pair[1], "")

    def _features(self, digests: Sequence[str], small: Thumbnails) -> dict[str, bytes]:
        every = self.store.measures(FEATURES, digests, features.sound)
        missing = [d for d in digests if d not in every and d not in self.featureless]
        made, failed = kept_features.make(self.store, {d: small[d] for d in missing}, self.engine)
        self.featureless |= failed
        return every | made

    def _sizes(self, pair: Pair) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.sizes[pair[0]], self.sizes[pair[1]]


def picture(verdict: Verdict) -> str:
    """Return whether two images show the same picture: `SAME`, `DOUBTFUL` or `DIFFERENT`."""
    if verdict.same:
        return SAME
    return DOUBTFUL if verdict.score >= LEAST_LIKELY else DIFFERENT


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
    finer = round(verdict.scale if member_first else 1 / max(verdict.scale, 1e-6), 4)
    kinds, score = ", ".join(verdict.kinds), verdict.score
    if not verdict.same:
        shows = picture(verdict)
        show = "may show" if shows == DOUBTFUL else "show"
        why = f"the pixels {show} a different picture, score {score:.2f}"
        return Judgement(False, "", score, why, picture=shows)
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


def _sorted_out(
    results: Mapping[Pair, Item | Failure],
) -> tuple[dict[Pair, Verdict], dict[Pair, str]]:
    """Return the verdicts among the results of a task, and why there is none for others."""
    verdicts, reasons = {}, {}
    for pair, result in results.items():
        if isinstance(result, Failure):
            reasons[pair] = result.reason
        elif result.facts.get("verdict") is not None:
            try:
                verdicts[pair] = _checked(result.facts["verdict"])
            except ValueError:
                reasons[pair] = "the process sent what it should not"
    return verdicts, reasons


def _damaged(result: Item | Failure) -> int | None:
    """Return which of two thumbnails could not be decoded, or None."""
    place = None if isinstance(result, Failure) else result.facts.get("damaged")
    return place if type(place) is int and place in (0, 1) else None


def _may_go(verdict: Verdict) -> bool:
    """Return whether either picture may be staged for the other, by their thumbnails."""
    return any(judge(verdict, member_first=first).accepted for first in (True, False))


def _frames(verdict: Verdict) -> bool:
    """Return whether one picture shows something around the other: more of it, or a page."""
    return verdict.same and bool(verdict.crop in ("a", "b") or verdict.border)


def contained(judged: Judgement, compared: Compared, keeper: str) -> Judgement:
    """Return the judgement on a pair of which one shows the other inside itself.

    Parameters
    ----------
    judged : Judgement
        By the thumbnails.
    compared : Compared
        The two files at full size.
    keeper : str
        `a` or `b`: the picture that would stay.
    """
    inside = compared.look.whole == keeper
    reason, which = (INSIDE, "keeper") if inside else (CONTAINER, "member")
    return judged._replace(
        accepted=False, kind=CONTAINED, reason=reason, lacks=(CONTAINED,), contained=which
    )


def beside(judged: Judgement, compared: Compared, keeper: str) -> Judgement:
    """Return a judgement by thumbnails, corrected by what a comparison at full size shows.

    A pair that a second look does not call a copy waits in both directions; else the member waits
    if its keeper lacks something.

    Parameters
    ----------
    judged : Judgement
        Accepted by the thumbnails.
    compared : Compared
        The two files at full size.
    keeper : str
        `a` or `b`: the picture that would stay.
    """
    look, whole = compared.look, WHOLE.intersection(compared.holding.both)
    if look.kind and not (whole and look.kind in (MOVED, EDITED)):  # a lens, a curve: no motion
        return judged._replace(accepted=False, kind=look.kind, reason=look.reason)
    judged = judged._replace(equal=compared.equal)
    lacks = compared.lacks(keeper)
    if not lacks:
        return judged
    return judged._replace(accepted=False, reason=compared.reason(keeper), lacks=lacks)


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
        return _checked(json.loads(data))
    except RecursionError as error:
        raise ValueError("not a verdict") from error


def _checked(values: Any) -> Verdict:
    """Return a verdict from its values, if all have the right types and lengths."""
    if not isinstance(values, dict) or "score" not in values or not values.keys() <= USUAL.keys():
        raise ValueError("not a verdict")
    values = USUAL | values  # an earlier version had fewer
    plain = dict(values)
    right = plain.pop("crop") in CROPS and plain.pop("border") in SIDES
    kinds = plain.pop("kinds")
    right &= isinstance(kinds, list | tuple) and all(isinstance(kind, str) for kind in kinds)
    for name, lengths in LENGTHS.items():
        part = plain.pop(name)
        right &= isinstance(part, list | tuple) and len(part) in lengths and _are_numbers(part)
    if not right or not _are_numbers(plain.values()):
        raise ValueError("not a verdict")
    return Verdict(**values | {name: tuple(values[name]) for name in TUPLES})


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(type(value) in (int, float) and abs(value) < MOST for value in values)


def sound(values: Sequence[bytes]) -> list[bool]:
    """Return which stored verdicts can be read."""
    return [_is_verdict(value) for value in values]


def sound_reasons(values: Sequence[bytes]) -> list[bool]:
    """Return which stored reasons can be read."""
    return [_is_text(value) for value in values]


def _is_text(data: bytes) -> bool:
    try:
        return bool(data.decode())
    except ValueError:
        return False


def _is_verdict(data: bytes) -> bool:
    try:
        unpacked(data)
    except ValueError:
        return False
    return True
