"""A profile -> a run folder; notebooks parameterised for JupyterLab or executed headlessly."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from dedup_nb import (
    __version__,
    catalogue,
    clip,
    embeddings,
    parameters,
    report,
    store,
    vectors,
)
from dedup_nb.parameters import Profile

ONLY_WHEN_NAMED = ("80_review", "90_stage", "95_approve")
DONE, FAILED, SKIPPED, RUNNING, WAITING = "done", "failed", "skipped", "running", "waiting"


def needs(notebook: str) -> tuple[str, ...]:
    """Return the notebooks whose failure stops this one."""
    return () if notebook[:2] in ("00", "90", "95") else ("00_catalogue",)


def outputs_folder(profile: Path) -> Path:
    """Return where results of a profile go: `outputs/` beside `params/`, or beside the profile."""
    folder = profile.parent
    return (folder.parent if folder.name == "params" else folder) / "outputs"


def new_folder(parent: Path, now: datetime | None = None, prefix: str = "") -> Path:
    """Make a folder named by the UTC time, with -2 and so on if it is taken."""
    stamp = prefix + report.utc_stamp(now)
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise ValueError(f"{parent} has 10,000 runs of one second; tidy it up")


def refuse_inside(
    folder: Path, library: Path, what: str, remedy: str = "choose another place"
) -> None:
    """Refuse to write into the library.

    Raises
    ------
    ValueError
        If `folder` lies inside the library.
    """
    if folder.resolve().is_relative_to(library.resolve()):
        raise ValueError(
            f"{what} {folder} lies inside the library {library}, in which nothing is written; "
            f"{remedy}"
        )


def begin(folder: Path, library: Path, roots: Sequence[str], profile: str | None) -> None:
    """Write `run.json` into a run folder, unless it is there."""
    path = folder / "run.json"
    if path.exists():
        return
    report.write_json(
        path,
        {
            "version": 1,
            "tool": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": profile,
            "library": str(library),
            "roots": list(roots),
            "python": platform.python_version(),
            "notebooks": {},
        },
    )


def read(folder: Path) -> dict[str, Any]:
    """Return the content of a run folder's `run.json`.

    Raises
    ------
    ValueError
        If the folder is no run.
    """
    try:
        loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is no run folder: it has no run.json that can be read"
        ) from error
    return loaded


def newest(outputs: Path) -> Path | None:
    """Return the run folder that was begun last below an `outputs/`, or None."""
    runs = sorted(outputs.glob("*/*/run.json"), key=lambda path: read(path.parent)["started"])
    return runs[-1].parent if runs else None


def unfinished(content: Mapping[str, Any]) -> list[str]:
    """Return the notebooks that a `run.json` says are running or waiting for their turn."""
    states = {name: state.get("status") for name, state in content["notebooks"].items()}
    return sorted(name for name, state in states.items() if state in (RUNNING, WAITING))


def told(folder: Path) -> str:
    """Say in one line which run a folder holds: its name, when it began, what its notebooks did."""
    content = read(folder)
    states = [f"{name} {s.get('status', '')}" for name, s in sorted(content["notebooks"].items())]
    begun = content["started"].replace("T", " ").replace("+00:00", " UTC")
    return f"run {folder.name}, begun {begun}: {', '.join(states) or 'nothing noted'}"


def note(folder: Path, notebook: str, **state: Any) -> None:
    """Keep what is known of one notebook in `run.json`."""
    content = read(folder)
    content["notebooks"][notebook] = content["notebooks"].get(notebook, {}) | state
    fresh = folder / ".run.json.new"
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / "run.json")


def note_saved(folder: Path, notebook: str) -> None:
    """Show in `index.html` that a notebook has results, when nobody runs it headlessly."""
    if notebook not in read(folder)["notebooks"]:
        note(folder, notebook, status="saved")
    write_index(folder)


def choose(only: Sequence[str] = ()) -> list[str]:
    """Return the notebooks to run, in their order.

    Raises
    ------
    ValueError
        If a named one does not exist.
    """
    for name in only:
        parameters.of_notebook(name)  # refuses an unknown name
    every = parameters.notebook_names()
    return [n for n in every if (n in only if only else n not in ONLY_WHEN_NAMED)]


def prepare(profile: Profile, notebooks: Sequence[str], out: Path | None = None) -> Path:
    """Check what a run needs and make its folder; nothing is made if anything is wrong.

    Returns
    -------
    Path
        The new run folder, with `run.json` and the `params.yaml` of each notebook.

    Raises
    ------
    ValueError
        One sentence.
    """
    flat = {name: profile.flat(name) for name in notebooks}
    library = Path(parameters.absolute(profile.path.parent, profile.shared["library"]))
    roots = profile.shared.get("roots") or ["."]
    try:
        catalogue.check_roots(library, roots)
        check_folders(library, profile.shared)
        for values in flat.values():
            check_files(values)
        for name in notebooks:
            defaults = {key: p.default for key, p in parameters.of_notebook(name).items()}
            check_thresholds(defaults | flat[name])
        check_weights(library, roots, flat)
    except ValueError as error:
        raise ValueError(f"{profile.path}: {error}") from error
    parent = (out or outputs_folder(profile.path)) / profile.name
    refuse_inside(parent, library, "the results folder")
    folder = new_folder(parent.resolve())
    begin(folder, library.resolve(), roots, str(profile.path))
    for name in notebooks:
        write_params(folder / name, name, flat[name] | {"profile": str(profile.path)})
    return folder


def resume(folder: Path, profile: Profile, notebooks: Sequence[str]) -> tuple[Path, list[str]]:
    """Return a run folder and those of its notebooks that are not done yet.

    Raises
    ------
    ValueError
        If it is no run folder of this profile.
    """
    content = read(folder)
    if content["profile"] != str(profile.path):
        raise ValueError(f"{folder} is a run of {content['profile']}, not of {profile.path}")
    states = {name: state.get("status") for name, state in content["notebooks"].items()}
    left = [name for name in notebooks if states.get(name) != DONE]
    flat = {name: profile.flat(name) for name in left}
    check_weights(Path(content["library"]), content["roots"], flat)
    for name in left:
        if states.get(name, WAITING) != WAITING and (folder / name).exists():
            (folder / name).rename(new_folder(folder, prefix=f"{name}-unfinished-"))
        write_params(folder / name, name, flat[name] | {"profile": str(profile.path)})
    return folder.resolve(), left


def check_folders(library: Path, values: Mapping[str, Any]) -> None:
    """Refuse folders that are named but are not there, so that a slip does not go unseen."""
    for key in ("only_folders", "curated"):
        for folder in values.get(key) or ():
            if not (library / folder).is_dir():
                raise ValueError(f"{key} names {folder}, which is not a folder of {library}")
    roots = values.get("roots") or ["."]
    for root in values.get("prefer") or ():
        if root not in roots:
            raise ValueError(f"prefer names {root}, which is not among roots {', '.join(roots)}")


def check_files(values: Mapping[str, Any]) -> None:
    """Refuse files of results that are named but are not there."""
    for path in values.get("results") or ():
        if not Path(path).is_file():
            raise ValueError(f"results names {path}, which is not a file")
    names = parameters.notebook_names()
    for path in values.get("inputs") or ():
        if path not in names and not Path(path).is_dir():
            raise ValueError(f"inputs names {path}, which is no folder and no notebook")


def check_thresholds(values: Mapping[str, Any]) -> None:
    """Refuse thresholds of cosines that do not go together; see `Embedder.thresholds`."""
    if "floor" in values:
        chosen = embeddings.embedder(values["embedder"])
        chosen.thresholds(values["min_cosine"], values["floor"])


def check_weights(
    library: Path, roots: Sequence[str], flat: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse weights of a model that cannot be had, if any is needed; a tag's are fetched now."""
    wanted = {}
    for name, given in flat.items():
        values = {key: p.default for key, p in parameters.of_notebook(name).items()} | dict(given)
        if values.get("embedder") == embeddings.CLIP.name:
            named = (values["model"], values["pretrained"], values["device"])
            wanted[clip.Weights(*named)] = values
    for weights, values in wanted.items():
        try:
            clip.loadable(weights)
        except ValueError:
            if not _all_embedded(library, roots, weights, values):
                raise


def _all_embedded(
    library: Path, roots: Sequence[str], weights: clip.Weights, values: Mapping[str, Any]
) -> bool:
    """Tell whether every vector is in the cache, as in one copied from a machine with weights."""
    cache = Path(values["cache_dir"] or store.default_folder(library.resolve()))
    if weights.is_local or not cache.is_dir():
        return False
    kept = store.Store(cache)
    try:
        only, limit = values["only_folders"] or (), values["limit"]
        found = catalogue.scan(library, roots, only, limit, kept.digests).images
        digests = kept.digests([store.FileKey(*image.key) for image in found])
        return vectors.complete(kept, digests, weights, values["invariance"])
    finally:
        kept.close()


def write_params(folder: Path, notebook: str, values: Mapping[str, Any]) -> None:
    """Write the parameters of one notebook as the file that `papermill -f` takes."""
    folder.mkdir(exist_ok=True)
    path = folder / "params.yaml"
    if path.exists():
        return
    head = f"# papermill notebooks/{notebook}.ipynb out.ipynb -f {path.name} gives this again\n"
    body = yaml.safe_dump(dict(values), sort_keys=True, allow_unicode=True)
    path.write_text(head + body, encoding="utf-8")


def execute(
    folder: Path, notebooks: Sequence[str], say: Callable[[str], None] = print
) -> dict[str, str]:
    """Run notebooks headlessly in a run folder; a failed one stops only those that need it.

    Returns
    -------
    dict of str -> str
        `done`, `failed` or `skipped` for each.
    """
    states: dict[str, str] = {}
    for name in notebooks:
        note(folder, name, status=WAITING)
    for number, name in enumerate(notebooks, 1):
        if broken := [need for need in needs(name) if states.get(need) in (FAILED, SKIPPED)]:
            states[name] = SKIPPED
            note(folder, name, status=SKIPPED, error=f"needs {broken[0]}, which failed")
            say(f"[{number}/{len(notebooks)}] {name}: skipped, needs {broken[0]}")
            continue
        say(f"[{number}/{len(notebooks)}] {name} ...")
        started = time.monotonic()
        note(folder, name, status=RUNNING)
        error = _execute_one(folder, name)
        seconds = round(time.monotonic() - started, 1)
        states[name] = FAILED if error else DONE
        note(folder, name, status=states[name], seconds=seconds, error=error)
        say(f"[{number}/{len(notebooks)}] {name}: {error or 'done'} ({seconds} s)")
        write_index(folder)
    write_index(folder)
    return states


def _execute_one(folder: Path, name: str) -> str:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    values = yaml.safe_load((folder / name / "params.yaml").read_text(encoding="utf-8"))
    try:
        papermill.execute_notebook(
            parameters.notebooks_folder() / f"{name}.ipynb",
            folder / name / "notebook.ipynb",
            parameters=values | {"run_dir": str(folder), "interactive": False},
            kernel_name="python3",
            progress_bar=False,
            stdout_file=_Indented(sys.stderr),
            cwd=parameters.notebooks_folder(),
            extra_arguments=["--log-level=40"],  # errors only: a kernel greets with a warning
        )
    except PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""


class _Indented:
    """Passes on what a notebook prints, set off from what the runner says."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        self.stream.write("".join(f"      {line}\n" for line in text.splitlines() if line.strip()))

    def flush(self) -> None:
        self.stream.flush()


def for_lab(profile: Profile, out: Path | None = None) -> Path:
    """Make a run folder with every notebook parameterised from a profile, to be opened in Lab."""
    import nbformat
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    names = parameters.notebook_names()
    folder = prepare(profile, names, out)
    for name in names:
        notebook = load_notebook_node(str(parameters.notebooks_folder() / f"{name}.ipynb"))
        values = yaml.safe_load((folder / name / "params.yaml").read_text(encoding="utf-8"))
        values |= {"run_dir": str(folder), "interactive": True}
        filled = parameterize_notebook(
            notebook, values, comment="From the profile", kernel_name="python3", language="python"
        )
        filled.metadata.pop("papermill", None)
        nbformat.write(filled, folder / f"{name}.ipynb")
    return folder


def write_index(folder: Path) -> None:
    """Write `index.html`, the page that a run is read from."""
    content = read(folder)
    notebooks, wins = [], []
    for name, state in sorted(content["notebooks"].items()):
        summed = summary(folder / name)
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
        says = state.get("error") or summed.get("says", "")
        notebooks.append(
            {
                "name": name,
                "status": state.get("status", ""),
                "seconds": state.get("seconds", ""),
                "links": links,
                "says": says,
            }
        )
        if "groups" in summed and summed.get("staging") != "_clusters":  # they free nothing
            wins.append(_win(name, summed))
    wins.sort(key=lambda win: -win["megabytes"])
    lead = f"{content['library']}, roots {', '.join(content['roots'])}, {content['started']}"
    best = next((win["name"] for win in wins), None)
    manifest = folder / best / "manifest.csv" if best else None
    report.write_index(
        folder / "index.html",
        title=f"Near-duplicates: {Path(content['profile'] or content['library']).stem}",
        lead=f"A report: nothing was moved. {lead}",
        notebooks=notebooks,
        wins=wins,
        next_steps=_next_steps(content, manifest),
    )


def summary(folder: Path) -> dict[str, Any]:
    """Return the `summary.json` of a folder of results; empty where there is none."""
    path = folder / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


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


def _next_steps(content: Mapping[str, Any], manifest: Path | None) -> list[str]:
    steps = []
    if content["profile"]:
        lab = f"dedup-nb lab {quote(content['profile'])}"
        steps.append(f"Tune and look in JupyterLab; 80_review merges what the finders say: {lab}")
    if manifest:
        staged = f"dedup-nb stage {quote(str(manifest))}"
        steps.append(f"Move what was proposed to _review_dupes/: {staged}")
    back = f"dedup-nb restore --library {quote(content['library'])}"
    steps.append(f"Take it all back at any time: {back}")
    return steps


def open_lab(folder: Path, extra: Sequence[str] = ()) -> None:
    """Replace this process by JupyterLab on a folder."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *extra]
    if os.geteuid() == 0 and "--allow-root" not in extra:  # a container; it listens to itself only
        command.append("--allow-root")
    sys.stdout.flush()
    os.execv(sys.executable, command)
