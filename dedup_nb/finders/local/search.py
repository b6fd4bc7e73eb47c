"""The codes of many pictures -> for each picture, the others that its features agree with.

An inverted index over the cells of `codes`: each feature looks for near ones in the cells around
it, the matches of two pictures vote, and a pair counts where matches agree on one way in which one
picture lies over the other. Everything is counted in whole numbers and ties are broken by position,
so the result depends neither on threads nor on blocks, and on the order of the pictures only as far
as the caller lets it (`proposing` sorts them by content).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders.local import codes
from dedup_nb.finders.local.codes import Coded

Indices = NDArray[np.int64]

PROBES = 6  # cells that a feature looks into
NEAREST = 10  # nearest other pictures in which a feature finds itself
FIRST = 6  # beside them, the first pictures that have it: in a crowd, all find the same ones
AGREE, AGREE_PX = 4, 6.0  # matches that must agree on one way, and how closely, in pixels
TRIED = 24  # matches of a pair that are compared, nearest first
LEAST_APART_PX, MOST_SCALE = 10.0, 10.0  # of two features that tell how a picture lies
PARTNERS = 8  # pictures that one picture proposes at most
LOOKED_AT = 64  # candidates of a picture whose matches are compared, most matches first


@dataclass(frozen=True)
class Found:
    """The pictures that some pictures propose, one row for each proposal.

    Attributes
    ----------
    asked, others : ndarray of int64, shape (n,)
        Positions of the picture that asked and of the one it found.
    agreeing : ndarray of int64, shape (n,)
        Matches that agree on one way, at least `AGREE`.
    scores : ndarray of float64, shape (n,)
        The same, each counting less the more pictures it was found in.
    """

    asked: Indices
    others: Indices
    agreeing: Indices
    scores: NDArray[np.float64]


class Index:
    """The inverted index of many pictures: about 50 bytes a feature.

    Parameters
    ----------
    coded : Coded
        Their codes, picture by picture.
    labels : ndarray of int32, shape (n,), optional
        Pictures with different labels are no pair, unless one of them is negative, the default.

    Attributes
    ----------
    n : int
        Number of pictures.
    starts, places, turned, reaches
        As in `Coded`, feature by feature.
    at : ndarray of int32, shape (m,)
        Entry of each feature.
    values, owners, of : ndarray
        Code, picture and feature of each entry; those of one cell follow each other, in the order
        of the pictures.
    ends : ndarray of int64, shape (CELLS + 1,)
        Where the entries of each cell start and end.
    """

    def __init__(self, coded: Coded, labels: NDArray[np.int32] | None = None) -> None:
        self.n = len(coded.starts) - 1
        self.labels = np.full(self.n, -1, np.int32) if labels is None else labels
        self.starts = coded.starts
        self.places, self.turned, self.reaches = coded.places, coded.turned, coded.reaches
        owners = np.repeat(np.arange(self.n, dtype=np.int32), np.diff(coded.starts))
        self.ends = np.concatenate(
            [[0], np.cumsum(np.bincount(coded.cells, minlength=codes.CELLS))]
        )
        self.at, self.of = np.empty(len(owners), np.int32), np.empty(len(owners), np.int32)
        _sort_by_cell(coded.cells, self.ends, self.at, self.of)
        self.owners = owners[self.of]
        self.values = coded.values[self.of]

    def ask(self, first: int, last: int) -> Found:
        """Return what the pictures `first:last` of the index propose."""
        features = slice(self.starts[first], self.starts[last])
        asked = Coded(
            self.starts[first : last + 1] - self.starts[first],
            self.values[self.at[features]],
            self.places[features],
            self.turned[features],
            np.zeros(0, np.uint16),
            self.reaches[features],
        )
        return self.ask_for(asked, first)

    def ask_for(self, asked: Coded, first: int = -(2**31), partners: int = PARTNERS) -> Found:
        """Return what other pictures propose, at most `partners` each.

        `first` is where they are in the index, if they are; their positions count from it.
        """
        n = len(asked.starts) - 1
        others = np.full((n, partners), -1, np.int64)
        agreeing = np.zeros((n, partners), np.int64)
        scores = np.zeros((n, partners))
        _ask(
            first, self.labels,
            asked.starts, asked.values, asked.places, asked.turned, asked.reaches,
            self.ends, self.owners, self.values, self.of, self.places, self.turned,
            *codes.basis().halves, others, agreeing, scores,
        )  # fmt: skip
        row, column = np.nonzero(others >= 0)
        return Found(
            row + max(first, 0), others[row, column], agreeing[row, column], scores[row, column]
        )


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _sort_by_cell(cells, ends, at, of):  # type: ignore[no-untyped-def]
    free = ends[:-1].copy()
    for feature in range(len(cells)):
        place = free[cells[feature]]
        free[cells[feature]] = place + 1
        at[feature] = place
        of[place] = feature


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def apart(a, b):  # type: ignore[no-untyped-def]
    """Return the squared distance of two codes."""
    total = np.int32(0)
    for place in range(a.shape[0]):
        step = np.int32(a[place]) - np.int32(b[place])
        total += step * step
    return total


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _insert(keys, hits, owners, key, hit, owner, count, most):  # type: ignore[no-untyped-def]
    """Insert into a short sorted list that holds each picture once; return its length."""
    for k in range(count):
        if owners[k] == owner:
            if keys[k] <= key:
                return count
            for m in range(k, count - 1):
                keys[m], hits[m], owners[m] = keys[m + 1], hits[m + 1], owners[m + 1]
            count -= 1
            break
    if count == most:
        if keys[count - 1] <= key:
            return count
        count -= 1
    k = count
    while k > 0 and keys[k - 1] > key:
        keys[k], hits[k], owners[k] = keys[k - 1], hits[k - 1], owners[k - 1]
        k -= 1
    keys[k], hits[k], owners[k] = key, hit, owner
    return count + 1


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _ask(  # type: ignore[no-untyped-def]
    first, labels, starts, values, places, turned, reaches, ends, owners, entries, of, all_places,
    all_turned, one, other, out, out_agreeing, out_scores
):  # fmt: skip
    """Each picture on its own, so that threads change nothing."""
    for picture in numba.prange(len(starts) - 1):
        a, b = starts[picture], starts[picture + 1]
        most = (b - a) * (NEAREST + FIRST)
        key = np.empty(most, np.int64)
        mine, hits = np.empty(most, np.int64), np.empty(most, np.int64)
        weight = np.empty(most, np.float64)
        near, near_hits = np.empty(NEAREST, np.int64), np.empty(NEAREST, np.int64)
        near_owners = np.empty(NEAREST, np.int64)
        lead, lead_hits = np.empty(FIRST, np.int64), np.empty(FIRST, np.int64)
        lead_owners = np.empty(FIRST, np.int64)
        probes = np.empty(PROBES, np.int64)
        found = 0
        label = labels[first + picture] if first >= 0 else -1
        for feature in range(a, b):
            codes.nearest_cells(values[feature], one, other, probes)
            limit = codes.limit(reaches[feature])
            count, leading = 0, 0
            worst = limit
            for cell in probes:
                for entry in range(ends[cell], ends[cell + 1]):
                    d = apart(values[feature], entries[entry])
                    if d >= limit or owners[entry] == first + picture:
                        continue
                    owner = np.int64(owners[entry])
                    if label >= 0 and labels[owner] >= 0 and labels[owner] != label:
                        continue
                    if d <= worst:
                        count = _insert(
                            near, near_hits, near_owners, (np.int64(d) << 40) + of[entry],
                            of[entry], owner, count, NEAREST,
                        )  # fmt: skip
                        if count == NEAREST:
                            worst = near[NEAREST - 1] >> 40
                    leading = _insert(
                        lead, lead_hits, lead_owners, (owner << 24) + d, of[entry], owner,
                        leading, FIRST,
                    )  # fmt: skip
            fresh = found
            for k in range(count):
                hit = near_hits[k]
                mirrored = turned[feature] != all_turned[hit]
                key[found] = ((near_owners[k] * 2 + mirrored) << 24) + (near[k] >> 40)
                mine[found], hits[found] = feature, hit
                found += 1
            if count == NEAREST:
                for k in range(leading):
                    hit, new = lead_hits[k], True
                    for m in range(count):
                        new = new and near_owners[m] != lead_owners[k]
                    if new:
                        mirrored = turned[feature] != all_turned[hit]
                        key[found] = ((lead_owners[k] * 2 + mirrored) << 24) + (lead[k] & 0xFFFFFF)
                        mine[found], hits[found] = feature, hit
                        found += 1
            weight[fresh:found] = 1 / np.sqrt(max(found - fresh, 1))  # in many tells little
        line = np.argsort(key[:found], kind="mergesort")
        _best(
            key[line], mine[line], hits[line], weight[line], places, all_places,
            out[picture], out_agreeing[picture], out_scores[picture],
        )  # fmt: skip


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _best(  # type: ignore[no-untyped-def]
    key, mine, hits, weight, places, all_places, out, out_agreeing, out_scores
):
    """Judge the candidates of one picture and keep the best, in place."""
    start, kept = 0, 0
    while start < len(key):
        end = start
        while end < len(key) and key[end] >> 24 == key[start] >> 24:
            end += 1
        if end - start >= AGREE:
            mirrored = (key[start] >> 24) & 1
            count, score = agreeing(
                mine[start:end], hits[start:end], weight[start:end], places, all_places, mirrored
            )
            if count >= AGREE:
                owner = key[start] >> 25
                kept = _keep(owner, count, score, kept, out, out_agreeing, out_scores)
        start = end


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _keep(owner, count, score, kept, out, out_agreeing, out_scores):  # type: ignore[no-untyped-def]
    """Keep a candidate among the best, highest score first; each picture once."""
    for k in range(kept):
        if out[k] == owner:  # it was found plain, and now mirrored
            if out_scores[k] >= score:
                return kept
            for m in range(k, kept - 1):
                out[m], out_agreeing[m], out_scores[m] = (
                    out[m + 1], out_agreeing[m + 1], out_scores[m + 1],
                )  # fmt: skip
            kept -= 1
            break
    if kept == len(out):
        if out_scores[kept - 1] >= score:
            return kept
        kept -= 1
    k = kept
    while k > 0 and out_scores[k - 1] < score:
        out[k], out_agreeing[k], out_scores[k] = out[k - 1], out_agreeing[k - 1], out_scores[k - 1]
        k -= 1
    out[k], out_agreeing[k], out_scores[k] = owner, count, score
    return kept + 1


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def agreeing(mine, hits, weight, places, all_places, mirrored):  # type: ignore[no-untyped-def]
    """Return how many matches of a pair agree on one way, and the sum of their weights.

    The nearest matches come first; each feature counts once. Any two matches tell a way (turn,
    size, shift) in which one picture lies over the other; the one with which most agree counts.
    """
    used, n = np.empty(TRIED, np.int64), 0
    for k in range(len(mine)):
        free = n < TRIED
        for m in range(n):
            free = free and mine[used[m]] != mine[k] and hits[used[m]] != hits[k]
        if free:
            used[n] = k
            n += 1
    sign = -1.0 if mirrored else 1.0
    best, score = 0, 0.0
    if n < AGREE:
        return best, score
    x, y, u, v = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        x[k], y[k] = sign * places[mine[used[k]], 0], places[mine[used[k]], 1]
        u[k], v[k] = all_places[hits[used[k]], 0], all_places[hits[used[k]], 1]
    for a in range(n):
        for b in range(a + 1, n):
            ex, ey, fx, fy = x[b] - x[a], y[b] - y[a], u[b] - u[a], v[b] - v[a]
            long, far = ex * ex + ey * ey, fx * fx + fy * fy
            least, most = min(long, far), max(long, far)
            if least < LEAST_APART_PX**2 or most > MOST_SCALE**2 * least:
                continue
            c, s = (fx * ex + fy * ey) / long, (fy * ex - fx * ey) / long
            limit, count, total = AGREE_PX**2 * max(far / long, 1.0), 0, 0.0
            for k in range(n):
                dx = c * (x[k] - x[a]) - s * (y[k] - y[a]) + u[a] - u[k]
                dy = s * (x[k] - x[a]) + c * (y[k] - y[a]) + v[a] - v[k]
                if dx * dx + dy * dy < limit:
                    count, total = count + 1, total + weight[used[k]]
            if count > best or (count == best and total > score):
                best, score = count, total
    return best, score
