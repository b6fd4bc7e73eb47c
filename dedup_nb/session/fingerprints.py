"""The hashes and embeddings of a run's images, read from the cache or computed now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders import embeddings, phash, vectors
from dedup_nb.finders.embeddings import Embedder
from dedup_nb.library import tables
from dedup_nb.library.catalogue import ImageFile
from dedup_nb.library.progress import Ticker
from dedup_nb.pictures import measures, store
from dedup_nb.session.run import Run, WrongInput


class Fingerprints:
    """The hashes and embeddings of a run's images.

    Parameters
    ----------
    run : Run
        The current run.

    Attributes
    ----------
    not_embedded : list of str
        Paths of images without an embedding, safe to display.
    in_half_precision : int
        Number of embeddings that were computed on a GPU.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.not_embedded: list[str] = []
        self.in_half_precision = 0
        self._has_embedded = False

    def hashes(
        self, name: str, hash_bits: int, invariance: str = "none"
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the hashes of all readable images, and their rows in the catalogue.

        Returns
        -------
        hashes : ndarray of uint8, shape (n, n_orientations, n_bytes)
            Hashes, eight bits packed to the byte; the first orientation is upright.
        rows : ndarray of int64, shape (n,)
            Row of the catalogue of each image.

        Raises
        ------
        ValueError
            If images changed since the catalogue was made.
        """
        stored, rows = self._stored(phash.kind(name, hash_bits))
        return phash.unpack(stored, invariance), rows

    def embeddings(
        self, embedder: str, invariance: str = "none"
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the embeddings of all readable images, and their rows in the catalogue.

        Returns
        -------
        embeddings : ndarray of float32, shape (n, n_orientations, d)
            Vectors of unit length; the first orientation is upright.
        rows : ndarray of int64, shape (n,)
            Row of the catalogue of each image.

        Raises
        ------
        ValueError
            If images changed since the catalogue was made.
        WrongInput
            If the weights of the embedder cannot be loaded.
        """
        self._has_embedded = True
        chosen = self.embedder(embedder)
        if chosen.weights is not None:
            return self._by_model(chosen, invariance)
        stored, rows = self._stored(chosen.kind)
        return embeddings.unpack(embedder, stored, invariance), rows

    def embedder(self, name: str) -> Embedder:
        """Return an embedder by name, with the weights and device set in the parameters.

        Raises
        ------
        WrongInput
            If it has no usable description of its model.
        """
        values = self.run.values
        named = ("model", "pretrained", "device")
        try:
            return embeddings.embedder(name, **{k: values[k] for k in named if k in values})
        except ValueError as error:
            raise WrongInput(str(error)) from None

    def make(self, files: Sequence[ImageFile], kind: measures.Kind) -> None:
        """Compute one kind of measure for some files and keep it in the store."""
        for _ in self.run.measured(files, [kind], float("inf")):
            pass

    def notes(self) -> list[str]:
        """Return the notes of a report on its embeddings: the embedder, and what could go wrong."""
        if not self._has_embedded:
            return []
        chosen = self.embedder(self.run.values["embedder"])
        notes = [f"Embedder {chosen.name}: {chosen.says}."]
        if not chosen.has_vectors:
            return notes
        notes[0] += " Its cosines have their own scale."
        if left := self.not_embedded:
            few = ", ".join(left[:20]) + (", ..." if len(left) > 20 else "")
            notes.append(f"{len(left):,} images could not be embedded and are excluded: {few}.")
        if self.in_half_precision:
            notes.append(
                f"{self.in_half_precision:,} embeddings were computed on a GPU and are kept in "
                "half precision; another machine may give slightly different cosines."
            )
        return notes

    def _by_model(
        self, chosen: Embedder, invariance: str
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        run = self.run
        rows = np.flatnonzero(run.catalogue["status"] == "ok")
        paths = run.catalogue["path"].to_numpy()[rows]
        now = {image.path: image for image in run.scan.images}
        if lost := [path for path in paths if path not in now]:
            raise self._changed(len(lost))
        try:
            made = vectors.by_model(
                run.library,
                [store.FileKey(*now[path].key) for path in paths],
                list(run.catalogue["sha256"].to_numpy()[rows]),
                run.store,
                chosen,
                invariance,
                progress=lambda: Ticker("embedded"),
                engine=run.engine,
            )
        except ValueError as error:
            raise WrongInput(str(error)) from None
        self.not_embedded = [tables.shown(path) for path in paths[~made.there]]
        self.in_half_precision = made.in_half_precision
        print(f"embedded {made.embedded:,} images now, read the others from the cache")
        return made.array, rows[made.there]

    def _changed(self, count: int) -> ValueError:
        return ValueError(
            f"{count} images changed since {self.run.folder / 'catalogue.csv'} was made; "
            "start a new run"
        )

    def _stored(self, kind: measures.Kind) -> tuple[list[bytes], NDArray[np.int64]]:
        """Return one kind of measure of all readable images; missing ones are computed."""
        catalogue, kept = self.run.catalogue, self.run.store
        rows = np.flatnonzero(catalogue["status"] == "ok")
        digests = catalogue["sha256"].to_numpy()[rows]
        stored = kept.measures(kind.name, digests, kind.sound)
        if len(stored) < len(set(digests)):
            readable = set(catalogue["path"].to_numpy()[rows])
            self.make([image for image in self.run.scan.images if image.path in readable], kind)
            stored = kept.measures(kind.name, digests, kind.sound)
        if lost := [digest for digest in digests if digest not in stored]:
            raise self._changed(len(lost))
        return [stored[digest] for digest in digests], rows
