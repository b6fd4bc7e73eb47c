"""Pairs drawn by chance, answered by keyboard: the widget, and the acceptance sample of a plan."""

from dedup_nb.widgets.labelling.accepting import Warranting, warrant
from dedup_nb.widgets.labelling.labelling import Asked, Labelling

__all__ = ["Asked", "Labelling", "Warranting", "warrant"]
