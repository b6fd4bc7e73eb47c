"""Untrusted files -> their pixels, kept for some seconds, so that a picture is decoded once.

Only for tasks in watched processes. Which process runs a task is not known, so what is kept here
saves time and changes nothing else.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from dedup_nb.compare.holding import geometry, opening
from dedup_nb.compare.holding.geometry import Picture, Pixels
from dedup_nb.pictures import images

MOST_KEPT_BYTES = 512 * 2**20  # the pictures in use may take more
KEPT_SECONDS = 45.0

Size = tuple[int, int]


def size_at(size: Size, level: int) -> Size:
    """Return width and height of a picture that is halved `level` times."""
    width, height = (max(1, -(-side >> level)) for side in size)  # rounded up
    return width, height


@dataclass
class _Entry:
    state: tuple[int, ...]  # of the file when it was read
    picture: Picture
    used: float


class Kept:
    """Pictures by file, digest and level; the least recently used leave first.

    Parameters
    ----------
    most_bytes : int
        About how many bytes of pixels stay between two uses.
    now : callable
        The time in seconds.
    """

    def __init__(
        self, most_bytes: int = MOST_KEPT_BYTES, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.most_bytes, self.now = most_bytes, now
        self._entries: OrderedDict[tuple[bytes, str, int], _Entry] = OrderedDict()

    def whole(self, path: bytes, sha256: str) -> Picture:
        """Return a picture in full size, upright and in sRGB.

        Raises
        ------
        ValueError
            If it cannot be decoded, or has changed since it was catalogued.
        """
        return self._get((path, sha256, 0), lambda: opening.opened(path, sha256).pixels)

    def reduced(self, path: bytes, sha256: str, size: Size, level: int) -> Pixels:
        """Return a picture of this size halved `level` times; RGB or RGBA."""
        if level == 0 or self._has((path, sha256, 0)):
            whole = self.whole(path, sha256)
            if level == 0:
                return whole.pixels
            key = (path, sha256, level)
            return self._get(key, lambda: _resized(whole.pixels, size_at(size, level))).pixels
        key = (path, sha256, level)
        return self._get(key, lambda: _decoded_small(path, sha256, size_at(size, level))).pixels

    def tidy(self) -> None:
        """Drop what was not used for long, and the oldest beyond the limit."""
        late = self.now() - KEPT_SECONDS
        for key in [key for key, entry in self._entries.items() if entry.used < late]:
            del self._entries[key]
        while self._entries and self.kept_bytes > self.most_bytes:
            self._entries.popitem(last=False)

    @property
    def kept_bytes(self) -> int:
        """The bytes of the pixels that are kept."""
        return sum(entry.picture.pixels.nbytes for entry in self._entries.values())

    def _has(self, key: tuple[bytes, str, int]) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.state == _state(key[0])

    def _get(self, key: tuple[bytes, str, int], make: Callable[[], Pixels]) -> Picture:
        state = _state(key[0])
        entry = self._entries.get(key)
        if entry is None or entry.state != state:
            self._entries.pop(key, None)
            entry = self._entries[key] = _Entry(state, Picture(make()), 0.0)
        entry.used = self.now()
        self._entries.move_to_end(key)
        return entry.picture


def _state(path: bytes) -> tuple[int, ...]:
    try:
        status = os.lstat(path)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _decoded_small(path: bytes, sha256: str, size: Size) -> Pixels:
    """Decode a picture in small, which is faster for a JPEG."""
    data = opening.contents(path, sha256)
    name = os.fsdecode(os.path.basename(path))
    picture = images.whole(data, name, images.MAX_PIXELS, max(size))
    if picture.mode not in ("RGB", "RGBA"):
        info = picture.info
        picture = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
        picture.info = info
    return _resized(np.asarray(opening.in_srgb(picture)), size)


def _resized(pixels: Pixels, size: Size) -> Pixels:
    """Average a picture to a size; the colours of transparent pixels do not bleed."""
    if pixels.shape[1::-1] == size:
        return pixels
    if pixels.shape[2] == 3:
        return _averaged(pixels, size)
    alpha = pixels[..., 3:].astype(np.float32)
    weighted = _averaged(np.ascontiguousarray(pixels[..., :3] * (alpha / 255)), size)
    share = _averaged(np.ascontiguousarray(alpha), size).reshape(size[1], size[0], 1)
    colours = weighted * (255 / np.maximum(share, 1))
    drawn: Pixels = np.concatenate([colours, share], axis=2).round().clip(0, 255).astype(np.uint8)
    return drawn


def _averaged(pixels: geometry.Floats, size: Size) -> geometry.Floats:
    averaged: geometry.Floats = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return averaged


KEPT = Kept()
