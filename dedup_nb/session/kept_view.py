"""Where a person is in the gallery of a notebook <-> a small file beside the decisions.

    outputs/libraries/<library>/views/<profile>/<notebook>.json

One entry a run. A run that is opened again begins exactly where it was left. A new run of the same
profile takes over the order, the size of the pictures and the group in focus, found by its content;
but not the filter, which would hide what is new.
"""

from __future__ import annotations

import atexit
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dedup_nb.library import files
from dedup_nb.library.quantities import size_text
from dedup_nb.library.tables import short

VERSION = 1
KEPT_RUNS = 30  # entries of a file; the latest
REST_S = 1.0  # after the last change, until it is written
MOST_BYTES = 2**20
CARRIED = ("order", "group", "image", "size")  # what a new run takes over
PLAIN = {"order": str, "filter": dict, "group": str, "image": str, "size": int, "compare": dict}

View = dict[str, Any]


class KeptView:
    """The view of one notebook in one run.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made when first needed.
    run : str
        Name of the run folder.
    tell : callable
        Called with a sentence if it cannot be written.

    Attributes
    ----------
    view : dict
        Where to begin: the trait `view` of `Gallery`; empty if nothing is kept.
    digest : str
        Sha256 of the keeper of the group in focus; finds it if its path has changed.
    of_run : str
        The run where the view comes from: this one, or the latest other one; empty if none.
    when : str
        When it was left, UTC, ISO.
    problem : str
        Why it could not be read, in a sentence; empty if it could.
    """

    def __init__(
        self, path: Path, run: str, tell: Callable[[str], None] = lambda problem: None
    ) -> None:
        self.path, self.run, self.tell = path, run, tell
        self.view: View = {}
        self.digest = self.of_run = self.when = self.problem = ""
        self._told = False
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._left: View = {}
        self._begin()
        atexit.register(self.flush)

    def _begin(self) -> None:
        try:
            entries = _entries(self.path)
        except ValueError as error:
            self.problem = f"{error}; it is ignored: the gallery begins at its first group"
            return
        others = sorted(entries, key=lambda name: str(entries[name].get("when")))
        of_run = self.run if self.run in entries else next(reversed(others), "")
        if not of_run:
            return
        entry = entries[of_run]
        view = {name: v for name, v in entry["view"].items() if _fits(name, v)}
        if of_run != self.run:
            view = {name: value for name, value in view.items() if name in CARRIED}
        self.view, self.of_run = view, of_run
        self.digest, self.when = str(entry.get("digest", "")), str(entry.get("when", ""))

    # -- writing ---------------------------------------------------------------------------------

    def put(self, view: Mapping[str, Any], digest: str) -> None:
        """Keep a view, once it has not changed for a moment; returns at once.

        Parameters
        ----------
        view : dict
            The trait `view` of `Gallery`.
        digest : str
            Sha256 of the keeper of the group in focus.
        """
        with self._lock:
            when = datetime.now(UTC).isoformat(timespec="seconds")
            self._left = {"when": when, "digest": digest, "view": dict(view)}
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(REST_S, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def flush(self) -> None:
        """Write what was put last, if it is not written yet; an error is told, once."""
        with self._lock:
            left, self._left = self._left, {}
        if not left:
            return
        try:
            self._write(left)
        except (OSError, ValueError) as error:
            if not self._told:
                self.tell(f"where you are in the gallery is not kept: {error}")
            self._told = True

    def _write(self, left: View) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with files.alone(self.path.parent):
            try:
                entries = _entries(self.path)
            except ValueError:  # it was said at the start
                entries = {}
            entries[self.run] = left
            latest = sorted(entries, key=lambda name: str(entries[name].get("when")))[-KEPT_RUNS:]
            content = {"version": VERSION, "runs": {name: entries[name] for name in latest}}
            text = json.dumps(content, indent=1)
            if len(text) > MOST_BYTES:
                raise ValueError(f"it has {size_text(len(text))}")
            files.replace_text(self.path, text + "\n")


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of a file by run; empty if the file does not exist.

    Raises
    ------
    ValueError
        If it is damaged or of another version; names the file.
    """
    if not path.exists():
        return {}
    content = files.read_object(path, MOST_BYTES)
    if content.get("version") != VERSION:
        raise ValueError(f"{path} has version {short(str(content.get('version')))}, not {VERSION}")
    entries = content.get("runs")
    if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
        raise ValueError(f"{path} is damaged: it holds no views by run")
    return entries


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("view"), dict)


def _fits(name: str, value: Any) -> bool:
    """Return whether a part of a view is such as a gallery tells."""
    if name not in PLAIN or not isinstance(value, PLAIN[name]):
        return False
    parts = value.values() if isinstance(value, dict) else ()
    return all(isinstance(each, str | int | float | None) for each in parts)
