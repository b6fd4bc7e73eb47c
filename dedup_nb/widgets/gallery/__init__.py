"""The review gallery: a widget in Python, and its parts in the browser."""

from dedup_nb.widgets.gallery.gallery import FALLBACK, PARTS, Gallery
from dedup_nb.widgets.gallery.messages import Changed

__all__ = ["FALLBACK", "PARTS", "Changed", "Gallery"]
