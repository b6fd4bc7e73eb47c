"""The calls that notebooks use: start a run, measure, group, look, save.

Every method here is a line or two that calls another module, which does the work.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.compare.beside import Beside
from dedup_nb.compare.companions import Companions
from dedup_nb.compare.full_size import FullSize
from dedup_nb.compare.verdicts import AHEAD, AHEAD_AT_FULL_SIZE, Verdicts
from dedup_nb.finders.embeddings import Embedder
from dedup_nb.groups.floods import Twins
from dedup_nb.library import files
from dedup_nb.library.progress import Ticker
from dedup_nb.report import samples
from dedup_nb.report.links import Links
from dedup_nb.report.views import Foremost, Views
from dedup_nb.session import (
    acceptance,
    catalogue_results,
    earlier,
    held,
    index_page,
    notebooks,
    results,
)
from dedup_nb.session.fingerprints import Fingerprints
from dedup_nb.session.results import Results
from dedup_nb.session.run import Run, WrongInput, checked_values


def start(notebook: str, variables: Mapping[str, Any]) -> Workbench:
    """Check the parameters of a notebook and open its run folder.

    Parameters
    ----------
    notebook : str
        Name of the notebook, `10_phash`.
    variables : mapping
        The `globals()` of the notebook, which contain its parameters.

    Raises
    ------
    WrongInput
        If a parameter is invalid; the message says which, and what to do.
    """
    try:
        return Workbench(notebook, checked_values(notebook, variables))
    except ValueError as error:
        raise WrongInput(str(error)) from None


class Workbench(Run):
    """A run with the methods that notebooks call; see `Run`."""

    # -- measure ---------------------------------------------------------------------------------

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """The hashes and embeddings of the images."""
        return Fingerprints(self)

    def hashes(
        self, name: str, hash_bits: int, invariance: str = "none"
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the hashes of all readable images; see `Fingerprints.hashes`."""
        return self.fingerprints.hashes(name, hash_bits, invariance)

    def embeddings(
        self, embedder: str, invariance: str = "none"
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the embeddings of all readable images; see `Fingerprints.embeddings`."""
        return self.fingerprints.embeddings(embedder, invariance)

    def embedder(self, name: str) -> Embedder:
        """Return an embedder by its name; see `Fingerprints.embedder`."""
        return self.fingerprints.embedder(name)

    @cached_property
    def earlier(self) -> Path | None:
        """The results that this notebook has in its run folder; see `earlier.results_of`."""
        return earlier.results_of(self.folder, self.notebook, self.values)

    def earlier_pairs(self, asked: float) -> tuple[pd.DataFrame, float] | None:
        """Return the pairs that this notebook found before, and their bound, or None.

        Parameters
        ----------
        asked : float
            The loose bound of the search.
        """
        if self.earlier is None:
            return None
        return earlier.pairs_in(self.earlier, len(self.catalogue), asked)

    # -- group -----------------------------------------------------------------------------------

    def candidates(self, pairs: pd.DataFrame, *, similarity: bool = False) -> groups.Candidates:
        """Return pairs of catalogue rows as candidates that can be cut at any threshold."""
        made = groups.Candidates(self.images, pairs, similarity=similarity, **self.rules)
        self._tell_bound(made)
        return made

    @cached_property
    def twins(self) -> Twins:
        """The copies of one file among the images, for finders; see `Twins`."""
        table = self.images
        alike = ["root", "level", "companions", "holds"]
        keys = [column for column in alike if column in table]
        kinds = table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy(np.int64)
        rules = self.rules

        @cache
        def ranks() -> NDArray[np.int64]:
            return groups.Images(table, rules["keeper_order"], rules["prefer"]).ranks

        return Twins(table["sha256"].to_numpy(object), kinds, ranks)

    def _tell_bound(self, candidates: groups.Candidates) -> None:
        """Print, once, why the pairs are not complete down to the bound that was asked for."""
        if candidates.bound and candidates.bound not in self._bounds_told:
            self._bounds_told.append(candidates.bound)
            print(f"Not complete: {candidates.bound['reason']}.")

    @cached_property
    def _bounds_told(self) -> list[Mapping[str, Any]]:
        return []

    @property
    def rules(self) -> dict[str, Any]:
        """The grouping rules from the parameters and your decisions; see `Candidates`."""
        values = self.values
        return {
            "keeper_order": values.get("keeper_order", groups.KEEPER_ORDER),
            "prefer": values["prefer"] or (),
            "roots": self.roots,
            "same_stage_only": values.get("same_stage_only", True),
            "cross_root_only": values.get("cross_root_only", False),
            "marks": self.marks(self.decisions),
            "answers": self.decisions.answers(),
            "checks": self.verdicts,
            "burst_seconds": values.get("burst_seconds", groups.BURST_SECONDS),
            "relief": self.companions.lacking,
            "companions": self.companions,
        }

    @cached_property
    def companions(self) -> Companions:
        """Compares what proposed images and their keepers have beside them."""
        digests = self.catalogue["sha256"].tolist()
        return Companions(
            self.images, self.library, lambda row: held.words(self.store, digests[row])
        )

    @cached_property
    def verdicts(self) -> Verdicts | None:
        """Compares the pixels of proposed pairs; None if `verify` is false."""
        if not self.values.get("verify"):
            return None
        full_size = FullSize(self.catalogue, self.library, self.store, self.engine)
        return Verdicts(self.catalogue, self.store, self.engine, self.remake, full_size)

    @cached_property
    def beside(self) -> Beside:
        """Shows images beside each other: true pixels, aligned; see `Beside`."""
        full_size = FullSize(self.catalogue, self.library, self.store)
        verdicts = Verdicts(self.catalogue, self.store, remake=self.remake, full_size=full_size)
        return Beside(self.catalogue, self.library, verdicts)

    def verify(self, candidates: groups.Candidates, thresholds: Sequence[float]) -> str:
        """Compare the pixels of the pairs that each threshold would propose; return a summary.

        All pairs of the first threshold are compared. For the others, tightest first, at most
        `AHEAD` pairs are compared, `AHEAD_AT_FULL_SIZE` of them by their whole files; the remaining
        pairs stay in review until results are saved.
        """
        if self.verdicts is None:
            return "verify is false: pairs are proposed by their measure alone"
        first, *others = thresholds
        with self.verdicts.without_limit():
            candidates.cut(first)
        with self.verdicts.at_most(AHEAD, AHEAD_AT_FULL_SIZE):
            for threshold in sorted(others, key=lambda value: candidates.sign * value):
                candidates.cut(threshold)
        return self.verdicts.describe()

    # -- look ------------------------------------------------------------------------------------

    def samples(self, each: int = 8) -> list[dict[str, Any]]:
        """Return the first images of each root as a group for a sheet."""
        return samples.of_roots(self.catalogue, each)

    def plain_members(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return images of the catalogue as members for a sheet, without a group."""
        return samples.plain_members(self.catalogue, rows)

    def nearest_threshold(
        self, candidates: groups.Candidates, threshold: float, count: int = 12
    ) -> list[dict[str, Any]]:
        """Return the pairs whose measure is nearest to a threshold, for a sheet."""
        return samples.nearest_threshold(self.catalogue, candidates, threshold, count)

    def neighbours(
        self, nearest: pd.DataFrame, count: int = 6, each: int = 7
    ) -> list[dict[str, Any]]:
        """Return some images with their nearest neighbours; see `samples.neighbours`."""
        return samples.neighbours(self.catalogue, nearest, count, each)

    def thresholds(
        self, candidates: groups.Candidates, thresholds: Sequence[float]
    ) -> pd.DataFrame:
        """Return what each threshold would give; see `samples.thresholds`."""
        return samples.thresholds(candidates, thresholds)

    def views(self, candidates: groups.Candidates, cut: groups.Cut) -> Views:
        """Return the groups of a cut for galleries and sheets, built on demand."""
        return Views(candidates, cut, self.catalogue)

    def foremost(self, candidates: groups.Candidates, cut: groups.Cut) -> Foremost:
        """Return the groups of a cut, most important first, as many as a report shows."""
        return Foremost(self.views(candidates, cut))

    # -- save ------------------------------------------------------------------------------------

    def save(
        self,
        candidates: groups.Candidates,
        threshold: float,
        *,
        name: str,
        charts: Sequence[report.Chart] = (),
        notes: Sequence[str] = (),
        anew: bool = False,
    ) -> Path:
        """Write the results at a threshold: CSV, manifest and reports; nothing is overwritten.

        A notebook that is opened again has its results already; they are kept unless `anew`.

        Parameters
        ----------
        candidates : Candidates
            Pairs and rules.
        threshold : float
            Threshold, inclusive.
        name : str
            Name of the threshold parameter, for the manifest's `rule`.
        charts, notes
            Content of the report.
        anew : bool
            Whether to write them although they may be there, as a button does.

        Returns
        -------
        Path
            The folder written: the notebook's folder in the run, or `saved-<UTC time>` in it.
        """
        if self.earlier is not None and not anew:
            return self.earlier
        self._tell_bound(candidates)
        made = results.of_candidates(
            self,
            candidates,
            threshold,
            name=name,
            verdicts=self.verdicts,
            charts=charts,
            notes=notes,
            further_notes=self.fingerprints.notes(),
            warnings=notes if self.notebook == notebooks.CLIP_FAISS else (),
        )
        return self._written(made, {name: threshold, **candidates.tuned})

    def save_catalogue(self, repeated: Sequence[Mapping[str, Any]]) -> Path:
        """Write `names.csv` and the report of the catalogue; return the folder written.

        Parameters
        ----------
        repeated : sequence of dict
            Rows of `catalogue.repeated_names`.
        """
        if self.earlier is not None:
            return self.earlier
        return self._written(catalogue_results.of_catalogue(self, repeated), {})

    def save_results(self, made: Results) -> Path:
        """Write results that a step has built; return the folder written."""
        return self._written(made, {})

    def _written(self, made: Results, changed: Mapping[str, Any]) -> Path:
        with files.alone(self.folder / self.notebook):
            folder = self.results_folder(changed)
            around = index_page.around(self.folder, folder, self.notebook)
            links = Links(self.library, self._digests)
            results.write(folder, made, self._told(made), links=links, around=around)
            acceptance.renew(self, folder)
        self.tell_damage()
        index_page.note_saved(self.folder, self.notebook)
        return folder

    def _told(self, made: Results) -> Callable[[str], bytes | None]:
        """Return the thumbnails of a report, which tell how many of them are done."""
        total = sum(len(view["members"]) for view in made.views)
        tell, done = Ticker("pictures put into the report:"), itertools.count(1)

        def thumbnail(path: str) -> bytes | None:
            tell(min(next(done), total), total)
            return self.thumbnail(path)

        return thumbnail
