"""Pairs drawn by chance, answered by keyboard: the widget, and the acceptance sample of a plan."""

from dedup_nb.widgets.labelling.accepting import Acceptance, warrant
from dedup_nb.widgets.labelling.labelling import Labelling

__all__ = ["Acceptance", "Labelling", "warrant"]
