"""The review gallery: a widget in Python, and its parts in the browser."""

from dedup_nb.widgets.gallery.gallery import FALLBACK, PARTS, Gallery
from dedup_nb.widgets.gallery.messages import Changed
from dedup_nb.widgets.gallery.saved import SavedFilters

__all__ = ["FALLBACK", "PARTS", "Changed", "Gallery", "SavedFilters"]
