"""Pairs that show the same picture -> what each lacks at full size, kept by content.

Each pair is compared once, in a watched process that reads both files. What is known is stored
under the two contents, so that it survives renaming and moving.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb.compare.holding.judging import Holding
from dedup_nb.compare.look_words import EDITED, MOVED, Look
from dedup_nb.compare.verify import Verdict
from dedup_nb.library import turns
from dedup_nb.library.progress import Ticker
from dedup_nb.pictures import openers
from dedup_nb.pictures.engines import LOCAL, Engine
from dedup_nb.pictures.engines.tasks import Failure, Item
from dedup_nb.pictures.store import Store

HOLDINGS = "holding 13"  # store kind; increase the number when the comparison changes
BATCH = 256  # pairs compared and stored together
OPENCV = "opencv-python-headless"
DECODERS = f"{openers.every_decoder()}, {OPENCV} {version(OPENCV)}"

Pair = tuple[str, str]  # two sha256, the smaller first


@dataclass(frozen=True)
class Compared:
    """The result of comparing two files at full size.

    Attributes
    ----------
    holding : Holding
        What each lacks of the other.
    failed : str
        Why they could not be compared, or "".
    look : Look
        Whether they are copies at all.
    equal : bool
        Whether all pixels are the same.
    """

    holding: Holding = field(default_factory=Holding)
    failed: str = ""
    look: Look = field(default_factory=Look)
    equal: bool = False

    def lacks(self, which: str) -> tuple[str, ...]:
        """Return what `a` or `b` lacks of the other; `unknown` if that could not be compared."""
        return ("unknown",) if self.failed else self.holding.lacks(which)

    def reason(self, which: str) -> str:
        """Return why `a` or `b` cannot stand in for the other, or ""."""
        if self.failed:
            return f"could not be compared at full size: {self.failed}"
        return self.holding.reason(which)


class FullSize:
    """Compares pairs of whole files, each once.

    Parameters
    ----------
    catalogue : DataFrame
        Columns `path, sha256` of the images.
    library : Path
        Folder that the paths are relative to.
    store : Store
        Keeps the results.
    engine : Engine
        Compares the files.
    """

    def __init__(
        self, catalogue: pd.DataFrame, library: Path, store: Store, engine: Engine = LOCAL
    ) -> None:
        self.library, self.store, self.engine = library, store, engine
        self.paths = dict(zip(catalogue["sha256"][::-1], catalogue["path"][::-1], strict=True))
        self.known: dict[Pair, Compared] = {}
        self.stale: set[Pair] = set()  # files that changed since the catalogue was made

    def know(self, verdicts: Mapping[Pair, Verdict], most: float) -> tuple[int, list[Pair]]:
        """Look up pairs, and compare the first of those that are not known.

        Parameters
        ----------
        verdicts : dict of Pair -> Verdict
            Pairs that show the same picture, the most urgent first.
        most : float
            Largest number of pairs to compare.

        Returns
        -------
        compared : int
            How many were compared now.
        waiting : list of Pair
            Those that are not known.
        """
        asked = [p for p in verdicts if p not in self.known and p not in self.stale]
        unknown = self._look_up(asked)
        now = unknown[: int(min(most, len(unknown)))]
        if now:
            with turns.at("verdicts") as shared:  # another notebook may have compared them
                if left := self._look_up(now) if shared else now:
                    self._compare(sorted(left), verdicts)
        return len(now), unknown[len(now) :]

    def _look_up(self, wanted: Sequence[Pair]) -> list[Pair]:
        """Take what the store knows; return the other pairs in their order."""
        stored = self.store.measures(HOLDINGS, map(" ".join, wanted), sound)
        for pair in wanted:
            if value := stored.get(" ".join(pair)):
                compared, decoders = unpacked(value)
                if not compared.failed or decoders == DECODERS:
                    self.known[pair] = compared
        return [pair for pair in wanted if pair not in self.known]

    def _compare(self, pairs: Sequence[Pair], verdicts: Mapping[Pair, Verdict]) -> None:
        tell = Ticker("pairs compared at full size:")
        size = self.engine.batch(BATCH)
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            items = [self._item(pair, verdicts[pair]) for pair in part]
            made = self.engine.judge("hold", items, len(items))
            results = dict(zip(part, tell.passing(made, start, len(pairs)), strict=True))
            self.stale |= {pair for pair, result in results.items() if _is_stale(result)}
            fresh = {p: _compared(r) for p, r in results.items() if p not in self.stale}
            self.known |= fresh
            values = [(HOLDINGS, " ".join(pair), _packed(one)) for pair, one in fresh.items()]
            self.store.put([], measures=values)

    def _item(self, pair: Pair, verdict: Verdict) -> Item:
        paths = [os.path.join(os.fsencode(self.library.resolve()), self._path(d)) for d in pair]
        return Item({"matrix": verdict.matrix, "sha256": pair}, paths)

    def _path(self, digest: str) -> bytes:
        return os.fsencode(self.paths[digest])

    def describe(self) -> str:
        """Return a sentence on the pairs compared at full size, or ""."""
        if not self.known:
            return ""
        lacking = sum(bool(c.lacks("a") and c.lacks("b")) for c in self.known.values())
        failed = sum(bool(compared.failed) for compared in self.known.values())
        text = (
            f"{len(self.known):,} pairs compared at full size: in {lacking:,} neither picture "
            "holds everything that the other has"
        )
        moved, edited = (
            sum(c.look.kind == kind for c in self.known.values()) for kind in (MOVED, EDITED)
        )
        if moved or edited:
            text += f"; in {moved:,} something moved and in {edited:,} a small part was edited"
        if failed:
            text += f"; {failed:,} of them could not be compared and wait for your review"
        return text


def _is_stale(result: Item | Failure) -> bool:
    return not isinstance(result, Failure) and result.facts.get("stale") is True


def _compared(result: Item | Failure) -> Compared:
    if isinstance(result, Failure):
        return Compared(failed=str(result))
    try:
        look = Look.from_dict(result.facts.get("look"))
        equal = result.facts.get("equal") is True
        return Compared(Holding.from_dict(result.facts), look=look, equal=equal)
    except ValueError:
        return Compared(failed="the process sent something else than a comparison")


def _packed(compared: Compared) -> bytes:
    values: dict[str, Any] = {**compared.holding.as_dict(), "look": compared.look.as_dict()}
    values["equal"] = compared.equal
    if compared.failed:
        values |= {"failed": compared.failed, "decoders": DECODERS}
    return json.dumps(values).encode()


def unpacked(data: bytes) -> tuple[Compared, str]:
    """Return a stored comparison, and the decoders that failed to make it, or "".

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        values = json.loads(data)
        failed, decoders = values.get("failed", ""), values.get("decoders", "")
        look = Look.from_dict(values.get("look"))
        equal = values.get("equal") is True
        compared = Compared(Holding.from_dict(values), failed, look, equal)
    except (AttributeError, RecursionError) as error:
        raise ValueError("not a comparison at full size") from error
    if not isinstance(failed, str) or not isinstance(decoders, str):
        raise ValueError("not a comparison at full size")
    return compared, decoders


def sound(values: Sequence[bytes]) -> list[bool]:
    """Return which stored comparisons can be read."""
    return [_is_sound(value) for value in values]


def _is_sound(data: bytes) -> bool:
    try:
        unpacked(data)
    except ValueError:
        return False
    return True
