"""Requests for pictures, for how two lie beside each other, and for facts -> answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dedup_nb.library import texts
from dedup_nb.library.tables import shown
from dedup_nb.widgets.gallery import messages
from dedup_nb.widgets.gallery.messages import Message
from dedup_nb.widgets.gallery.pictures import Keys, Pictures, split_by_bytes

PAGE_PICTURES = 48  # most pictures in one request
MESSAGE_BYTES = 512 * 1024  # approximate size of the pictures in one message

Tile = tuple[int, int]
Send = Callable[..., None]


class Beside(Protocol):
    """Shows images beside each other, such as `compare.beside.Beside`; all raise ValueError."""

    def tiles(self, path: str, level: int, tiles: Sequence[Tile]) -> list[bytes]:
        """Return squares of an image."""

    def differences(self, a: str, b: str, level: int, tiles: Sequence[Tile]) -> list[bytes]:
        """Return squares of the difference of two images."""

    def near(self, a: str, b: str) -> Any:
        """Return how two images lie beside each other, quickly; see `compare.beside.Pair`."""

    def placed(self, a: str, b: str) -> Any:
        """Return how two images lie beside each other, aligned at full size."""


class Showing:
    """Answers what the browser asks about images.

    Parameters
    ----------
    keys : Keys
        The numbers of the images.
    send : callable
        Sends a message and its blocks of bytes.
    thumbnail, beside, facts
        See `Gallery`.
    """

    def __init__(
        self,
        keys: Keys,
        send: Send,
        thumbnail: Callable[[str], bytes | None],
        beside: Beside | None,
        facts: Callable[[str], Mapping[str, str]] | None,
    ) -> None:
        self.keys, self.send = keys, send
        self.pictures = Pictures(thumbnail)
        self.beside, self.facts = beside, facts
        self.answers: dict[str, Callable[[Message], None]] = {
            "thumbnails": self._on_thumbnails,
            "tiles": self._on_tiles,
            "pair": self._on_pair,
            "facts": self._on_facts,
        }

    def _on_thumbnails(self, content: Message) -> None:
        keys = [key for key in content["keys"] if key in self.keys][:PAGE_PICTURES]
        pictures = ((key, self.pictures[self.keys.path(key)]) for key in keys)
        for part in split_by_bytes(pictures, MESSAGE_BYTES):
            there = [(key, data) for key, data in part if data]
            missing = [key for key, data in part if not data]
            message = {"keys": [key for key, _ in there], "missing": missing}
            self.send({"kind": "thumbnails", **message}, [data for _, data in there])

    def _on_tiles(self, content: Message) -> None:
        """Send squares of an image, or of its difference from another."""
        key, other, level = content["key"], content.get("other"), int(content["level"])
        tiles = [(int(column), int(row)) for column, row in content["tiles"]]
        answer: Message = {"kind": "tiles", "key": key, "other": other, "level": level}
        if self.beside is None or not self._known(key, *([] if other is None else [other])):
            return
        try:
            if other is None:
                made = self.beside.tiles(self.keys.path(key), level, tiles)
            else:
                both = self.keys.path(key), self.keys.path(other)
                made = self.beside.differences(*both, level, tiles)
        except ValueError as error:
            self.send({**answer, "tiles": tiles, "said": shown(str(error))})
            return
        for part in split_by_bytes(iter(list(enumerate(made))), MESSAGE_BYTES):
            squares = {"tiles": [tiles[k] for k, _ in part]}
            self.send({**answer, **squares}, [data for _, data in part])

    def _on_pair(self, content: Message) -> None:
        """Send how an image lies beside another; `fine` aligns both at full size."""
        a, b, fine = content["a"], content["b"], bool(content["fine"])
        if self.beside is None or not self._known(a, b):
            return
        answer: Message = {"kind": "pair", "a": a, "b": b, "fine": fine}
        look = self.beside.placed if fine else self.beside.near
        try:
            pair = look(self.keys.path(a), self.keys.path(b))
        except ValueError as error:
            self.send({**answer, "said": shown(str(error))})
            return
        told = {"text": pair.text, "outlined": shown(pair.outlined), "aligned": pair.aligned}
        numbers = {"matrix": pair.matrix, "differing": pair.differing, "boxes": pair.boxes}
        self.send({**answer, **told, **numbers})

    def _on_facts(self, content: Message) -> None:
        """Send the facts and texts of two images, and where they differ."""
        keys = [content["a"], content["b"]]
        if self.facts is None or not self._known(*keys):
            return
        try:
            both = [self.facts(self.keys.path(key)) for key in keys]
        except (OSError, ValueError) as error:
            self.send({"kind": "facts", "keys": keys, "rows": [], "said": shown(str(error))})
            return
        rows = [messages.fact(row) for row in texts.compare(*both)]
        self.send({"kind": "facts", "keys": keys, "rows": rows})

    def _known(self, *keys: Any) -> bool:
        return all(key in self.keys for key in keys)
