"""What each image holds besides its pixels -> what a keeper lacks of an image.

An image holds words such as `prompt`, `place`, `film` or `.xmp`. A keeper that lacks one of them
cannot stand in for the image, whatever the keeper order says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.roles import Indices

WORD_BITS = 63  # words in one signed 64-bit number

Words = tuple[str, ...]
Mask = NDArray[np.bool_]

# Takes the rows of an image and of its keeper and the words that the keeper seems to lack; returns
# those that it really lacks, after looking into the companions of both.
Relief = Callable[[int, int, Words], Words]


class Holdings:
    """What the images of a table hold, compared pair by pair.

    Parameters
    ----------
    words : sequence of tuple of str
        What each image holds.
    relief : callable, optional
        Called only for pairs whose keeper seems to lack something; see `Relief`.
    """

    def __init__(self, words: Sequence[Words], relief: Relief | None = None) -> None:
        self.words, self.relief = words, relief
        self.vocabulary = sorted({word for each in set(words) for word in each})
        self._bits = _bits(words, self.vocabulary)
        self._known: dict[tuple[int, int], Words] = {}

    def lacks(self, member: int, keeper: int) -> Words:
        """Return what a keeper lacks of an image, sorted; empty if it holds everything."""
        held = self.words[keeper]
        lacking = tuple(sorted({word for word in self.words[member] if word not in held}))
        if not lacking or self.relief is None or member == keeper:
            return lacking
        if (member, keeper) not in self._known:
            self._known[member, keeper] = self.relief(member, keeper, lacking)
        return self._known[member, keeper]

    def lacking(self, members: Indices, keepers: Indices) -> Mask:
        """Return which keepers lack something of their members.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Rows of the images, pair by pair.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        if not self._bits.shape[1]:
            return np.zeros(len(members), np.bool_)
        missing = self._bits[members] & ~self._bits[keepers]
        lacking = np.asarray(missing.any(axis=1), np.bool_)
        if self.relief is not None:
            for place in np.flatnonzero(lacking).tolist():
                lacking[place] = bool(self.lacks(int(members[place]), int(keepers[place])))
        return lacking


def _bits(words: Sequence[Words], vocabulary: Sequence[str]) -> NDArray[np.int64]:
    """Return one bit for each word of each image, shape (n_images, ceil(n_words / 63))."""
    place_of = {word: place for place, word in enumerate(vocabulary)}
    bits = np.zeros((len(words), -(-len(vocabulary) // WORD_BITS)), np.int64)
    rows_of: dict[Words, list[int]] = {}
    for row, each in enumerate(words):
        if each:
            rows_of.setdefault(each, []).append(row)
    for each, rows in rows_of.items():
        for word in each:
            column, bit = divmod(place_of[word], WORD_BITS)
            bits[rows, column] |= np.int64(1) << bit
    return bits


def sentence(lacks: Words) -> str:
    """Return why an image waits: `the keeper lacks: prompt, .xmp`."""
    return f"the keeper lacks: {', '.join(lacks)}"
