"""Check a profile and create its run folder; if anything is wrong, nothing is created."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dedup_nb.finders import embeddings, vectors
from dedup_nb.finders.encoders import Weights
from dedup_nb.library import catalogue, files
from dedup_nb.library.layout import refuse_inside
from dedup_nb.pictures import engines, store
from dedup_nb.session import notebooks, parameters, runs
from dedup_nb.session.parameters import Profile


def choose(only: Sequence[str] = ()) -> list[str]:
    """Return the notebooks to run, in order.

    Raises
    ------
    ValueError
        If `only` names a notebook that does not exist.
    """
    for name in only:
        parameters.of_notebook(name)  # refuses an unknown name
    every = notebooks.notebook_names()
    return [n for n in every if (n in only if only else not notebooks.of(n).only_when_named)]


def prepare(profile: Profile, notebooks: Sequence[str], out: Path | None = None) -> Path:
    """Check what a run needs and create its folder; if anything is wrong, nothing is created.

    Returns
    -------
    Path
        The new run folder, with `run.json` and the `params.yaml` of each notebook.

    Raises
    ------
    ValueError
        If a parameter, folder, file or model cannot be used.
    """
    flat = {name: profile.flat(name) for name in notebooks}
    parent = (out or runs.outputs_folder(profile.path)) / profile.name
    runs.check_place(parent.absolute())
    library = Path(parameters.absolute(profile.path.parent, profile.shared["library"]))
    roots = profile.shared.get("roots") or ["."]
    try:
        catalogue.check_roots(library, roots)
        check_folders(library, profile.shared)
        for values in flat.values():
            check_files(values)
        for name in notebooks:
            defaults = {key: p.default for key, p in parameters.of_notebook(name).items()}
            check_embedder(name, defaults | flat[name])
            check_thresholds(defaults | flat[name])
        check_weights(library, roots, flat)
        check_engines(library, roots, flat)
    except ValueError as error:
        raise ValueError(f"{profile.path}: {error}") from error
    refuse_inside(parent, library, "the results folder")
    check_cache(library, flat)
    folder = runs.new_folder(parent.resolve())
    runs.begin(folder, library.resolve(), roots, str(profile.path))
    for name in notebooks:
        runs.write_params(folder / name, name, flat[name] | {"profile": str(profile.path)})
    return folder


def resume(folder: Path, profile: Profile, notebooks: Sequence[str]) -> tuple[Path, list[str]]:
    """Return a run folder and its notebooks that are not done yet.

    Raises
    ------
    ValueError
        If it is not a run folder of this profile.
    """
    content = runs.read(folder)
    if content["profile"] != str(profile.path):
        raise ValueError(f"{folder} is a run of {content['profile']}, not of {profile.path}")
    states = {name: state.get("status") for name, state in content["notebooks"].items()}
    left = [name for name in notebooks if states.get(name) != runs.DONE]
    flat = {name: profile.flat(name) for name in left}
    check_weights(Path(content["library"]), content["roots"], flat)
    check_engines(Path(content["library"]), content["roots"], flat)
    check_cache(Path(content["library"]), flat)
    for name in left:
        if states.get(name, runs.WAITING) != runs.WAITING and runs.was_begun(folder / name):
            (folder / name).rename(runs.new_folder(folder, prefix=f"{name}-unfinished-"))
        runs.write_params(folder / name, name, flat[name] | {"profile": str(profile.path)})
    return folder.resolve(), left


def check_folders(library: Path, values: Mapping[str, Any]) -> None:
    """Refuse folders that do not exist, so that a typo is noticed."""
    for key in ("only_folders", "curated"):
        for folder in values.get(key) or ():
            if not files.is_folder(library / folder):
                raise ValueError(f"{key} names {folder}, which is not a folder of {library}")
    for name in values.get("skip_folders") or ():
        if "/" in name or not name.strip(" *."):
            raise ValueError(
                f"skip_folders names {name!r}; give names of single folders, such as previews"
            )
    roots = values.get("roots") or ["."]
    for root in values.get("prefer") or ():
        if root not in roots:
            raise ValueError(
                f"prefer names {root}, which is not one of the roots {', '.join(roots)}"
            )


def check_cache(library: Path, flat: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a cache that cannot be read and written, before anything starts."""
    default = store.default_folder(library.resolve())
    for folder in {Path(values.get("cache_dir") or default) for values in flat.values()}:
        refuse_inside(folder, library, "cache_dir")
        kept = store.Store(folder)
        try:
            kept.check_writable()
        finally:
            kept.close()


def check_files(values: Mapping[str, Any]) -> None:
    """Refuse files and folders of results that do not exist."""
    for path in values.get("results") or ():
        if not files.is_file(Path(path)):
            raise ValueError(f"results names {path}, which is not a file")
    names = notebooks.notebook_names()
    for path in values.get("inputs") or ():
        if path not in names and not files.is_folder(Path(path)):
            raise ValueError(f"inputs names {path}, which is neither a folder nor a notebook")


def check_embedder(notebook: str, values: Mapping[str, Any]) -> None:
    """Refuse an embedder without vectors for a notebook that compares vectors."""
    if "embedder" in values and "min_matches" not in values:
        embeddings.check_vectors(values["embedder"], notebook)


def check_engines(
    library: Path, roots: Sequence[str], flat: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse an engine that is not installed, or a cluster that cannot do the work."""
    wanted = {(values.get("engine"), values.get("scheduler")) for values in flat.values()}
    for name, scheduler in sorted(wanted, key=str):
        engine = open_engine({"engine": name, "scheduler": scheduler}, library, roots)
        try:
            engine.check()
        except engines.EngineError as error:
            raise ValueError(str(error)) from error
        finally:
            engine.close()


def open_engine(values: Mapping[str, Any], library: Path, roots: Sequence[str]) -> engines.Engine:
    """Return the engine of some parameters; nothing is started before it is needed.

    Raises
    ------
    ValueError
        If it is not installed.
    """
    name, scheduler = values.get("engine") or engines.LOCAL.name, values.get("scheduler")
    return engines.opened(name, scheduler, [library.absolute() / root for root in roots])


@contextlib.contextmanager
def shared_engines(
    folder: Path, notebooks: Sequence[str], say: Callable[[str], None]
) -> Iterator[None]:
    """Let the notebooks of a command use one cluster of this machine, if they name no other.

    Raises
    ------
    ValueError
        If it cannot be started.
    """
    every = [runs.read_params(folder / name) for name in notebooks]
    names = [values.get("engine") or "" for values in every if not values.get("scheduler")]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(engines.shared([n for n in names if n in engines.ENGINES], say))
        except engines.EngineError as error:
            raise ValueError(f"{error}; to continue, use --resume {folder}") from error
        yield


def check_thresholds(values: Mapping[str, Any]) -> None:
    """Refuse thresholds that contradict each other or the embedder; see `embeddings.bounds`."""
    if "embedder" in values and "min_cosine" in values:
        embeddings.bounds(_embedder(values), values)


def _embedder(values: Mapping[str, Any]) -> embeddings.Embedder:
    named = ("embedder", "model", "pretrained", "device")
    return embeddings.embedder(*(values[name] for name in named))


def check_weights(
    library: Path, roots: Sequence[str], flat: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse model weights that are needed but cannot be loaded; those of a tag are fetched now."""
    wanted: dict[Weights, Mapping[str, Any]] = {}
    for name, given in flat.items():
        values = {key: p.default for key, p in parameters.of_notebook(name).items()} | dict(given)
        weights = _embedder(values).weights if values.get("embedder") else None
        if weights is not None:
            wanted[weights] = values
    for weights, used in wanted.items():
        try:
            weights.loadable()
        except ValueError:
            if not _all_embedded(library, roots, weights, used):
                raise


def _all_embedded(
    library: Path, roots: Sequence[str], weights: Weights, values: Mapping[str, Any]
) -> bool:
    """Return whether every embedding is in the cache, such as one copied from another machine."""
    cache = Path(values["cache_dir"] or store.default_folder(library.resolve()))
    if weights.is_local or not cache.is_dir():
        return False
    kept = store.Store(cache)
    try:
        only, limit = values["only_folders"] or (), values["limit"]
        skip = values["skip_folders"] or ()
        images = catalogue.scan(library, roots, only, limit, kept.digests, skip).images
        digests = kept.digests([store.FileKey(*image.key) for image in images])
        return vectors.complete(kept, digests, weights, values["invariance"])
    finally:
        kept.close()
