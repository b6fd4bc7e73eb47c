"""Groups -> the review widget: all groups, pictures on demand, every choice saved at once.

The state of the widget is a version, a count and a few sums; it never contains groups or pictures.
The browser (`parts/`) requests pages of groups and thumbnails with custom messages, so a `Gallery`
of 100,000 groups opens, and switches to another threshold, as fast as one of ten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.quantities import count
from dedup_nb.library.tables import shown
from dedup_nb.widgets.gallery import esm, messages
from dedup_nb.widgets.gallery.choosing import Choosing
from dedup_nb.widgets.gallery.deciding import Decider, Lacking, Made
from dedup_nb.widgets.gallery.display import KEPT_CUTS, Display, find
from dedup_nb.widgets.gallery.filtering import Filter
from dedup_nb.widgets.gallery.messages import Changed, Group, Message
from dedup_nb.widgets.gallery.pictures import Keys
from dedup_nb.widgets.gallery.saved import SavedFilters
from dedup_nb.widgets.gallery.showing import Beside, Showing
from dedup_nb.widgets.gallery.sweeping import Sweeper

PARTS = Path(__file__).parent / "parts"  # the browser side

KEPT_ANSWERS = 64

FALLBACK = (
    "the gallery needs a live Jupyter kernel with widgets; "
    "the static sheet above shows the same groups"
)


class Gallery(Choosing):
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
    filters : SavedFilters, optional
        Filters saved by name; by default they are kept in memory only.
    lacking : callable, optional
        Paths of an image and of another -> what the other lacks, as far as it is known.

    Attributes
    ----------
    groups : Sequence of dict
        The groups on display.
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
        filters: SavedFilters | None = None,
        lacking: Lacking | None = None,
        height_px: int = 640,
    ) -> None:
        self._display = Display(groups)
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
        self._decider = Decider(self.decisions, finder, self._keys, lacking)
        self._sweeper = Sweeper(self._display, self.decisions)
        self._filters = SavedFilters() if filters is None else filters
        self._reviewed: set[int] = set()
        self._answers: OrderedDict[str, Message] = OrderedDict()
        self._seen_look = 0
        self._deciding = False
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
            self._display.groups = self._filter.apply(groups)
            self.count = len(self.groups)
            self.focus = self.top = find(self.groups, str(view.get("group")), 0)
        self._list_filters()
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
            self._display.all = groups
            self._show_filtered(changed)

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
            "seek": self._on_seek,
            "sweep": self._on_sweep,
            "filters": self._on_filters,
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

    def _on_members(self, content: Message) -> None:
        k, start = int(content["group"]), int(content["start"])
        if content["version"] == self.version and 0 <= k < self.count:
            members = self._messages.members(self._display[k], start)
            answer = {"version": self.version, "group": k, "start": start, "members": members}
            self.send({"kind": "members", **answer})

    # -- decisions -------------------------------------------------------------------------------

    def _on_decide(self, content: Message) -> None:
        """Carry out a request once, even if the browser repeats it because an answer is late."""
        request = str(content.get("request"))
        self._display.forget(max(content.get("oldest", 0), self.version - KEPT_CUTS))
        if request not in self._answers:
            self._answers[request] = {"request": request, **self._decided(content)}
        while len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)
        self.send(self._answers[request])

    def _decided(self, content: Message) -> Message:
        before = self.version
        try:
            made = self._made(content)
        except (OSError, ValueError) as error:  # nothing was decided: report it
            return {"kind": "failed", "said": f"not saved: {shown(str(error))}"}
        is_sweep = len({record["group"] for record in made.records}) > 1
        if made.records and not is_sweep:
            self._filter.touched.add(made.first["group"])
        self._deciding = True
        try:
            for callback in self._callbacks if made.records else ():
                callback(made.first)
            if is_sweep and self.version == before:
                self._show_filtered()
        finally:
            self._deciding = False
        k = self._display.where(made.first, int(content.get("group", self.focus)))
        self._note_reviewed(k)
        with self.hold_sync():
            self._sum_up(counted=self.reviewed is not None)
        told = "" if k is None else self._decider.told_of(self._display[k], content)
        return {
            "kind": "decided",
            "version": self.version,
            "groups": [] if k is None else [self._group_message(k)],
            "go": k if content["what"] == "undo" else None,
            "marks": self._messages.marks(made.records),
            "said": f"{made.text} · {told}" if told else made.text,
        }

    def _made(self, content: Message) -> Made:
        if content["what"] == "accept_all":
            return self._accept_all(content)
        version, k = int(content.get("version", -1)), content.get("group", -1)
        known = version == self.version or self._display.knows(version)
        return self._decider.decide(
            content, lambda: self._display.at(int(k), version, self.version), known
        )

    def _accept_all(self, content: Message) -> Made:
        sweep = self._sweeper.find(str(content["which"]), int(content["group"]))
        if content["version"] != self.version or len(sweep.positions) != content["count"]:
            raise ValueError("the groups have changed; look at them again")
        self._sweeper.accept(sweep, self.finder)
        text = f"accepted {count(len(sweep.positions), 'group')}"
        if sweep.waiting:
            groups = count(sweep.waiting_groups, "group")
            text += f" · {count(sweep.waiting, 'image')} in {groups} wait for you all the same"
        return self._decider.made(f"{text} · u takes it all back")

    def _note_reviewed(self, k: int | None) -> None:
        if k is not None and self._messages.is_reviewed(self._display[k]):
            self._reviewed.add(k)
        elif k is not None:
            self._reviewed.discard(k)

    def sum_up(self) -> None:
        """Tell the sums again, after what `totals` returns has changed."""
        with self.lock:
            self._sum_up(counted=self.reviewed is not None)
