"""The warranty beside a manifest -> the journal of its batch, and what approval may conclude.

No number in a file is believed: the sample must be the one that the manifest draws, and the bound
is computed again from its answers.
"""

from __future__ import annotations

import os

from dedup_nb.library.acceptance import bounds, warranty
from dedup_nb.library.acceptance.drawing import Going, differs, images_of, in_order, place
from dedup_nb.library.acceptance.warranty import Warranty, percent
from dedup_nb.library.hints import command
from dedup_nb.library.layout import CLUSTERS
from dedup_nb.library.tables import short
from dedup_nb.staging.ledger import Batch, Intent, State
from dedup_nb.staging.library import Library
from dedup_nb.staging.plans import Plan, PlannedBundle
from dedup_nb.staging.refusals import StagingError

FIELD = "warranty"  # of the header of a journal


def images_of_plan(plan: Plan) -> tuple[int, list[Going]]:
    """Return how many images a plan removes, and those to ask about in the order of drawing.

    Images whose content equals a keeper of their bundle are counted and not asked about. Rows for
    `_clusters/` remove nothing.
    """
    every, asked = 0, []
    for bundle in plan.bundles.values():
        images = _planned(bundle)
        kept = {row.keeper_sha256 for row in bundle.rows}
        every += len(images)
        asked += [image for image in images if differs(image, kept)]
    return every, in_order(plan.sha256, asked)


def _planned(bundle: PlannedBundle) -> list[Going]:
    rows = [row for row in bundle.rows if row.staging != CLUSTERS and row.covers is None]
    return images_of(
        [Going(row.src, row.sha256, row.keeper, row.keeper_sha256) for row in rows],
        shared_only=any(row.covers is not None for row in bundle.rows),
    )


def of_plan(plan: Plan) -> tuple[Warranty | None, str]:
    """Return the warranty beside a manifest, and a sentence about it; both empty without a file."""
    path = plan.path.parent / warranty.NAME if plan.path else None
    if path is None or not os.path.lexists(path):
        return None, ""
    try:
        found = warranty.read(path)
        every, order = images_of_plan(plan)
        warranty.fits(found, plan.sha256, order, every)
    except ValueError as error:
        text = str(error)
        what = text if str(path) in text else f"{path}: {text}"
        return None, f"no warranty: {what}; answer the acceptance sample of this manifest"
    return found, f"warranty: {found.says()}"


def need(library: Library, batch: Batch, max_wrong: float) -> Warranty:
    """Return the warranty of a batch if it shows that few enough of its images are wrong.

    The bound of a warranty is a number of images in the whole plan. All of them may be among those
    that this batch staged, except those that were called wrong and are not in the batch.

    Parameters
    ----------
    max_wrong : float
        Largest share of wrong images, 0 to 1, inclusive.

    Raises
    ------
    StagingError
        With status 3, if there is no warranty, it is not of this batch, or its bound is larger.
    """
    again = _again(library, batch)
    wished = f"at most {percent(max_wrong)} of its images may be wrong"
    content = batch.header.get(FIELD)
    if content is None:
        raise StagingError(f"batch {batch.id} has no warranty, but {wished}; {again}")
    images = [image for intent in batch.intents.values() for image in _of_intent(intent)]
    try:
        found = warranty.of_json(content)
        _check(found, batch, images)
    except ValueError as error:
        why = short(str(error))
        raise StagingError(
            f"the warranty of batch {batch.id} cannot be used: {why}; {again}"
        ) from error
    here = {image.path for image, _ in images}
    elsewhere = sum(each.wrong and each.going.path not in here for each in found.sample)
    most = min(found.bound - elsewhere, len(images))
    if most > max_wrong * len(images) + 1e-9:
        raise StagingError(_too_many(found, batch, most, len(images), max_wrong, again))
    return found


def _of_intent(intent: Intent) -> list[tuple[Going, bool]]:
    """Return the images of a bundle that left home, and whether each is asked about."""
    if intent.state not in (State.STAGED, State.APPROVING, State.PURGED):
        return []
    kept = {keeper.sha256 for keeper in intent.keepers}
    gone = [file for file in intent.files if file.dst not in intent.returned]
    images = images_of(
        [Going(file.src, file.sha256, "", "") for file in gone], shared_only=bool(intent.covers)
    )
    return [(image, differs(image, kept)) for image in images]


def _check(found: Warranty, batch: Batch, images: list[tuple[Going, bool]]) -> None:
    """Refuse a warranty of another plan, or whose sample leaves out what it should have drawn."""
    if found.manifest != batch.header.get("plan"):
        raise ValueError("it is of another manifest")
    if found.images < len(images) or found.asked < sum(asked for _, asked in images):
        raise ValueError("the batch holds more images than its plan")
    drawn = {each.going.path: each.going for each in found.sample}
    last = max((place(found.manifest, path) for path in drawn), default="")
    for image, asked in images:
        going = drawn.get(image.path)
        if going is not None and going.sha256 != image.sha256:
            raise ValueError("its sample names other files")
        if going is None and asked and place(found.manifest, image.path) < last:
            raise ValueError("its sample leaves out an image that was drawn")


def _too_many(
    found: Warranty, batch: Batch, most: int, images: int, max_wrong: float, again: str
) -> str:
    text = (
        f"with {100 * bounds.CONFIDENCE:.0f} % confidence at most {most:,} "
        f"({percent(most / images)}) of the {images:,} images of batch {batch.id} are wrong, but "
        f"at most {percent(max_wrong)} may be; "
    )
    if images < found.images:
        return text + (
            f"its warranty is about a plan of {found.images:,} images, of which this batch holds "
            f"only a part; {again}"
        )
    needed = bounds.answers_needed(found.asked, int(max_wrong * images + 1e-9), found.wrong)
    if needed is None:
        return text + f"leave out what you called wrong, write another plan, and {again}"
    more = needed - len(found.sample)
    return text + f"{more:,} more answers that call none wrong would show it; {again}"


def _again(library: Library, batch: Batch) -> str:
    return (
        f"run {command('restore', '--library', library.path, '--batch', batch.id)}, answer the "
        "acceptance sample under Warranty in the notebook that wrote the manifest, and stage it "
        "again"
    )
