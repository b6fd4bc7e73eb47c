"""A folder -> the pHash of every image in it, as printed by `dedup-nb hash`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from dedup_nb.finders import phash
from dedup_nb.library import catalogue
from dedup_nb.library.layout import refuse_inside
from dedup_nb.library.progress import Progress
from dedup_nb.pictures import measures, store
from dedup_nb.session.run import DEFAULT_HASH


def folder_hashes(
    folder: Path, *, use_cache: bool = True, progress: Progress = lambda done, total: None
) -> Iterator[tuple[str, str, str]]:
    """Yield (path, pHash as hexadecimal digits, error) for every image in a folder.

    `progress` is called with (done, total) images.

    Raises
    ------
    ValueError
        If `folder` is not a folder, or if the cache folder lies inside it.
    """
    catalogue.check_roots(folder, ["."])
    cache = store.default_folder(folder.resolve())
    if use_cache:
        refuse_inside(cache, folder, "the cache folder", "add --no-cache")
    images = catalogue.scan(folder, ["."]).images
    keys = [store.FileKey(*image.key) for image in images]
    with tempfile.TemporaryDirectory() as scratch:
        kept = store.Store(cache if use_cache else Path(scratch))
        facts = measures.measure_files(folder, keys, kept, [DEFAULT_HASH], progress=progress)
        digests = [fact.sha256 for fact in facts if fact.status == "ok"]
        hashes = kept.measures(DEFAULT_HASH.name, digests, DEFAULT_HASH.sound)
        if len(hashes) < len(set(digests)):  # damaged ones were dropped
            measures.measure_files(folder, keys, kept, [DEFAULT_HASH])
            hashes = kept.measures(DEFAULT_HASH.name, digests)
        kept.close()
    for image, fact in zip(images, facts, strict=True):
        stored = hashes.get(fact.sha256) if fact.status == "ok" else None
        digits = phash.hex_digits(phash.unpack([stored])[0, 0]) if stored else ""
        yield image.path, digits, fact.error
