"""The catalogue of a run -> the `Results` of `00_catalogue`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dedup_nb import report
from dedup_nb.library import catalogue, tables
from dedup_nb.session.results import Results
from dedup_nb.session.run import Run


def of_catalogue(run: Run, repeated: Sequence[Mapping[str, Any]]) -> Results:
    """Return the results of the catalogue.

    Parameters
    ----------
    run : Run
        The current run.
    repeated : sequence of dict
        Rows of `catalogue.repeated_names`.
    """
    table = run.catalogue
    return Results(
        title="00_catalogue: what is in the library",
        lead=run.describe(),
        facts=[
            ("images", f"{len(table):,}"),
            ("on disk", report.size_text(int(table["bytes"].sum()))),
            ("companions", f"{int(table['companions'].sum()):,}"),
            ("unreadable", f"{len(run.unreadable):,}"),
            ("names read by a pattern", run.name_patterns.describe().partition(" names")[0]),
            ("repeated file names", f"{len(repeated):,}"),
        ],
        summary={
            "says": run.describe(),
            "unreadable": len(run.unreadable),
            "names": len(repeated),
            "names_read": run.name_patterns.counts,
        },
        tables=_tables(run, repeated),
        frames={
            "By root": catalogue.sizes_by(table, "root").reset_index(),
            "Names by pattern": run.name_patterns.table,
            "By root and stage": catalogue.sizes_by(table, "root", "stage").reset_index(),
            "Companions by root": catalogue.companions_by(table, "root").reset_index(),
            "Series by line-up of stages": catalogue.line_ups(run.series),
            "Unreadable images, never staged": run.unreadable,
            "Other files": catalogue.others_by(run.others),
            "Repeated file names (first 200)": catalogue.shown_names(repeated[:200]),
        },
    )


def _tables(run: Run, repeated: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables beside the results; `names` too if the run folder has other ones."""
    made: dict[str, Any] = {"series": (list(run.series.columns), run.series.to_dict("records"))}
    for name, frame in (
        ("name_patterns", run.name_patterns.table),
        ("unread_names", run.name_patterns.unread),
    ):
        made[name] = (list(frame.columns), frame.to_dict("records"))
    try:
        tables.write_csv(run.folder / "names.csv", catalogue.NAMES_COLUMNS, repeated)
    except FileExistsError:
        made["names"] = (catalogue.NAMES_COLUMNS, repeated)
    return made
