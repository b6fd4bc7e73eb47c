"""Pairs in a random order -> a widget that asks about them one by one; each answer is kept at once.

Neither the measure nor the names are shown, so that the pictures alone decide. The browser side is
in `parts/` and shares the light table of the gallery.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import anywidget
import traitlets

from dedup_nb.groups.labels import Labels, Pair
from dedup_nb.library.acceptance.warranty import ANSWERS
from dedup_nb.library.tables import shown
from dedup_nb.widgets.gallery import esm, gallery
from dedup_nb.widgets.gallery.messages import Message
from dedup_nb.widgets.gallery.pictures import Keys
from dedup_nb.widgets.gallery.showing import Beside, Showing

PARTS = Path(__file__).parent / "parts"  # the browser side
PAGE_ITEMS = 32  # most pairs in one answer
OPEN = "."  # not answered

FALLBACK = "answering needs a live Jupyter kernel with widgets"


@dataclass(frozen=True)
class Asked:
    """One pair that is asked about: paths, contents and sizes in pixels of both images."""

    paths: tuple[str, str]
    pair: Pair
    sizes: tuple[tuple[int, int], tuple[int, int]]


class Labelling(anywidget.AnyWidget):  # type: ignore[misc]
    """Asks about pairs of images, side by side at true pixels.

    Parameters
    ----------
    asked : sequence of Asked
        The pairs in the order of asking.
    labels : Labels
        Where answers are kept.
    design : str
        The design under which these pairs were drawn.
    question : str
        What `y` and `n` answer.
    sides : (str, str)
        What the first and the second image of a pair are called.
    told : callable
        () -> what the answers so far say, in a sentence; called after each answer.
    thumbnail, beside
        See `Gallery`.
    finder : str
        Name recorded with each answer.

    Attributes
    ----------
    answers : str
        One of `y`, `n`, `?` or a dot for each pair.
    """

    _esm = esm.joined(PARTS / "main.js")
    _css = "\n".join(
        Path(each).with_suffix(".css").read_text(encoding="utf-8")
        for each in (gallery.__file__, __file__)
    ).replace(".dnb-gallery", ".dnb-labelling")

    version = traitlets.Int(0).tag(sync=True)
    answers = traitlets.Unicode("").tag(sync=True)
    question = traitlets.Unicode("").tag(sync=True)
    sides = traitlets.List(traitlets.Unicode()).tag(sync=True)
    told = traitlets.Unicode("").tag(sync=True)
    finished = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)
    undoable = traitlets.Bool(False).tag(sync=True)
    can_compare = traitlets.Bool(False).tag(sync=True)
    height_px = traitlets.Int(640).tag(sync=True)

    def __init__(
        self,
        asked: Sequence[Asked],
        *,
        labels: Labels,
        design: str,
        question: str,
        sides: tuple[str, str],
        told: Callable[[], str],
        thumbnail: Callable[[str], bytes | None],
        beside: Beside | None = None,
        finder: str = "",
        finished: str = "All are answered.",
        empty: str = "There is nothing to ask about.",
        height_px: int = 640,
    ) -> None:
        self.labels, self.design, self.finder = labels, design, finder
        self.lock = RLock()  # messages come in another thread than cells run in
        self._told = told
        self._keys = Keys()
        self._showing = Showing(
            self._keys, lambda *message: self.send(*message), thumbnail, beside, None
        )
        self._done: dict[str, Message] = {}  # answers to requests that may be repeated
        self._callbacks: list[Callable[[], None]] = []
        self.asked: Sequence[Asked] = ()
        super().__init__(
            question=question,
            sides=list(sides),
            finished=finished,
            empty=empty,
            can_compare=beside is not None,
            height_px=height_px,
        )
        self.show(asked)
        self.on_msg(lambda _, content, __: self.receive(content))

    def __repr__(self) -> str:
        return FALLBACK

    def on_answer(self, callback: Callable[[], None]) -> None:
        """Call `callback()` after each answer or undo, when it is already on disk."""
        self._callbacks.append(callback)

    def show(self, asked: Sequence[Asked], **texts: str) -> None:
        """Ask about other pairs; what was answered before stays answered.

        Parameters
        ----------
        asked : sequence of Asked
            The pairs in the order of asking.
        **texts : str
            New values of `question`, `finished` or `empty`.
        """
        with self.lock, self.hold_sync():
            self.asked = asked
            self._places: dict[Pair, list[int]] = {}
            for k, each in enumerate(asked):
                self._places.setdefault(each.pair, []).append(k)
            self._tell()
            for name, text in texts.items():
                setattr(self, name, text)
            self.version += 1

    def extend(self, asked: Sequence[Asked]) -> None:
        """Ask about more pairs: `asked` begins with those that are asked about already."""
        with self.lock, self.hold_sync():
            for k, each in enumerate(asked[len(self.asked) :], len(self.asked)):
                self._places.setdefault(each.pair, []).append(k)
            self.asked = asked
            self._tell()

    def _tell(self) -> None:
        known: Mapping[Pair, Any] = self.labels.of(self.design)
        marks = (known.get(each.pair) for each in self.asked)
        with self.hold_sync():
            self.answers = "".join(mark.answer if mark else OPEN for mark in marks)
            self.undoable = bool(known)
            self.told = shown(self._told())

    # -- requests of the browser -----------------------------------------------------------------

    def receive(self, content: Message) -> None:
        """Answer one message from the browser; unknown messages are ignored."""
        answer = {
            **self._showing.answers,
            "items": self._on_items,
            "answer": self._on_answer,
            "undo": self._on_undo,
        }.get(content.get("kind", ""))
        if answer:
            with self.lock:
                answer(content)

    def _on_items(self, content: Message) -> None:
        start = max(0, int(content["start"]))
        stop = min(int(content["stop"]), start + PAGE_ITEMS, len(self.asked))
        if content["version"] != self.version:
            return
        items = [self._item(self.asked[k]) for k in range(start, stop)]
        self.send({"kind": "items", "version": self.version, "start": start, "items": items})

    def _item(self, asked: Asked) -> Message:
        keys = [self._keys.key(*each) for each in zip(asked.paths, asked.pair, strict=True)]
        sizes = [list(size) if all(size) else [256, 256] for size in asked.sizes]
        return {"a": keys[0], "b": keys[1], "sizeA": sizes[0], "sizeB": sizes[1]}

    def _on_answer(self, content: Message) -> None:
        """Keep an answer once, even if the browser repeats it because ours is late."""

        def act() -> Message:
            at, answer = int(content["at"]), content["answer"]
            if content["version"] != self.version or not 0 <= at < len(self.asked):
                raise ValueError("the sample has changed; look at the pair again")
            if answer not in ANSWERS:
                raise ValueError("that is not an answer")
            each = self.asked[at]
            self.labels.answer(self.design, each.pair, answer, paths=each.paths, finder=self.finder)
            return {"kind": "answered", "at": at}

        self._once(content, act, {"kind": "answered", "at": content.get("at")})

    def _on_undo(self, content: Message) -> None:
        def act() -> Message:
            pair = self.labels.undo(self.design)
            places = self._places.get(pair) if pair else None
            return {"kind": "undone", "at": places[0] if places else None}

        self._once(content, act, {"kind": "undone", "at": None})

    def _once(self, content: Message, act: Callable[[], Message], failed: Message) -> None:
        request = str(content.get("request"))
        if request not in self._done:
            try:
                message = act()
                self._tell()
                for callback in self._callbacks:
                    callback()
            except (OSError, ValueError) as error:
                message = {**failed, "said": f"not saved: {shown(str(error))}"}
            self._done[request] = {**message, "request": request}
            while len(self._done) > 64:
                del self._done[next(iter(self._done))]
        self.send(self._done[request])
