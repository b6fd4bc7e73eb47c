"""A text, an icon and what to do -> a button below a cell, as wide as its text."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets


def button(text: str, icon: str, act: Callable[[], object]) -> ipywidgets.Button:
    """Return a button that calls `act` when it is pressed; `icon` is a name of Font Awesome."""
    made = ipywidgets.Button(description=text, icon=icon, layout=ipywidgets.Layout(width="auto"))
    made.on_click(lambda _: act())
    return made
