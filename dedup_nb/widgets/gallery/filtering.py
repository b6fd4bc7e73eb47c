"""A filter and an order that a person chose -> which groups are shown, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import methodcaller
from typing import Any

from dedup_nb.library.tables import shown
from dedup_nb.report.sifting import AMONG, EQUAL, Facets, Sieve, Sifted, facets_of
from dedup_nb.widgets.gallery.messages import Group, Message, Messages
from dedup_nb.widgets.gallery.places import locate

MOST_FOLDERS = 500  # that are suggested; others can be typed

# What can be chosen -> the values to choose from.
CHOICES: dict[str, Callable[[Facets], Iterable[str]]] = {
    **{name: methodcaller("values_of", name) for name in (*EQUAL, *AMONG)},
    "folder": lambda facets: facets.folders()[:MOST_FOLDERS],
}


class Filter:
    """Filters and orders the groups of a cut.

    Parameters
    ----------
    messages : Messages
        Knows which groups a person has reviewed.

    Attributes
    ----------
    sieve : Sieve
        What the person asked for last.
    touched : set of str
        Groups decided on since then: they stay in sight.
    """

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.sieve = Sieve()
        self.touched: set[str] = set()

    def choices(self, groups: Sequence[Group]) -> dict[str, list[str]]:
        """Return what to choose from, by the name of the choice, as it is shown."""
        return {name: sorted(each) for name, each in self._known(groups, CHOICES).items()}

    def ask(self, order: Any, limits: Mapping[str, Any], groups: Sequence[Group]) -> None:
        """Take a filter and an order; texts are as they are shown."""
        asked = dict(limits) | {"order": order}
        chosen = [name for name in CHOICES if asked.get(name)]
        for name, known in self._known(groups, chosen).items():
            asked[name] = known.get(str(asked[name]), asked[name])
        self.sieve = Sieve.of(asked)
        self.touched.clear()

    def _known(self, groups: Sequence[Group], names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the values of each choice by how they are shown."""
        if not names:
            return {}
        facets = facets_of(groups)
        return {name: {shown(value): value for value in CHOICES[name](facets)} for name in names}

    def asked(self) -> Message:
        """Return the order, and what the filter limits, as it is shown."""
        limits = {
            field.name: getattr(self.sieve, field.name)
            for field in fields(Sieve)
            if field.name != "order" and getattr(self.sieve, field.name) != field.default
        }
        texts = {name: shown(v) if isinstance(v, str) else v for name, v in limits.items()}
        return {"order": self.sieve.order, "filter": texts}

    def apply(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Return the groups that the filter leaves, in its order."""
        if self.sieve.idle:
            return groups
        facets = facets_of(groups)
        done = self.reviewed(groups, facets) if self.sieve.unreviewed else set()
        return Sifted(groups, facets.sift(self.sieve, done - self._touched_places(groups)))

    def _touched_places(self, groups: Sequence[Group]) -> set[int]:
        places = {group_id: locate(groups, group_id, 0) for group_id in self.touched}
        return {k for name, k in places.items() if len(groups) and groups[k]["id"] == name}

    def reviewed(self, groups: Sequence[Group], facets: Facets) -> set[int]:
        """Return the groups that a person has reviewed; only groups with a decision are made."""
        mentioned = facets.holding(self.messages.decisions.mentioned())
        return {k for k in mentioned if self.messages.is_reviewed(groups[k])}
