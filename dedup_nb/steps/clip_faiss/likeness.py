"""A run's embeddings -> pairs, neighbours and searches by picture, for `30_clip_faiss`.

The embedder `local` has no embeddings; `matching` does the same for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import report
from dedup_nb.finders import cells, embeddings, encoders, index
from dedup_nb.groups.pairs import MAX_PAIRS
from dedup_nb.library import files, tables
from dedup_nb.library.hints import command
from dedup_nb.pictures import orientations
from dedup_nb.session import notebooks, workbench
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.clip_faiss import asked
from dedup_nb.steps.clip_faiss.matching import Matching
from dedup_nb.widgets.tuning import present


class Search:
    """Search the embeddings of a run's images.

    Parameters
    ----------
    run : Workbench
        The current run.
    embedder, invariance : str
        See `Run.embeddings`.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, n_orientations, d)
        Embeddings of unit length.
    rows : ndarray of int64, shape (n,)
        Row of the catalogue of each image.
    notes : list of str
        Notes for the report; empty if the search is exact.
    """

    measure = embeddings.COSINE

    def __init__(self, run: Workbench, embedder: str, invariance: str = "none") -> None:
        self.run, self.chosen, self.invariance = run, run.embedder(embedder), invariance
        self.vectors, self.rows = run.embeddings(embedder, invariance)
        self.notes: list[str] = []

    @cached_property
    def cells(self) -> index.Cells | None:
        """FAISS cells if there are too many vectors to compare all pairs, else None."""
        if len(self.rows) <= index.APPROXIMATE_N:
            return None
        store, digests = self.run.store, self.run.catalogue["sha256"].to_numpy()[self.rows]
        kind = vectors_name(self.chosen)
        sound = encoders.sound if self.chosen.weights is not None else self.chosen.kind.sound
        stored = cells.kept(store, kind, self._unpack, sound)
        numbers = store.ids(kind, digests)
        self._numbers = np.array([numbers[digest] for digest in digests], np.int64)
        stored.name(self._numbers)
        return stored

    def _unpack(self, stored: Any) -> Any:
        if self.chosen.weights is not None:
            return encoders.unpack(stored)
        return embeddings.unpack(self.chosen.name, stored)[:, 0]

    def near_pairs(self, floor: float, max_pairs: int = MAX_PAIRS) -> tuple[pd.DataFrame, float]:
        """Return all pairs down to a cosine, and the bound down to which they are complete."""
        if self.cells is not None:
            recall = self.cells.tune(self.vectors, floor)
            self._note(self.cells, f"pairs with a cosine of at least {floor:g}", recall)
        twins = self.run.twins

        def join(kept: NDArray[np.bool_]) -> tuple[pd.DataFrame, float]:
            some = slice(None) if kept.all() else kept
            rows = self.rows[some]
            if self.cells is not None:
                self.cells.name(self._numbers[some])
            order = lambda: twins.ranks()[rows]  # noqa: E731
            return index.near_pairs(
                self.vectors[some], floor, max_pairs, rows, self.cells, self.run.engine, order
            )

        pairs, bound = twins.joined(join, self.rows)
        if self.cells is not None:
            self.cells.name(self._numbers)
        return pairs, bound

    def describe(self, pairs: pd.DataFrame, bound: float) -> str:
        """Return a sentence on the pairs found and how complete they are."""
        found = f"{len(pairs):,} pairs of {len(self.rows):,} images"
        return f"{found}, complete down to a cosine of {bound:g}"

    def nearest(self, k: int) -> pd.DataFrame:
        """Return the k nearest neighbours of each image; see `index.nearest`."""
        if self.cells is not None and len(self.rows) > 1:
            recall = self.cells.recall_of_neighbours(self.vectors, k)
            self._note(self.cells, f"the {k} nearest neighbours", recall)
        return index.nearest(self.vectors, k, self.rows, self.cells)

    def _note(self, cells: index.Cells, what: str, recall: float) -> None:
        self.notes.append(
            f"Approximate search: with {len(self.rows):,} images, FAISS does not compare all pairs "
            f"but searches the nearest of {cells.lists.nlist:,} cells. It found {recall:.1%} of "
            f"{what}, measured on {index.SAMPLE} images; results may differ from run to run."
        )
        print(self.notes[-1])

    def like(self, path: Path, k: int = 12) -> pd.DataFrame:
        """Return the images most similar to a picture, which may be any file.

        Returns
        -------
        DataFrame
            Columns `row` (of the catalogue), `path` and `cosine`, most similar first, without
            the picture itself.

        Raises
        ------
        ValueError
            If the picture cannot be read.
        """
        cosines = index.like(self.vectors, self._vector(path))
        return asked.listed(self.run, path, self.rows, cosines, self.measure, k)

    def _vector(self, path: Path) -> Any:
        model = self._model
        sizes = self.chosen.kind.sizes if model is None else (model.input,)
        measured = asked.decoded(path, sizes)
        if model is None:
            return self._unpack(self.chosen.kind.encode([measured.rasters]))[0]
        upright = orientations.ORIENTATIONS[0]
        vectors = model.encode([measured.rasters[model.input]], upright)
        if encoders.NOT_A_VECTOR in vectors:
            raise ValueError(
                f"{tables.shown(str(path))} cannot be compared: the model gives no vector for it"
            )
        return encoders.unpack(vectors)[0]

    @cached_property
    def _model(self) -> encoders.Encoder | None:
        return self.chosen.weights.load() if self.chosen.weights else None


def search(run: Workbench, embedder: str, invariance: str = "none") -> Search | Matching:
    """Return the search of an embedder: by its vectors, or by local features."""
    if run.embedder(embedder).has_vectors:
        return Search(run, embedder, invariance)
    return Matching(run)


def vectors_name(chosen: embeddings.Embedder) -> str:
    """Return the name of an embedder's upright vectors in the store."""
    return chosen.weights.key if chosen.weights else chosen.kind.name


def neighbours(search: Search | Matching, k: int, folder: Path) -> pd.DataFrame:
    """Return the k nearest neighbours of each image, kept in `neighbours.parquet`.

    Parameters
    ----------
    search : Search or Matching
        The images to search.
    k : int
        Number of neighbours.
    folder : Path
        What `run.save` returned; neighbours that are there already are read.

    Returns
    -------
    DataFrame
        Columns `i`, `rank`, `j` and the measure.
    """
    path = folder / "neighbours.parquet"
    if path.exists():
        try:
            return pd.read_parquet(path)[["i", "rank", "j", search.measure]]
        except (OSError, ValueError, KeyError) as error:
            print(f"Computed again: {path} cannot be read ({error}).")
            return search.nearest(k)
    nearest = search.nearest(k)
    with files.creating(path) as fresh:
        nearest.to_parquet(fresh)
    return nearest


def similar(
    image: Path,
    values: Mapping[str, Any],
    k: int = 12,
    least: Mapping[str, float] = MappingProxyType({}),
) -> asked.Answer:
    """Return the images of a library that are like a picture; only the cache is written.

    Parameters
    ----------
    image : Path
        Image file, inside the library or not.
    values : mapping
        Parameters of `30_clip_faiss`: `library`, `roots`, `embedder` and so on.
    k : int
        Largest number of images.
    least : mapping
        Smallest value to list, inclusive: `min_cosine`, or `min_matches` for the embedder `local`.
        By default, the embedder's own loosest bound.

    Returns
    -------
    Answer
        Its table has the columns `path` and the measure: `cosine`, or `matches` for the embedder
        `local`.

    Raises
    ------
    ValueError
        If the picture cannot be read or a parameter is invalid.
    """
    if not image.is_file():
        raise ValueError(f"{tables.shown(str(image))} is not a file")
    with tempfile.TemporaryDirectory() as scratch:
        # no pairs are made, so the thresholds of a profile do not matter, and none is needed
        unset = dict.fromkeys(("min_cosine", "min_matches", "floor"))
        chosen = embeddings.EMBEDDERS.get(values.get("embedder") or "")
        wanted = {"min_cosine": 1.0} if chosen and chosen.has_vectors else {}
        run = workbench.start(
            notebooks.CLIP_FAISS, {**values, **unset, **wanted, "run_dir": scratch}
        )
        name = run.values["embedder"]
        chosen = run.embedder(name)
        embeddings.bounds(chosen, {**unset, **wanted, **least})
        searched = search(run, name, run.values["invariance"])
        table = searched.like(image, k)
        run.store.close()
    found = asked.answer(tables.shown(image.name), table, chosen, least.get(chosen.bound))
    return found._replace(table=found.table[["path", searched.measure]])


class Asker:
    """Search by picture: enter a path or upload a picture to see the most similar images.

    Parameters
    ----------
    search : Search or Matching
        The images to search.
    k : int
        Number of images to show.

    Attributes
    ----------
    path, upload, shown : widget
        Fields for a path and an upload, and the result.
    """

    def __init__(self, search: Search | Matching, k: int = 12) -> None:
        self.search, self.k = search, k
        wide = ipywidgets.Layout(width="32rem")
        self.path = ipywidgets.Text(
            placeholder="path of an image file, inside the library or not",
            continuous_update=False,
            layout=wide,
        )
        self.upload = ipywidgets.FileUpload(
            accept="image/*", description="or upload a picture", layout={"width": "auto"}
        )
        self.shown = ipywidgets.HTML()
        self.path.observe(lambda change: self.ask(change["new"]), "value")
        self.upload.observe(lambda change: self._uploaded(), "value")

    def show(self) -> None:
        """Display both fields and the result."""
        present(
            ipywidgets.VBox([ipywidgets.HBox([self.path, self.upload]), self.shown]),
            "this search needs a live Jupyter kernel; in a terminal, add the path of your picture "
            f"to: {command('similar', '--library', self.search.run.library)}",
        )

    def ask(self, path: str) -> None:
        """Search for a path, relative to the library or to the current folder."""
        if not path.strip():
            return
        named = Path(path.strip()).expanduser()
        inside = self.search.run.library / named
        self._answer(inside if inside.is_file() else named, str(path).strip())

    def _uploaded(self) -> None:
        if not self.upload.value:
            return
        given = self.upload.value[0]
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "picture"
            file.write_bytes(bytes(given["content"]))
            self._answer(file, str(given["name"]))
        self.upload.value = ()

    def _answer(self, file: Path, name: str) -> None:
        self.shown.value = escape(f"searching for images like {tables.shown(name)} …")
        try:
            if not file.is_file():
                raise ValueError(f"{tables.shown(name)} is not a file")
            nearest = self.search.like(file, self.k)
        except ValueError as error:
            self.shown.value = f"<b>{escape(tables.shown(str(error)))}</b>"
            return
        run, measure = self.search.run, self.search.measure
        table, says = asked.answer(tables.shown(name), nearest, self.search.chosen)
        told = f"<p>{escape(says)}</p>" if says else ""
        if not len(table):
            self.shown.value = told
            return
        members = [
            member | {"value": value, "measure": measure}
            for member, value in zip(
                run.plain_members(table["row"].tolist()), table[measure], strict=True
            )
        ]
        group = {"title": f"most similar to {name}", "members": members}
        self.shown.value = told + report.Sheet([group], run.thumbnail)._repr_html_()


def ask(search: Search | Matching, k: int = 12, *, interactive: bool = True) -> Asker | None:
    """Show an `Asker`, or nothing when `interactive` is false."""
    if not interactive:
        return None
    asker = Asker(search, k)
    asker.show()
    return asker
