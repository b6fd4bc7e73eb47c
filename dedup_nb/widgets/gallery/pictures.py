"""Numbers that stand for images in the browser, and thumbnails in messages of limited size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

KEPT_BYTES = 64 * 1024 * 1024  # thumbnails kept in memory


class Keys:
    """A small number for each image, so that messages contain no paths, whatever their bytes."""

    def __init__(self) -> None:
        self._images: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < len(self._images)

    def key(self, path: str, sha256: str) -> int:
        """Return the number of an image, assigning one on first use."""
        image = (path, sha256)
        if image not in self._numbers:
            self._numbers[image] = len(self._images)
            self._images.append(image)
        return self._numbers[image]

    def image(self, key: int) -> tuple[str, str]:
        """Return (path, digest)."""
        return self._images[key]

    def path(self, key: int) -> str:
        """Return the path."""
        return self._images[key][0]


class Pictures:
    """Path -> thumbnail bytes, or b"" if there is none; caches the most recent `KEPT_BYTES`."""

    def __init__(self, thumbnail: Callable[[str], bytes | None], limit: int = KEPT_BYTES) -> None:
        self._thumbnail = thumbnail
        self._limit = limit
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self.bytes = 0

    def __getitem__(self, path: str) -> bytes:
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        data = self._make(path)
        self._kept[path] = data
        self.bytes += len(data)
        while self.bytes > self._limit and len(self._kept) > 1:
            self.bytes -= len(self._kept.popitem(last=False)[1])
        return data

    def _make(self, path: str) -> bytes:
        try:
            return self._thumbnail(path) or b""
        except (OSError, ValueError, KeyError):  # one bad image: shown as "no picture"
            return b""


def split_by_bytes(
    items: Iterator[tuple[int, bytes]], limit: int
) -> Iterator[list[tuple[int, bytes]]]:
    """Yield batches of items of about `limit` bytes, so that the first ones arrive early."""
    part: list[tuple[int, bytes]] = []
    for item in items:
        part.append(item)
        if sum(len(data) for _, data in part) >= limit:
            yield part
            part = []
    if part:
        yield part
