"""A gallery that begins where a person left it, and keeps where the person goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dedup_nb import groups
from dedup_nb.session.kept_view import KeptView
from dedup_nb.session.run import Run
from dedup_nb.widgets.gallery import Gallery


class Place:
    """Keeps the place in the gallery of one notebook.

    Parameters
    ----------
    run : Run
        The current run; a gallery of the same notebook in it begins where the last one was.
    candidates : Candidates
        Knows the images by the ids of groups.
    tell : callable
        Called with a sentence if the place cannot be kept.
    """

    def __init__(
        self, run: Run, candidates: groups.Candidates, tell: Callable[[str], None]
    ) -> None:
        self.run, self.images = run, candidates.images
        path = run.answers / "views" / run.outputs.name / f"{run.notebook}.json"
        self.kept = KeptView(path, run.folder.name, tell)

    def begin(self, cut: groups.Cut) -> dict[str, Any]:
        """Return where to begin: what was kept, with the group that shows the same picture now."""
        view = dict(self.kept.view)
        if (group := self._group(cut)) is None:
            view.pop("group", None)
            view.pop("image", None)
        else:
            view["group"] = group
        return view

    def _group(self, cut: groups.Cut) -> str | None:
        """Return the id of the group that was in focus, or of the one that its keeper is in now."""
        row = self.images.row_of_id.get(str(self.kept.view.get("group")), -1)
        if row >= 0 and self.images.digests[row] == self.kept.digest:
            places = [row]
        else:
            digest = self.kept.digest
            places = [k for k, each in enumerate(self.images.digests) if digest and each == digest]
        for k in places:
            if (star := int(cut.stars[k])) >= 0:
                return groups.identifier("g", self.images.paths[star])
        return None

    def follow(self, gallery: Gallery) -> None:
        """Keep the view of a gallery whenever it changes."""
        gallery.observe(lambda change: self._keep(change["new"]), "view")

    def _keep(self, view: dict[str, Any]) -> None:
        row = self.images.row_of_id.get(str(view.get("group")), -1)
        self.kept.put(view, str(self.images.digests[row]) if row >= 0 else "")

    def told(self, gallery: Gallery) -> str:
        """Return a sentence on where the gallery begins; empty if nothing was kept."""
        kept = self.kept
        if kept.problem:
            return kept.problem
        if not kept.of_run or not gallery.count or "group" not in gallery.view:
            return ""
        when = kept.when[:16].replace("T", " ")
        here = "you left it" if kept.of_run == self.run.folder.name else f"you left {kept.of_run}"
        limited = ", with your filter" if gallery.view.get("filter") else ""
        return (
            f"continues at group {gallery.focus + 1:,} of {gallery.count:,}{limited}, where {here} "
            f"at {when} UTC; Home goes to the first group"
        )
