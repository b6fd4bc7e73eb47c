"""The totals of a run -> the groups that free most, with pictures, for its front page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb.library import tables
from dedup_nb.library.quantities import count, size_text
from dedup_nb.pictures import images, store
from dedup_nb.report.links import Links
from dedup_nb.report.sheets import small
from dedup_nb.session import runs
from dedup_nb.session.totals import Totals

BIGGEST = 10  # groups shown
MEMBERS = 6  # pictures of each
FIRST_PAGES = 20  # pages of a report in which a group is looked for


def groups(
    folder: Path, content: Mapping[str, Any], summed: Totals, links: Links
) -> list[dict[str, Any]]:
    """Return the groups that free most, with pictures."""
    going = summed.going
    if not len(going):
        return []
    freed = going.groupby(["finder", "group"], sort=True)["freed"].sum()
    chosen = freed.sort_values(ascending=False, kind="stable").head(BIGGEST)
    gone = set(going["path"])
    made = []
    for (finder, group_id), size in chosen.items():  # type: ignore[misc]
        members = summed.members[finder]
        members = members[members["group_id"] == group_id].drop_duplicates("path")
        moves = members[members["path"].isin(gone)]
        stays = members[~members["path"].isin(gone)]
        shown = _beside_keepers(moves, stays).head(MEMBERS)
        made.append(
            {
                "title": f"frees {size_text(int(size))}: "
                f"{count(len(moves), 'image')} of {len(members):,} could go",
                "finder": finder,
                "href": _anchor(folder / finder, str(group_id)),
                "members": shown,
                "more": len(members) - len(shown),
            }
        )
    return _with_pictures(_cache_folder(folder, content), summed, made, gone, links)


def _beside_keepers(moves: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """Return the images of a group, each that goes after what stays for it."""
    keepers = list(dict.fromkeys(moves["keeper"]))
    parts = [
        part
        for keeper in keepers
        for part in (stays[stays["path"] == keeper], moves[moves["keeper"] == keeper])
    ]
    others = stays[~stays["path"].isin(keepers)]
    order = others["role"].map({"keeper": 0, "protected": 1}).fillna(2)
    return pd.concat([*parts, others.loc[order.sort_values(kind="stable").index]])


def _with_pictures(
    cache: Path | None,
    summed: Totals,
    groups: list[dict[str, Any]],
    gone: set[str],
    links: Links,
) -> list[dict[str, Any]]:
    paths = [path for group in groups for path in group["members"]["path"]]
    thumbnails = _thumbnails(cache, summed, paths)
    for group in groups:
        more = group["more"]
        group["more"] = f"and {count(more, 'more image')} of this group" if more else ""
        group["members"] = [
            {
                "role": "stage" if row.path in gone else row.role,
                "says": "could go" if row.path in gone else _stays(row.role),
                "name": tables.shown(row.path),
                "size": f"{row.width}×{row.height}, {size_text(row.bytes)}",
                "kind": tables.shown(row.kind),
                "picture": thumbnails.get(row.path, ""),
                "href": links.of(row.path),
            }
            for row in group["members"].itertuples(index=False)
        ]
    return groups


def _stays(role: str) -> str:
    return {"keeper": "stays", "protected": "stays, protected"}.get(role, "waits for you")


def _thumbnails(cache: Path | None, summed: Totals, paths: Iterable[str]) -> dict[str, str]:
    """Return small pictures from the cache as data URIs, by path; what is missing is left out."""
    found: dict[str, str] = {}
    with suppress(OSError, store.Unusable):
        if cache is None or not store.is_there(cache):
            return found
        opened = store.Store(cache)
        with closing(opened.db):
            for path in paths:
                jpeg = opened.thumbnail(summed.digests.get(path, ""))
                if jpeg and images.is_sound(jpeg):
                    found[path] = small(jpeg)
    return found


def _cache_folder(folder: Path, content: Mapping[str, Any]) -> Path | None:
    """Return the cache folder that the notebooks of a run use; None if it cannot be told."""
    for name in content["notebooks"]:
        with suppress(OSError, ValueError):
            if chosen := runs.read_params(folder / name).get("cache_dir"):
                return Path(chosen)
    with suppress(OSError, ValueError):
        return store.default_folder(Path(content["library"]))
    return None


def _anchor(results: Path, group_id: str) -> str:
    """Return the address of a group in a report, from the run folder."""
    mark = f'id="{group_id}"'.encode()
    for number in range(1, FIRST_PAGES + 1):
        name = "report.html" if number == 1 else f"report-{number}.html"
        with suppress(OSError):
            if mark in (results / name).read_bytes():
                return f"{results.name}/{name}#{group_id}"
            continue
        break
    return f"{results.name}/report.html"
