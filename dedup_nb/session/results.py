"""The `Results` of a step -> a folder: tables, manifest, summary and reports.

A step builds one `Results`, and `write` writes it without calling back. Nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb import groups, report
from dedup_nb.compare.holding import words
from dedup_nb.compare.verdicts import UNCOMPARED_REASON, Verdicts
from dedup_nb.finders import czkawka
from dedup_nb.groups import manifest, promise
from dedup_nb.groups.measures import MEASURES
from dedup_nb.library import files, tables
from dedup_nb.library.quantities import count
from dedup_nb.report import pages
from dedup_nb.report.links import NO_LINKS, Links
from dedup_nb.report.views import Foremost, Views
from dedup_nb.session.run import Run

IS = ("is", "are")
SHOW = ("shows", "show")
WARRANTY = "Warranty: "  # how the note of a report about it begins
NO_WARRANTY = (
    f"{WARRANTY}none yet. How many of these are wrong is not known until you have answered an "
    "acceptance sample, under Warranty in the notebook."
)
ROWS_IN_REPORT = 200  # of a table that is also a CSV file

Rows = Iterable[Mapping[str, Any]]


@dataclass
class Results:
    """Everything that one notebook writes at one threshold.

    Attributes
    ----------
    title, lead : str
        Heading and first line of the report.
    facts : list of (name, text)
        Key figures of the report.
    summary : dict
        Content of `summary.json`.
    groups : DataFrame, optional
        Rows of `groups.csv`.
    pairs, excluded : DataFrame, optional
        Content of `pairs.parquet`, and of `excluded.parquet`: pairs that are never proposed.
    tables : dict of str -> (columns, rows)
        Other CSV files by name, among them the manifest.
    json_files : dict of str -> value
        Other JSON files by name.
    charts, notes, frames
        Content of the report; `frames` are tables by heading.
    views, order, empty
        Groups that the report shows with pictures, a sentence about their order, and what to do if
        there are none.
    """

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    summary: Mapping[str, Any]
    groups: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    excluded: pd.DataFrame | None = None
    tables: dict[str, tuple[Sequence[str], Rows]] = field(default_factory=dict)
    json_files: dict[str, Any] = field(default_factory=dict)
    charts: Sequence[report.Chart] = ()
    notes: Sequence[str] = ()
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    views: Sequence[Any] = ()
    order: str = ""
    empty: str = ""


def write(
    folder: Path,
    results: Results,
    thumbnail: Callable[[str], bytes | None],
    *,
    links: Links = NO_LINKS,
    around: Sequence[tuple[str, str]] = (),
) -> None:
    """Write results into a folder that has none; `summary.json`, the last, says they are whole.

    Parameters
    ----------
    folder : Path
        Where to write.
    results : Results
        What to write.
    thumbnail : callable
        Returns the thumbnail of an image.
    links, around
        See `pages.write_html`.

    Raises
    ------
    FileExistsError
        If a file already exists.
    """
    for name, pairs in (("pairs", results.pairs), ("excluded", results.excluded)):
        if pairs is not None:
            with files.creating(folder / f"{name}.parquet") as fresh:
                pairs.to_parquet(fresh)
    if results.groups is not None:
        pages.write_groups(folder / "groups.csv", results.groups, groups.NAMES)
    for name, (columns, rows) in results.tables.items():
        tables.write_csv(folder / f"{name}.csv", columns, rows)
    for name, value in results.json_files.items():
        files.write_json(folder / f"{name}.json", value, indent=1)
    text: dict[str, Any] = {
        "title": results.title,
        "lead": results.lead,
        "facts": results.facts,
        "notes": results.notes,
        "frames": results.frames,
        "groups": results.views,
        "order": results.order,
        "empty": results.empty,
    }
    pages.write_markdown(folder / "report.md", **text)
    pages.write_html(
        folder, **text, charts=results.charts, thumbnail=thumbnail, links=links, around=around
    )
    written: dict[str, Any] = {}
    if results.groups is not None:
        written["rows"] = {"groups.csv": len(results.groups)}
    files.write_json(folder / "summary.json", {**results.summary, **written})


def of_candidates(
    run: Run,
    candidates: groups.Candidates,
    threshold: float,
    *,
    name: str,
    verdicts: Verdicts | None = None,
    charts: Sequence[report.Chart] = (),
    notes: Sequence[str] = (),
    further_notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> Results:
    """Return the results of candidates at a threshold.

    Parameters
    ----------
    run : Run
        The current run.
    candidates : Candidates
        Pairs and rules.
    threshold : float
        Threshold, inclusive.
    name : str
        Name of the threshold parameter, for the manifest's `rule`.
    verdicts : Verdicts, optional
        If given, all pairs that this threshold proposes are compared first.
    charts, notes, further_notes
        Content of the report.
    warnings : sequence of str
        What makes the results incomplete, for `summary.json` and the front page of the run.

    Raises
    ------
    BrokenPromise
        If the plan would stage an image without a keeper that stays.
    """
    with verdicts.without_limit() if verdicts else nullcontext():
        cut = candidates.cut(threshold)
    table = candidates.table(cut)
    tuned = {name: threshold, **candidates.tuned}
    rule = " ".join([run.notebook, *(f"{k}={groups.number(v)}" for k, v in tuned.items())])
    plan = candidates.plan(cut, table)
    promise.check_plan(plan, cut, candidates.images, needs_keeper=candidates.needs_keeper)
    rows = manifest.rows(plan, run.catalogue, run.library, rule, candidates.staging)
    further = candidates.further_tables(cut)
    freed = report.freed_by(table)
    totals = cut.totals
    says, facts = candidates.told(cut) or _usual(totals)
    views = Foremost(Views(candidates, cut, run.catalogue))
    return Results(
        title=f"{run.notebook}: {candidates.what}",
        lead=f"Nothing was moved. Rule: {rule}. Library: {run.library}",
        facts=[*facts, ("unreadable", f"{len(run.unreadable):,}")],
        summary={
            **totals,
            "threshold": cut.threshold,
            "rule": rule,
            "staging": candidates.staging,
            "says": says,
            "set_apart": candidates.set_apart,
            "bound": candidates.bound,
            "warnings": [*warnings, *further_notes[1:], *_uncompared(table)],
            "warranty": None,  # until its acceptance sample is answered
            "unreadable": len(run.unreadable),
            "most_in": freed["folder"][0] if len(freed) else "",
        },
        groups=table,
        pairs=candidates.pairs,
        excluded=candidates.excluded if type(candidates) is groups.Candidates else None,
        tables={"manifest": (manifest.COLUMNS, candidates.plan_rows(cut, rows))}
        | {
            file: (list(frame.columns), frame.to_dict("records")) for file, frame in further.items()
        },
        json_files=_for_czkawka(run, candidates, table),
        charts=charts,
        notes=[
            *notes,
            *further_notes[:1],
            *_notes(run, candidates, cut),
            *_uncompared(table),
            *further_notes[1:],
            *([NO_WARRANTY] if candidates.needs_keeper and totals["images"] else []),
        ],
        frames={"To stage by folder": freed, "Unreadable images, never staged": run.unreadable}
        | _lacks_frame(table)
        | _series_frame(run, candidates, cut)
        | {_titled(file, frame): frame[:ROWS_IN_REPORT] for file, frame in further.items()},
        views=list(views),
        order=views.order,
        empty=candidates.empty(cut),
    )


def _usual(totals: Mapping[str, int]) -> tuple[str, list[tuple[str, Any]]]:
    return (
        f"{count(totals['images'], 'image')} could be staged, "
        f"{report.size_text(totals['bytes'])}; {totals['review']:,} left for your review",
        [
            ("groups", f"{totals['groups']:,}"),
            ("images to stage", f"{totals['images']:,}"),
            ("freed", report.size_text(totals["bytes"])),
            ("to review", f"{totals['review']:,}"),
            ("protected", f"{totals['protected']:,}"),
        ],
    )


def _notes(run: Run, candidates: groups.Candidates, cut: groups.Cut) -> list[str]:
    notes = [f"Not complete: {candidates.bound['reason']}."] if candidates.bound else []
    notes += [excluded] if (excluded := candidates.set_apart.sentence) else []
    if left_out := candidates.left_out(cut):
        notes.append(
            f"{count(left_out, 'proposed pair')} {SHOW[left_out > 1]} different pictures and "
            f"{IS[left_out > 1]} left out."
        )
    free_nothing = int(np.count_nonzero(cut.freed[cut.staged()] < cut.sizes[cut.staged()]))
    if free_nothing:
        notes.append(
            f"{count(free_nothing, 'image')} to stage {IS[free_nothing > 1]} counted as freeing "
            "nothing: another name of the same file (a hard link) stays or is counted already."
        )
    if len(run.unreadable):
        notes.append(
            f"{count(len(run.unreadable), 'image')} could not be read; see the table below."
        )
    return notes


def _uncompared(table: pd.DataFrame) -> list[str]:
    """Return a sentence on the images whose comparison with their keeper crashed or hung."""
    n = int(table["reason"].str.startswith(UNCOMPARED_REASON).sum())
    if not n:
        return []
    return [f"{count(n, 'image')} could not be compared with the keeper and left for your review."]


def _lacks_frame(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return how many images wait because their keeper lacks something, by kind of lack."""
    waiting = table[(table["lacks"] != "") & (table["role"] == "review")]
    kinds = waiting["lacks"].str.split(";").explode().map(words.shown)
    each = waiting.loc[kinds.index].assign(lacks=kinds)
    frame = (
        each.groupby("lacks", sort=True)
        .agg(images=("path", "size"), example=("path", "first"), keeper=("keeper", "first"))
        .reset_index()
        .sort_values(["images", "lacks"], ascending=[False, True], ignore_index=True)
        .rename(columns={"lacks": "why", "keeper": "its keeper"})
    )
    for column in ("example", "its keeper"):
        frame[column] = [tables.shown(path) for path in frame[column]]
    heading = "Waiting for what the keeper lacks, or for what was changed"
    return {_first_rows(heading, frame): frame[:ROWS_IN_REPORT]} if len(frame) else {}


def _series_frame(
    run: Run, candidates: groups.Candidates, cut: groups.Cut
) -> dict[str, pd.DataFrame]:
    """Return the near pairs within one series, which are listed but never proposed."""
    near = candidates.sign * candidates.series_pairs[candidates.measure]
    pairs = candidates.series_pairs[near <= cut.distance]
    paths = run.catalogue["path"].to_numpy()
    frame = pd.DataFrame(
        {
            "first": [tables.shown(path) for path in paths[pairs["i"]]],
            "second": [tables.shown(path) for path in paths[pairs["j"]]],
            "value": [
                report.with_unit(value, candidates.measure)
                for value in pairs[candidates.measure].tolist()
            ],
        }
    )
    heading = _first_rows("Pairs within one series, excluded", frame)
    return {heading: frame[:ROWS_IN_REPORT]} if len(frame) else {}


def _titled(name: str, frame: pd.DataFrame) -> str:
    """Return the heading of a table of which the report shows the first rows."""
    return _first_rows(name.capitalize().replace("_", " "), frame)


def _first_rows(heading: str, frame: pd.DataFrame) -> str:
    more = len(frame) > ROWS_IN_REPORT
    return f"{heading} (first {ROWS_IN_REPORT} of {len(frame):,})" if more else heading


def _for_czkawka(run: Run, candidates: groups.Candidates, table: pd.DataFrame) -> dict[str, Any]:
    """Return the groups in Czkawka's format, if Czkawka knows their measure."""
    if not MEASURES[candidates.measure].for_czkawka:
        return {}
    library = run.library.resolve()
    places = pd.Index(run.catalogue["path"]).get_indexer(table["path"])
    shaped: dict[str, list[dict[str, Any]]] = {}
    for row, mtime_ns in zip(
        table.itertuples(), run.catalogue["mtime_ns"].to_numpy()[places].tolist(), strict=True
    ):
        entry = {
            "path": str(library / row.path),
            "bytes": row.bytes,
            "width": row.width,
            "height": row.height,
            "mtime_ns": mtime_ns,
            "bits": 0 if np.isnan(row.value) else row.value,
        }
        shaped.setdefault(row.group_id, []).append(entry)
    return {"czkawka": czkawka.shaped(shaped.values())}
