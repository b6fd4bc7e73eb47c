"""Random trees, plans in any order, kills and errors anywhere: I1 to I10 hold."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dedup_nb import staging
from dedup_nb.staging.ledger import read_ledger
from dedup_nb.staging.library import Library

FOLDERS = ["", "mojo1/", "selected/deep/"]
COMPANIONS = ["{stem}.yaml", "{stem}.caption", "{stem}.png.xmp", "._{stem}.png"]

trees = st.dictionaries(
    st.tuples(st.sampled_from(FOLDERS), st.sampled_from("abc")),
    st.tuples(st.sampled_from("XYZ"), st.sets(st.sampled_from(COMPANIONS), max_size=2)),
    min_size=2,
)
picks = st.integers(0, 8)
plans = st.lists(st.tuples(picks, picks), min_size=1, max_size=5)  # image, its keeper
actions = st.lists(
    st.one_of(
        st.tuples(st.just("stage"), plans),
        st.tuples(st.just("killed"), plans, st.integers(1, 120)),
        st.tuples(
            st.just("failed"),
            plans,
            st.integers(1, 250),
            st.sampled_from([errno.ENOSPC, errno.EIO, errno.EXDEV, errno.EMFILE]),
            st.booleans(),
        ),
        st.tuples(st.just("restore")),
        st.tuples(st.just("restore killed"), st.integers(1, 60)),
        st.tuples(st.just("restore one"), picks),
    ),
    min_size=1,
    max_size=5,
)


def draw_tree(library: Path, tree: dict[Any, Any]) -> list[list[str]]:
    """Write a tree and return its bundles, the image of each first."""
    bundles, files = [], {}
    for (folder, stem), (content, companions) in sorted(tree.items()):
        names = [f"{folder}{stem}.png", *(folder + c.format(stem=stem) for c in sorted(companions))]
        files.update({name: f"{content if n == 0 else name}" for n, name in enumerate(names)})
        bundles.append(names)
    kit.write_tree(library, files)
    return bundles


def plan_of(library: Path, bundles: list[list[str]], pairs: list[tuple[int, int]]) -> staging.Plan:
    """Return the plan of pairs whose files are all at home; others could not be planned."""
    wanted = {}
    for image, keeper in pairs:
        names, kept = bundles[image % len(bundles)], bundles[keeper % len(bundles)][0]
        if all((library / name).exists() for name in [*names, kept]):
            wanted[names[0]] = (kept, names)
    return kit.plan_for(library, kit.rows(library, wanted))


def act(library: Path, bundles: list[list[str]], action: tuple[Any, ...]) -> None:
    what = action[0]
    if what == "restore":
        staging.restore(library)
    elif what == "restore killed":
        kit.killed_at(action[1], lambda: staging.restore(library))
    elif what == "restore one":
        with contextlib.suppress(staging.StagingError):  # it may not be staged
            staging.restore(library, file=bundles[action[1] % len(bundles)][0])
    else:
        plan = plan_of(library, bundles, action[1])
        if what == "stage":
            staging.stage(plan, library)
        elif what == "killed":
            kit.killed_at(action[2], lambda: staging.stage(plan, library))
        else:
            _, _, step, code, lasting = action
            with (
                kit.Steps(step, kit.failing(code), lasting=lasting),
                contextlib.suppress(staging.StagingError),
            ):
                staging.stage(plan, library)


def contents(tree: kit.Tree) -> Counter[bytes]:
    return Counter(facts[0] for facts in tree.values() if facts != "folder")


def check(library: Path, bundles: list[list[str]], before: kit.Tree) -> None:
    assert staging.recover(library).status == 0
    now = kit.read_tree(library)
    assert contents(now) == contents(before)  # I1, I3
    for names in bundles:  # I2, I5, I6
        at_home = [name for name in names if name in now]
        assert at_home in ([], names)
        assert all(now[name] == before[name] for name in at_home)
    with Library(library) as opened:  # I10: what stands for a staged bundle is at home, unchanged
        for intent in read_ledger(opened).intents():
            if intent.relied_on:
                for keeper in intent.keepers:
                    assert kit.sha256(library / keeper.path) == keeper.sha256
                    assert not any(file.src == keeper.path for file in intent.files)


def run(tree: dict[Any, Any], todo: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        library.mkdir()
        bundles = draw_tree(library, tree)
        before = kit.read_tree(library)
        for action in todo:
            act(library, bundles, action)
            lost = contents(before).keys() - contents(kit.read_tree(library)).keys()
            assert not lost  # I1 at the very instant
            check(library, bundles, before)
        assert staging.restore(library).status == 0
        assert kit.read_tree(library) == before  # I9


quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@quick
@given(trees, actions)
def test_nothing_is_lost_whatever_happens(tree: dict[Any, Any], todo: list[Any]) -> None:
    run(tree, todo)


@pytest.mark.slow
@settings(quick, max_examples=1500)
@given(trees, actions)
def test_nothing_is_lost_whatever_happens_at_length(tree: dict[Any, Any], todo: list[Any]) -> None:
    run(tree, todo)
