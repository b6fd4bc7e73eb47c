"""Groups -> the review widget: all groups, pictures on demand, every choice saved at once.

The state of the widget is a version, a count and a few sums; it never contains groups or pictures.
The browser (`parts/`) requests pages of groups and thumbnails with custom messages, so a `Gallery`
of 100,000 groups opens, and switches to another threshold, as fast as one of ten.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import anywidget
import traitlets

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.tables import shown
from dedup_nb.report.sifting import Sifted, facets_of
from dedup_nb.widgets.gallery import esm, messages
from dedup_nb.widgets.gallery.deciding import Decider
from dedup_nb.widgets.gallery.filtering import Filter
from dedup_nb.widgets.gallery.messages import Changed, Group, Message, number
from dedup_nb.widgets.gallery.pictures import Keys
from dedup_nb.widgets.gallery.places import locate
from dedup_nb.widgets.gallery.showing import Beside, Showing

PARTS = Path(__file__).parent / "parts"  # the browser side

PAGE_GROUPS = 32  # most groups in one answer
IN_SIGHT = 12  # usual number of groups in sight
KEPT_GROUPS = 512
KEPT_ANSWERS = 64
KEPT_CUTS = 64
MOST_LINES = 2  # most sets of a group in sight, one above the other

FALLBACK = (
    "the gallery needs a live Jupyter kernel with widgets; "
    "the static sheet above shows the same groups"
)


class Gallery(anywidget.AnyWidget):  # type: ignore[misc]
    """Review groups of near-duplicates by keyboard or mouse.

    Parameters
    ----------
    groups : Sequence of dict
        `id`, `title`, `members` (keeper first). Only groups that are looked at are requested. A
        lazy sequence may have `locate(id) -> int`, the position of the group or of the nearest, and
        `facets`, see `sifting.Facets`; without them every group is built to filter or sort. A group
        of sets has `columns`: its members fill rows of that length, the kept set first, with None
        where a set has no image.
    thumbnail : callable
        Path -> JPEG bytes, or None if there is no picture.
    decisions : Decisions, optional
        Where choices are written; by default they are kept in memory only.
    finder : str
        Name recorded with each choice.
    totals : callable, optional
        () -> `{"groups", "images", "bytes"}` of what would move; may include `"reviewed"`, the
        number of reviewed groups, which is otherwise counted if `groups` is a list or tuple.
    beside : Beside, optional
        Makes squares of whole pictures and aligns them, such as `compare.beside.Beside`; used to
        compare. Without it, only thumbnails are compared.
    facts : callable, optional
        Path -> facts and texts of an image by name, such as captions; used to compare.
    tells_changes : bool
        Whether to show a strip of the pairs that joined or left, as passed to `show`.
    view : dict, optional
        Where to begin: the attribute `view` of an earlier gallery.

    Attributes
    ----------
    view : dict
        Where the person is: `order` and `filter`, `group` and `image` in focus, `size` of the
        pictures, `full` window, `compare`; see `parts/place.js`. The browser sets it shortly after
        any of these changes; it is small and plain, so it can be kept as JSON.
    focus : int
        Position of the group in focus.
    lock : RLock
        Held while a message from the browser is answered and while the groups are replaced.

    Notes
    -----
    JupyterLab delivers messages from the browser in a thread other than the one that runs cells, so
    the gallery responds while a cell computes. The callables are called in either thread, one at a
    time, with `lock` held; hold it in a cell while changing anything they read.
    """

    _esm = esm.joined(PARTS / "main.js")
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
    has_facts = traitlets.Bool(False).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True)
    sieve = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    lines = traitlets.Int(1).tag(sync=True)
    tells_changes = traitlets.Bool(False).tag(sync=True)
    changed = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        thumbnail: Callable[[str], bytes | None],
        decisions: Decisions | None = None,
        finder: str = "",
        totals: Callable[[], Mapping[str, int]] | None = None,
        beside: Beside | None = None,
        facts: Callable[[str], Mapping[str, str]] | None = None,
        tells_changes: bool = False,
        view: Mapping[str, Any] | None = None,
        height_px: int = 640,
    ) -> None:
        self.groups = self._all = groups
        self.decisions = Decisions(None) if decisions is None else decisions
        self.finder = finder
        self.lock = RLock()  # a cell may replace the groups while the browser asks
        self._totals = totals
        self._keys = Keys()
        self._showing = Showing(
            self._keys, lambda *message: self.send(*message), thumbnail, beside, facts
        )
        self._messages = messages.Messages(self._keys, self.decisions)
        self._filter = Filter(self._messages)
        self._decider = Decider(self.decisions, finder, self._keys)
        self._built: OrderedDict[int, Group] = OrderedDict()
        self._reviewed: set[int] = set()
        self._answers: OrderedDict[str, Message] = OrderedDict()
        self._seen_look = 0
        self._deciding = False
        self._earlier: dict[
            int, Sequence[Group]
        ] = {}  # cuts that were replaced because of a choice
        self._sought: tuple[str, int] | None = None  # the group last chosen, and its row
        self._callbacks: list[Callable[[Message], None]] = []
        super().__init__(
            count=len(groups),
            total=len(groups),
            height_px=height_px,
            can_compare=beside is not None,
            has_facts=facts is not None,
            tells_changes=tells_changes,
            view=dict(view or {}),
        )
        if view:
            self._sift(view)
            self.groups = self._filter.apply(groups)
            self.count = len(self.groups)
            self.focus = self.top = self._find(self.groups, str(view.get("group")), 0)
        self._sum_up()
        self.on_msg(lambda _, content, __: self.receive(content))

    def __repr__(self) -> str:
        return FALLBACK

    def on_mark(self, callback: Callable[[Message], None]) -> None:
        """Call `callback(record)` after each decision, when it is already on disk.

        The callback may `show` other groups.
        """
        self._callbacks.append(callback)

    def show(self, groups: Sequence[Group], changed: Changed | None = None) -> None:
        """Replace the groups; the group in focus, or else the nearest one, stays in place.

        Parameters
        ----------
        groups : Sequence of dict
            The new groups.
        changed : Changed, optional
            Pairs that joined or left.
        """
        with self.lock:
            self._all = groups
            self._show(self._filter.apply(self._all), changed)

    def _show(self, groups: Sequence[Group], changed: Changed | None = None) -> None:
        sought, row = self._sought or self._seen()
        focus = self._find(groups, sought, self.focus)
        top = (
            focus - row if 0 <= row < IN_SIGHT else self._find(groups, self._id(self.top), self.top)
        )
        self._sought = (sought, row)  # it may return in the next cut
        if not self._deciding:
            self._earlier.clear()
        else:
            self._earlier[self.version] = self.groups
        self.groups = groups
        self._built.clear()
        self._reviewed.clear()
        with self.hold_sync():
            self.version += 1
            self.count, self.total, self.seen = len(groups), len(self._all), self._seen_look
            self.focus = focus
            self.top = max(0, top)
            if changed is not None:
                self.changed = self._messages.changed(changed)
            self._sum_up()
        self._send_groups(self.top, self.top + IN_SIGHT)  # saves the browser a request

    # -- requests of the browser -----------------------------------------------------------------

    def receive(self, content: Message) -> None:
        """Answer one message from the browser; unknown messages are ignored."""
        answer = {
            "groups": self._on_groups,
            "members": self._on_members,
            **self._showing.answers,
            "choices": self._on_choices,
            "sift": self._on_sift,
            "go": self._on_go,
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
            members = self._messages.members(self._group(k), start)
            answer = {"version": self.version, "group": k, "start": start, "members": members}
            self.send({"kind": "members", **answer})

    # -- which groups, in what order -------------------------------------------------------------

    def _on_choices(self, content: Message) -> None:
        """Send the roots and stages to choose from."""
        self.send({"kind": "choices", **self._filter.choices(self._all)})

    def _on_sift(self, content: Message) -> None:
        """Apply a filter and order; see `view`."""
        self._sought = None
        with self.hold_sync():
            self._sift(content)
            self._show(self._filter.apply(self._all))

    def _sift(self, asked: Mapping[str, Any]) -> None:
        limits = asked.get("filter")
        limits = limits if isinstance(limits, Mapping) else {}
        self._filter.ask(asked.get("order"), limits, self._all)
        self.sieve = self._filter.asked()

    def _on_go(self, content: Message) -> None:
        """Apply a filter, and answer where an image of a group is."""
        wanted = {"order": content.get("order"), "filter": content.get("filter")}
        if None not in wanted.values() and wanted != self.sieve:
            self._on_sift(wanted)
        k = self._find(self.groups, str(content.get("group")), self.focus)
        members = self._group(k)["members"] if self.count else []
        paths = [member and shown(member["path"]) for member in members]
        image = content.get("image")
        at = paths.index(image) if image in paths else None
        self.send({"kind": "went", "version": self.version, "index": k, "at": at})

    def _on_look(self, content: Message) -> None:
        number = int(content.get("number", self._seen_look))
        if content["version"] == self.version and number >= self._seen_look:  # not overtaken
            if int(content["focus"]) != self.focus:
                self._sought = None
            self.focus, self.top = int(content["focus"]), int(content["top"])
            self._seen_look = number

    def _on_count(self, content: Message) -> None:
        """Count reviewed groups; requested at rest, because it is too slow while a slider moves."""
        if content["version"] != self.version:
            return
        if isinstance(self.groups, list | tuple):
            self._reviewed = {
                k for k, group in enumerate(self.groups) if self._messages.is_reviewed(group)
            }
        elif hasattr(self._all, "facets"):
            reviewed = self._filter.reviewed(self._all, facets_of(self._all))
            self._reviewed = {k for k in map(self._position, reviewed) if k is not None}
        else:
            return
        self._sum_up(counted=True)

    def _position(self, place: int) -> int | None:
        """Return the position of a group among those on display, or None."""
        return self.groups.position(place) if isinstance(self.groups, Sifted) else place

    # -- decisions -------------------------------------------------------------------------------

    def _on_decide(self, content: Message) -> None:
        """Carry out a request once, even if the browser repeats it because an answer is late."""
        request = str(content.get("request"))
        oldest = max(content.get("oldest", 0), self.version - KEPT_CUTS)
        self._earlier = {v: cut for v, cut in self._earlier.items() if v >= oldest}
        if request not in self._answers:
            self._answers[request] = {"request": request, **self._decided(content)}
        while len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)
        self.send(self._answers[request])

    def _decided(self, content: Message) -> Message:
        try:
            known = content.get("version") in {self.version, *self._earlier}
            record, text = self._decider.decide(content, lambda: self._asked_group(content), known)
        except (OSError, ValueError) as error:  # nothing was decided: report it
            return {"kind": "failed", "said": f"not saved: {shown(str(error))}"}
        if record:
            self._filter.touched.add(record["group"])
        self._deciding = True
        try:
            for callback in self._callbacks if record else ():
                callback(record)
        finally:
            self._deciding = False
        k = self._where(content, record)
        self._note_reviewed(k)
        with self.hold_sync():
            self._sum_up(counted=self.reviewed is not None)
        return {
            "kind": "decided",
            "version": self.version,
            "groups": [] if k is None else [self._group_message(k)],
            "go": k if content["what"] == "undo" else None,
            "marks": self._messages.mark(record),
            "said": text,
        }

    def _note_reviewed(self, k: int | None) -> None:
        if k is not None and self._messages.is_reviewed(self._group(k)):
            self._reviewed.add(k)
        elif k is not None:
            self._reviewed.discard(k)

    def _asked_group(self, content: Message) -> Group:
        """Return the group that was on screen, even if an earlier choice has moved it since."""
        k, version = int(content["group"]), content["version"]
        if version == self.version and 0 <= k < self.count:
            return self._group(k)
        if 0 <= k < len(self._earlier.get(version, ())):
            return self._earlier[version][k]
        raise ValueError("the groups have changed; look at the group again")

    def _where(self, content: Message, record: Message) -> int | None:
        """Return the current position of the group decided on, or None if it is not shown."""
        if not record or not self.count:
            return None
        near = int(content.get("group", self.focus))
        k = locate(self.groups, record["group"], min(max(near, 0), self.count - 1))
        return k if str(self._group(k)["id"]) == record["group"] else None

    # -- state sent to the browser ---------------------------------------------------------------

    def _group(self, k: int) -> Group:
        if k not in self._built:
            self._built[k] = self.groups[k]
        self._built.move_to_end(k)
        while len(self._built) > KEPT_GROUPS:
            self._built.popitem(last=False)
        return self._built[k]

    def _group_message(self, k: int) -> Message:
        group = self._group(k)
        if columns := int(group.get("columns") or 0):
            lines = math.ceil(len(group["members"]) / columns)
            self.lines = max(self.lines, min(lines, MOST_LINES))
        return self._messages.group(k, group)

    def sum_up(self) -> None:
        """Tell the sums again, after what `totals` returns has changed."""
        with self.lock:
            self._sum_up(counted=self.reviewed is not None)

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
