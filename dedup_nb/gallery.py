"""Groups -> the review widget: all groups, pictures on demand, every choice on disk at once.

The widget's state is a version, a count and a few sums; it never holds groups or pictures. The
browser (`gallery.js`) asks for pages of groups and for thumbnails by custom messages, so a
`Gallery` over 100,000 groups opens, and shows another cut of the threshold, as fast as over ten.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, SupportsFloat

import anywidget
import traitlets

from dedup_nb.decisions import Decisions
from dedup_nb.tables import shown

Group = Mapping[str, Any]
Member = Mapping[str, Any]
Message = dict[str, Any]

PAGE_GROUPS = 32  # groups in one answer, at most
PAGE_MEMBERS = 24  # members of one group in one answer, at most
PAGE_PICTURES = 48  # pictures asked for at once, at most
MESSAGE_BYTES = 512 * 1024  # pictures in one message, about
KEPT_BYTES = 64 * 1024 * 1024  # thumbnails kept in memory
IN_SIGHT = 8  # groups that are in sight at once, at most as a rule
KEPT_GROUPS = 512
KEPT_ANSWERS = 64
SEARCHED_GROUPS = 2_000  # of a lazy sequence, to find a group again by its id

FALLBACK = (
    "the gallery needs a live Jupyter kernel with widgets; "
    "the static sheet above shows the same groups"
)


class Gallery(anywidget.AnyWidget):  # type: ignore[misc]
    """Review groups of near-duplicates by keyboard or mouse.

    Parameters
    ----------
    groups : Sequence of dict
        `id`, `title`, `members` (the keeper first). Only the groups that are looked at are ever
        asked for. A lazy sequence may have `locate(id) -> int`: where the group is, or the nearest.
    thumbnail : callable
        Path -> JPEG bytes, or None where there is no picture.
    decisions : Decisions, optional
        Where choices are written; in memory only if not given.
    finder : str
        Name that is written beside each choice.
    totals : callable, optional
        () -> `{"groups", "images", "bytes"}` of what would move now; also `"reviewed"`, the number
        of reviewed groups, which is otherwise counted where `groups` is a list or tuple.
    image : callable, optional
        Path -> bytes of the whole picture in a format browsers show; used to compare.

    Attributes
    ----------
    focus : int
        Position of the group that has the focus.
    lock : RLock
        Held while a message of the browser is answered and while another cut is shown.

    Notes
    -----
    JupyterLab hands the browser's messages to a thread beside the one that runs cells, so that the
    gallery answers while a cell computes. All callables given here are called in either thread,
    one at a time, with `lock` held; who changes in a cell what they read holds it as well.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    version = traitlets.Int(0).tag(sync=True)
    count = traitlets.Int(0).tag(sync=True)
    focus = traitlets.Int(0).tag(sync=True)
    top = traitlets.Int(0).tag(sync=True)
    sums = traitlets.Dict().tag(sync=True)
    reviewed = traitlets.Int(None, allow_none=True).tag(sync=True)
    undoable = traitlets.Bool(False).tag(sync=True)
    problems = traitlets.List(traitlets.Unicode()).tag(sync=True)
    height_px = traitlets.Int(640).tag(sync=True)
    can_compare = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        thumbnail: Callable[[str], bytes | None],
        decisions: Decisions | None = None,
        finder: str = "",
        totals: Callable[[], Mapping[str, int]] | None = None,
        image: Callable[[str], bytes | None] | None = None,
        height_px: int = 640,
    ) -> None:
        self.groups = groups
        self.decisions = Decisions(None) if decisions is None else decisions
        self.finder = finder
        self.lock = RLock()  # a cell may show another cut while the browser asks
        self._totals = totals
        self._image = image
        self._pictures = Pictures(thumbnail)
        self._keys = Keys()
        self._built: OrderedDict[int, Group] = OrderedDict()
        self._reviewed: set[int] = set()
        self._answers: OrderedDict[str, Message] = OrderedDict()
        self._sought: tuple[str, int] | None = None  # the group a person last chose, and its row
        self._callbacks: list[Callable[[Message], None]] = []
        super().__init__(count=len(groups), height_px=height_px, can_compare=image is not None)
        self._sum_up()
        self.on_msg(lambda _, content, __: self.receive(content))

    def __repr__(self) -> str:
        return FALLBACK

    def on_mark(self, callback: Callable[[Message], None]) -> None:
        """Call `callback(record)` after each decision; it is on disk by then.

        The callback may `show` other groups.
        """
        self._callbacks.append(callback)

    def show(self, groups: Sequence[Group]) -> None:
        """Show another cut; the group in focus, or else the nearest, stays where it is."""
        with self.lock:
            self._show(groups)

    def _show(self, groups: Sequence[Group]) -> None:
        sought, row = self._sought or self._seen()
        focus = self._find(groups, sought, self.focus)
        top = (
            focus - row if 0 <= row < IN_SIGHT else self._find(groups, self._id(self.top), self.top)
        )
        self._sought = (sought, row)  # it may be back in the next cut
        self.groups = groups
        self._built.clear()
        self._reviewed.clear()
        with self.hold_sync():
            self.version += 1
            self.count = len(groups)
            self.focus = focus
            self.top = max(0, top)
            self._sum_up()
        self._send_groups(self.top, self.top + IN_SIGHT)  # saves the browser a question

    # -- the browser asks ------------------------------------------------------------------------

    def receive(self, content: Message) -> None:
        """Answer one message of the browser; what is not understood is left unanswered."""
        answer = {
            "groups": self._on_groups,
            "members": self._on_members,
            "thumbnails": self._on_thumbnails,
            "image": self._on_image,
            "look": self._on_look,
            "count": self._on_count,
            "decide": self._on_decide,
        }.get(content.get("kind", ""))
        if answer:
            with self.lock:
                answer(content)

    def _on_groups(self, content: Message) -> None:
        if content["version"] == self.version:
            self._send_groups(int(content["start"]), int(content["stop"]))

    def _send_groups(self, start: int, stop: int) -> None:
        start = max(0, start)
        stop = min(stop, start + PAGE_GROUPS, self.count)
        groups = [self._group_message(k) for k in range(start, stop)]
        self.send({"kind": "groups", "version": self.version, "start": start, "groups": groups})

    def _on_members(self, content: Message) -> None:
        k, start = int(content["group"]), int(content["start"])
        if content["version"] == self.version and 0 <= k < self.count:
            members = self._members_message(self._group(k), start)
            answer = {"version": self.version, "group": k, "start": start, "members": members}
            self.send({"kind": "members", **answer})

    def _on_thumbnails(self, content: Message) -> None:
        keys = [key for key in content["keys"] if key in self._keys][:PAGE_PICTURES]
        found = ((key, self._pictures[self._keys.path(key)]) for key in keys)
        for part in split_by_bytes(found, MESSAGE_BYTES):
            there = [(key, data) for key, data in part if data]
            missing = [key for key, data in part if not data]
            message = {"keys": [key for key, _ in there], "missing": missing}
            self.send({"kind": "thumbnails", **message}, [data for _, data in there])

    def _on_image(self, content: Message) -> None:
        key = content["key"]
        if self._image is None or key not in self._keys:
            return
        try:
            data = self._image(self._keys.path(key))
        except (OSError, ValueError) as error:
            self.send({"kind": "image", "key": key, "said": shown(str(error))})
            return
        self.send({"kind": "image", "key": key}, [data] if data else [])

    def _on_look(self, content: Message) -> None:
        if content["version"] == self.version:
            if int(content["focus"]) != self.focus:
                self._sought = None
            self.focus, self.top = int(content["focus"]), int(content["top"])

    def _on_count(self, content: Message) -> None:
        """Count reviewed groups; asked at rest, as it is too slow for each move of a slider."""
        if content["version"] == self.version and isinstance(self.groups, list | tuple):
            self._reviewed = {k for k, group in enumerate(self.groups) if self._is_reviewed(group)}
            self._sum_up(counted=True)

    # -- a person decides ------------------------------------------------------------------------

    def _on_decide(self, content: Message) -> None:
        """Decide once, however often the browser asks: it asks again when an answer is late."""
        request = str(content.get("request"))
        if request not in self._answers:
            self._answers[request] = {"request": request, **self._decided(content)}
        while len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)
        self.send(self._answers[request])

    def _decided(self, content: Message) -> Message:
        try:
            record, said = self._decide(content)
        except (OSError, ValueError) as error:  # nothing was decided: say so, loudly
            return {"kind": "failed", "said": f"not saved: {shown(str(error))}"}
        for callback in self._callbacks if record else ():
            callback(record)
        k = self._where(content, record)
        self._note_reviewed(k)
        with self.hold_sync():
            self._sum_up(counted=self.reviewed is not None)
        return {
            "kind": "decided",
            "version": self.version,
            "groups": [] if k is None else [self._group_message(k)],
            "go": k if content["what"] == "undo" else None,
            "marks": self._mark_message(record),
            "said": said,
        }

    def _note_reviewed(self, k: int | None) -> None:
        if k is not None and self._is_reviewed(self._group(k)):
            self._reviewed.add(k)
        elif k is not None:
            self._reviewed.discard(k)

    def _decide(self, content: Message) -> tuple[Message, str]:
        what = content["what"]
        if what == "undo":
            return self._undo()
        if what == "mark":
            return self._mark(content)
        if what not in ("not_duplicate", "review"):
            raise ValueError(f"{what!r} is no decision")
        group = self._asked_group(content)
        members = [(member["path"], member["sha256"]) for member in group["members"]]
        say = getattr(self.decisions, what)
        say(members, bool(content["answer"]), group=str(group["id"]), finder=self.finder)
        return self._last(), f"saved: {_answer_said(what, bool(content['answer']))}"

    def _mark(self, content: Message) -> tuple[Message, str]:
        if content["key"] not in self._keys:
            raise ValueError("that image is not on show any more")
        path, sha256 = self._keys.image(content["key"])
        mark = content["mark"]
        group = self._asked_group(content) if content["version"] == self.version else {}
        copies = [m["path"] for m in group.get("members", ()) if m["sha256"] == sha256]
        where = {"group": str(group.get("id", "")), "finder": self.finder}
        self.decisions.mark(path, sha256, mark, copies=copies, **where)
        return self._last(), f"saved: {mark or 'no mark'} · {shown(Path(path).name)}"

    def _undo(self) -> tuple[Message, str]:
        record = self.decisions.undo()
        if record is None:
            return {}, "nothing left to undo"
        if record["what"] == "mark":
            return record, f"undone: mark of {shown(Path(record['path']).name)}"
        return record, f"undone: {_answer_said(record['what'], not record['answer'])}"

    def _last(self) -> Message:
        return self.decisions.last or {}

    def _asked_group(self, content: Message) -> Group:
        k = int(content["group"])
        if content["version"] != self.version or not 0 <= k < self.count:
            raise ValueError("the groups have changed meanwhile; look again")
        return self._group(k)

    def _where(self, content: Message, record: Message) -> int | None:
        """Return the position now of the group that was decided on, or None if it is not shown."""
        if not record or not self.count:
            return None
        near = int(content.get("group", self.focus))
        k = locate(self.groups, record["group"], min(max(near, 0), self.count - 1))
        return k if str(self._group(k)["id"]) == record["group"] else None

    def _mark_message(self, record: Message) -> dict[str, str | None]:
        """Return key -> mark of the image decided on; it may be in several groups on show."""
        if not record or record["what"] != "mark":
            return {}
        key = self._keys.key(record["path"], record["sha256"])
        return {str(key): self.decisions.mark_of(record["path"], record["sha256"])}

    # -- what the browser is told ----------------------------------------------------------------

    def _group(self, k: int) -> Group:
        if k not in self._built:
            self._built[k] = self.groups[k]
        self._built.move_to_end(k)
        while len(self._built) > KEPT_GROUPS:
            self._built.popitem(last=False)
        return self._built[k]

    def _group_message(self, k: int) -> Message:
        group = self._group(k)
        digests = _digests(group)
        return {
            "index": k,
            "title": shown(str(group["title"])),
            "size": len(group["members"]),
            "answered": bool(digests) and self.decisions.answered(digests),
            "accepted": bool(digests) and self.decisions.reviewed(digests),
            "reviewed": self._is_reviewed(group),
            "members": self._members_message(group, 0),
        }

    def _members_message(self, group: Group, start: int) -> list[Message]:
        members = group["members"][start : start + PAGE_MEMBERS]
        return [self._member_message(member) for member in members]

    def _member_message(self, member: Member) -> Message:
        path, sha256 = member["path"], member["sha256"]
        folder, _, name = path.rpartition("/")
        value = number(member.get("value"))
        return {
            "key": self._keys.key(path, sha256),
            "mark": self.decisions.mark_of(path, sha256),
            "role": member["role"],
            "name": shown(name),
            "folder": shown(folder),
            "value": "" if value is None else value_text(value, str(member.get("measure") or "")),
            "badges": [shown(str(badge)) for badge in member.get("badges") or ()],
            **{name: number(member.get(name)) for name in ("width", "height", "bytes")},
            **{name: shown(str(member.get(name) or "")) for name in ("reason", "root", "stage")},
            "mtime": shown(str(member.get("mtime") or "")),
        }

    def _is_reviewed(self, group: Group) -> bool:
        """Say whether a person has said anything about the group: accepted, answered or marked."""
        if not len(self.decisions):
            return False
        if any(self.decisions.mark_of(m["path"], m["sha256"]) for m in group["members"]):
            return True
        digests = _digests(group)
        said = (self.decisions.reviewed, self.decisions.answered)
        return bool(digests) and any(query(digests) for query in said)

    def _sum_up(self, counted: bool = False) -> None:
        sums = dict(self._totals()) if self._totals else {}
        self.reviewed = sums.pop("reviewed", len(self._reviewed) if counted else None)
        self.sums = {name: number(value) for name, value in sums.items()}
        self.undoable = self.decisions.last is not None
        self.problems = [shown(problem) for problem in self.decisions.problems]

    def _seen(self) -> tuple[str, int]:
        """Return the id of the group in focus and its row among those in sight."""
        return self._id(self.focus), self.focus - self.top

    def _id(self, k: int) -> str:
        return str(self._group(k)["id"]) if 0 <= k < self.count else ""

    def _find(self, groups: Sequence[Group], group_id: str, near: int) -> int:
        return locate(groups, group_id, min(near, len(groups) - 1)) if len(groups) else 0


class Keys:
    """A small number for each image, so that no path, whatever its bytes, travels as a name."""

    def __init__(self) -> None:
        self._images: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < len(self._images)

    def key(self, path: str, sha256: str) -> int:
        """Return the number of an image, a new one at its first sight."""
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
    """Path -> thumbnail bytes, b"" where there is none; keeps the `KEPT_BYTES` used last."""

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


def locate(groups: Sequence[Group], group_id: str, near: int) -> int:
    """Return the position of the group of that id, else `near`; looks at both sides of `near`.

    A sequence's own `locate(id)` is asked if it has one. Otherwise a list is searched whole and a
    lazy sequence up to `SEARCHED_GROUPS` groups.
    """
    if hasattr(groups, "locate"):
        return min(max(int(groups.locate(group_id)), 0), len(groups) - 1)
    limit = len(groups) if isinstance(groups, list | tuple) else SEARCHED_GROUPS
    for _, k in zip(range(limit), outward(near, len(groups)), strict=False):
        if str(groups[k]["id"]) == group_id:
            return k
    return near


def outward(near: int, n: int) -> Iterator[int]:
    """Yield 0..n-1, nearest to `near` first."""
    yield near
    for step in range(1, n):
        if near + step < n:
            yield near + step
        if near - step >= 0:
            yield near - step


def split_by_bytes(
    items: Iterator[tuple[int, bytes]], limit: int
) -> Iterator[list[tuple[int, bytes]]]:
    """Yield runs of items of about `limit` bytes each, so that the first are seen early."""
    part: list[tuple[int, bytes]] = []
    for item in items:
        part.append(item)
        if sum(len(data) for _, data in part) >= limit:
            yield part
            part = []
    if part:
        yield part


def value_text(value: float, measure: str) -> str:
    """Write a value with its unit: `4 bits`, `3 s`, `0.9312`."""
    units = {"hamming_bits": "bits", "gap_s": "s"}
    text = f"{value:.4f}" if measure == "cosine" else f"{value:g}"
    unit = "bit" if text == "1" and measure == "hamming_bits" else units.get(measure, "")
    return f"{text} {unit}".rstrip()


def number(value: SupportsFloat | None) -> float | None:
    """Return a plain number for JSON: NaN and None become None, whole ones stay whole."""
    if value is None or not math.isfinite(float(value)):
        return None
    return int(float(value)) if float(value).is_integer() else float(value)


def _digests(group: Group) -> set[str]:
    """Return the digests of a group; empty if any image has none, as then nothing was ever said."""
    digests = {member["sha256"] for member in group["members"]}
    return set() if "" in digests else digests


def _answer_said(what: str, answer: bool) -> str:
    said = "not duplicates" if what == "not_duplicate" else "reviewed"
    return said if answer else f"{said} taken back"
