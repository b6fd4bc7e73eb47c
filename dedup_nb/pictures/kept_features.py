"""Contents -> their features: found once, in watched processes, and kept in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from dedup_nb.library import turns
from dedup_nb.pictures import features, images
from dedup_nb.pictures.engines import LOCAL, Engine, Failure, Item
from dedup_nb.pictures.store import Store

BATCH = 256  # pictures whose features are found and stored together, on one machine

Remake = Callable[[Sequence[str]], None]


def make(
    store: Store, thumbnails: Mapping[str, bytes], engine: Engine = LOCAL
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Find the features of thumbnails and store them.

    Parameters
    ----------
    store : Store
        Keeps the features, under `features.KIND`.
    thumbnails : mapping of str -> bytes
        JPEG of each content, by sha256.
    engine : Engine
        Finds them.

    Returns
    -------
    made : dict of str -> bytes
        Features as `features.extract` packs them; none for a damaged thumbnail.
    failed : dict of str -> str
        Why there are none, for contents on which the process crashed or hung.
    """
    made, failed = {}, {}
    items = (Item({}, [jpeg]) for jpeg in thumbnails.values())
    results = engine.judge("features", items, len(thumbnails))
    for digest, result in zip(thumbnails, results, strict=True):
        if isinstance(result, Failure):
            failed[digest] = result.reason
        elif len(result.blocks) == 1 and features.sound(result.blocks) == [True]:
            made[digest] = result.blocks[0]
        elif result.facts.get("damaged") is not None:
            store.forget_damaged(digest)
    store.put([], measures=[(features.KIND, d, value) for d, value in made.items()])
    return made, failed


def stream(
    store: Store,
    digests: Sequence[str],
    remake: Remake,
    failed: dict[str, str],
    engine: Engine = LOCAL,
) -> Iterator[dict[str, bytes]]:
    """Yield the features of contents, some hundreds at a time; missing ones are found first.

    Parameters
    ----------
    store : Store
        Holds the thumbnails and the features.
    digests : sequence of str
        The contents.
    remake : callable
        Decodes contents again whose thumbnails were lost or damaged.
    failed : dict of str -> str
        Filled with why contents have no features.
    engine : Engine
        Finds the missing ones.
    """
    start = 0
    while start < len(digests):
        part = digests[start : start + engine.batch(BATCH)]
        start += len(part)
        with turns.at("verdicts"):  # which need them too, in other notebooks
            known = store.measures(features.KIND, part, features.sound)
            missing = [digest for digest in part if digest not in known]
            for attempt in (remake, None):
                small = _thumbnails(store, missing)
                made, why = make(store, small, engine)
                known |= made
                failed |= why
                missing = [d for d in missing if d not in made and d not in why]
                if not missing or attempt is None:
                    break
                attempt(missing)
            failed |= dict.fromkeys(missing, "its thumbnail cannot be made")
        yield known


def _thumbnails(store: Store, digests: Sequence[str]) -> dict[str, bytes]:
    """Return the sound thumbnails that are in the store; damaged ones are deleted there."""
    stored = {digest: store.thumbnail(digest) for digest in digests}
    there = {digest: jpeg for digest, jpeg in stored.items() if jpeg}
    for digest in [digest for digest, jpeg in there.items() if not images.is_thumbnail(jpeg)]:
        store.forget_damaged(digest)
        del there[digest]
    return there
