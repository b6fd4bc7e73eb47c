"""Images of a library -> their embeddings; only new content is embedded.

The store looks up vectors by content and by the full name of the embedder (model and tag or
checkpoint digest, and a version), so vectors of different embedders are never mixed.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders import encoders
from dedup_nb.finders.embeddings import Embedder
from dedup_nb.finders.encoders import NOT_A_VECTOR, Encoder, Weights
from dedup_nb.pictures import images, measures, orientations
from dedup_nb.pictures.engines import LOCAL, Engine
from dedup_nb.pictures.engines.decoders import Content
from dedup_nb.pictures.store import FileKey, Store

AHEAD = 2  # batches decoded ahead while one is embedded

Picture = tuple[str, bytes]  # sha256, raster


@dataclass
class Vectors:
    """The vectors of a list of contents.

    Attributes
    ----------
    array : ndarray of float32, shape (n, n_orientations, d)
    there : ndarray of bool, shape (m,)
        Which of the m requested contents have a vector; n of them do.
    embedded : int
        Number of contents that were embedded now.
    in_half_precision : int
        Number of vectors computed on a GPU.
    """

    array: NDArray[np.float32]
    there: NDArray[np.bool_]
    embedded: int = 0
    in_half_precision: int = 0


def by_model(
    library: Path,
    files: Sequence[FileKey],
    sha256s: Sequence[str],
    store: Store,
    chosen: Embedder,
    invariance: str = "none",
    *,
    progress: Callable[[], measures.Progress] = lambda: lambda done, total: None,
    say: Callable[[str], None] = print,
    engine: Engine = LOCAL,
) -> Vectors:
    """Return the vectors of files from an embedder with weights, embedding new content.

    Parameters
    ----------
    library, files, sha256s
        Readable files, relative to the library folder, and the digests of their contents.
    store : Store
        Holds the vectors.
    chosen : Embedder
        See `embeddings.embedder`.
    invariance : str
        `none`; `mirror` and `rotate` also embed one or seven other orientations of each picture.
    progress : callable
        Called when the model is ready; returns a function that is called with (done, total).
    say : callable
        Called with a description of the model and its device, if a model is needed.
    engine : Engine
        Decodes the files; the model runs on this machine.

    Raises
    ------
    ValueError
        One sentence, if the weights are not available, or their vectors differ in length.
    """
    if (weights := chosen.weights) is None:
        raise ValueError(f"embedder {chosen.name} has no weights")
    names = kinds(weights, invariance)
    known = [_sound(store, name, sha256s) for name in names]
    lacking = [set(sha256s).difference(values) for values in known]
    new = dict.fromkeys(d for d in sha256s if any(d in part for part in lacking))
    if new:
        model = weights.load()
        model.check_turns(invariance)
        say(model.says)
        wanted = {d: file for file, d in zip(files, sha256s, strict=True) if d in new}
        _embed(library, wanted, store, model, names, lacking, progress(), engine)
        for values, name in zip(known, names, strict=True):
            values |= store.measures(name, new)
        lacking = [set(new).difference(values) for values in known]
    left = set().union(*lacking)
    there = np.array([d not in left for d in sha256s], bool)
    readable = [d for d, here in zip(sha256s, there, strict=True) if here]
    embedded = len(new) - len(left)
    stored = [[values[digest] for digest in readable] for values in known]
    in_half = sum(map(encoders.in_half_precision, stored))
    return Vectors(np.stack([*map(encoders.unpack, stored)], axis=1), there, embedded, in_half)


def _sound(store: Store, name: str, sha256s: Sequence[str]) -> dict[str, bytes]:
    """Return the stored vectors of one orientation; damaged ones are dropped."""
    values = store.measures(name, sha256s)
    flags = encoders.sound(list(values.values())).tolist()
    if damaged := [d for d, right in zip(values, flags, strict=True) if not right]:
        store.drop_measures(name, damaged)
    return {d: values[d] for d in values.keys() - set(damaged)} if damaged else values


def complete(
    store: Store, sha256s: Sequence[str | None], weights: Weights, invariance: str
) -> bool:
    """Return whether every readable content has its vectors, so that no weights are needed.

    None stands for a content that is not known yet.
    """
    known = [digest for digest in sha256s if digest]
    if len(known) < len(sha256s):
        return False
    readable = [d for d, facts in store.facts(known).items() if facts.status == "ok"]
    return not any(store.lacking(name, readable) for name in kinds(weights, invariance))


def kinds(weights: Weights, invariance: str) -> list[str]:
    """Return the names under which the store keeps the vectors of each orientation."""
    turns = range(orientations.count(invariance))
    key = weights.key
    return [f"{key} turned {turn}" if turn else key for turn in turns]


def _embed(
    library: Path,
    wanted: dict[str, FileKey],
    store: Store,
    model: Encoder,
    names: Sequence[str],
    lacking: Sequence[Set[str]],
    progress: measures.Progress,
    engine: Engine = LOCAL,
) -> None:
    """Embed files and store the vectors, one transaction for each batch."""
    paths = [os.fsencode(library / file.path) for file in wanted.values()]
    contents = [(*file[1:], digest) for digest, file in wanted.items()]
    turns = orientations.ORIENTATIONS[: len(names)]
    done = 0
    progress(done, len(paths))
    # the batch size shrinks when memory runs short, so it is read each time
    with closing(_decoded(paths, model.input, model.batch, contents, engine)) as stream:
        for batch in stream:
            made = []
            for name, turn, wanting in zip(names, turns, lacking, strict=True):
                part = [picture for picture in batch if picture[0] in wanting]
                vectors = model.encode([raster for _, raster in part], turn) if part else []
                made += [
                    (name, d, value)
                    for (d, _), value in zip(part, vectors, strict=True)
                    if value != NOT_A_VECTOR
                ]
            store.put([], measures=made)
            done += len(batch)
            progress(done, len(paths))


def _decoded(
    paths: Sequence[bytes],
    wanted: images.ModelInput,
    size: int,
    contents: Sequence[Content] = (),
    engine: Engine = LOCAL,
) -> Generator[list[Picture], None, None]:
    """Yield batches of pictures in the order of their paths, decoded ahead of the model.

    A picture that can no longer be decoded, or whose content has changed, is left out.
    """
    ahead: queue.Queue[list[Picture] | BaseException | None] = queue.Queue(AHEAD)
    gone = threading.Event()

    def hand_over(item: list[Picture] | BaseException | None) -> None:
        while not gone.is_set():
            try:
                return ahead.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            with closing(_in_order(paths, wanted, contents, engine)) as stream:
                batch: list[Picture] = []
                for picture in stream:
                    batch.append(picture)
                    if len(batch) == size:
                        hand_over(batch)
                        batch = []
                    if gone.is_set():
                        return
                if batch:
                    hand_over(batch)
            hand_over(None)
        except BaseException as error:  # raised again in the waiting thread
            hand_over(error)

    worker = threading.Thread(target=work, name="decoded ahead", daemon=True)
    worker.start()
    try:
        while (item := ahead.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        gone.set()
        worker.join()


def _in_order(
    paths: Sequence[bytes],
    wanted: images.ModelInput,
    contents: Sequence[Content],
    engine: Engine = LOCAL,
) -> Generator[Picture, None, None]:
    """Yield (sha256, raster) in the order of the paths, so that batches are reproducible."""
    early: dict[int, images.Measured] = {}
    following = 0
    # the catalogue has already applied the limit on pixels
    lengths = [content[0] for content in contents]
    stream = engine.measure(
        paths, [wanted], contents=contents, max_pixels=float("inf"), lengths=lengths
    )
    with closing(stream):
        for position, measured in stream:
            if isinstance(measured, images.Measured):
                early[position] = measured
            while following in early:
                one = early.pop(following)
                following += 1
                if one.status == "ok":
                    yield one.sha256, one.rasters[wanted]
