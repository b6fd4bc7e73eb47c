"""An invisible widget that brings the output in which it lies into view, once."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Arriving(anywidget.AnyWidget):  # type: ignore[misc]
    """Scrolls to its output after its notebook has run, unless you scroll first.

    Attributes
    ----------
    arrived : bool
        Whether that has happened; a page that is opened again stays where it is.
    """

    _esm = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

    arrived = traitlets.Bool(False).tag(sync=True)
