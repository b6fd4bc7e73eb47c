"""What staging did, in sentences for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dedup_nb.library.quantities import count, size_text
from dedup_nb.library.tables import shown
from dedup_nb.staging import BatchStatus, Result, Status
from dedup_nb.staging.approval import Approved
from dedup_nb.staging.flags import Flagged
from dedup_nb.staging.plans import Plan
from dedup_nb.staging.recovery import Recovered
from dedup_nb.staging.refusals import Refusal
from dedup_nb.staging.restoring import Restored

REFUSALS_SHOWN = 50


def plain(text: str) -> str:
    """Return text on one line, without control characters that a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown(text))


def refusal_lines(refused: Sequence[Refusal], shown_at_most: int = REFUSALS_SHOWN) -> Iterator[str]:
    """Yield one line for each bundle that did not move: code, what was found, what to do."""
    for each in refused[:shown_at_most]:
        yield plain(f"refused {each.bundle}: {each.code}: {each.message}; {each.todo}")
    if len(refused) > shown_at_most:
        yield f"and {len(refused) - shown_at_most:,} more"


def plan_lines(plan: Plan, refused: Sequence[Refusal]) -> Iterator[str]:
    """Yield what a plan would do."""
    would = len(plan.bundles) - len(refused)
    yield f"would stage {would:,} of {count(len(plan.bundles), 'bundle')}; nothing was written"


def result_lines(result: Result) -> Iterator[str]:
    """Yield what was staged and what was not."""
    yield from recovered_lines(result.recovered)
    yield (
        f"staged {count(result.done, 'bundle')}, {count(result.files, 'file')}, "
        f"{size_text(result.n_bytes)}"
    )
    if result.already_staged:
        yield f"already_staged: {count(result.already_staged, 'bundle')}"
    if result.alone:
        yield f"{count(result.alone, 'image')} had no companion"
    if result.copied:
        yield f"{count(result.copied, 'file')} could only be copied"
    if result.frees_nothing:
        yield f"{count(len(result.frees_nothing), 'hard link')} of a keeper: frees nothing"
    for line in result.metadata_lost:
        yield plain(f"lost in copying {line}")
    if result.refused:
        yield f"refused {count(len(result.refused), 'bundle')}"
    if result.interrupted:
        yield "stopped by a person"
    if result.stopped:
        yield plain(f"the batch was stopped: {result.stopped}")
    if result.left:
        yield f"{count(result.left, 'bundle')} not tried; stage the same manifest again"
    if result.batch:
        yield f"batch {result.batch}"


def recovered_lines(told: Recovered) -> Iterator[str]:
    """Yield what recovery finished and what it could not."""
    if told.aborted:
        yield f"sent home {count(told.aborted, 'unfinished bundle')}"
    if told.restored:
        yield f"finished restoring {count(told.restored, 'bundle')}"
    if told.approved:
        yield f"{count(told.approved, 'approval')} had been cut short: counted as they are on disk"
    for line in told.damaged:
        yield plain(line)


def restored_lines(told: Restored) -> Iterator[str]:
    """Yield what came home and what did not."""
    yield (
        f"restored {count(told.done, 'bundle')}, {count(told.files, 'file')}, "
        f"{size_text(told.n_bytes)}"
    )
    if told.home_by_hand:
        yield f"home by hand: {count(told.home_by_hand, 'bundle')}"
    if told.gone_by_hand:
        yield f"gone by hand: {count(len(told.gone_by_hand), 'file')}"
    if told.flags_removed:
        yield f"removed {count(told.flags_removed, 'flag')}"
    for line in told.metadata_lost:
        yield plain(f"lost in copying {line}")
    if told.interrupted:
        yield "stopped by a person; restore again for the rest"
    if told.stopped:
        yield plain(f"stopped: {told.stopped}")


def approved_lines(told: Approved) -> Iterator[str]:
    """Yield what left staging for good."""
    yield (
        f"approved {count(told.bundles, 'bundle')}, {count(told.files, 'file')}, "
        f"{size_text(told.n_bytes)}"
    )
    if told.refused:
        yield f"refused {count(len(told.refused), 'bundle')}, still staged"
    if told.interrupted:
        yield "stopped by a person"
    if told.stopped:
        yield plain(f"stopped: {told.stopped}")


def flagged_lines(told: Flagged) -> Iterator[str]:
    """Yield which markers were made."""
    yield f"made {count(len(told.made), 'marker')}; {told.had:,} were there"
    if told.batch:
        yield f"batch {told.batch}"


def status_lines(told: Status) -> Iterator[str]:
    """Yield what is staged, batch by batch, and what waits for a person."""
    if told.holder:
        yield plain(f"locked by {told.holder}")
    listed = [batch for batch in told.batches if _worth_a_line(batch)]
    for batch in listed:
        yield from _batch_lines(batch)
    if not listed:
        yield "nothing is staged"
    elif told.files:
        yield f"in all {count(told.files, 'file')} staged, {size_text(told.n_bytes)}"


def _worth_a_line(batch: BatchStatus) -> bool:
    return bool(
        batch.files
        or batch.unfinished
        or batch.conflicts
        or batch.flags
        or batch.approved
        or batch.home_by_hand
        or batch.gone_by_hand
        or batch.damage
    )


def _batch_lines(batch: BatchStatus) -> Iterator[str]:
    where = f" in {', '.join(batch.staging)}" if batch.staging else ""
    yield plain(
        f"{batch.batch}: {count(batch.bundles, 'bundle')}, {count(batch.files, 'file')}, "
        f"{size_text(batch.n_bytes)}{where}, since {batch.since or 'unknown'}"
    )
    if batch.unfinished:
        yield f"  unfinished: {count(len(batch.unfinished), 'bundle')}; dedup-nb recover"
    for bundle in batch.conflicts:
        yield plain(f"  conflict: {bundle}")
    if batch.approved:
        yield f"  approved: {count(batch.approved, 'file')}"
    if batch.flags:
        yield f"  flags: {batch.flags:,}"
    for path in batch.home_by_hand:
        yield plain(f"  home by hand: {path}")
    for path in batch.gone_by_hand:
        yield plain(f"  gone by hand: {path}")
    if batch.damage:
        yield plain(f"  journal is read-only: {batch.damage}")
