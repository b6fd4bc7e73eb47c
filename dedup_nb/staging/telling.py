"""Results of staging -> lines of text for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count, size_text
from dedup_nb.library.tables import plain
from dedup_nb.staging import BatchStatus, Result, Status
from dedup_nb.staging.approval import Approved
from dedup_nb.staging.flags import Flagged
from dedup_nb.staging.plans import Plan
from dedup_nb.staging.recovery import Recovered
from dedup_nb.staging.refusals import Refusal
from dedup_nb.staging.restoring import Restored

REFUSALS_SHOWN = 50


def refusal_lines(refused: Sequence[Refusal], shown_at_most: int = REFUSALS_SHOWN) -> Iterator[str]:
    """Yield one line for each bundle that did not move: code, problem, what to do."""
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
        yield f"{count(result.copied, 'file')} moved by copying"
    if result.frees_nothing:
        yield f"{count(len(result.frees_nothing), 'hard link')} to a keeper: no space is freed"
    for line in result.metadata_lost:
        yield plain(f"metadata lost in copying {line}")
    if result.refused:
        yield f"refused {count(len(result.refused), 'bundle')}"
    if result.interrupted:
        yield "interrupted by you"
    if result.stopped:
        yield plain(f"the batch was stopped: {result.stopped}")
    if result.left:
        yield f"{count(result.left, 'bundle')} not tried; stage the same manifest again"
    if result.warranty and result.batch:
        yield plain(result.warranty)
    if result.batch:
        yield f"batch {result.batch}"


def recovered_lines(recovered: Recovered) -> Iterator[str]:
    """Yield what recovery finished and what it could not."""
    if recovered.aborted:
        yield f"moved {count(recovered.aborted, 'unfinished bundle')} home"
    if recovered.restored:
        yield f"finished restoring {count(recovered.restored, 'bundle')}"
    if recovered.approved:
        yield f"{count(recovered.approved, 'interrupted approval')} settled by what is on disk"
    for line in recovered.damaged:
        yield plain(line)


def restored_lines(restored: Restored) -> Iterator[str]:
    """Yield what was restored and what was not."""
    yield (
        f"restored {count(restored.done, 'bundle')}, {count(restored.files, 'file')}, "
        f"{size_text(restored.n_bytes)}"
    )
    if restored.home_by_hand:
        yield f"home by hand: {count(restored.home_by_hand, 'bundle')}"
    if restored.gone_by_hand:
        yield f"gone by hand: {count(len(restored.gone_by_hand), 'file')}"
    if restored.flags_removed:
        yield f"removed {count(restored.flags_removed, 'flag')}"
    for line in restored.metadata_lost:
        yield plain(f"metadata lost in copying {line}")
    if restored.interrupted:
        yield "interrupted by you; run restore again for the rest"
    if restored.stopped:
        yield plain(f"stopped: {restored.stopped}")


def approved_lines(approved: Approved) -> Iterator[str]:
    """Yield what left staging permanently."""
    yield (
        f"approved {count(approved.bundles, 'bundle')}, {count(approved.files, 'file')}, "
        f"{size_text(approved.n_bytes)}"
    )
    if approved.refused:
        yield f"refused {count(len(approved.refused), 'bundle')}, still staged"
    if approved.interrupted:
        yield "interrupted by you"
    if approved.stopped:
        yield plain(f"stopped: {approved.stopped}")


def flagged_lines(flagged: Flagged) -> Iterator[str]:
    """Yield which markers were made."""
    yield f"made {count(len(flagged.made), 'marker')}; {flagged.had:,} already existed"
    if flagged.batch:
        yield f"batch {flagged.batch}"


def status_lines(status: Status) -> Iterator[str]:
    """Yield what is staged, batch by batch, and what needs your attention."""
    if status.holder:
        yield plain(f"locked by {status.holder}")
    listed = [batch for batch in status.batches if _worth_a_line(batch)]
    for batch in listed:
        yield from _batch_lines(batch, status.library)
    if not listed:
        yield "nothing is staged"
    elif status.files:
        yield f"total: {count(status.files, 'file')} staged, {size_text(status.n_bytes)}"


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


def _batch_lines(batch: BatchStatus, library: Path) -> Iterator[str]:
    where = f" in {', '.join(batch.staging)}" if batch.staging else ""
    yield plain(
        f"{batch.batch}: {count(batch.bundles, 'bundle')}, {count(batch.files, 'file')}, "
        f"{size_text(batch.n_bytes)}{where}, since {batch.since or 'unknown'}"
    )
    if batch.unfinished:
        recover = command("recover", "--library", library)
        unfinished = count(len(batch.unfinished), "bundle")
        yield plain(f"  unfinished: {unfinished}; to move them back, run: {recover}")
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
