"""The parts joined as notebooks use them: start a run, measure, group, save.

Everything here is a line or two that calls a room of the house; the work is done there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.compare.verdicts import AHEAD, Verdicts
from dedup_nb.finders.embeddings import Embedder
from dedup_nb.report import samples
from dedup_nb.report.views import Foremost, Views
from dedup_nb.session import catalogue_results, results
from dedup_nb.session.fingerprints import Fingerprints
from dedup_nb.session.index_page import note_saved
from dedup_nb.session.results import Results
from dedup_nb.session.run import Run, WrongInput, checked_values


def start(notebook: str, variables: Mapping[str, Any]) -> Workbench:
    """Check the parameters of a notebook and open its run folder.

    Parameters
    ----------
    notebook : str
        Name of the notebook, `10_phash`.
    variables : mapping
        The notebook's `globals()`; its parameters are picked out.

    Raises
    ------
    WrongInput
        One sentence: which parameter is wrong and what to do.
    """
    try:
        return Workbench(notebook, checked_values(notebook, variables))
    except ValueError as error:
        raise WrongInput(str(error)) from None


class Workbench(Run):
    """A run with the calls of the notebooks; see `Run` for what a run is."""

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

    # -- group -----------------------------------------------------------------------------------

    def candidates(self, pairs: pd.DataFrame, *, similarity: bool = False) -> groups.Candidates:
        """Return pairs of catalogue rows as groups that can be cut at any threshold."""
        return groups.Candidates(self.images, pairs, similarity=similarity, **self.rules)

    @property
    def rules(self) -> dict[str, Any]:
        """What the parameters and a person's decisions say about groups; see `Candidates`."""
        values = self.values
        return {
            "keeper_order": values.get("keeper_order", groups.KEEPER_ORDER),
            "prefer": values["prefer"] or self.roots,
            "same_stage_only": values.get("same_stage_only", True),
            "cross_root_only": values.get("cross_root_only", False),
            "marks": self.marks(self.decisions),
            "answers": self.decisions.answers(),
            "checks": self.verdicts,
        }

    @cached_property
    def verdicts(self) -> Verdicts | None:
        """What compares the pixels of proposed pairs; None where `verify` is off."""
        return Verdicts(self.catalogue, self.store) if self.values.get("verify") else None

    def verify(self, candidates: groups.Candidates, thresholds: Sequence[float]) -> str:
        """Compare the pixels of what each threshold would stage, and say what was found.

        The first threshold is done whole; the others, the tightest first, as long as no more
        than `AHEAD` pairs have to be compared for them. What they leave waits for review until it
        is saved.
        """
        if self.verdicts is None:
            return "verify is off: nothing but the measure decides what is proposed"
        first, *others = thresholds
        with self.verdicts.without_limit():
            candidates.cut(first)
        with self.verdicts.at_most(AHEAD):
            for threshold in sorted(others, key=lambda value: candidates.sign * value):
                candidates.cut(threshold)
        return self.verdicts.describe()

    # -- look ------------------------------------------------------------------------------------

    def samples(self, each: int = 8) -> list[dict[str, Any]]:
        """Return the first images of each root as a group to be shown in a sheet."""
        return samples.of_roots(self.catalogue, each)

    def plain_members(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return images of the catalogue as sheets show them, in no group."""
        return samples.plain_members(self.catalogue, rows)

    def nearest_threshold(
        self, candidates: groups.Candidates, threshold: float, count: int = 12
    ) -> list[dict[str, Any]]:
        """Return the pairs whose measure is nearest to a threshold, to be shown in a sheet."""
        return samples.nearest_threshold(self.catalogue, candidates, threshold, count)

    def neighbours(
        self, nearest: pd.DataFrame, count: int = 6, each: int = 7
    ) -> list[dict[str, Any]]:
        """Return some images, each with its nearest neighbours; see `samples.neighbours`."""
        return samples.neighbours(self.catalogue, nearest, count, each)

    def thresholds(
        self, candidates: groups.Candidates, thresholds: Sequence[float]
    ) -> pd.DataFrame:
        """Return what each threshold would give; see `samples.thresholds`."""
        return samples.thresholds(candidates, thresholds)

    def views(self, candidates: groups.Candidates, cut: groups.Cut) -> Views:
        """Return the groups of a cut as galleries and sheets show them, made when looked at."""
        return Views(candidates, cut, self.catalogue)

    def foremost(self, candidates: groups.Candidates, cut: groups.Cut) -> Foremost:
        """Return the groups of a cut, the most important first, as many as a report shows."""
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
    ) -> Path:
        """Write the results at a threshold: CSV, manifest and reports; nothing is overwritten.

        Parameters
        ----------
        candidates : Candidates
            Pairs and rules.
        threshold : float
            Where to cut, inclusive.
        name : str
            Name of the threshold parameter, for the manifest's `rule`.
        charts, notes
            Go into the report.

        Returns
        -------
        Path
            The folder written: the notebook's own in the run, or `saved-<UTC time>` in it.
        """
        made = results.of_candidates(
            self,
            candidates,
            threshold,
            name=name,
            verdicts=self.verdicts,
            charts=charts,
            notes=notes,
            further_notes=self.fingerprints.notes(),
        )
        return self._written(made, {name: threshold, **candidates.tuned})

    def save_catalogue(self, repeated: Sequence[Mapping[str, Any]]) -> Path:
        """Write `names.csv` and the report of the catalogue; return the folder written.

        Parameters
        ----------
        repeated : sequence of dict
            Rows of `catalogue.repeated_names`.
        """
        folder = self._written(catalogue_results.of_catalogue(self, repeated), {})
        catalogue_results.write_names(self.folder, folder, repeated)
        return folder

    def _written(self, made: Results, changed: Mapping[str, Any]) -> Path:
        folder = self.results_folder(changed)
        results.write(folder, made, self.thumbnail)
        note_saved(self.folder, self.notebook)
        return folder
