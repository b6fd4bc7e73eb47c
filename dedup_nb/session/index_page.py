"""A run folder -> `index.html`, its front page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dedup_nb.library import layout, tables
from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count, size_text
from dedup_nb.report import bars, pages
from dedup_nb.report.links import Links
from dedup_nb.session import biggest, notebooks, runners, runs, totals
from dedup_nb.session.totals import Totals

REASONS = 12  # why images wait
UNREADABLE = 12  # listed by name
FILES = (
    ("report.html", "report"),
    ("groups.csv", "groups"),
    ("manifest.csv", "manifest"),
    ("notebook.ipynb", "notebook"),
)


def note_saved(folder: Path, notebook: str) -> None:
    """List a notebook with results in `index.html` if it was not run headlessly."""
    content = runs.read(folder)
    if notebook not in content["notebooks"]:
        runs.note(folder, notebook, status="saved")
    if not _is_run_by_another(content, notebook):
        write_index(folder)


def _is_run_by_another(content: Mapping[str, Any], notebook: str) -> bool:
    """Return whether another process runs this notebook, which writes the index after it."""
    state = content["notebooks"].get(notebook, {})
    runner = content.get("runner")
    return bool(runner) and state.get("status") == runs.RUNNING and not runners.is_gone(runner)


def around(folder: Path, results: Path, notebook: str) -> list[tuple[str, str]]:
    """Return the address of each page of a run from a results folder; empty for its own notebook.

    A report that is not written yet, and perhaps never will be, is reached through the front page.
    """
    up = "../" * len(results.relative_to(folder).parts)
    pages_: list[tuple[str, str]] = [(f"{up}index.html", "front page")]
    for name in sorted({*runs.read(folder)["notebooks"], notebook}):
        if name == notebook and not results.name.startswith("saved-"):
            pages_.append(("", name))
        elif (folder / name / "report.html").exists():
            pages_.append((f"{up}{name}/report.html", name))
        else:
            pages_.append((f"{up}index.html#{name}", name))
    return pages_


def write_index(folder: Path) -> None:
    """Write `index.html`, the front page of a run."""
    pages.write_index(folder / "index.html", **content(folder))


def content(folder: Path, summed: Totals | None = None) -> dict[str, Any]:
    """Return what `index.html` shows of a run, for its template and for the page of the lab.

    Parameters
    ----------
    folder : Path
        The run folder.
    summed : Totals, optional
        Its totals, if they are known.
    """
    folder = folder.absolute()
    run = runs.read(folder)
    summed = totals.of_run(folder) if summed is None else summed
    links = Links(Path(run["library"]))
    states = sorted(run["notebooks"].items())
    plan = _plan(folder)
    return {
        "title": f"Near-duplicates: {Path(run['profile'] or run['library']).stem}",
        "lead": _lead(run),
        "headline": _headline(summed),
        "tiles": _tiles(summed),
        "warnings": _warnings(folder, run, summed),
        "steps": _next_steps(folder, run, summed, plan),
        "charts": _charts(summed),
        "waiting": _waiting(summed, links),
        "biggest": biggest.groups(folder, run, summed, links),
        "unreadable": _unreadable(summed, links),
        "finders": _finders(summed),
        "notebooks": [_notebook(folder, name, state) for name, state in states],
        "contents": _contents(summed),
    }


def _lead(run: Mapping[str, Any]) -> str:
    started = run["started"].replace("T", " ").replace("+00:00", " UTC")
    roots = ", ".join(run["roots"])
    return f"Library {run['library']}, roots {roots}; looked at {started}."


def _contents(summed: Totals) -> list[tuple[str, str]]:
    """Return the sections that the page has, each with its id and a short name."""
    has = {
        "where": ("where the bytes are", len(summed.going)),
        "doubtful": ("what is doubtful", len(summed.waiting)),
        "biggest": ("groups that free most", len(summed.going)),
        "unreadable": ("what could not be read", len(summed.unreadable)),
        "finders": ("what each finder proposes", len(summed.parts)),
        "notebooks": ("notebooks", 1),
    }
    return [(place, name) for place, (name, n) in has.items() if n]


# ---------------------------------------------------------------- figures


def _share(part: int, whole: int) -> str:
    if not whole:
        return ""
    share = 100 * part / whole
    return f"{share:.0f}%" if share >= 10 or not part else f"{share:.1f}%"


def _headline(summed: Totals) -> str:
    n = len(summed.going)
    if not summed.parts:
        return "No finder has results yet."
    if not n:
        return f"Nothing could go: no finder proposes any of the {summed.images:,} images."
    of = f" of {summed.images:,}" if summed.images else ""
    return (
        f"{n:,}{of} images could go, which frees {size_text(int(summed.going['freed'].sum()))}. "
        "This page moves nothing."
    )


def _tiles(summed: Totals) -> list[dict[str, str]]:
    """Return the key figures: what could go, from where, and what could not be judged."""
    going, waiting = summed.going, summed.waiting
    freed = int(going["freed"].sum())
    share = _share(len(going), summed.images)
    tiles = [
        _tile(f"{len(going):,} images", "could go", share and f"{share} of all", "biggest"),
        _tile(size_text(freed), "freed by them", _of(freed, summed.bytes), "where"),
    ]
    if len(going):
        folders = bars.by_folder("", going["path"].tolist(), going["freed"].tolist()).bars
        tiles.append(_tile(folders[0].label, "frees most", folders[0].text, "where"))
    if summed.companions:
        more = f"{size_text(summed.companion_bytes)} more"
        tiles.append(_tile(f"+ {summed.companions:,} files", "beside them go too", more, "finders"))
    reasons = waiting["why"].value_counts()
    first = ""
    if len(reasons):
        first = f"{size_text(int(waiting['bytes'].sum()))}; most often: {reasons.index[0]}"
    tiles.append(_tile(f"{len(waiting):,} images", "wait for your review", first, "doubtful"))
    if bad := len(summed.unreadable):
        tiles.append(
            _tile(count(bad, "image"), "could not be read", "never proposed", "unreadable")
        )
    return tiles


def _tile(figure: str, what: str, more: str, section: str) -> dict[str, str]:
    return {"figure": figure, "what": what, "more": tables.shown(more), "section": section}


def _of(part: int, whole: int) -> str:
    return f"{_share(part, whole)} of {size_text(whole)}" if whole else ""


def _charts(summed: Totals) -> list[bars.Bars]:
    going = summed.going
    if not len(going):
        return []
    freed = going["freed"].tolist()
    stages = [stage.partition("_")[0] for stage in going["stage"]]
    made = [
        bars.by_folder("By folder", going["path"].tolist(), freed),
        bars.by_value("By what the copy is", going["kind"].tolist(), freed, "not compared"),
    ]
    if any(stages):
        made.append(bars.by_value("By stage", stages, freed, "no stage"))
    made.append(
        bars.by_month(
            "By month, of the name or the last change", going["month"].tolist(), freed, "no time"
        )
    )
    return made


def _waiting(summed: Totals, links: Links) -> list[dict[str, Any]]:
    """Return the reasons for which images wait, the most frequent first."""
    rows = []
    for why, part in summed.waiting.groupby("why", sort=True):
        first = part.iloc[0]
        rows.append(
            {
                "why": tables.shown(str(why)),
                "images": len(part),
                "size": size_text(int(part["bytes"].sum())),
                "example": tables.shown(first["path"]),
                "href": links.of(first["path"]),
                "finder": first["finder"],
            }
        )
    rows.sort(key=lambda row: -row["images"])
    if len(rows) > REASONS:
        rest = rows[REASONS - 1 :]
        whys = {row["why"] for row in rest}
        part = summed.waiting[[tables.shown(why) in whys for why in summed.waiting["why"]]]
        more = {
            "why": f"{len(rest)} other reasons",
            "images": len(part),
            "size": size_text(int(part["bytes"].sum())),
        }
        rows = [*rows[: REASONS - 1], more]
    return rows


def _unreadable(summed: Totals, links: Links) -> dict[str, Any]:
    bad = summed.unreadable
    shown = [
        {
            "path": tables.shown(row.path),
            "href": links.of(row.path),
            "error": tables.shown(row.error or row.status),
        }
        for row in bad.head(UNREADABLE).itertuples(index=False)
    ]
    more = len(bad) - len(shown)
    return {
        "rows": shown,
        "more": f"{count(more, 'more image')}: see catalogue.csv" if more else "",
    }


def _finders(summed: Totals) -> list[dict[str, Any]]:
    return [
        {
            "name": part.name,
            "report": f"{part.name}/report.html",
            "groups": part.groups,
            "images": part.images,
            "size": size_text(part.bytes),
            "adds": part.adds_images,
            "adds_size": size_text(part.adds_bytes),
            "contradicted": part.contradicted,
            "review": part.review,
            "folder": tables.shown(part.most_in),
        }
        for part in summed.parts
    ]


# ---------------------------------------------------------------- notebooks, warnings, next steps


def _notebook(folder: Path, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    summed, damage = _summary(folder / name)
    files = [
        {"href": f"{name}/{file}", "text": text}
        for file, text in FILES
        if (folder / name / file).exists()
    ]
    saved = sorted(path.parent.name for path in (folder / name).glob("saved-*/report.html"))
    files += [{"href": f"{name}/{each}/report.html", "text": each} for each in saved]
    return {
        "name": name,
        "status": state.get("status", ""),
        "seconds": state.get("seconds", ""),
        "links": files,
        "says": state.get("error") or damage or summed.get("says", ""),
    }


def _summary(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the summary of a notebook, and what is wrong with it."""
    try:
        return runs.summary(folder), ""
    except ValueError as error:
        return {}, str(error)


def _warnings(folder: Path, content: Mapping[str, Any], summed: Totals) -> list[str]:
    """Return what makes the figures incomplete, one sentence each."""
    told = []
    for name, state in sorted(content["notebooks"].items()):
        status = state.get("status")
        if status in (runs.FAILED, runs.SKIPPED, runs.INTERRUPTED):
            told.append(f"{name} is {status}: its results are missing here.")
        elif status in (runs.WAITING, runs.RUNNING):
            told.append(f"{name} is {status}: its results will be added.")
        summary, _ = _summary(folder / name)
        bound, more = summary.get("bound"), summary.get("warnings")
        if isinstance(bound, dict) and bound.get("reason"):
            told.append(f"{name} is not complete: {bound['reason']}.")
        told += [f"{name}: {each}" for each in (more if isinstance(more, list) else [])]
        told += _part_only(folder / name)
    if unverified := [name for name in content["notebooks"] if _is_unverified(folder / name)]:
        names = ", ".join(sorted(unverified))
        told.append(f"verify is false in {names}: pictures were proposed without comparing them.")
    told += [f"{problem}." for problem in summed.problems]
    return [tables.shown(text) for text in dict.fromkeys(told)]


def _part_only(folder: Path) -> list[str]:
    """Return a sentence if a notebook looked at a part of the library only."""
    try:
        values = runs.read_params(folder)
    except (OSError, ValueError):
        return []
    told = []
    if only := values.get("only_folders"):
        told.append(f"Only a part of the library was looked at: only_folders is {only}.")
    if limit := values.get("limit"):
        told.append(f"Only a part of the library was looked at: limit is {limit}.")
    return told


def _is_unverified(folder: Path) -> bool:
    """Return whether a notebook with results proposes images without comparing their pixels."""
    if not _summary(folder)[0].get("images"):
        return False
    try:
        return runs.read_params(folder).get("verify") is False
    except (OSError, ValueError):
        return False


def _plan(folder: Path) -> tuple[Path, int] | None:
    """Return the newest manifest of `80_review` that stages something, and its images."""
    results = folder / notebooks.REVIEW
    for each in [*sorted(results.glob("saved-*"), reverse=True), results]:
        images_ = _summary(each)[0].get("images", 0)
        if images_ and (each / "manifest.csv").is_file():
            return each / "manifest.csv", int(images_)
    return None


def _next_steps(
    folder: Path, content: Mapping[str, Any], summed: Totals, plan: tuple[Path, int] | None
) -> list[dict[str, Any]]:
    library = Path(content["library"])
    steps: list[dict[str, Any]] = []
    waiting = len(summed.waiting)
    if summed.parts:
        doubt = f" and decide on the {count(waiting, 'image')} that wait" if waiting else ""
        steps.append(
            {
                "says": f"Look at the pictures{doubt}, in JupyterLab; 80_review joins the "
                "proposals of all finders.",
                "commands": [command("lab", "--run", folder)],
            }
        )
    if plan:
        says = (
            f"Move the {count(plan[1], 'image')} of the plan that 80_review has written (after "
            "more decisions, write it again there)"
        )
        steps.append(_staging(says, [plan[0]]))
    elif len(summed.going):
        says = f"Or move all {count(len(summed.going), 'image')} that could go now"
        plans = [part.folder / "manifest.csv" for part in summed.parts if part.adds_images]
        steps.append(_staging(says, plans))
    if content["profile"] and runs.unfinished(content):
        again = command("run", Path(content["profile"]), "--resume", folder)
        steps.insert(0, {"says": "Run what has not run yet.", "commands": [again]})
    if summed.parts:
        steps.append(
            {
                "says": "Undo all moves, at any time.",
                "commands": [command("restore", "--library", library)],
            }
        )
    return steps


def _staging(says: str, manifests: Sequence[Path]) -> dict[str, Any]:
    where = f"{layout.REVIEW_DUPES}/ and {layout.DELETE_REVIEW}/ in the library"
    says = f"{says} into {where}, where you can still look at them. Nothing is deleted."
    if len(manifests) > 1:
        says += " One after the other; what an earlier plan moved or relies on is refused then."
    return {
        "says": says,
        "commands": [command("stage", path) for path in manifests],
    }
