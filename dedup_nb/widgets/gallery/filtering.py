"""A filter and an order that a person chose -> which groups are shown, and in what order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from dedup_nb.library.tables import shown
from dedup_nb.report.sifting import Facets, Sieve, Sifted, facets_of
from dedup_nb.widgets.gallery.messages import Group, Message, Messages
from dedup_nb.widgets.gallery.places import locate


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
        self._choices: dict[str, list[str]] = {"root": [], "stage": [], "lacks": []}

    def choices(self, groups: Sequence[Group]) -> dict[str, list[str]]:
        """Return the roots, stages and lacks to choose from, as they are shown."""
        facets = facets_of(groups)
        self._choices = {
            "root": _distinct(facets.roots),
            "stage": _distinct(facets.stages),
            "lacks": facets.kinds_of_lack,
        }
        return {name: [shown(value) for value in each] for name, each in self._choices.items()}

    def ask(self, content: Message) -> None:
        """Take a filter and an order; its choices are positions in the lists."""
        asked = dict(content)
        for name, values in self._choices.items():
            k = asked.get(name)
            asked[name] = values[k] if isinstance(k, int) and 0 <= k < len(values) else ""
        self.sieve = Sieve.of(asked)
        self.touched.clear()

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


def _distinct(values: NDArray[Any]) -> list[str]:
    return sorted({str(value) for value in values.tolist()} - {""})
