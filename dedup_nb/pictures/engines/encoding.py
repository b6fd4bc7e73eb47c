"""Rasters of pictures -> what is kept of them, such as hashes; here, or where they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dedup_nb.pictures import images

MOST_VALUE_BYTES = images.MOST_CONTENTS_BYTES  # of one value

Rasters = Mapping[images.Raster, bytes]  # the rasters of one picture
Encode = Callable[[Sequence[Any]], list[bytes]]  # rasters of many pictures -> a value of each
Sound = Callable[[Sequence[bytes]], Iterable[bool]]  # values -> which may be valid


@dataclass(frozen=True)
class Encoding:
    """What to compute from each picture.

    Attributes
    ----------
    encoders : sequence of Encode
        Functions of modules, or partials of them, which other processes can import.
    sounds : sequence of (Sound or None)
        A check for the values of each.
    """

    encoders: Sequence[Encode]
    sounds: Sequence[Sound | None]

    def are_sound(self, values: Sequence[Any]) -> bool:
        """Return whether another process may have computed these values of one picture."""
        return len(values) == len(self.sounds) and all(
            type(value) is bytes
            and len(value) <= MOST_VALUE_BYTES
            and (sound is None or all(sound([value])))
            for value, sound in zip(values, self.sounds, strict=True)
        )


def values(encoders: Sequence[Encode], rasters: Sequence[Rasters]) -> list[list[bytes]]:
    """Return the values of each picture, one of each encoder."""
    if not rasters:
        return []
    made = [encode(rasters) for encode in encoders]
    return [list(row) for row in zip(*made, strict=True)] if made else [[] for _ in rasters]
