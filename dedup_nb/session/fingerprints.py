"""The hashes and embeddings of a run's images, taken from the store or made now."""

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
    """What can be measured of a run's images.

    Parameters
    ----------
    run : Run
        The run at work.

    Attributes
    ----------
    not_embedded : list of str
        Images that have no embedding, fit to be shown.
    in_half_precision : int
        Embeddings that were made on a GPU.
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
        rows : ndarray of int64, shape (n,)
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
        rows : ndarray of int64, shape (n,)
        """
        self._has_embedded = True
        chosen = self.embedder(embedder)
        if chosen.weights is not None:
            return self._by_model(chosen, invariance)
        stored, rows = self._stored(chosen.kind)
        return embeddings.unpack(embedder, stored, invariance), rows

    def embedder(self, name: str) -> Embedder:
        """Return an embedder by its name, with the weights and the device of the parameters."""
        values = self.run.values
        named = ("model", "pretrained", "device")
        return embeddings.embedder(name, **{k: values[k] for k in named if k in values})

    def make(self, files: Sequence[ImageFile], kind: measures.Kind) -> None:
        """Have one kind of measure in the store for some files."""
        for _ in self.run.measured(files, [kind], float("inf")):
            pass

    def notes(self) -> list[str]:
        """Say which embedder was used and what a report has to know of its embeddings."""
        if not self._has_embedded:
            return []
        chosen = self.embedder(self.run.values["embedder"])
        notes = [f"Embedder {chosen.name}: {chosen.says}. Its cosines have a scale of their own."]
        if left := self.not_embedded:
            few = ", ".join(left[:20]) + (", ..." if len(left) > 20 else "")
            notes.append(f"{len(left):,} images could not be embedded and are in no group: {few}.")
        if self.in_half_precision:
            notes.append(
                f"{self.in_half_precision:,} vectors were made in half precision on a GPU: another "
                "machine may give slightly different cosines."
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
                progress=lambda: Ticker("embedded", 15.0),
            )
        except ValueError as error:
            raise WrongInput(str(error)) from None
        self.not_embedded = [tables.shown(path) for path in paths[~made.there]]
        self.in_half_precision = made.in_half_precision
        print(f"{made.embedded:,} contents embedded now, the others taken from the cache")
        return made.array, rows[made.there]

    def _changed(self, count: int) -> ValueError:
        return ValueError(
            f"{count} images changed since {self.run.folder / 'catalogue.csv'} was made; "
            "start a new run"
        )

    def _stored(self, kind: measures.Kind) -> tuple[list[bytes], NDArray[np.int64]]:
        """Return one kind of measure of all readable images, made where it is missing."""
        catalogue, kept = self.run.catalogue, self.run.store
        rows = np.flatnonzero(catalogue["status"] == "ok")
        digests = catalogue["sha256"].to_numpy()[rows]
        stored = kept.measures(kind.name, digests)
        if len(stored) < len(set(digests)):
            readable = set(catalogue["path"].to_numpy()[rows])
            self.make([image for image in self.run.scan.images if image.path in readable], kind)
            stored = kept.measures(kind.name, digests)
        if lost := [digest for digest in digests if digest not in stored]:
            raise self._changed(len(lost))
        return [stored[digest] for digest in digests], rows
