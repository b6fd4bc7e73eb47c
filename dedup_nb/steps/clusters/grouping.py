"""A run's embeddings -> clusters over all roots, and a plan that moves them, for `60_clusters`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.finders import clusters, index
from dedup_nb.groups.clusters import ClusterCandidates
from dedup_nb.library import layout, tables
from dedup_nb.library.quantities import count
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench
from dedup_nb.widgets import tuning

SIZES = (2, 3, 4, 5, 8)  # cluster sizes to compare
# number of images up to which a new cut takes a second or two
QUICK_N = {"euclidean": 30_000, "cosine": 30_000, "manhattan": 5_000}
SINGLES = "singles"
STAYS = "stays"


class Grouped(ClusterCandidates):
    """The clusters of a run: groups to look at, and a plan that moves each into a folder.

    Clusters never propose duplicates, and marks, which are about duplicates, do not change them.
    The threshold is `min_cluster_size`.

    Parameters
    ----------
    run : Workbench
        The current run.
    embedder : str
        Embedder whose vectors are clustered.
    min_samples, metric
        See `clusters.Hierarchy`.
    """

    staging = layout.CLUSTERS
    needs_keeper = False
    what = "clusters of similar images"

    def __init__(
        self, run: Workbench, embedder: str = "dct", min_samples: int = 1, metric: str = "euclidean"
    ) -> None:
        self.run, self.min_samples, self.metric = run, min_samples, metric
        self.vectors, self.rows = run.embeddings(embedder)
        self.places = np.full(len(run.catalogue), -1, np.int64)
        self.places[self.rows] = np.arange(len(self.rows))
        self._known: dict[int, NDArray[np.int64]] = {}
        self._named: tuple[float, dict[int, str]] | None = None
        nearest = index.nearest(self.vectors[:, :1], 1, self.rows)
        pairs = nearest[["i", "j", "cosine"]]
        rules = run.rules | {"same_stage_only": False, "checks": None, "marks": None, "answers": ()}
        super().__init__(run.images, pairs, self.labels_of, self._between, similarity=True, **rules)
        self.obey = lambda cut, images, grouping: None  # marks are about duplicates
        self.set_apart.clear()
        self.series_pairs = pairs[:0]

    @cached_property
    def hierarchy(self) -> clusters.Hierarchy:
        """The cluster hierarchy, computed once for every `min_cluster_size`."""
        try:
            return clusters.Hierarchy(self.vectors[:, 0], self.min_samples, self.metric)
        except ValueError as error:
            raise WrongInput(str(error)) from None

    def labels_of(self, threshold: float) -> NDArray[np.int64]:
        """Return the cluster of each image; images of one name in a folder stay together.

        Parameters
        ----------
        threshold : float
            Images that make a cluster, at least; its sign is ignored.

        Returns
        -------
        ndarray of int64, shape (n,)
            Smallest row of the cluster; -1 for an unclustered image.
        """
        size = round(abs(threshold))
        if size not in self._known:
            labels = np.full(len(self.places), -1, np.int64)
            cut = self.hierarchy.cut(size)
            labels[self.rows[cut >= 0]] = self.rows[cut[cut >= 0]]
            self._known[size] = self._with_namesakes(labels)
        return self._known[size]

    def _with_namesakes(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        for stem in np.unique(self.images.stems[self.images.shared_stem]):
            members = np.flatnonzero((self.images.stems == stem) & (self.places >= 0))
            inside = labels[members][labels[members] >= 0]
            if len(inside):
                labels[members] = inside[0]
        alone = np.bincount(labels[labels >= 0], minlength=len(labels)) == 1
        labels[(labels >= 0) & alone[labels]] = -1
        smallest = np.full(len(labels) + 1, len(labels))
        np.minimum.at(smallest, labels, np.arange(len(labels)))
        return np.where(labels >= 0, smallest[labels], -1)

    def _between(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        known = (self.places[a] >= 0) & (self.places[b] >= 0)
        cosines = index.cosines(
            self.vectors[:, :1],
            np.where(known, self.places[a], 0),
            np.where(known, self.places[b], 0),
        )
        return np.where(known, -cosines, np.nan)

    @property
    def is_quick(self) -> bool:
        """Whether a new `min_cluster_size` takes only a second or two."""
        return len(self.rows) <= QUICK_N[self.metric]

    # -- report ----------------------------------------------------------------------------------

    def names(self, cut: groups.Cut) -> dict[int, str]:
        """Return cluster -> `group_0001` and so on, largest first."""
        if self._named is None or self._named[0] != cut.threshold:
            labels = self.labels_of(cut.threshold)
            names = {int(labels[rows[0]]): f"group_{n:04}" for n, rows in enumerate(cut.groups, 1)}
            self._named = cut.threshold, names
        return self._named[1]

    def urgency(self, cut: groups.Cut) -> NDArray[np.int64]:
        """Return the size of each cluster, so that the largest come first.

        Returns
        -------
        ndarray of int64, shape (n_images,)
            Indexed by the image that names the group.
        """
        return np.bincount(cut.stars[cut.stars >= 0], minlength=len(cut.stars)).astype(np.int64)

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Return how similar an image is to the best image of its cluster."""
        return f"in this cluster; cosine {cut.values[k]:.4f} to its best image"

    def describe(self, cut: groups.Cut, rows: Sequence[int]) -> str:
        """Return the name of a cluster, its roots and series."""
        records = [self.images.record(k) for k in rows]
        roots = ", ".join(sorted({each["root"] for each in records}))
        roots = "the library" if roots == "." else roots
        series = len({each["series"] for each in records} - {""})
        label = int(self.labels_of(cut.threshold)[rows[0]])
        name = self.names(cut).get(label, "cluster")
        return f"{name} from {roots}" + (f"; {series} series" if series else "")

    def table(self, cut: groups.Cut) -> pd.DataFrame:
        """Return the rows of `groups.csv`; `group_id` is the folder of the cluster."""
        table = super().table(cut)
        names = {
            groups.identifier("c", self.images.paths[k]): n for k, n in self.names(cut).items()
        }
        return table.assign(group_id=[names[c] for c in table["component_id"]])

    def places_of(self, cut: groups.Cut) -> pd.DataFrame:
        """Return where each image would go: `group_0001`, `singles`, or `stays` with the reason."""
        labels, names = self.labels_of(cut.threshold), self.names(cut)
        going = np.array([names.get(int(label), SINGLES) for label in labels], dtype=object)
        why = np.full(len(labels), "", dtype=object)
        why[self.images.protected] = "in a curated root or protected"
        for k in np.flatnonzero(self.images.blocked != "").tolist():
            why[k] = f"its files cannot move: {self.images.blocked[k]}"
        why[self.places < 0] = "could not be read"
        for stem in np.unique(self.images.stems[self.images.shared_stem]):
            members = np.flatnonzero(self.images.stems == stem)
            if reasons := [reason for reason in why[members] if reason]:
                why[members] = [
                    reason or f"shares its name with an image that stays: {reasons[0]}"
                    for reason in why[members]
                ]
        going[why != ""] = STAYS
        return pd.DataFrame({"path": self.images.paths, "goes_to": going, "why": why}, dtype=object)

    def plan(self, cut: groups.Cut, table: pd.DataFrame) -> pd.DataFrame:
        """Return every image that moves to the folder of its cluster or to `singles`."""
        places = self.places_of(cut)
        moving = places[places["goes_to"] != STAYS]
        folders = [path.rpartition("/")[0] for path in moving["path"]]
        stems = self.images.table["stem"].iloc[moving.index]
        return pd.DataFrame(
            {
                "group_id": moving["goes_to"],
                "path": moving["path"],
                "role": "stage",
                "keeper": "",
                "reason": "moved to the folder of its cluster; cannot be approved",
                "bundle": [f"{f}/{s}" if f else s for f, s in zip(folders, stems, strict=True)],
                "place": moving["goes_to"],
            }
        )

    def empty(self, cut: groups.Cut) -> str:
        """Return what to do if there are no clusters."""
        return (
            f"No {cut.threshold:g} images are alike enough for a cluster. Try a smaller "
            "`min_cluster_size`, or another `embedder`."
        )

    def told(self, cut: groups.Cut) -> tuple[str, list[tuple[str, Any]]]:
        """Return the result as a sentence and as key figures."""
        goes_to = self.places_of(cut)["goes_to"]
        n, singles, stay = len(cut.groups), sum(goes_to == SINGLES), sum(goes_to == STAYS)
        says = (
            f"{count(n, 'cluster')}, {count(singles, 'unclustered image')}, "
            f"{count(stay, 'image')} left in place"
        )
        return says, [
            ("clusters", f"{n:,}"),
            ("images in clusters", f"{len(goes_to) - singles - stay:,}"),
            ("unclustered images", f"{singles:,}"),
            ("images left in place", f"{stay:,}"),
        ]

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the table of clusters, and where each image would go."""
        return {"clusters": self.clusters_table(cut), "members": self.places_of(cut)}

    def clusters_table(self, cut: groups.Cut) -> pd.DataFrame:
        """Return one row per cluster, largest first: images, roots, stages, least cosine."""
        parts: dict[str, list[Any]] = {}
        for row in self.table(cut).itertuples():
            parts.setdefault(row.group_id, []).append(row)
        rows = [
            {
                "cluster": name,
                "images": len(part),
                "roots": ", ".join(sorted({row.root for row in part})),
                "stages": ", ".join(sorted({row.stage for row in part} - {""})),
                "series": len({row.series for row in part} - {""}),
                "least_cosine": float(np.nanmin([r.value for r in part if r.role != "keeper"])),
                "best": tables.shown(part[0].path),
            }
            for name, part in parts.items()
        ]
        columns = ["cluster", "images", "roots", "stages", "series", "least_cosine", "best"]
        return pd.DataFrame(rows, columns=columns)


def by_size(made: Grouped, size: int) -> pd.DataFrame:
    """Return what each `min_cluster_size` gives: clusters, the largest, unclustered images.

    With many images, only the given size, because each cut takes long.
    """
    rows = []
    sizes = sorted({size, *SIZES}) if made.is_quick else [size]
    for size in sizes:
        labels = made.labels_of(size)
        counts = np.unique(labels[labels >= 0], return_counts=True)[1]
        rows.append(
            {
                "min_cluster_size": size,
                "clusters": len(counts),
                "images in clusters": int(counts.sum()),
                "largest cluster": int(counts.max()) if len(counts) else 0,
                "unclustered": int((labels[made.rows] < 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def chart(made: groups.Candidates, min_cluster_size: float) -> report.Chart:
    """Draw a histogram of cluster sizes."""
    assert isinstance(made, Grouped)
    labels = made.labels_of(min_cluster_size)
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    return report.histogram(
        list(sizes), min_cluster_size - 1, "images", what="cluster size", counted="clusters",
        label=f"min_cluster_size {min_cluster_size:g}, inclusive",
    )  # fmt: skip


def tune(made: Grouped, *, interactive: bool = True) -> tuning.Tuner | None:
    """Show a slider above the gallery, or nothing when `interactive` is false."""
    if not interactive:
        return None
    tuner = tuning.Tuner(made.run, made, "min_cluster_size", low=2, high=20, chart=chart)
    tuner.slider.continuous_update = made.is_quick
    tuner.show()
    return tuner
