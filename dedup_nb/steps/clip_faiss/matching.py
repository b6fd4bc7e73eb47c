"""A run's local features -> pairs, neighbours and searches by picture, for `30_clip_faiss`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.finders.local import codes, kept, proposing, whole
from dedup_nb.finders.local.proposing import Proposed
from dedup_nb.groups.pairs import MAX_PAIRS, WAY_OUT, tell_bound
from dedup_nb.library import tables
from dedup_nb.library.progress import Ticker
from dedup_nb.library.quantities import count
from dedup_nb.pictures.engines import LOCAL, Failure, Item
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.clip_faiss import asked

Indices = NDArray[np.int64]

MEASURE = "matches"


class Matching:
    """Search the local features of a run's images; the counterpart of `likeness.Search`.

    Parameters
    ----------
    run : Workbench
        The current run.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Rows of the catalogue of the readable images.
    contents : list of str
        Their digests, each once, sorted.
    notes : list of str
        Notes for the report.
    """

    measure = MEASURE

    def __init__(self, run: Workbench) -> None:
        self.run, self.chosen = run, run.embedder("local")
        self.rows = np.flatnonzero(run.catalogue["status"] == "ok")
        digests = run.catalogue["sha256"].to_numpy(object)[self.rows]
        self.contents, self._content = np.unique(digests.astype(str), return_inverse=True)
        known = kept.of_contents(
            run.store,
            self.contents.tolist(),
            run.remake,
            Ticker("found the features of"),
            run.engine,
        )
        self.notes: list[str] = []
        counts = np.diff(known.coded.starts)
        self._pictures = proposing.Pictures(known.coded, self._stages())
        self.few = np.flatnonzero(counts < whole.FEW)
        self._tell(known)

    def _stages(self) -> NDArray[np.int32]:
        """Return a number for the stage of each content, -1 where pairs of all stages count."""
        stages = np.full(len(self.contents), -1, np.int32)
        if not self.run.rules["same_stage_only"]:
            return stages
        codes_, _ = pd.factorize(self.run.images["level"].to_numpy()[self.rows])
        order = np.argsort(self._content, kind="stable")
        starts = np.searchsorted(self._content[order], np.arange(len(self.contents)))
        low = np.minimum.reduceat(codes_[order], starts)
        high = np.maximum.reduceat(codes_[order], starts)
        stages[low == high] = low[low == high]
        return stages

    def _tell(self, known: kept.Codes) -> None:
        if len(self.few):
            n = int(np.isin(self._content, self.few).sum())
            self._note(
                f"{count(n, 'image')} with fewer than {whole.FEW} features (skies, flat drawings, "
                f"tiny pictures) were compared as wholes, by the embedder {whole.EMBEDDER}: its "
                f"cosines from {whole.NEAR:g} to 1 count as {proposing.FEWEST} to "
                f"{proposing.MOST} matches."
            )
        if known.failed:
            first = self.run.catalogue.drop_duplicates("sha256").set_index("sha256")["path"]
            names = [f"{tables.shown(first[d])} ({why})" for d, why in known.failed.items()]
            few = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            self._note(
                f"{count(len(names), 'picture')} without local features, because finding them "
                f"failed, were compared as wholes: {few}."
            )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        print(text)

    def near_pairs(self, floor: float, max_pairs: int = MAX_PAIRS) -> tuple[pd.DataFrame, float]:
        """Return the pairs with at least `floor` matches, and that bound.

        Where there are more than `max_pairs`, the bound is higher; `pairs.bound_of` says why.
        """
        pairs, bound = self.run.twins.joined(lambda kept: (self._of_files(kept), floor), self.rows)
        values = pairs[MEASURE].to_numpy()
        while len(pairs) > max_pairs and bound <= proposing.MOST:
            bound += 1
            pairs = pairs[values[pairs.index] >= bound]
        if bound > floor:
            why = (
                f"more than max_pairs {max_pairs:,} pairs have at least {floor:g} matches; the "
                f"pairs are complete down to {bound:g}; {WAY_OUT}"
            )
            pairs = pairs.reset_index(drop=True)
            tell_bound(pairs, floor, bound, why)
        return pairs, bound

    def describe(self, pairs: pd.DataFrame, bound: float) -> str:
        """Return a sentence on the pairs found."""
        found = f"{len(pairs):,} pairs of {len(self.rows):,} images"
        return f"{found} with at least {bound:g} matches, in whatever orientation"

    def nearest(self, k: int) -> pd.DataFrame:
        """Return at most k images that each image matches: columns `i, rank, j, matches`."""
        pairs, _ = self.near_pairs(proposing.FEWEST)
        both = pd.concat([pairs, pairs.rename(columns={"i": "j", "j": "i"})], ignore_index=True)
        both = both.sort_values(["i", MEASURE, "j"], ascending=[True, False, True])
        both["rank"] = both.groupby("i").cumcount() + 1
        both = both[both["rank"] <= k].reset_index(drop=True)
        return both[["i", "rank", "j", MEASURE]]

    def like(self, path: Path, k: int = 12) -> pd.DataFrame:
        """Return the images that match a picture, which may be any file; see `Search.like`.

        Raises
        ------
        ValueError
            If the picture cannot be read, or has too few features.
        """
        name = tables.shown(str(path))
        thumbnail = asked.decoded(path, ()).thumbnail
        (result,) = LOCAL.judge("features", [Item({}, [thumbnail])], 1)
        if isinstance(result, Failure) or len(result.blocks) != 1:
            reason = result.reason if isinstance(result, Failure) else "it has no features"
            raise ValueError(f"{name} cannot be compared: {reason}")
        coded = codes.decoded([kept.encode(result.blocks[0])])
        if coded.starts[-1] < whole.FEW:
            raise ValueError(
                f"{name} has only {coded.starts[-1]} local features, too few to find it by; "
                f"use embedder {whole.EMBEDDER} for this picture"
            )
        pictures = self._pictures
        found = pictures.index.ask_for(coded, partners=k + 1)
        values = np.zeros(len(pictures.firsts), np.int64)
        values[found.others] = found.agreeing
        values = values[pictures.same]
        near = values[self._content] >= proposing.FEWEST
        rows, matches = self.rows[near], values[self._content[near]]
        return asked.listed(self.run, path, rows, matches, MEASURE, k)

    # -- pairs -----------------------------------------------------------------------------------

    @cached_property
    def _proposed(self) -> Proposed:
        return proposing.propose(
            self._pictures,
            self._ranks,
            self._whole,
            Ticker("asked for pairs of"),
            self.run.engine,
        )

    def _ranks(self) -> Indices:
        """Return the keeper order of the contents, each by its best image."""
        ranks = np.full(len(self.contents), np.iinfo(np.int64).max)
        np.minimum.at(ranks, self._content, self.run.twins.ranks()[self.rows])
        return np.argsort(np.argsort(ranks, kind="stable"), kind="stable")

    def _whole(self) -> NDArray[np.int64]:
        """Return the pairs of contents with few features."""
        if not len(self.few):
            return np.zeros((0, 3), np.int64)
        vectors, rows = self.run.embeddings(whole.EMBEDDER)
        of_row = np.full(len(self.run.catalogue), -1, np.int64)
        of_row[rows] = np.arange(len(rows))
        _, first = np.unique(self._content, return_index=True)
        return whole.pairs(vectors[of_row[self.rows[first]], 0], self.few)

    def _of_files(self, kept: NDArray[np.bool_]) -> pd.DataFrame:
        """Return the pairs of some of the images, from those of their contents."""
        places = np.flatnonzero(kept)
        order = places[np.argsort(self._content[places], kind="stable")]
        counts = np.bincount(self._content[places], minlength=len(self.contents))
        starts = np.concatenate([[0], np.cumsum(counts)])
        same = np.flatnonzero(counts > 1)
        found = self._proposed
        i, j = np.concatenate([found.i, same]), np.concatenate([found.j, same])
        values = np.concatenate([found.matches, np.full(len(same), proposing.MOST)])
        each = counts[i] * counts[j]
        pair = np.repeat(np.arange(len(i)), each)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(each) - each, each)
        a = self.rows[order[starts[i[pair]] + within // counts[j[pair]]]]
        b = self.rows[order[starts[j[pair]] + within % counts[j[pair]]]]
        once = (i[pair] != j[pair]) | (a < b)
        a, b, values = a[once], b[once], values[pair][once]
        table = pd.DataFrame({"i": np.minimum(a, b), "j": np.maximum(a, b), MEASURE: values})
        return table.sort_values(["i", "j"], kind="stable").reset_index(drop=True)
