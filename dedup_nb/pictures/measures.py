"""Files -> facts and measures, from the store where the content is known.

Connects the decoders and the store: everything a report needs of a file comes from one read and
one decode, and is stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from dedup_nb.library import turns
from dedup_nb.library.memory import uncollected
from dedup_nb.pictures import images, openers
from dedup_nb.pictures.engines import LOCAL, Engine, encoding
from dedup_nb.pictures.engines.encoding import Encode, Encoding
from dedup_nb.pictures.store import Facts, FileKey, Sound, Store

BATCH = 256  # pictures stored in one transaction at most,
BATCH_SECONDS = 2.0  # and those of so long, since a kill costs what is not stored yet
SHA256_DIGITS = 64

Rasters = dict[images.Raster, bytes]  # the rasters of one picture
Progress = Callable[[int, int], None]  # done, total


@dataclass(frozen=True)
class Kind:
    """One kind of measure: its name in the store, its input, and how to compute it.

    `encode` takes the rasters of many pictures and returns the bytes to store for each. It is a
    function of a module, or a `partial` of one, so that other processes can import it. `sound`
    tells which values may be valid.
    """

    name: str
    sizes: tuple[images.Raster, ...]
    encode: Encode
    sound: Sound | None = None


def _contents(rasters: Sequence[Rasters]) -> list[bytes]:
    return [one[images.CONTENTS] for one in rasters]


# what each content holds besides its pixels; see `contents.Contents.of_bytes`
CONTENTS = Kind("contents-v3", (images.CONTENTS,), _contents)


def measure_files(
    library: Path,
    files: Sequence[FileKey],
    store: Store,
    kinds: Sequence[Kind],
    *,
    digests: Sequence[str | None] | None = None,
    workers: int | None = None,
    max_pixels: float = images.MAX_PIXELS,
    progress: Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> list[Facts]:
    """Return the facts of each file, reading only files whose content is not known.

    Parameters
    ----------
    library : Path
        Folder that the files' paths are relative to.
    files : sequence of FileKey
        Image files.
    store : Store
        Holds facts, thumbnails and measures.
    kinds : sequence of Kind
        Measures that every readable picture will have in the store afterwards.
    digests : sequence of (str or None), optional
        Results of an earlier call of `Store.digests`; it is called for files with None.
    workers : int, optional
        Number of decoder processes, one per core by default.
    max_pixels : float
        Pictures with more pixels are `too_large`.
    progress : callable
        Called with (done, total).
    engine : Engine
        Decodes the files.

    Returns
    -------
    list of Facts
        In the order of `files`; `sha256` is empty if a file could not be read at all.
    """
    given = digests or [None] * len(files)
    with ExitStack() as stack:
        digests, complete, todo = _to_do(store, files, given, kinds)
        turn: AbstractContextManager[bool] = turns.at("decoding") if todo else nullcontext(False)
        if stack.enter_context(turn):  # other notebooks may have decoded them meanwhile
            digests, complete, todo = _to_do(store, files, given, kinds)
        kinds = complete.lacked_by([digests[k] for k in todo])
        results: dict[int, Facts] = {}
        sizes = tuple(dict.fromkeys(size for kind in kinds for size in kind.sizes))
        paths = [os.fsencode(library / files[k].path) for k in todo]
        batch: list[tuple[int, images.Measured | str]] = []
        done, begun = len(files) - len(todo), 0.0
        progress(done, len(files))
        stream = engine.measure(
            paths,
            sizes,
            known=complete.__contains__,
            workers=workers,
            max_pixels=max_pixels,
            lengths=[files[k].bytes for k in todo],
            every_known=complete.elsewhere,
            encoding=_encoding(kinds),
        )
        for position, measured in stream:
            begun = begun if batch else time.monotonic()
            batch.append((todo[position], measured))
            done += 1
            if len(batch) == BATCH or time.monotonic() - begun > BATCH_SECONDS:
                results |= _keep(batch, files, store, kinds, complete)
                progress(done, len(files))
                batch = []
        results |= _keep(batch, files, store, kinds, complete)
        progress(done, len(files))
        return [
            _limited(results[k] if k in results else complete.facts[digests[k] or ""], max_pixels)
            for k in range(len(files))
        ]


def _to_do(
    store: Store, files: Sequence[FileKey], digests: Sequence[str | None], kinds: Sequence[Kind]
) -> tuple[list[str | None], _Complete, list[int]]:
    """Return the digests as far as they are known, what is in the store, and which files not."""
    with uncollected():
        known = _known(store, files, digests)
        complete = _Complete(store, [d for d in known if d], kinds)
    todo = [k for k, digest in enumerate(known) if digest is None or digest not in complete]
    return known, complete, todo


def _known(
    store: Store, files: Sequence[FileKey], digests: Sequence[str | None]
) -> list[str | None]:
    others = iter(store.digests(file for file, d in zip(files, digests, strict=True) if d is None))
    return [next(others) if digest is None else digest for digest in digests]


class _Complete:
    """The contents that need no decoding, because facts and all measures are in the store."""

    def __init__(self, store: Store, digests: Sequence[str], kinds: Sequence[Kind]) -> None:
        self.store, self.kinds = store, kinds
        self.known: dict[str, bool] = dict.fromkeys(digests, False)
        self.facts = store.facts(digests)
        readable = [digest for digest, fact in self.facts.items() if fact.status == "ok"]
        for digest, fact in self.facts.items():
            self.known[digest] = _holds(fact)
        self.readable = set(readable)
        self.known.update(dict.fromkeys(store.without_thumbnail(readable), False))
        self.lacking = {kind.name: store.lacking(kind.name, readable) for kind in kinds}
        for lacking in self.lacking.values():
            self.known.update(dict.fromkeys(lacking, False))

    def lacked_by(self, digests: Sequence[str | None]) -> list[Kind]:
        """Return the kinds missing for some contents; all kinds if a content is not known yet."""
        if not {*digests} <= self.readable:
            return list(self.kinds)
        return [kind for kind in self.kinds if not self.lacking[kind.name].isdisjoint(digests)]

    def __contains__(self, digest: object) -> bool:
        key = str(digest)
        if key not in self.known:
            facts = self.store.facts([key]).get(key)
            self.known[key] = facts is not None and _holds(facts) and not self._lacks(key, facts)
        return self.known[key]

    def elsewhere(self) -> list[str]:
        """Return the other complete contents of the store, such as those of files that moved."""
        keys = self.store.contents() - self.known.keys()
        others = sorted(key for key in keys if len(key) == SHA256_DIGITS)  # not those of pairs
        made = _Complete(self.store, others, self.kinds)
        return [digest for digest in others if made.known[digest]]

    def _lacks(self, key: str, facts: Facts) -> bool:
        if facts.status != "ok":
            return False
        kinds = any(self.store.lacking(kind.name, [key]) for kind in self.kinds)
        return kinds or bool(self.store.without_thumbnail([key]))


def _holds(facts: Facts) -> bool:
    """Return whether stored facts are complete and valid for the current decoders."""
    if facts.status == "ok":
        return facts.exposure is not None
    return facts.decoders == openers.decoders_of(facts.format)


def _keep(
    batch: Sequence[tuple[int, images.Measured | str]],
    files: Sequence[FileKey],
    store: Store,
    kinds: Sequence[Kind],
    complete: _Complete,
) -> dict[int, Facts]:
    fresh = [(k, result) for k, result in batch if isinstance(result, images.Measured)]
    facts = {k: _facts(result) for k, result in fresh}
    good = [(facts[k].sha256, result) for k, result in fresh if result.status == "ok"]
    values = _values([result for _, result in good], kinds)
    made: list[tuple[str, str, bytes]] = []
    for place, kind in enumerate(kinds if good else ()):
        missing = store.lacking(kind.name, [sha256 for sha256, _ in good])
        made += [
            (kind.name, sha256, own[place])
            for (sha256, _), own in zip(good, values, strict=True)
            if sha256 in missing
        ]
    seen = [(files[k], result) for k, result in batch if isinstance(result, str)]
    # do not store results of a limit or a crash: another run may have another limit
    lasting = [k for k, result in fresh if facts[k].sha256 and _lasting(result)]
    store.put(
        seen + [(files[k], facts[k].sha256) for k in lasting],
        [facts[k] for k in lasting],
        [(sha256, result.thumbnail) for sha256, result in good],
        made,
    )
    complete.known |= {facts[k].sha256: True for k in lasting}
    stored = store.facts(sha256 for _, sha256 in seen)
    return facts | {k: stored[sha256] for k, sha256 in batch if isinstance(sha256, str)}


def _encoding(kinds: Sequence[Kind]) -> Encoding:
    return Encoding([kind.encode for kind in kinds], [kind.sound for kind in kinds])


def _values(results: Sequence[images.Measured], kinds: Sequence[Kind]) -> list[list[bytes]]:
    """Return the values of each picture, one of each kind; engines may have computed them."""
    left = [result.rasters for result in results if result.values is None]
    made = iter(encoding.values(_encoding(kinds).encoders, left))
    return [next(made) if result.values is None else result.values for result in results]


def _lasting(result: images.Measured) -> bool:
    return result.status == "ok" or (result.status == "unreadable" and bool(result.format))


def _facts(result: images.Measured) -> Facts:
    return Facts(
        result.sha256,
        result.status,
        result.error,
        result.format,
        result.width,
        result.height,
        result.animated,
        result.contrast,
        result.exposure,
        None if result.status == "ok" else openers.decoders_of(result.format),
    )


def _limited(facts: Facts, max_pixels: float) -> Facts:
    if facts.status == "ok" and facts.width * facts.height > max_pixels:
        error = f"{facts.width}x{facts.height} pixels; max_pixels allows {max_pixels:,.0f}"
        return facts._replace(status="too_large", error=error)
    return facts
