"""A run folder -> `index.html`, its front page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from dedup_nb.library import layout
from dedup_nb.report import pages
from dedup_nb.session import runs

TOTALS = {"groups", "images", "bytes", "review"}


def note_saved(folder: Path, notebook: str) -> None:
    """List a notebook with results in `index.html` if it was not run headlessly."""
    if notebook not in runs.read(folder)["notebooks"]:
        runs.note(folder, notebook, status="saved")
    write_index(folder)


def write_index(folder: Path) -> None:
    """Write `index.html`, the front page of a run."""
    content = runs.read(folder)
    notebooks, wins = [], []
    for name, state in sorted(content["notebooks"].items()):
        summed, damage = _summary(folder / name)
        links = [
            {"href": f"{name}/{file}", "text": text}
            for file, text in (
                ("report.html", "report"),
                ("groups.csv", "groups"),
                ("manifest.csv", "manifest"),
                ("notebook.ipynb", "notebook"),
            )
            if (folder / name / file).exists()
        ]
        says = state.get("error") or damage or summed.get("says", "")
        notebooks.append(
            {
                "name": name,
                "status": state.get("status", ""),
                "seconds": state.get("seconds", ""),
                "links": links,
                "says": says,
            }
        )
        if (
            summed.keys() >= TOTALS and summed.get("staging") != layout.CLUSTERS
        ):  # clusters free no space
            wins.append(_win(name, summed))
    wins.sort(key=lambda win: -win["megabytes"])
    started = content["started"].replace("T", " ").replace("+00:00", " UTC")
    lead = f"Library {content['library']}, roots {', '.join(content['roots'])}, started {started}."
    best = next((win["name"] for win in wins), None)
    manifest = folder / best / "manifest.csv" if best else None
    pages.write_index(
        folder / "index.html",
        title=f"Near-duplicates: {Path(content['profile'] or content['library']).stem}",
        lead=f"This is a report; nothing was moved. {lead}",
        notebooks=notebooks,
        wins=wins,
        next_steps=_next_steps(folder, content, manifest),
    )


def _summary(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the summary of a notebook, and what is wrong with it."""
    try:
        return runs.summary(folder), ""
    except ValueError as error:
        return {}, str(error)


def _win(name: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "report": f"{name}/report.html",
        "groups": summary["groups"],
        "images": summary["images"],
        "megabytes": round(summary["bytes"] / 1e6, 1),
        "review": summary["review"],
        "folder": summary.get("most_in", ""),
    }


def _next_steps(folder: Path, content: Mapping[str, Any], manifest: Path | None) -> list[str]:
    lab = f"dedup-nb lab --run {quote(str(folder))}"
    steps = [f"Tune and review in JupyterLab; 80_review merges the proposals of all finders: {lab}"]
    if manifest:
        staged = f"dedup-nb stage {quote(str(manifest))}"
        steps.append(f"Move the proposed images to the review folder: {staged}")
    back = f"dedup-nb restore --library {quote(content['library'])}"
    steps.append(f"Undo all moves at any time: {back}")
    return steps
