"""A choice in the gallery -> a decision on disk, and a message that confirms it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.tables import shown
from dedup_nb.widgets.gallery.messages import Group, Message, there
from dedup_nb.widgets.gallery.pictures import Keys


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
    """

    def __init__(self, decisions: Decisions, finder: str, keys: Keys) -> None:
        self.decisions, self.finder, self.keys = decisions, finder, keys

    def decide(
        self, content: Message, group: Callable[[], Group], on_show: bool
    ) -> tuple[Message, str]:
        """Carry out a choice of the browser; return its record and a confirming message.

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
        if what not in ("not_duplicate", "review"):
            raise ValueError(f"{what!r} is not a decision")
        asked = group()
        members = [(member["path"], member["sha256"]) for member in there(asked)]
        say = getattr(self.decisions, what)
        say(members, bool(content["answer"]), group=str(asked["id"]), finder=self.finder)
        return self._last(), f"saved: {_answer_text(what, bool(content['answer']))}"

    def _mark(self, content: Message, group: Group) -> tuple[Message, str]:
        if content["key"] not in self.keys:
            raise ValueError("that image is no longer shown")
        path, sha256 = self.keys.image(content["key"])
        mark = content["mark"]
        copies = [m["path"] for m in there(group) if m["sha256"] == sha256]
        where = {"group": str(group.get("id", "")), "finder": self.finder}
        self.decisions.mark(path, sha256, mark, copies=copies, **where)
        return self._last(), f"saved: {mark or 'no mark'} · {shown(Path(path).name)}"

    def _undo(self) -> tuple[Message, str]:
        record = self.decisions.undo()
        if record is None:
            return {}, "nothing to undo"
        if record["what"] == "mark":
            return record, f"undone: mark of {shown(Path(record['path']).name)}"
        return record, f"undone: {_answer_text(record['what'], not record['answer'])}"

    def _last(self) -> Message:
        return self.decisions.last or {}


def _answer_text(what: str, answer: bool) -> str:
    state = "not duplicates" if what == "not_duplicate" else "reviewed"
    return state if answer else f"no longer {state}"
