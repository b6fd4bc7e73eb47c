"""A profile -> the parameters of each notebook, checked before anything starts.

The `parameters` cell of a notebook is the only definition of its parameters, their types, defaults
and help. A profile is a YAML file with shared keys at the top level and one section for each
notebook.
"""

from __future__ import annotations

import ast
import difflib
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dedup_nb.library import yaml_files
from dedup_nb.library.files import read_named, replace_text
from dedup_nb.library.hints import command
from dedup_nb.library.tables import short
from dedup_nb.session.allowed import ALLOWED
from dedup_nb.session.notebooks import notebook_names, notebooks_folder

SHARED = [
    "library",
    "roots",
    "prefer",
    "curated",
    "protect",
    "only_folders",
    "skip_folders",
    "names",
    "limit",
    "cross_root_only",
    "same_stage_only",
    "keeper_order",
    "burst_seconds",
    "embedder",
    "model",
    "pretrained",
    "device",
    "verify",
    "cache_dir",
    "engine",
    "scheduler",
]
JOBS = "jobs"  # of a whole run: no notebook has it
SET_BY_RUNNER = ("interactive", "run_dir", "profile")
PATHS = ("library", "cache_dir", "manifest", "run_dir", "profile")  # made absolute
NAMES_OR_PATHS = ("model", "pretrained")  # made absolute if they name a file
FILES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".json", ".onnx")
PATH_LISTS = ("results",)
MOST_NUMBER = 2**53  # whole numbers beyond are not exact in every reader of params.yaml
MOST_NAMED = 30  # most names that a message lists if none is similar


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: `name: type = default  # help`."""

    name: str
    type: str
    default: Any
    help: str


OF_JOBS = Parameter(JOBS, "int | None", None, "notebooks at work at once in dedup-nb run")


def of_notebook(name: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook, read from its tagged cell.

    Raises
    ------
    ValueError
        If there is no such notebook; the message suggests the nearest name.
    """
    if name not in notebook_names():
        raise ValueError(f"there is no notebook {short(name)}{_nearest(name, notebook_names())}")
    path = notebooks_folder() / f"{name}.ipynb"
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            return _of_cell("".join(cell["source"]))
    raise ValueError(f"{path} has no cell tagged parameters")


def _of_cell(source: str) -> dict[str, Parameter]:
    lines = source.splitlines()
    parameters = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            comment = lines[(node.end_lineno or 1) - 1].partition("  # ")[2]
            name = node.target.id
            kind, default = ast.unparse(node.annotation), ast.literal_eval(node.value)
            if default is None:  # papermill's help reads `int = None`, not `int | None`
                kind += " | None"
            parameters[name] = Parameter(name, kind, default, comment)
    return parameters


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    names = sorted(set(known))
    return f"; choose one of {', '.join(names)}" if len(names) <= MOST_NAMED else ""


def check(name: str, values: Mapping[str, Any], source: str) -> None:
    """Refuse unknown names, wrong types and values out of range.

    Parameters
    ----------
    name : str
        Notebook.
    values : mapping
        Parameters to check; missing ones keep their defaults.
    source : str
        Where they come from, named in the message.

    Raises
    ------
    ValueError
        If one is invalid; the message says which, where, and what to do.
    """
    known = of_notebook(name)
    for key, value in values.items():
        if key not in known:
            hint = _nearest(key, known)
            raise ValueError(f"{source} sets {short(key)}, which {name} does not have{hint}")
        check_value(known[key], value, source)
    merged = {key: parameter.default for key, parameter in known.items()} | dict(values)
    _check_together(merged, source)


def check_value(parameter: Parameter, value: Any, source: str) -> None:
    """Refuse a value of the wrong type or out of range; see `check`."""
    name, kind = parameter.name, parameter.type
    if not _is(value, kind):
        given = f"{short(json.dumps(value, default=str, skipkeys=True))} ({_kind_of(value)})"
        raise ValueError(f"{source} sets {name} to {given}; it must be {_wanted(kind)}")
    if value is None:
        return
    if odd := _unusable(value):
        raise ValueError(f"{source} sets {name} to {odd}")
    if name in ALLOWED and (refusal := ALLOWED[name].refusal(value)):
        raise ValueError(f"{source} sets {name} {refusal}")


def _unusable(value: Any) -> str:
    """Return what no parameter can take: numbers beyond bounds, and text that names no file."""
    if isinstance(value, int | float) and not -MOST_NUMBER <= value <= MOST_NUMBER:
        return f"{short(str(value))}; it must be a number of at most {MOST_NUMBER:,}"
    parts = value.items() if isinstance(value, dict) else [(value,)]
    texts = value if isinstance(value, list) else itertools.chain.from_iterable(parts)
    for text in texts:
        if isinstance(text, str) and "\0" in text:
            return f"{short(text)}, which contains a NUL character; remove it"
        if isinstance(text, str) and not _could_be_named(text):
            return f"{short(text)}, which contains half a character; correct it"
    return ""


def _could_be_named(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _check_together(values: Mapping[str, Any], source: str) -> None:
    if values.get("scheduler") and values.get("engine") == "local":
        raise ValueError(
            f"{source} sets scheduler, which engine local does not have; set engine: dask"
        )
    bits, ceiling = values.get("hash_bits"), values.get("ceiling")
    distance = values.get("max_distance")
    if ceiling is not None and distance is not None and distance > ceiling:
        raise ValueError(
            f"{source} has max_distance {distance} above ceiling {ceiling}; raise ceiling, "
            "the largest distance that is searched"
        )
    if bits is not None and ceiling is not None and ceiling > bits:
        raise ValueError(f"{source} has ceiling {ceiling} for a hash of {bits} bits; lower it")


def _is(value: Any, kind: str) -> bool:
    """Return whether a value fits an annotation such as `int`, `list[str]` or `float | None`."""
    for part in (part.strip() for part in kind.split("|")):
        if part == "None" and value is None:
            return True
        if part == "float" and isinstance(value, int | float) and not isinstance(value, bool):
            return True
        if part == "int" and isinstance(value, int) and not isinstance(value, bool):
            return True
        if part == "bool" and isinstance(value, bool):
            return True
        if part == "str" and isinstance(value, str):
            return True
        if part == "list[str]" and isinstance(value, list):
            return all(isinstance(item, str) for item in value)
        if part == "dict[str, str]" and isinstance(value, dict):
            return all(isinstance(item, str) for item in (*value, *value.values()))
    return False


def _wanted(kind: str) -> str:
    words = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "text",
        "list[str]": "a list of strings",
        "dict[str, str]": "a mapping of strings to strings",
        "None": "null",
    }
    return " or ".join(words[part.strip()] for part in kind.split("|"))


def _kind_of(value: Any) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    kinds |= {list: "a list", dict: "a mapping", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)


@dataclass
class Profile:
    """A profile, read and checked.

    Attributes
    ----------
    path : Path
        The YAML file.
    shared : dict
        Parameters at the top level.
    sections : dict of str -> dict
        Parameters of each notebook.
    """

    path: Path
    shared: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the folder of its results."""
        return self.path.stem

    @property
    def jobs(self) -> int | None:
        """Most notebooks at work at once; None leaves it to the machine."""
        jobs: int | None = self.shared.get(JOBS)
        return jobs

    def flat(self, notebook: str) -> dict[str, Any]:
        """Return the parameters of one notebook, inputs only, with absolute paths."""
        known = of_notebook(notebook)
        mine = {key: value for key, value in self.shared.items() if key in known}
        return with_absolute_paths(self.path.parent, mine | self.sections.get(notebook, {}))


def with_absolute_paths(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with absolute paths; relative ones are relative to `folder`."""
    whole = dict(values)
    for key, value in values.items():
        if value and (key in PATHS or (key in NAMES_OR_PATHS and names_a_file(value))):
            whole[key] = absolute(folder, value)
        elif key in PATH_LISTS and value:
            whole[key] = [absolute(folder, item) for item in value]
        elif key == "inputs" and value:
            whole[key] = absolute_inputs(folder, value)
    return whole


def absolute(folder: Path, path: str) -> str:
    """Return the absolute form of a path in a profile; `~` is the home folder."""
    return os.path.normpath(folder / os.path.expanduser(path))  # noqa: PTH111  # never raises


def names_a_file(word: str) -> bool:
    """Return whether a word is the path of a checkpoint or model configuration, not a name."""
    return os.sep in word or word.lower().endswith(FILES)


def absolute_inputs(folder: Path, inputs: Iterable[str]) -> list[str]:
    """Return absolute folders of results; names of notebooks stand for those of the run itself."""
    names = notebook_names()
    return [item if item in names else absolute(folder, item) for item in inputs]


def load(path: Path) -> Profile:
    """Read a profile and check it completely.

    Raises
    ------
    ValueError
        If it is invalid; the message names the file and the key.
    """
    data = _read_yaml(path)
    names = notebook_names()
    profile = Profile(path.resolve())
    for key, value in data.items():
        if key in names:
            if not isinstance(value, dict | None):
                raise ValueError(
                    f"{path} has {key} as {_kind_of(value)}; it must be a mapping of parameters"
                )
            profile.sections[key] = {str(name): item for name, item in (value or {}).items()}
        else:
            profile.shared[str(key)] = value
    every = {name: of_notebook(name) for name in names}
    common = {key: p for known in every.values() for key, p in known.items()}
    common[JOBS] = OF_JOBS
    for key, value in profile.shared.items():
        owners = [name for name in names if key in every[name] or key == JOBS]
        _refuse_runner_key(key, path)
        if not owners:
            hint = _hint(key, common, names)
            raise ValueError(f"{path} sets {short(key)}, which no notebook has{hint}")
        if key not in (*SHARED, JOBS):
            raise ValueError(f"{path} sets {key} at the top; it belongs in the section {owners[0]}")
        check_value(common[key], value, str(path))
    for name in profile.sections:
        for key in profile.sections[name]:
            _refuse_runner_key(key, path)
        check(name, profile.sections[name], str(path))
    if not isinstance(profile.shared.get("library"), str):
        raise ValueError(f"{path} has no library; set it to the folder of your collection")
    return profile


def _hint(key: str, known: Iterable[str], names: Iterable[str]) -> str:
    """Suggest a section for a key that starts with a digit, else a parameter."""
    return _nearest(key, names if re.match(r"\d", key) else known)


def _refuse_runner_key(key: str, path: Path) -> None:
    if key in SET_BY_RUNNER:
        raise ValueError(f"{path} sets {key}, which lab and run set themselves; remove it")


def _read_yaml(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise ValueError(
            f"profile {path} does not exist; to make one, run: {command('init')} PICTURES, where "
            "PICTURES is the folder of your pictures"
        )
    data = read_named(path, yaml_files.MOST_BYTES, "profile")
    try:
        values = yaml_files.read_strict(data)
    except ValueError as error:
        raise ValueError(f"{path} is not a valid profile: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} has no parameters; copy params/example.yaml")
    return values


def write_value(path: Path, notebook: str, key: str, value: Any) -> None:
    """Set one parameter of one notebook in a profile, keeping comments and everything else.

    Raises
    ------
    ValueError
        If the value is invalid, or the profile already is.
    """
    check(notebook, load(path).sections.get(notebook, {}) | {key: value}, str(path))
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(path.read_bytes())
    if not data.get(notebook):
        data[notebook] = {}
    data[notebook][key] = value
    text = io.StringIO()
    yaml.dump(data, text)
    replace_text(path.resolve(), text.getvalue())


def misspelt(name: str, variables: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (name, suggestion) if a plain variable looks like a misspelt parameter.

    papermill only warns about unknown parameters and injects them, so notebooks check for them.
    """
    known = of_notebook(name)
    simple: Callable[[Any], bool] = lambda v: isinstance(v, str | int | float | list | dict | None)  # noqa: E731
    for key, value in variables.items():
        if not key.startswith("_") and key not in known and simple(value):
            close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.75)
            if close:
                return key, close[0]
    return None


if __name__ == "__main__":  # make check: every shipped profile is valid
    for profile in sys.argv[1:]:
        load(Path(profile))
