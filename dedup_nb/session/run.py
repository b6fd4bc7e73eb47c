"""One running notebook: its run folder, library, catalogue, store and decisions."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb.finders import embeddings, phash
from dedup_nb.groups import labels
from dedup_nb.groups.decisions import Decisions
from dedup_nb.groups.labels import Labels
from dedup_nb.groups.links import Links
from dedup_nb.library import bundles, catalogue, companions, files, formats, tables, texts
from dedup_nb.library.catalogue import ImageFile, Other
from dedup_nb.library.hints import command
from dedup_nb.library.layout import refuse_inside
from dedup_nb.library.memory import uncollected
from dedup_nb.library.naming.reading import AUTO, Naming
from dedup_nb.library.naming.series import places
from dedup_nb.library.naming.table import Patterns
from dedup_nb.library.progress import Ticker
from dedup_nb.library.quantities import count, size_text
from dedup_nb.pictures import images, measures, openers, store
from dedup_nb.pictures.engines import Engine
from dedup_nb.pictures.png.plain import HAS_ISAL
from dedup_nb.session import held, kept_catalogue, notebooks, parameters, preflight, runs

pd.set_option("display.max_colwidth", 100)  # do not cut off paths

MEASURED_AT_ONCE = 50_000  # images whose facts are in memory at a time
WERE = ("was", "were")
DEFAULT_HASH = phash.kind("phash", 64)
# computed while decoding for the catalogue, because finders use them by default
EVERY_DECODE = [DEFAULT_HASH, embeddings.embedder("dct").kind, measures.CONTENTS]


class WrongInput(ValueError):
    """Invalid input that you can correct; notebooks show the message without a traceback."""

    def _render_traceback_(self) -> list[str]:  # called by IPython
        return [f"{type(self).__name__}: {tables.plain(str(self))}"]


def checked_values(notebook: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a notebook from its variables, checked, with absolute paths.

    Raises
    ------
    ValueError
        If one is invalid; the message says which, and what to do.
    """
    known = parameters.of_notebook(notebook)
    values = {name: variables.get(name, known[name].default) for name in known}
    parameters.check(notebook, values, f"the parameters cell of {notebook}")
    if slip := parameters.misspelt(notebook, variables):
        raise ValueError(f"{slip[0]} is not a parameter of {notebook}; did you mean {slip[1]}?")
    return parameters.with_absolute_paths(Path.cwd(), values)


class Run:
    """One notebook running in its run folder.

    Attributes
    ----------
    folder : Path
        The run folder, shared by all notebooks of a run.
    library : Path
        Folder of the collection; reports change nothing in it.
    begun : datetime
        When this notebook started, UTC; its run folder may be older.
    store : Store
        The cache: what was computed before, by content.
    decisions : Decisions
        Your decisions when the run started; `live_decisions` are the current ones.
    """

    def __init__(self, notebook: str, values: Mapping[str, Any]) -> None:
        self.notebook, self.values = notebook, dict(values)
        self.begun = datetime.now(UTC)
        self.library = Path(values["library"])
        self.roots: list[str] = list(values.get("roots") or ["."])
        self._check_library()
        cache = values.get("cache_dir")
        cache_folder = Path(cache) if cache else store.default_folder(self.library.resolve())
        refuse_inside(cache_folder, self.library, "cache_dir")
        self.folder = self._run_folder()
        runs.begin(self.folder, self.library.resolve(), self.roots, values.get("profile"))
        refuse_inside(self.answers, self.library, "the folder of decisions")
        runs.write_params(self.folder / notebook, notebook, self.params)
        self.store = store.Store(cache_folder)
        self._damage_told, self._remade = 0, set[str]()
        earlier = runs.earlier_decisions(self.outputs, self.library.resolve())
        self.live_decisions = Decisions(self.answers / "decisions.jsonl", earlier)
        self.decisions = self._frozen_decisions()

    def _check_library(self) -> None:
        try:
            catalogue.check_roots(self.library, self.roots)
            preflight.check_folders(self.library, self.values)
            preflight.check_embedder(self.notebook, self.values)
            preflight.check_thresholds(self.values)
            preflight.open_engine(self.values, self.library, self.roots)
        except ValueError as error:
            if not self.library.is_dir() and self.library.name == "demo-library":
                raise ValueError(
                    f"{error}; to create the demo library, run: {command('demo')}"
                ) from None
            raise

    def _run_folder(self) -> Path:
        given = self.values.get("run_dir")
        if given:
            folder = Path(given)
            refuse_inside(folder, self.library, "run_dir")
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        parent = self._own_outputs()
        refuse_inside(parent, self.library, "the results folder")
        return runs.new_folder(parent)

    def _own_outputs(self) -> Path:
        """Return the folder of all runs of this profile; without a profile, of this library."""
        if profile := self.values.get("profile"):
            return runs.outputs_folder(Path(profile)) / Path(profile).stem
        project = notebooks.notebooks_folder().parent
        outputs = (project if os.access(project, os.W_OK) else Path.cwd()) / "outputs"
        name = self.library.name or "library"
        is_library = (outputs / name).resolve().is_relative_to(self.library.resolve())
        return outputs / (f"{name}-runs" if is_library else name)  # outputs/demo-library is one

    @property
    def outputs(self) -> Path:
        """The folder of the runs of this profile; without one, of this library."""
        parent, own = self.folder.parent, self._own_outputs()
        return parent if parent.name == own.name else own

    @property
    def answers(self) -> Path:
        """The folder of what you said about this library, in runs of any profile."""
        return runs.library_folder(self.outputs.parent, self.library.resolve())

    @cached_property
    def labels(self) -> Labels:
        """Your answers about pairs drawn by chance, kept beside the decisions."""
        return Labels(self.answers / labels.NAME)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters without those that a runner sets."""
        return {k: v for k, v in self.values.items() if k not in ("run_dir", "interactive")}

    def _frozen_decisions(self) -> Decisions:
        frozen = self.folder / "decisions.jsonl"
        if not frozen.exists():
            with contextlib.suppress(FileExistsError):  # another notebook was faster
                self.live_decisions.freeze(frozen)
        return Decisions(frozen)

    def marks(self, decisions: Decisions) -> list[str | None]:
        """Return the mark in force for each image of the catalogue."""
        return decisions.marks_for(list(self.catalogue["path"]), list(self.catalogue["sha256"]))

    def results_folder(self, changed: Mapping[str, Any]) -> Path:
        """Return the notebook's folder in the run, or a new `saved-` folder if it has results.

        What an attempt that was killed has left there is moved to an `unfinished-` folder in it.
        """
        folder = self.folder / self.notebook
        if not runs.is_complete(folder):
            runs.clear(folder)
        else:
            folder = runs.new_folder(folder, prefix="saved-")
            runs.write_params(folder, self.notebook, self.params | dict(changed))
        return folder

    @cached_property
    def engine(self) -> Engine:
        """What decodes files, compares pairs and joins; nothing is started before it is needed."""
        return preflight.open_engine(self.values, self.library, self.roots)

    # -- the catalogue ---------------------------------------------------------------------------

    @cached_property
    def scan(self) -> catalogue.Scan:
        """Every file of the roots, listed without decoding."""
        return self._scan()

    def _scan(self) -> catalogue.Scan:
        only = self.values.get("only_folders") or ()
        limit = self.values.get("limit")
        with uncollected():
            skip = self.values.get("skip_folders") or ()
            ticker = Ticker("files listed:")
            digests, naming = self.store.digests, self.naming
            made = catalogue.scan(
                self.library, self.roots, only, limit, digests, skip, naming, ticker.found
            )
            ticker.close(len(made.images) + len(made.others))
            return made

    @cached_property
    def naming(self) -> Naming:
        """The patterns that read file names, from the parameter `names`."""
        return Naming(self.values.get("names", [AUTO]))

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """One row per image; read from the run folder, or built there with the cache."""
        if (kept := kept_catalogue.usable(self.folder)) is not None:
            return kept
        limit = self.values.get("max_pixels") or images.MAX_PIXELS
        scan = self.__dict__.pop("scan", None) or self._scan()  # large, and soon out of date
        facts = self.measured(scan.images, EVERY_DECODE, limit)
        parts = [catalogue.table(files, measured) for files, measured in facts]
        table = pd.concat(parts, ignore_index=True)
        wide = companions.with_columns(table, [image.beside for image in scan.images])
        return kept_catalogue.write(self.folder, wide, scan.others)[catalogue.COLUMNS]

    def measured(
        self, files: Sequence[ImageFile], kinds: Sequence[measures.Kind], limit: float
    ) -> Iterator[tuple[Sequence[ImageFile], list[store.Facts]]]:
        """Measure files in parts; yield the files of each part with their facts."""
        ticker = Ticker("decoded")

        def progress(done: int, total: int) -> None:
            ticker(first + done, len(files))

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
                engine=self.engine,
            )
            yield part, facts

    def _with_companions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the catalogue with what each image has beside it; see `companions.COLUMNS`."""
        kept = companions.read(self.folder / kept_catalogue.PARQUET, len(table))
        if kept is None:  # a run folder of an earlier version
            beside = {image.path: image.beside for image in self._scan().images}
            return companions.with_columns(
                table, [beside.get(path, companions.NOTHING) for path in table["path"]]
            )
        return table.assign(**kept)

    @property
    def others(self) -> list[Other]:
        """Every file of the roots that is not an image, with its kind and the reason."""
        _ = self.catalogue  # writes the list if it is missing
        return catalogue.read_others(self.folder / "not_images.csv")

    @cached_property
    def facts(self) -> dict[str, store.Facts]:
        """Facts found by decoding, by sha256."""
        return self._facts(self.catalogue["sha256"][self.catalogue["status"] == "ok"])

    def _facts(self, digests: Sequence[str]) -> dict[str, store.Facts]:
        """Return the facts of readable images; those that the cache has lost are found again."""
        known = self.store.facts(digests)
        if lost := sorted(set(digests).difference(known)):
            self.remake(lost)
            known |= self.store.facts(lost)
        return known

    def remake(self, digests: Sequence[str]) -> None:
        """Decode images again whose facts or thumbnails in the cache were lost or damaged."""
        lost = self.catalogue[self.catalogue["sha256"].isin(set(digests))]
        lost = lost[lost["status"] == "ok"].drop_duplicates("sha256")
        keys = [key for path in lost["path"] if (key := store.FileKey.of(self.library, path))]
        limit, tell = float("inf"), Ticker("decoded")
        measures.measure_files(
            self.library, keys, self.store, (), max_pixels=limit, progress=tell, engine=self.engine
        )

    def tell_damage(self) -> None:
        """Print how many values of the cache were damaged, once."""
        if fresh := self.store.damaged - self._damage_told:
            print(f"{count(fresh, 'damaged value')} in the cache {WERE[fresh > 1]} computed again")
        self._damage_told = self.store.damaged

    @cached_property
    def unreadable(self) -> pd.DataFrame:
        """Images that could not be read; they are never staged."""
        bad = self.catalogue[self.catalogue["status"] != "ok"]
        return bad[["path", "status", "error"]].reset_index(drop=True)

    @cached_property
    def series(self) -> pd.DataFrame:
        """One row per series: folder, id, images, stages in order, span in seconds."""
        return catalogue.series_table(self.catalogue)

    @cached_property
    def name_patterns(self) -> Patterns:
        """Which name pattern reads how many names, and which names none reads."""
        return Patterns(self.naming, self.catalogue)

    @cached_property
    def images(self) -> pd.DataFrame:
        """The catalogue with the columns that grouping needs; see `groups.Images`."""
        table = self.catalogue
        doubts = self._doubts()
        stems = [formats.stem(os.path.basename(path)) for path in table["path"]]
        table = self._with_companions(table)
        columns = held.columns(table["sha256"], table["status"], self._contents())
        beside = [companions.words_of(cell) for cell in table["companion_kinds"]]
        columns["holds"] += pd.Series(beside, dtype=object)
        made = table.assign(
            folder=pd.Series(folders(table), dtype=object),
            stem=pd.Series(stems, dtype=object),
            level=catalogue.levels(table),
            protected=catalogue.protected(
                table, self.values.get("curated") or [], self.values.get("protect") or []
            ),
            doubt=pd.Series([doubts.get(d, "") for d in table["sha256"]], dtype=object),
            **columns,
        )
        made.attrs["links"] = self._links()
        return made

    def _links(self) -> Links:
        """Return which images are hard links; only copies of one content can be."""
        digests, paths = self.catalogue["sha256"], self.catalogue["path"].to_numpy()
        copies = np.flatnonzero(digests.duplicated(keep=False) & (digests != ""))
        inodes = {}
        for k in copies.tolist():
            with contextlib.suppress(OSError):  # gone since: staging will say so
                now = os.lstat(os.fsencode(self.library / paths[k]))
                inodes[k] = (now.st_dev, now.st_ino, now.st_nlink)
        return Links.of(inodes)

    def _contents(self) -> held.Contents:
        """Return what the readable images hold besides their pixels; it is read where missing."""
        table = self.catalogue
        digests = sorted(set(table["sha256"][table["status"] == "ok"]))
        known = held.contents(self.store, digests)
        if missing := set(digests).difference(known):
            files = [image for image in self.scan.images if image.sha256 in missing]
            for _ in self.measured(files, [measures.CONTENTS], float("inf")):
                pass
            known |= held.contents(self.store, sorted(missing))
        return known

    def _doubts(self) -> dict[str, str]:
        """Return why the hashes of some contents are not reliable, by sha256."""
        digests = sorted(set(self.catalogue["sha256"][self.catalogue["status"] == "ok"]))
        doubts = {}
        for start in range(0, len(digests), MEASURED_AT_ONCE):
            for facts in self._facts(digests[start : start + MEASURED_AT_ONCE]).values():
                if facts.status == "ok" and facts.contrast < images.FLAT_CONTRAST:
                    doubts[facts.sha256] = "hash not trusted: flat picture"
                elif facts.status == "ok" and facts.animated:
                    doubts[facts.sha256] = "only the first picture of several was compared"
        return doubts

    def describe(self) -> str:
        """Return one line about the catalogue: images, size, series, companions, unreadable."""
        table = self.catalogue
        bad = int((table["status"] != "ok").sum())
        members = table[table["series"] != ""]
        series = len(set(places(folders(members), members["series"])))
        roots = "" if self.roots == ["."] else f"roots {', '.join(self.roots)} of "
        return (
            f"{count(len(table), 'image')} in {roots}the library {self.library}: "
            f"{size_text(int(table['bytes'].sum()))}, {series:,} series, "
            f"{count(int(table['companions'].sum()), 'companion')}, "
            f"{count(bad, 'unreadable image')}{self._left_to_extras()}{self._slowly_decoded()}"
        )

    def _slowly_decoded(self) -> str:
        """Return that PNG files are decoded slowly, where a package is missing."""
        pngs = int((self.catalogue["format"] == "PNG").sum())
        if HAS_ISAL or not pngs:
            return ""
        return f"; {count(pngs, 'PNG file')} decoded four times slower than with the package isal"

    def _left_to_extras(self) -> str:
        """Return how many images an extra of the package would read, and how to install it."""
        missing = openers.missing_extras()
        unread = self.catalogue["format"][self.catalogue["status"] != "ok"]
        left = unread[unread.isin(list(missing))]
        if left.empty:
            return ""
        extras = " ".join(sorted({f"'{missing[name]}'" for name in left.unique()}))
        return f" (pip install {extras} reads {len(left):,} of them)"

    # -- one image -------------------------------------------------------------------------------

    @cached_property
    def _digests(self) -> dict[str, str]:
        return dict(zip(self.catalogue["path"], self.catalogue["sha256"], strict=True))

    def thumbnail(self, path: str) -> bytes | None:
        """Return the JPEG thumbnail of an image in the catalogue, or None."""
        digest = self._digests.get(path, "")
        jpeg = self.store.thumbnail(digest) if digest else None
        if jpeg and not images.is_sound(jpeg):
            self.store.forget_damaged(digest)
            jpeg = None
        if jpeg is None and digest and digest not in self._remade:
            self._remade.add(digest)
            self.remake([digest])
            jpeg = self.store.thumbnail(digest)
        return jpeg

    @cached_property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Path -> width and height of each image of the catalogue, in pixels."""
        columns = (self.catalogue[name].tolist() for name in ("path", "width", "height"))
        return {path: (int(w), int(h)) for path, w, h in zip(*columns, strict=True)}

    def exposure(self, digest: str) -> str:
        """Return the exposure from the EXIF of a content; see `images.exposure`."""
        facts = self.facts.get(digest)
        return (facts.exposure or "") if facts else ""

    def facts_of(self, path: str) -> dict[str, str]:
        """Return the facts about an image by name: stamp, exposure, companions and their texts."""
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
            "holds": ", ".join(self.images.at[row.name, "holds"]),
            "companions": ", ".join(other.removeprefix(stem) for other in beside) or "none",
        }
        stored = texts.in_png(files.read_file(os.fsencode(self.library / path)))
        known = {fact: text for fact, text in facts.items() if text}
        words = dict(held.words(self.store, row["sha256"]))
        return known | words | texts.companions(folder, beside, stem) | stored


def folders(table: pd.DataFrame) -> list[str]:
    """Return the folder of each image of a catalogue."""
    return [sys.intern(path.rpartition("/")[0]) for path in table["path"]]
