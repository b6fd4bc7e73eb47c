"""Findings -> what each of them says about a pair, in words and tables."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.library.quantities import listed
from dedup_nb.steps.review.findings import UNUSABLE_COLUMNS, Finding

Indices = NDArray[np.int64]
Detail = tuple[int, float, str, str]  # input, value, state, reason


class Agreement:
    """What the findings say about pairs.

    Parameters
    ----------
    findings : sequence of Finding
        The merged results.
    every : DataFrame
        The pairs of all of them, by `i, j, input`.
    images : Images
        The images of the current catalogue.
    """

    def __init__(
        self, findings: Sequence[Finding], every: pd.DataFrame, images: groups.Images
    ) -> None:
        self.findings, self.every, self.images = list(findings), every, images
        self.n = len(images)

    @cached_property
    def _keys(self) -> Indices:
        keys: Indices = (self.every["i"] * self.n + self.every["j"]).to_numpy(np.int64)
        return keys

    @cached_property
    def _details(self) -> list[Detail]:
        columns = [self.every[name].tolist() for name in ("input", "value", "state", "reason")]
        return list(zip(*columns, strict=True))

    def details(self, a: int, b: int) -> list[Detail]:
        """Return what each input says about a pair: (input, value, state, reason)."""
        key = min(a, b) * self.n + max(a, b)
        first, last = np.searchsorted(self._keys, [key, key + 1])
        return self._details[first:last]

    def apart(self, cut: groups.Cut) -> Indices:
        """Return the number of images of each star on which the inputs disagree."""
        inside = np.flatnonzero((cut.stars >= 0) & (cut.roles != groups.KEEPER))
        differing = inside[~(cut.values[inside] >= len(self.findings))]
        return np.bincount(cut.stars[differing], minlength=self.n).astype(np.int64)

    # -- words -----------------------------------------------------------------------------------

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Return what each input says about an image and its keeper."""
        keeper = int(cut.keepers[k])
        texts = dict(self._told(k, keeper))
        near = [entry for entry in self.details(k, keeper) if entry[2] != "beyond"]
        parts = [texts.get(n, f"not {f.name}") for n, f in enumerate(self.findings)]
        return f"near in {len(near)} of {len(self.findings)} inputs: {', '.join(parts)}"

    def _told(self, k: int, keeper: int) -> Iterator[tuple[int, str]]:
        for number, value, state, reason in self.details(k, keeper):
            finding = self.findings[number]
            shown = "" if np.isnan(value) else report.with_unit(value, finding.measure)
            text = f"{finding.name} {shown}".rstrip()
            if state == "beyond":
                text = f"not {text}"
            elif state == "review":
                # the value is shown anyway; version 0.1.0 wrote "hamming_bits 3" for it
                plain = (finding.measure, groups.apart(finding.measure, value))
                why = "" if reason.startswith(plain) else f": {reason}"
                text = f"{text} (for review{why})"
            yield number, text

    def finders(self, k: int, keeper: int) -> tuple[str, ...]:
        """Return which inputs find two images near each other."""
        near = (number for number, _, state, _ in self.details(k, keeper) if state != "beyond")
        return tuple(self.findings[number].name for number in near)

    def describe(self, others: Sequence[tuple[int, int]]) -> str:
        """Return which inputs find a group, given its images with their keepers.

        `found by pHash and Czkawka, in part by the time window, not by CLIP`
        """
        counts: Counter[int] = Counter()
        for k, keeper in others:
            counts.update(n for n, _, state, _ in self.details(k, keeper) if state != "beyond")
        by: dict[str, list[str]] = {"by": [], "in part by": [], "not by": []}
        for n, each in enumerate(self._finders):
            how = "by" if counts[n] == len(others) else "in part by" if counts[n] else "not by"
            by[how].append(each)
        parts = [
            f"{how} {listed(names, 'or' if how == 'not by' else 'and')}"
            for how, names in by.items()
            if names
        ]
        return f"found {', '.join(parts)}"

    @cached_property
    def _finders(self) -> list[str]:
        return [finding.words or finding.name for finding in self.findings]

    # -- tables ----------------------------------------------------------------------------------

    def table(self, cut: groups.Cut, first: int | None = None) -> pd.DataFrame:
        """Return each image with its keeper and what every input says about the pair.

        There is one column per input: the value if it finds them near (with `review` if it leaves
        them for review), `beyond` and the value if they are too far apart, `kept` if it keeps this
        image itself, and empty if it has not compared them.

        Parameters
        ----------
        cut : Cut
            The groups.
        first : int, optional
            Only so many rows.
        """
        rows = (k for members in cut.groups for k in members.tolist() if cut.centres[k] != k)
        shown = (k for k in rows if cut.roles[k] != groups.NONE)
        made = [self._agreed(cut, k) for k in itertools.islice(shown, first)]
        return pd.DataFrame(made, columns=self._columns)

    @property
    def _columns(self) -> list[str]:
        return ["path", "keeper", "role", "inputs", *(finding.name for finding in self.findings)]

    def _agreed(self, cut: groups.Cut, k: int) -> list[Any]:
        keeper = int(cut.keepers[k])
        cells = {}
        for number, value, state, _ in self.details(k, keeper):
            text = "" if np.isnan(value) else groups.number(value)
            cells[number] = text if state in ("stage", "near") else f"{state} {text}".rstrip()
        near = sum(state != "beyond" for _, _, state, _ in self.details(k, keeper))
        texts = [
            cells.get(n, "") or ("kept" if k in finding.keepers else "")
            for n, finding in enumerate(self.findings)
        ]
        return [
            self.images.paths[k],
            self.images.paths[keeper],
            groups.ROLES[cut.roles[k]],
            near,
            *texts,
        ]

    @cached_property
    def shares(self) -> pd.DataFrame:
        """How many pairs each input proposes, and how many of them each other input finds near."""
        near = self.every[self.every["state"] != "beyond"]
        ends = [
            set(zip(part["i"].tolist(), part["j"].tolist(), strict=True))
            for part in (near[near["input"] == n] for n in range(len(self.findings)))
        ]
        rows = []
        for n, finding in enumerate(self.findings):
            mine = finding.pairs[finding.pairs["state"] == "stage"]
            proposed = set(zip(mine["i"].tolist(), mine["j"].tolist(), strict=True))
            elsewhere = set().union(*(ends[m] for m in range(len(ends)) if m != n))
            row = {"input": finding.name, "proposes": len(proposed)}
            row |= {"only this input": len(proposed - elsewhere)}
            row |= {
                f"also near in {f.name}": len(proposed & ends[m])
                for m, f in enumerate(self.findings)
            }
            rows.append(row | {"images ignored": len(finding.unusable)})
        return pd.DataFrame(rows)

    @property
    def unusable(self) -> pd.DataFrame:
        """Images of the inputs that are ignored, each with the reason."""
        rows = [(f.name, path, why) for f in self.findings for path, why in f.unusable]
        return pd.DataFrame(rows, columns=UNUSABLE_COLUMNS, dtype=object)
