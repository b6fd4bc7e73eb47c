"""A seed -> a demo library and the truth about it.

The library looks like a real collection: three roots, file names with one stamp for each stage,
companions of every kind, many kinds of copies, hard look-alikes, awkward names and damaged files.
The truth is stored beside it in `<folder>.truth.json`, never inside. Its paths are relative to the
library, with `/`; a name that is not UTF-8 contains surrogate escapes.

- `version`, `seed`, `scale`, `share`: what it was made from.
- `images`: path -> `scene` (id of what is drawn), `picture` (id shared by exactly the images that
  show the same picture at the same stage), `kind` ("original", "exact_copy", "jpeg_low", ...),
  `of` (the path it was copied from, or null), `series` (id or null), `stage` (full name or null),
  `stamp` (ISO, or null where the name holds no valid one).
- `clusters`: lists of paths that are the same picture at the same stage, hard kinds left out;
  `hard_clusters`: the same with them. Only those of two or more.
- `spare`: for each of `clusters`, how many of its images may go, because another one that stays
  holds everything that they hold: companions and prompts too.
- `duplicates`: `[path, path, kind]`, every pair within a cluster (a pair finder may propose it:
  same stage, or one without a stage; never within one series); `hard_duplicates`: the pairs with
  a hard kind in them (mirrored, turned, cut, recoloured).
- `never`: `[path, path, kind]`, look-alikes that are not the same picture.
- `richer`: `[path, path, kind]`: the second is a copy that lacks something of the first, which is
  therefore never staged for it.
- `flat`: nearly uniform pictures, on which hashes are not reliable.
- `unreadable`: files with the name or header of an image that cannot be decoded.
- `not_images`: path -> "companion", "orphan_companion" or "skipped" (hidden file, symlink).
- `time_windows`: `seconds`, and the clusters of two or more of one stage name, or of none, over all
  roots, by the times in their names or, where these tell none, by their times of exposure: `chain`
  (each within `seconds` of the one before) and `anchored` (each within `seconds` of the first; the
  next image after that anchors the next cluster). `excluded`: path -> what its name lacks
  ("absent", "invalid", "without seconds", "no stage"). `exif`: path -> time of exposure.
- `sets`: `redundant`, lists of whole series (each a list of paths in stage order) that are
  identical stage by stage, all but one superfluous; `inconclusive`, the same but companions are
  missing for the cross-check; `never`, `{"sets": [...], "why": ...}`, not to be pruned.

`score` compares the proposals of a finder with the truth, `score_sets` those of whole sets.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from dedup_nb.demo.canvas import noise_bank
from dedup_nb.demo.library import Library, Truth
from dedup_nb.demo.parts import PARTS

VERSION = 6  # version of the library; change it when the library changes

Progress = Callable[[int, int], None]


def truth_path(folder: Path) -> Path:
    """Return the path of the truth about a library, beside its folder."""
    return folder.with_name(folder.name + ".truth.json")


def read_truth(folder: Path) -> Truth:
    """Return the truth about the library in `folder`."""
    truth: Truth = json.loads(truth_path(folder).read_text("utf-8"))
    return truth


def is_made(folder: Path, seed: int = 7, *, scale: float = 1.0, share: float = 1.0) -> bool:
    """Return whether `folder` contains a complete library of this seed and version."""
    try:
        truth = read_truth(folder)
    except (OSError, ValueError):
        return False
    made_from = [truth.get(key) for key in ("version", "seed", "scale", "share")]
    files = [*truth.get("images", ()), *truth.get("not_images", ()), *truth.get("unreadable", ())]
    return made_from == [VERSION, seed, scale, share] and all(
        os.path.lexists(folder / name) for name in files
    )


def make_library(
    folder: Path,
    seed: int = 7,
    progress: Progress | None = None,
    *,
    scale: float = 1.0,
    share: float = 1.0,
) -> Path:
    """Write a library, and then the truth beside it; a seed always gives the same bytes and times.

    Parameters
    ----------
    folder : Path
        Where to write; created if missing. An interrupted attempt with the same seed is written
        again in place.
    seed : int
        Another seed gives another library.
    progress : callable, optional
        Called with the number of parts done and the total.
    scale : float
        Size of the pictures; 1 is 176x256 pixels at stage 1, a fifth of a real collection.
    share : float
        Share of the pictures of each kind, with at least one of each; for tests.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    ValueError
        If `folder` exists and contains something else.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    label = json.dumps([VERSION, seed, scale, share])
    ours = unfinished.is_file() and unfinished.read_text("utf-8") == label
    if not ours and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder} exists and is not empty; choose another folder for the demo library"
        )
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.write_text(label, "utf-8")
    noise_bank()  # once, before threads draw with it
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        library = Library(folder, seed, scale, share, pool)
        for done, part in enumerate(PARTS):
            if progress:
                progress(done, len(PARTS))
            part(library, np.random.default_rng([seed, done]))
        library.finish()
    if progress:
        progress(len(PARTS), len(PARTS))
    truth = {"version": VERSION, "seed": seed, "scale": scale, "share": share, **library.truth()}
    truth_path(folder).write_text(json.dumps(truth, indent=1) + "\n", "utf-8")
    unfinished.unlink()
    return folder


def score(
    truth: Truth, staged: Iterable[tuple[str, str]], exclude: Collection[str] = ()
) -> dict[str, Any]:
    """Compare proposed pairs with the truth.

    A proposal (member, keeper) is right if the truth has both in one cluster, hard kinds included,
    and if the member does not hold something that the keeper lacks.
    Of a cluster as many pictures are redundant as `spare` says, hard kinds and flat pictures left
    out; recall is the share of them that was rightly proposed.

    Parameters
    ----------
    truth : dict
        What `read_truth` returned.
    staged : iterable of (str, str)
        Proposed members with their keepers, as paths relative to the library.
    exclude : collection of str
        Images that the finder must not propose; they are left out of the score.

    Returns
    -------
    dict
        `precision`, `recall` (1.0 where there is nothing to divide by), the counts `proposed`,
        `right`, `found` and `redundant`, `false` as `[member, keeper, kind]`, `false_by_kind`,
        and `by_kind`: kind of copy -> `[reached, all]`, a copy being reached if it is in a right
        pair on either side.
    """
    proposals = list(staged)
    cluster_of = {path: n for n, paths in enumerate(truth["hard_clusters"]) for path in paths}
    richer = {(rich, poor): kind for rich, poor, kind in truth.get("richer", ())}
    right = [
        (member, keeper)
        for member, keeper in proposals
        if member != keeper
        and (member, keeper) not in richer
        and cluster_of.get(member, -1) == cluster_of.get(keeper, -2)
    ]
    members = {member for member, _ in right}
    left_out = {*truth["flat"], *exclude}
    clusters = [[path for path in paths if path not in left_out] for paths in truth["clusters"]]
    most = truth.get("spare") or [len(paths) - 1 for paths in truth["clusters"]]
    spare = [min(n, max(len(paths) - 1, 0)) for n, paths in zip(most, clusters, strict=True)]
    redundant = sum(spare)
    found = sum(
        min(n, len(members.intersection(paths))) for n, paths in zip(spare, clusters, strict=True)
    )
    false = _explained(truth, sorted(set(proposals) - set(right)))
    return {
        "precision": len(right) / len(proposals) if proposals else 1.0,
        "recall": found / redundant if redundant else 1.0,
        "proposed": len(proposals),
        "right": len(right),
        "found": found,
        "redundant": redundant,
        "false": false,
        "false_by_kind": dict(sorted(Counter(kind for _, _, kind in false).items())),
        "by_kind": _by_kind(truth, {path for pair in right for path in pair}, left_out),
    }


OF_PROMPTS = ("prompt_differs", "png_text_differs")  # why sets differ only to the cross-check


def score_sets(
    truth: Truth, staged: Iterable[tuple[str, str]], *, cross_check: bool = True
) -> dict[str, Any]:
    """Compare the proposed sets with the truth.

    A proposed set is right if all its images are staged, each for its counterpart in one identical
    set that stays.

    Parameters
    ----------
    truth : dict
        What `read_truth` returned.
    staged : iterable of (str, str)
        Proposed images with their keepers.
    cross_check : bool
        Whether prompts count. Without them, sets of the same pictures whose prompts differ or are
        missing are redundant too.

    Returns
    -------
    dict
        `precision`, `recall` (1.0 where there is nothing to divide by), the counts `proposed`,
        `right` and `redundant` of sets, and `never`: why sets should not have been proposed.
    """
    keepers = dict(staged)
    proposed = {(path.rpartition("/")[0], truth["images"][path]["series"]) for path in keepers}
    sets = truth["sets"]
    same, never, unsure = sets["redundant"], sets["never"], sets["inconclusive"]
    if not cross_check:
        same = [*same, *unsure, *(each["sets"] for each in never if each["why"] in OF_PROMPTS)]
        never, unsure = [each for each in never if each["why"] not in OF_PROMPTS], []
    right = 0
    for made in same:
        gone = [paths for paths in made if all(path in keepers for path in paths)]
        stay = [paths for paths in made if not any(path in keepers for path in paths)]
        right += sum([keepers[path] for path in paths] in stay for paths in gone)
    wrong = {
        each["why"]
        for each in never
        if any(path in keepers for paths in each["sets"] for path in paths)
    }
    if any(path in keepers for made in unsure for paths in made for path in paths):
        wrong.add("inconclusive")
    redundant = sum(len(made) - 1 for made in same)
    return {
        "precision": right / len(proposed) if proposed else 1.0,
        "recall": right / redundant if redundant else 1.0,
        "proposed": len(proposed),
        "right": right,
        "redundant": redundant,
        "never": sorted(wrong),
    }


def _explained(truth: Truth, wrong: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the kind of look-alike for each wrong pair."""
    never = {frozenset(pair): kind for *pair, kind in truth["never"]}
    lost = {(rich, poor): f"kept {kind}" for rich, poor, kind in truth.get("richer", ())}
    return [
        [a, b, never.get(frozenset((a, b))) or lost.get((a, b)) or _relation(truth, a, b)]
        for a, b in wrong
    ]


def _relation(truth: Truth, a: str, b: str) -> str:
    one, other = truth["images"].get(a), truth["images"].get(b)
    if not one or not other:
        return "not an image"
    if one["series"] and one["series"] == other["series"]:
        return "one_series"
    return "other_stage" if one["scene"] == other["scene"] else "unrelated"


def _by_kind(truth: Truth, reached: set[str], left_out: set[str]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for path in (path for paths in truth["hard_clusters"] for path in paths):
        image = truth["images"][path]
        if image["of"] and path not in left_out:
            count = counts.setdefault(image["kind"], [0, 0])
            count[0] += path in reached
            count[1] += 1
    return dict(sorted(counts.items()))
