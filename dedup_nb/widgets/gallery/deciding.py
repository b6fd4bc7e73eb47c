"""A choice in the gallery -> decisions on disk, and a message that confirms them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.quantities import count
from dedup_nb.library.tables import shown
from dedup_nb.widgets.gallery.messages import Group, Member, Message, there
from dedup_nb.widgets.gallery.pictures import Keys

ANSWERS = {"not_duplicate": "not duplicates", "review": "reviewed", "reviewed": "reviewed"}

# Paths of an image and of one that would be kept for it -> what the other lacks, as far as known.
Lacking = Callable[[str, str], Sequence[str]]


@dataclass
class Made:
    """What a choice did: its records, the last one first, and a sentence."""

    records: list[Message] = field(default_factory=list)
    text: str = ""

    @property
    def first(self) -> Message:
        """The record that tells which group it is about; empty if nothing was decided."""
        return self.records[-1] if self.records else {}


class Decider:
    """Writes choices to disk.

    Parameters
    ----------
    decisions : Decisions
        Where choices are written.
    finder : str
        Name recorded with each choice.
    keys : Keys
        The numbers of the images.
    lacking : Lacking, optional
        Keeps an image in place that holds what its new keeper lacks.
    """

    def __init__(
        self, decisions: Decisions, finder: str, keys: Keys, lacking: Lacking | None = None
    ) -> None:
        self.decisions, self.finder, self.keys = decisions, finder, keys
        self.lacking: Lacking = lacking or (lambda member, keeper: ())

    def decide(self, content: Message, group: Callable[[], Group], on_show: bool) -> Made:
        """Carry out a choice of the browser.

        Parameters
        ----------
        content : dict
            The browser's message.
        group : callable
            Returns the group that was on screen.
        on_show : bool
            Whether that group is still known; a mark is accepted either way.

        Raises
        ------
        ValueError
            If the choice cannot be carried out; nothing is written.
        """
        what = content["what"]
        if what == "undo":
            return self._undo()
        if what == "mark":
            return self._mark(content, group() if on_show else {})
        if what == "mark_all":
            return self._mark_all(content["mark"], group())
        if what == "keeper":
            return self._keeper(content["key"], group())
        if what not in ("not_duplicate", "review"):
            raise ValueError(f"{what!r} is not a decision")
        asked = group()
        members = [(member["path"], member["sha256"]) for member in there(asked)]
        say = getattr(self.decisions, what)
        say(members, bool(content["answer"]), group=str(asked["id"]), finder=self.finder)
        return self.made(f"saved: {_answer_text(what, bool(content['answer']))}")

    def made(self, text: str) -> Made:
        """Return the last step with a message."""
        return Made(self.decisions.last_together, text)

    # -- marks -----------------------------------------------------------------------------------

    def _put(self, path: str, sha256: str, mark: str | None, group: Group) -> None:
        copies = [m["path"] for m in there(group) if m["sha256"] == sha256]
        where = {"group": str(group.get("id", "")), "finder": self.finder}
        self.decisions.mark(path, sha256, mark, copies=copies, **where)

    def _mark(self, content: Message, group: Group) -> Made:
        path, sha256 = self._image(content["key"])
        self._put(path, sha256, content["mark"], group)
        return self.made(f"saved: {content['mark'] or 'no mark'} · {_name(path)}")

    def _mark_all(self, mark: str | None, group: Group) -> Made:
        """Mark every image of a group that has another mark."""
        others = [m for m in there(group) if self._mark_of(m) != mark]
        if not others:
            return Made(text="every image of this group has that mark already")
        with self.decisions.together():
            for member in others:
                self._put(member["path"], member["sha256"], mark, group)
        return self.made(f"saved: {mark or 'no mark'} · {count(len(others), 'image')}")

    def _keeper(self, key: Any, group: Group) -> Made:
        """Keep an image instead of its keeper; the rest stays as proposed."""
        path, sha256 = self._image(key)
        before = keeper_of(group, path)
        if before["path"] == path and self._mark_of(before) != "stage":
            return Made(text=f"{_name(path)} is the keeper already")
        lacks = [] if before["path"] == path else list(self.lacking(before["path"], path))
        is_protected = before.get("protected") or "protected" in (before.get("badges") or ())
        with self.decisions.together():
            self._put(path, sha256, "keep", group)
            if before["path"] != path and not lacks and not is_protected:
                self._put(before["path"], before["sha256"], "stage", group)
        if before["path"] == path:
            return self.made(f"saved: keep · {_name(path)}")
        other = _name(before["path"])
        if is_protected:
            return self.made(f"saved: keep · {_name(path)} · {other} is protected and stays too")
        if lacks:
            what = shown(", ".join(lacks))
            return self.made(
                f"saved: keep · {_name(path)} · {other} stays too, as it holds what this one "
                f"lacks: {what} (s on it stages it all the same)"
            )
        return self.made(f"saved: keeper · {_name(path)} instead of {other}")

    def _image(self, key: Any) -> tuple[str, str]:
        if key not in self.keys:
            raise ValueError("that image is no longer shown")
        return self.keys.image(key)

    def _mark_of(self, member: Member) -> str | None:
        return self.decisions.mark_of(member["path"], member["sha256"])

    # -- undo ------------------------------------------------------------------------------------

    def _undo(self) -> Made:
        undone = self.decisions.last_together
        record = self.decisions.undo()
        if record is None:
            return Made(text="nothing to undo")
        if len(undone) > 1:
            return Made(undone, f"undone: {_step_text(undone)}")
        if record["what"] == "mark":
            return Made([record], f"undone: mark of {_name(record['path'])}")
        return Made([record], f"undone: {_answer_text(record['what'], not record['answer'])}")

    # -- what a choice leads to ------------------------------------------------------------------

    def told_of(self, group: Group, content: Message) -> str:
        """Return what a choice leaves open in its group, or which image stays all the same."""
        members = there(group)
        if content["what"] == "review" and content.get("answer"):
            waiting = [m for m in members if m["role"] == "review" and not self._mark_of(m)]
            if waiting:
                verb = "still waits" if len(waiting) == 1 else "still wait"
                return f"{count(len(waiting), 'image')} of this group {verb} for you"
        marks = {self._mark_of(member) for member in members}
        if content["what"] in ("mark", "mark_all") and marks == {"stage"} and len(members) > 1:
            stays = ", ".join(_name(m["path"]) for m in members if m["role"] == "keeper")
            return (
                f"all {len(members)} are marked Stage, but one must stay: {stays}, "
                "the best by the keeper order"
            )
        return ""


def keeper_of(group: Group, path: str) -> Member:
    """Return the image that another one of its group is kept for; itself for a keeper."""
    columns = int(group.get("columns") or 0)
    if columns:
        at = [member and member["path"] for member in group["members"]].index(path) % columns
        kept = [group["members"][at]]
    else:
        kept = [member for member in there(group) if member["role"] == "keeper"]
    here: Member = next(filter(None, kept), there(group)[0])
    return here


def _step_text(records: Sequence[Message]) -> str:
    if all(record["what"] == "mark" for record in records):
        return f"marks of {count(len(records), 'image')}"
    return f"{count(len(records), 'group')} accepted at once"


def _name(path: str) -> str:
    return shown(Path(path).name)


def _answer_text(what: str, answer: bool) -> str:
    return ANSWERS[what] if answer else f"no longer {ANSWERS[what]}"
