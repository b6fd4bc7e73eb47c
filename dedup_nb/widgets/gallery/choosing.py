"""Which groups a gallery shows, in what order, and where a person is among them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.tables import shown
from dedup_nb.report.sifting import facets_of
from dedup_nb.widgets.gallery.display import Display, find
from dedup_nb.widgets.gallery.filtering import Filter
from dedup_nb.widgets.gallery.messages import Changed, Group, Message, Messages, number
from dedup_nb.widgets.gallery.saved import SavedFilters
from dedup_nb.widgets.gallery.seeking import next_group
from dedup_nb.widgets.gallery.sweeping import Sweeper

PAGE_GROUPS = 32  # most groups in one answer
SWEPT = ("images", "freed_bytes", "waiting", "waiting_groups")  # sums of a sweep that are told
IN_SIGHT = 12  # usual number of groups in sight
MOST_LINES = 2  # most sets of a group in sight, one above the other


class Choosing(anywidget.AnyWidget):  # type: ignore[misc]
    """The state of the gallery that the browser has too, and what chooses the groups on display."""

    decisions: Decisions
    _display: Display
    _filter: Filter
    _filters: SavedFilters
    _messages: Messages
    _sweeper: Sweeper
    _totals: Callable[[], Mapping[str, int]] | None
    _reviewed: set[int]
    _deciding: bool
    _sought: tuple[str, int] | None  # the group last chosen, and its row
    _seen_look: int

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
    saved = traitlets.Dict().tag(sync=True)

    @property
    def groups(self) -> Sequence[Group]:
        """The groups on display."""
        return self._display.groups

    def _show_filtered(self, changed: Changed | None = None) -> None:
        groups = self._filter.apply(self._display.all)
        sought, row = self._sought or (self._display.id(self.focus), self.focus - self.top)
        focus = find(groups, sought, self.focus)
        if 0 <= row < IN_SIGHT:
            top = focus - row
        else:
            top = find(groups, self._display.id(self.top), self.top)
        self._sought = (sought, row)  # it may return in the next cut
        self._display.replace(groups, self.version, self._deciding)
        self._reviewed.clear()
        with self.hold_sync():
            self.version += 1
            self.count, self.total = len(groups), len(self._display.all)
            self.seen = self._seen_look
            self.focus = focus
            self.top = max(0, top)
            if changed is not None:
                self.changed = self._messages.changed(changed)
            self._sum_up()
        self._send_groups(self.top, self.top + IN_SIGHT)  # saves the browser a request

    def _send_groups(self, start: int, stop: int) -> None:
        start = max(0, start)
        stop = min(stop, start + PAGE_GROUPS, self.count)
        groups = [self._group_message(k) for k in range(start, stop)]
        self.send({"kind": "groups", "version": self.version, "start": start, "groups": groups})

    # -- which groups, in what order -------------------------------------------------------------

    def _on_choices(self, content: Message) -> None:
        """Send what can be chosen in filters."""
        self.send({"kind": "choices", "choices": self._filter.choices(self._display.all)})

    def _on_sift(self, content: Message) -> None:
        """Apply a filter and order; see `view`."""
        self._sought = None
        with self.hold_sync():
            self._sift(content)
            self._show_filtered()

    def _sift(self, asked: Mapping[str, Any]) -> None:
        limits = asked.get("filter")
        limits = limits if isinstance(limits, Mapping) else {}
        self._filter.ask(asked.get("order"), limits, self._display.all)
        self.sieve = self._filter.asked()

    def _on_go(self, content: Message) -> None:
        """Apply a filter, and answer where an image of a group is."""
        wanted = {"order": content.get("order"), "filter": content.get("filter")}
        if None not in wanted.values() and wanted != self.sieve:
            self._on_sift(wanted)
        k = find(self.groups, str(content.get("group")), self.focus)
        members = self._display[k]["members"] if self.count else []
        paths = [member and shown(member["path"]) for member in members]
        image = content.get("image")
        at = paths.index(image) if image in paths else None
        self.send({"kind": "went", "version": self.version, "index": k, "at": at})

    def _on_filters(self, content: Message) -> None:
        """Save the present filter by name, or delete one."""
        try:
            if content["what"] == "save":
                said = f"saved the filter {self._filters.save(str(content['name']), self.sieve)}"
            else:
                self._filters.delete(str(content["name"]))
                said = f"deleted the filter {content['name']}"
        except (OSError, ValueError) as error:
            said = f"not done: {shown(str(error))}"
        self._list_filters()
        self.send({"kind": "filters", "said": said})

    def _list_filters(self) -> None:
        try:
            self.saved = self._filters.listed()
        except (OSError, ValueError):  # told when one is saved
            self.saved = {}

    def _on_seek(self, content: Message) -> None:
        """Answer where the next group is that is `open` or `waiting`."""
        if content["version"] == self.version:
            what, k = str(content["what"]), int(content["group"])
            parts = self._display, self._filter, self._messages, self._sweeper
            self.send({"kind": "sought", "what": what, "index": next_group(what, k, *parts)})

    def _on_sweep(self, content: Message) -> None:
        """Answer how many groups can be accepted together, with a sample of them."""
        if content["version"] != self.version:
            return
        which, k, seed = str(content["which"]), int(content["group"]), int(content["seed"])
        sweep = self._sweeper.find(which, k)
        sample = [self._group_message(at) for at in self._sweeper.sample(sweep, seed)]
        told = {"which": which, "group": k, "seed": seed, "version": self.version}
        told |= {"text": sweep.text, "count": len(sweep.positions), "sample": sample}
        told |= {name: getattr(sweep, name) for name in SWEPT}
        self.send({"kind": "sweep", **told})

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
        elif hasattr(self._display.all, "facets"):
            every = self._display.all
            reviewed = self._filter.reviewed(every, facets_of(every))
            self._reviewed = {k for k in map(self._display.position, reviewed) if k is not None}
        else:
            return
        self._sum_up(counted=True)

    # -- state sent to the browser ---------------------------------------------------------------

    def _group_message(self, k: int) -> Message:
        group = self._display[k]
        if columns := int(group.get("columns") or 0):
            lines = math.ceil(len(group["members"]) / columns)
            self.lines = max(self.lines, min(lines, MOST_LINES))
        return self._messages.group(k, group)

    def _sum_up(self, counted: bool = False) -> None:
        sums = dict(self._totals()) if self._totals else {}
        self.reviewed = sums.pop("reviewed", len(self._reviewed) if counted else None)
        self.sums = {name: number(value) for name, value in sums.items()}
        self.undoable = self.decisions.last is not None
        self.problems = [shown(problem) for problem in self.decisions.problems]
