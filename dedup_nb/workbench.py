"""The parts joined as the notebooks use them: start a run, measure, group, save, tune.

Everything a notebook does is one call of a `Run` or of a leaf room, so that interactive and
headless work go through the same code.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import (
    bundles,
    catalogue,
    czkawka,
    embeddings,
    formats,
    groups,
    images,
    manifest,
    measures,
    parameters,
    phash,
    report,
    runs,
    store,
    tables,
    texts,
    vectors,
)
from dedup_nb.catalogue import ImageFile, Other
from dedup_nb.checks import AHEAD, Checks
from dedup_nb.decisions import Decisions
from dedup_nb.embeddings import Embedder
from dedup_nb.views import Foremost, Views, plain_member

pd.set_option("display.max_colwidth", 100)  # paths are read to their end

MEASURED_AT_ONCE = 50_000  # images whose facts are in memory at once
DEFAULT_KIND = phash.kind("phash", 64)
# made by the decode for the catalogue, since the finders ask for them by default
EVERY_DECODE = [DEFAULT_KIND, embeddings.embedder("dct").kind]


class WrongInput(ValueError):
    """Input that a person has to correct; a notebook shows its sentence, without a traceback."""

    def _render_traceback_(self) -> list[str]:  # what IPython asks an exception for
        return [f"{type(self).__name__}: {tables.shown(str(self))}"]


def start(notebook: str, variables: Mapping[str, Any]) -> Run:
    """Check the parameters of a notebook and open its run folder.

    Parameters
    ----------
    notebook : str
        Name of the notebook, `10_phash`.
    variables : mapping
        The notebook's `globals()`; its parameters are picked out.

    Raises
    ------
    WrongInput
        One sentence: which parameter is wrong and what to do.
    """
    try:
        return _started(notebook, variables)
    except ValueError as error:
        raise WrongInput(str(error)) from None


def _started(notebook: str, variables: Mapping[str, Any]) -> Run:
    known = parameters.of_notebook(notebook)
    values = {name: variables.get(name, known[name].default) for name in known}
    parameters.check(notebook, values, f"the parameters cell of {notebook}")
    if slip := parameters.misspelt(notebook, variables):
        raise ValueError(f"{slip[0]} is no parameter of {notebook}; did you mean {slip[1]}?")
    for name in parameters.PATHS:
        if values.get(name):
            values[name] = parameters.absolute(Path.cwd(), values[name])
    for name in parameters.NAMES_OR_PATHS:
        if values.get(name) and parameters.names_a_file(values[name]):
            values[name] = parameters.absolute(Path.cwd(), values[name])
    if values.get("inputs"):
        values["inputs"] = parameters.absolute_inputs(Path.cwd(), values["inputs"])
    return Run(notebook, values)


class Run:
    """One notebook at work in its run folder.

    Attributes
    ----------
    folder : Path
        The run folder, shared by the notebooks of a run.
    library : Path
        Folder of the collection; nothing in it is changed by a report.
    begun : datetime
        When this notebook began, UTC; its run folder may be older.
    decisions : Decisions
        What a person said, as it stood when the run began; `live_decisions` goes on.
    """

    def __init__(self, notebook: str, values: Mapping[str, Any]) -> None:
        self.notebook, self.values = notebook, dict(values)
        self.begun = datetime.now(UTC)
        self.library = Path(values["library"])
        self.roots: list[str] = list(values.get("roots") or ["."])
        self._check_library()
        cache = values.get("cache_dir")
        cache_folder = Path(cache) if cache else store.default_folder(self.library.resolve())
        runs.refuse_inside(cache_folder, self.library, "cache_dir")
        self.folder = self._run_folder()
        runs.begin(self.folder, self.library.resolve(), self.roots, values.get("profile"))
        runs.refuse_inside(self.outputs, self.library, "the folder of decisions")
        runs.write_params(self.folder / notebook, notebook, self._params)
        self.store = store.Store(cache_folder)
        self.live_decisions = Decisions(self.outputs / "decisions.jsonl")
        self.decisions = self._frozen_decisions()
        self.not_embedded: list[str] = []
        self.in_half_precision = 0

    def _check_library(self) -> None:
        try:
            catalogue.check_roots(self.library, self.roots)
            runs.check_folders(self.library, self.values)
            runs.check_thresholds(self.values)
        except ValueError as error:
            if not self.library.is_dir() and self.library.name == "demo-library":
                raise ValueError(
                    f"{error}; the demo library is made by `make demo`, or `dedup-nb demo`"
                ) from None
            raise

    def _run_folder(self) -> Path:
        given = self.values.get("run_dir")
        if given:
            folder = Path(given)
            runs.refuse_inside(folder, self.library, "run_dir")
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        parent = self._own_outputs()
        runs.refuse_inside(parent, self.library, "the results folder")
        return runs.new_folder(parent)

    def _own_outputs(self) -> Path:
        """Return the folder of all runs of this profile, or of this library without one."""
        if profile := self.values.get("profile"):
            return runs.outputs_folder(Path(profile)) / Path(profile).stem
        folder = parameters.notebooks_folder().parent
        return (
            (folder if os.access(folder, os.W_OK) else Path.cwd())
            / "outputs"
            / (self.library.name or "library")
        )

    @property
    def outputs(self) -> Path:
        """The folder of what a person said, and of the runs of this profile, or of this library."""
        parent, own = self.folder.parent, self._own_outputs()
        return parent if parent.name == own.name else own

    def _frozen_decisions(self) -> Decisions:
        frozen = self.folder / "decisions.jsonl"
        if not frozen.exists():
            self.live_decisions.freeze(frozen)
        return Decisions(frozen)

    # -- what is there ---------------------------------------------------------------------------

    @cached_property
    def scan(self) -> catalogue.Scan:
        """Every file of the roots, from a walk without decoding."""
        return self._scan()

    def _scan(self) -> catalogue.Scan:
        only = self.values.get("only_folders") or ()
        limit = self.values.get("limit")
        with store.uncollected():
            return catalogue.scan(self.library, self.roots, only, limit, self.store.digests)

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """One row an image; read from the run folder, or made there through the cache."""
        path = self.folder / "catalogue.csv"
        if path.exists():
            return catalogue.read(path)
        limit = self.values.get("max_pixels") or images.MAX_PIXELS
        found = self.__dict__.pop("scan", None) or self._scan()  # it is large, and soon out of date
        facts = self._measured(found.images, EVERY_DECODE, limit)
        table = pd.concat([catalogue.table(part, told) for part, told in facts], ignore_index=True)
        catalogue.write_others(self.folder / "not_images.csv", found.others)
        del found
        catalogue.write(path, table)
        _write_parquet(self.folder / "catalogue.parquet", table)
        return table

    def _measured(
        self, files: Sequence[ImageFile], kinds: Sequence[measures.Kind], limit: float
    ) -> Iterator[tuple[Sequence[ImageFile], list[store.Facts]]]:
        """Yield some files and what was measured of them, until all are done."""
        tell = Ticker("decoded")

        def progress(done: int, total: int) -> None:
            tell(first + done, len(files))

        for first in range(0, max(1, len(files)), MEASURED_AT_ONCE):
            part = files[first : first + MEASURED_AT_ONCE]
            facts = measures.measure_files(
                self.library,
                [store.FileKey(*image.key) for image in part],
                self.store,
                kinds,
                digests=[image.sha256 for image in part],
                max_pixels=limit,
                progress=progress,
            )
            yield part, facts

    @property
    def others(self) -> list[Other]:
        """Every file of the roots that is no image, with what it is and why."""
        _ = self.catalogue  # makes the list where it is missing
        return catalogue.read_others(self.folder / "not_images.csv")

    @cached_property
    def facts(self) -> dict[str, store.Facts]:
        """What decoding told, by sha256."""
        return self.store.facts(self.catalogue["sha256"])

    def describe(self) -> str:
        """Say in one line what the catalogue holds."""
        table = self.catalogue
        bad = int((table["status"] != "ok").sum())
        members = table[table["series"] != ""]
        series = len(set(zip(_folders(members), members["series"], strict=True)))
        return (
            f"{len(table):,} images in {', '.join(self.roots)} of {self.library}: "
            f"{report.size_text(int(table['bytes'].sum()))}, {series:,} series, "
            f"{int(table['companions'].sum()):,} companions, {bad:,} not readable"
        )

    @cached_property
    def unreadable(self) -> pd.DataFrame:
        """Images that could not be read or judged; they are never staged."""
        bad = self.catalogue[self.catalogue["status"] != "ok"]
        return bad[["path", "status", "error"]].reset_index(drop=True)

    @cached_property
    def series(self) -> pd.DataFrame:
        """One row a series: folder, id, images, stages in order, span in seconds."""
        return catalogue.series_table(self.catalogue)

    # -- measure and group -----------------------------------------------------------------------

    def hashes(
        self, name: str, hash_bits: int, invariance: str = "none"
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the hashes of all readable images, and their rows in the catalogue.

        Returns
        -------
        hashes : ndarray of uint8, shape (n, n_orientations, n_bytes)
        rows : ndarray of int64, shape (n,)
        """
        stored, rows = self._stored(phash.kind(name, hash_bits))
        return phash.unpack(stored, invariance), rows

    def embeddings(
        self, embedder: str, invariance: str = "none"
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the embeddings of all readable images, and their rows in the catalogue.

        Returns
        -------
        embeddings : ndarray of float32, shape (n, n_orientations, d)
        rows : ndarray of int64, shape (n,)
        """
        chosen = self.embedder(embedder)
        if chosen.weights is not None:
            return self._by_model(chosen, invariance)
        stored, rows = self._stored(chosen.kind)
        return embeddings.unpack(embedder, stored, invariance), rows

    def embedder(self, name: str) -> Embedder:
        """Return an embedder by its name, with the weights and the device of the parameters."""
        named = ("model", "pretrained", "device")
        return embeddings.embedder(name, **{k: self.values[k] for k in named if k in self.values})

    def _by_model(
        self, chosen: Embedder, invariance: str
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = np.flatnonzero(self.catalogue["status"] == "ok")
        paths = self.catalogue["path"].to_numpy()[rows]
        now = {image.path: image for image in self.scan.images}
        if lost := [path for path in paths if path not in now]:
            raise self._changed(len(lost))
        files = [store.FileKey(*now[path].key) for path in paths]
        try:
            made = vectors.by_model(
                self.library,
                files,
                list(self.catalogue["sha256"].to_numpy()[rows]),
                self.store,
                chosen,
                invariance,
                progress=lambda: Ticker("embedded", 15.0),
            )
        except ValueError as error:
            raise WrongInput(str(error)) from None
        self.not_embedded = [tables.shown(path) for path in paths[~made.there]]
        self.in_half_precision = made.in_half_precision
        print(f"{made.embedded:,} contents embedded now, the others taken from the cache")
        return made.array, rows[made.there]

    def _changed(self, count: int) -> ValueError:
        return ValueError(
            f"{count} images changed since {self.folder / 'catalogue.csv'} was made; "
            "start a new run"
        )

    def _stored(self, kind: measures.Kind) -> tuple[list[bytes], NDArray[np.int64]]:
        """Return one kind of measure of all readable images, made where it is missing."""
        rows = np.flatnonzero(self.catalogue["status"] == "ok")
        digests = self.catalogue["sha256"].to_numpy()[rows]
        found = self.store.measures(kind.name, digests)
        if len(found) < len(set(digests)):
            self._measure_again(kind)
            found = self.store.measures(kind.name, digests)
        if lost := [d for d in digests if d not in found]:
            raise self._changed(len(lost))
        return [found[digest] for digest in digests], rows

    def _measure_again(self, kind: measures.Kind) -> None:
        readable = set(self.catalogue["path"][self.catalogue["status"] == "ok"])
        files = [image for image in self.scan.images if image.path in readable]
        self._have_measured(files, kind)

    def _have_measured(self, files: Sequence[ImageFile], kind: measures.Kind) -> None:
        for _ in self._measured(files, [kind], float("inf")):
            pass

    def candidates(self, pairs: pd.DataFrame, *, similarity: bool = False) -> groups.Candidates:
        """Return pairs of catalogue rows as groups that can be cut at any threshold."""
        return groups.Candidates(self.images, pairs, similarity=similarity, **self.rules)

    @property
    def rules(self) -> dict[str, Any]:
        """What the parameters and a person's decisions say about groups; see `Candidates`."""
        values = self.values
        return {
            "keeper_order": values.get("keeper_order", groups.KEEPER_ORDER),
            "prefer": values["prefer"] or self.roots,
            "same_stage_only": values.get("same_stage_only", True),
            "cross_root_only": values.get("cross_root_only", False),
            "marks": self._marks(self.decisions),
            "answers": self.decisions.answers(),
            "checks": self.checks,
        }

    @cached_property
    def checks(self) -> Checks | None:
        """What compares the pixels of proposed pairs; None where `verify` is off."""
        return Checks(self) if self.values.get("verify") else None

    def verify(self, candidates: groups.Candidates, thresholds: Sequence[float]) -> str:
        """Compare the pixels of what each threshold would stage, and say what was found.

        The first threshold is done whole; the others, the tightest first, as long as no more
        than `checks.AHEAD` pairs have to be compared for them. What they leave waits for review
        until it is saved.
        """
        if self.checks is None:
            return "verify is off: nothing but the measure decides what is proposed"
        first, *others = thresholds
        with self.checks.without_limit():
            candidates.cut(first)
        with self.checks.at_most(AHEAD):
            for threshold in sorted(others, key=lambda value: candidates.sign * value):
                candidates.cut(threshold)
        return self.checks.describe()

    def measure_rows(self, rows: Sequence[int], kind: measures.Kind) -> None:
        """Have one kind of measure in the store for some readable images of the catalogue."""
        wanted = {self.catalogue["path"].iat[row] for row in rows}
        self._have_measured([f for f in self.scan.images if f.path in wanted], kind)

    def _marks(self, decisions: Decisions) -> list[str | None]:
        return decisions.marks_for(list(self.catalogue["path"]), list(self.catalogue["sha256"]))

    @cached_property
    def images(self) -> pd.DataFrame:
        """The catalogue with what grouping needs to know of each image; see `groups.Candidates`."""
        table = self.catalogue
        doubts = self._doubts()
        return table.assign(
            folder=pd.Series(_folders(table), dtype=object),
            stem=pd.Series([_stem(path) for path in table["path"]], dtype=object),
            level=catalogue.levels(table),
            protected=catalogue.protected(
                table, self.values.get("curated") or [], self.values.get("protect") or []
            ),
            doubt=pd.Series([doubts.get(d, "") for d in table["sha256"]], dtype=object),
        )

    def exposure(self, digest: str) -> str:
        """Return what EXIF tells of the exposure of a content; see `images.exposure`."""
        facts = self.facts.get(digest)
        return (facts.exposure or "") if facts else ""

    def _doubts(self) -> dict[str, str]:
        """Return why the hashes of some contents are not trusted, by sha256."""
        digests = sorted(set(self.catalogue["sha256"]))
        found = {}
        for start in range(0, len(digests), MEASURED_AT_ONCE):
            for facts in self.store.facts(digests[start : start + MEASURED_AT_ONCE]).values():
                if facts.status == "ok" and facts.contrast < images.FLAT_CONTRAST:
                    found[facts.sha256] = "hash not trusted: flat picture"
                elif facts.status == "ok" and facts.animated:
                    found[facts.sha256] = "only the first picture of several was compared"
        return found

    # -- look ------------------------------------------------------------------------------------

    def samples(self, each: int = 8) -> list[dict[str, Any]]:
        """Return the first images of each root as a group to be shown in a sheet."""
        shown = []
        for root, part in self.catalogue.groupby("root", sort=False):
            first = part[part["status"] == "ok"].head(each)
            members = [plain_member(row) for row in first.itertuples()]
            shown.append({"title": f"first of {len(part):,} in {root}", "members": members})
        return shown

    @cached_property
    def _digests(self) -> dict[str, str]:
        return dict(zip(self.catalogue["path"], self.catalogue["sha256"], strict=True))

    def thumbnail(self, path: str) -> bytes | None:
        """Return the JPEG thumbnail of an image of the catalogue, or None."""
        return self.store.thumbnail(self._digests.get(path, ""))

    def whole_picture(self, path: str) -> bytes | None:
        """Return a picture as browsers show it, turned upright, at most 1600 px; or None."""
        if path not in self._digests:
            return None
        return images.for_screen(images.read_file(os.fsencode(self.library / path)))

    def facts_of(self, path: str) -> dict[str, str]:
        """Return what is known of an image by name: stamp, exposure, companions and their texts."""
        if path not in self._digests:
            return {}
        row = self.catalogue.loc[self.catalogue["path"] == path].iloc[0]
        folder, name = os.path.split(os.path.join(os.fsencode(self.library), os.fsencode(path)))
        entries = [os.fsdecode(entry.name) for entry in os.scandir(folder) if entry.is_file()]
        beside = bundles.bundle_members(entries, os.fsdecode(name))[1:]
        stem = formats.stem(os.fsdecode(name))
        facts = {
            "stamp": row["stamp"].replace("T", " "),
            "series": row["series"],
            "exposure": self.exposure(row["sha256"]).replace("|", " ").strip(),
            "format": row["format"],
            "companions": ", ".join(other.removeprefix(stem) for other in beside) or "none",
        }
        stored = texts.in_png(images.read_file(os.fsencode(self.library / path)))
        told = {fact: text for fact, text in facts.items() if text}
        return told | texts.companions(folder, beside, stem) | stored

    def views(self, candidates: groups.Candidates, cut: groups.Cut) -> Views:
        """Return the groups of a cut as galleries and sheets show them, made when looked at."""
        return Views(candidates, cut, self.catalogue)

    def foremost(self, candidates: groups.Candidates, cut: groups.Cut) -> Foremost:
        """Return the groups of a cut, the most important first, as many as a report shows."""
        return Foremost(self.views(candidates, cut))

    def nearest_threshold(
        self, candidates: groups.Candidates, threshold: float, count: int = 12
    ) -> list[dict[str, Any]]:
        """Return the pairs whose measure is nearest to a threshold, to be shown in a sheet."""
        pairs = candidates.pairs
        away = np.abs(pairs[candidates.measure].to_numpy(np.float64) - threshold)
        chosen = pairs.iloc[np.argsort(away, kind="stable")[:count]]
        shown = chosen.sort_values([candidates.measure, "i", "j"])
        return [
            {
                "title": report.with_unit(value, candidates.measure),
                "members": self.plain_members([int(i), int(j)]),
            }
            for i, j, value in shown.itertuples(index=False, name=None)
        ]

    def neighbours(
        self, nearest: pd.DataFrame, count: int = 6, each: int = 7
    ) -> list[dict[str, Any]]:
        """Return some images, each with its nearest neighbours, to be shown in a sheet.

        Parameters
        ----------
        nearest : DataFrame
            Columns `i, rank, j, cosine`; see `index.nearest`.
        count, each : int
            Images, spread evenly over the catalogue, and neighbours of each.
        """
        asked = nearest["i"].unique()
        some = asked[np.linspace(0, len(asked) - 1, min(count, len(asked))).astype(int)]
        shown = []
        for i, part in nearest[nearest["i"].isin(some) & (nearest["rank"] <= each)].groupby("i"):
            cosines = ", ".join(f"{cosine:.3f}" for cosine in part["cosine"])
            members = self.plain_members([int(i), *part["j"].tolist()])
            shown.append(
                {"title": f"the first picture and its nearest: {cosines}", "members": members}
            )
        return shown

    def plain_members(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return images of the catalogue as sheets show them, in no group."""
        return [plain_member(row) for row in self.catalogue.iloc[list(rows)].itertuples()]

    def thresholds(
        self, candidates: groups.Candidates, thresholds: Sequence[float]
    ) -> pd.DataFrame:
        """Return what each threshold would give: pairs, groups, images to stage, megabytes."""
        sign = candidates.sign
        values = np.sort(sign * candidates.pairs[candidates.measure].to_numpy(np.float64))
        rows = []
        for threshold in thresholds:
            totals = candidates.cut(threshold).totals
            rows.append(
                {
                    "threshold": threshold,
                    "pairs": int(np.searchsorted(values, sign * threshold, side="right")),
                    "groups": totals["groups"],
                    "images to stage": totals["images"],
                    "MB freed": round(totals["bytes"] / 1e6, 1),
                    "to review": totals["review"],
                }
            )
        return pd.DataFrame(rows)

    # -- save ------------------------------------------------------------------------------------

    def save(
        self,
        candidates: groups.Candidates,
        threshold: float,
        *,
        name: str,
        charts: Sequence[report.Chart] = (),
        notes: Sequence[str] = (),
    ) -> Path:
        """Write the results at a threshold: CSV, manifest and reports; nothing is overwritten.

        Parameters
        ----------
        candidates : Candidates
            Pairs and rules.
        threshold : float
            Where to cut, inclusive.
        name : str
            Name of the threshold parameter, for the manifest's `rule`.
        charts, notes
            Go into the report.

        Returns
        -------
        Path
            The folder written: the notebook's own in the run, or `saved-<UTC time>` in it.
        """
        tuned = {name: threshold, **candidates.tuned}
        folder = self._results_folder(tuned)
        with self.checks.without_limit() if self.checks else nullcontext():
            cut = candidates.cut(threshold)
        table = candidates.table(cut)
        rule = " ".join([self.notebook, *(f"{k}={groups.number(v)}" for k, v in tuned.items())])
        candidates.pairs.to_parquet(folder / "pairs.parquet")
        columns = [*groups.COLUMNS, *groups.FURTHER_COLUMNS]
        report.write_groups(folder / "groups.csv", table, columns)
        tables.write_csv(
            folder / "manifest.csv",
            manifest.COLUMNS,
            candidates.plan_rows(
                cut,
                manifest.rows(
                    candidates.plan(cut, table),
                    self.catalogue,
                    self.library,
                    rule,
                    candidates.staging,
                ),
            ),
        )
        further = candidates.further_tables(cut)
        for file, frame in further.items():
            tables.write_csv(folder / f"{file}.csv", list(frame.columns), frame.to_dict("records"))
        if candidates.measure == "hamming_bits":
            czkawka.write(folder / "czkawka.json", self._in_czkawka_shape(table))
        self._write_reports(folder, candidates, cut, table, rule, further, charts, notes)
        runs.note_saved(self.folder, self.notebook)
        return folder

    def _in_czkawka_shape(self, table: pd.DataFrame) -> list[list[dict[str, Any]]]:
        """Return the rows of `groups.csv` as the groups of `czkawka.write`."""
        library = self.library.resolve()
        places = pd.Index(self.catalogue["path"]).get_indexer(table["path"])
        shaped: dict[str, list[dict[str, Any]]] = {}
        for row, mtime_ns in zip(
            table.itertuples(), self.catalogue["mtime_ns"].to_numpy()[places].tolist(), strict=True
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
        return list(shaped.values())

    def _results_folder(self, changed: Mapping[str, Any]) -> Path:
        """Return the notebook's folder in the run, or a new one in it if that has results."""
        folder = self.folder / self.notebook
        if (folder / "summary.json").exists():
            folder = runs.new_folder(folder, prefix="saved-")
            runs.write_params(folder, self.notebook, self._params | dict(changed))
        return folder

    @property
    def _params(self) -> dict[str, Any]:
        """The parameters as inputs: what they are given by a runner is left out."""
        return {k: v for k, v in self.values.items() if k not in ("run_dir", "interactive")}

    def save_catalogue(self, repeated: Sequence[Mapping[str, Any]]) -> Path:
        """Write `names.csv` and the report of the catalogue; return the folder written.

        Parameters
        ----------
        repeated : sequence of dict
            Rows of `catalogue.repeated_names`.
        """
        folder = self._results_folder({})
        table = self.catalogue
        beside = folder if (self.folder / "names.csv").exists() else self.folder
        tables.write_csv(beside / "names.csv", catalogue.NAMES_COLUMNS, repeated)
        series = self.series.to_dict("records")
        tables.write_csv(folder / "series.csv", list(self.series.columns), series)
        report.write_json(
            folder / "summary.json",
            {"says": self.describe(), "unreadable": len(self.unreadable), "names": len(repeated)},
        )
        text: dict[str, Any] = {
            "title": "00_catalogue: what is in the library",
            "lead": self.describe(),
            "facts": [
                ("images", f"{len(table):,}"),
                ("on disk", report.size_text(int(table["bytes"].sum()))),
                ("companions", f"{int(table['companions'].sum()):,}"),
                ("not readable", f"{len(self.unreadable):,}"),
                ("names that occur twice", f"{len(repeated):,}"),
            ],
            "frames": {
                "By root": catalogue.sizes_by(table, "root").reset_index(),
                "By root and stage": catalogue.sizes_by(table, "root", "stage").reset_index(),
                "Companions by root": catalogue.companions_by(table, "root").reset_index(),
                "Series by their stages": catalogue.line_ups(self.series),
                "Not readable, never staged": self.unreadable,
                "Other files": catalogue.others_by(self.others),
                "The same name in several places (first 200)": catalogue.shown_names(
                    repeated[:200]
                ),
            },
        }
        report.write_markdown(folder / "report.md", **text)
        report.write_html(folder, **text)
        runs.note_saved(self.folder, self.notebook)
        return folder

    def _write_reports(
        self,
        folder: Path,
        candidates: groups.Candidates,
        cut: groups.Cut,
        table: pd.DataFrame,
        rule: str,
        further: Mapping[str, pd.DataFrame],
        charts: Sequence[report.Chart],
        notes: Sequence[str],
    ) -> None:
        totals = cut.totals
        freed = report.freed_by(table)
        says, facts = candidates.told(cut) or (
            f"{totals['images']:,} images could be staged, {report.size_text(totals['bytes'])}; "
            f"{totals['review']:,} wait for a person",
            [
                ("groups", f"{totals['groups']:,}"),
                ("images to stage", f"{totals['images']:,}"),
                ("freed", report.size_text(totals["bytes"])),
                ("to review", f"{totals['review']:,}"),
                ("protected", f"{totals['protected']:,}"),
            ],
        )
        summary = {
            **totals,
            "threshold": cut.threshold,
            "rule": rule,
            "staging": candidates.staging,
            "says": says,
            "set_apart": candidates.set_apart,
            "unreadable": len(self.unreadable),
            "most_in": freed["folder"][0] if len(freed) else "",
        }
        report.write_json(folder / "summary.json", summary)
        best = Foremost(self.views(candidates, cut))
        lines = [*notes, *self._notes(candidates)]
        text: dict[str, Any] = {
            "title": f"{self.notebook}: {candidates.what}",
            "lead": f"Nothing was moved. {rule}; library {self.library}",
            "facts": [*facts, ("not readable", f"{len(self.unreadable):,}")],
            "notes": lines,
            "frames": {"Freed by folder": freed, "Not readable, never staged": self.unreadable}
            | self._series_frame(candidates, cut.threshold)
            | {_titled(name, frame): frame[:200] for name, frame in further.items()},
            "groups": best,
            "order": best.order,
        }
        report.write_markdown(folder / "report.md", **text)
        report.write_html(folder, **text, charts=charts, thumbnail=self.thumbnail)

    def _notes(self, candidates: groups.Candidates) -> list[str]:
        apart = [f"{count:,} {why}" for why, count in candidates.set_apart.items() if count]
        notes = [f"Pairs set apart and never proposed: {'; '.join(apart)}."] if apart else []
        if len(self.unreadable):
            notes.append(f"{len(self.unreadable):,} images could not be read; they are listed.")
        if candidates.measure == "cosine":
            chosen = self.embedder(self.values["embedder"])
            notes.insert(
                0, f"Embedder {chosen.name}: {chosen.says}. Its cosines have a scale of their own."
            )
            notes += self._notes_on_vectors()
        return notes

    def _notes_on_vectors(self) -> list[str]:
        """Say what was not embedded, and what another machine may give a little differently."""
        notes = []
        if left := self.not_embedded:
            few = ", ".join(left[:20]) + (", ..." if len(left) > 20 else "")
            notes.append(f"{len(left):,} images could not be embedded and are in no group: {few}.")
        if self.in_half_precision:
            notes.append(
                f"{self.in_half_precision:,} vectors were made in half precision on a GPU: another "
                "machine may give slightly different cosines."
            )
        return notes

    def _series_frame(
        self, candidates: groups.Candidates, threshold: float
    ) -> dict[str, pd.DataFrame]:
        """Return the near pairs inside one series: shown apart, never proposed."""
        near = candidates.sign * candidates.series_pairs[candidates.measure]
        pairs = candidates.series_pairs[near <= candidates.sign * threshold]
        paths = self.catalogue["path"].to_numpy()
        frame = pd.DataFrame(
            {
                "first": [tables.shown(path) for path in paths[pairs["i"]]],
                "second": [tables.shown(path) for path in paths[pairs["j"]]],
                candidates.measure: list(pairs[candidates.measure]),
            }
        )
        more = f" (first 200 of {len(frame):,})" if len(frame) > 200 else ""
        return {f"Near inside one series, never proposed{more}": frame[:200]} if len(frame) else {}


def folder_hashes(folder: Path, *, use_cache: bool = True) -> Iterator[tuple[str, str, str]]:
    """Yield (path, pHash in hexadecimal digits, error) of every image of a folder.

    Raises
    ------
    ValueError
        If it is not a folder, or if the cache folder lies inside it.
    """
    catalogue.check_roots(folder, ["."])
    cache = store.default_folder(folder.resolve())
    if use_cache:
        runs.refuse_inside(cache, folder, "the cache folder", "add --no-cache")
    found = catalogue.scan(folder, ["."]).images
    keys = [store.FileKey(*image.key) for image in found]
    with tempfile.TemporaryDirectory() as scratch:
        kept = store.Store(cache if use_cache else Path(scratch))
        facts = measures.measure_files(folder, keys, kept, [DEFAULT_KIND])
        hashes = kept.measures(DEFAULT_KIND.name, [fact.sha256 for fact in facts])
        kept.close()
    for image, fact in zip(found, facts, strict=True):
        stored = hashes.get(fact.sha256) if fact.status == "ok" else None
        digits = phash.hex_digits(phash.unpack([stored])[0, 0]) if stored else ""
        yield image.path, digits, fact.error


def _titled(name: str, frame: pd.DataFrame) -> str:
    """Return the heading of a further table, of which a report shows the first rows."""
    more = f" (first 200 of {len(frame):,})" if len(frame) > 200 else ""
    return f"{name.capitalize().replace('_', ' ')}{more}"


class Ticker:
    """Progress as plain lines, a few seconds apart: readable in a terminal and in a notebook."""

    def __init__(self, what: str, every_s: float = 3.0) -> None:
        self.what, self.every_s = what, every_s
        self.begun = self.told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.told < self.every_s:
            return
        self.told = now
        rate = done / (now - self.begun)
        print(f"{self.what} {done:,} of {total:,}, {rate:,.0f} a second", flush=True)
        sys.stdout.flush()


def _folders(table: pd.DataFrame) -> list[str]:
    return [sys.intern(path.rpartition("/")[0]) for path in table["path"]]


def _stem(path: str) -> str:
    return formats.stem(os.path.basename(path))


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write the catalogue for machines; names that are no UTF-8 are escaped (the CSV has them)."""
    text = table.select_dtypes("object").columns
    escaped = {
        name: [value.encode("utf-8", "backslashreplace").decode() for value in table[name]]
        for name in text
        if not _is_utf8("".join(table[name]))
    }
    table.assign(**escaped).to_parquet(path)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
