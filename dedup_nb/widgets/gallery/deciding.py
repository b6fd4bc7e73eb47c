"""What a person chose in the gallery -> a decision on disk, and a sentence that says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library.tables import shown
from dedup_nb.widgets.gallery.messages import Group, Message, there
from dedup_nb.widgets.gallery.pictures import Keys


class Decider:
    """Writes choices.

    Parameters
    ----------
    decisions : Decisions
        Where choices are written.
    finder : str
        Name that is written beside each choice.
    keys : Keys
        The numbers of images.
    """

    def __init__(self, decisions: Decisions, finder: str, keys: Keys) -> None:
        self.decisions, self.finder, self.keys = decisions, finder, keys

    def decide(
        self, content: Message, group: Callable[[], Group], on_show: bool
    ) -> tuple[Message, str]:
        """Decide what the browser asks for; return the record and a sentence that says so.

        Parameters
        ----------
        content : dict
            The browser's message.
        group : callable
            Returns the group that the person saw.
        on_show : bool
            Whether that group is still known; a mark is taken all the same.

        Raises
        ------
        ValueError
            If it cannot be decided; nothing was written then.
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
        return self._last(), f"saved: {_answer_said(what, bool(content['answer']))}"

    def _mark(self, content: Message, group: Group) -> tuple[Message, str]:
        if content["key"] not in self.keys:
            raise ValueError("that image is not on show any more")
        path, sha256 = self.keys.image(content["key"])
        mark = content["mark"]
        copies = [m["path"] for m in there(group) if m["sha256"] == sha256]
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


def _answer_said(what: str, answer: bool) -> str:
    said = "not duplicates" if what == "not_duplicate" else "reviewed"
    return said if answer else f"{said} taken back"
