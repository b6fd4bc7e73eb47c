from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from dedup_nb import demo
from dedup_nb.library import names

SMALL: dict[str, Any] = {"scale": 0.25, "share": 0.2}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.make_library(tmp_path_factory.mktemp("made") / "library", 7, **SMALL)


@pytest.fixture(scope="module")
def truth(library: Path) -> demo.Truth:
    return demo.read_truth(library)


def files(folder: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(at, name), folder)
        for at, _, found in os.walk(folder)
        for name in found
    }


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Path -> digest and time of last change."""
    return {
        name: (
            hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            (folder / name).lstat().st_mtime_ns if not (folder / name).is_symlink() else 0,
        )
        for name in files(folder)
    }


# ------------------------------------------------------------ the library


def test_the_same_seed_gives_the_same_bytes_and_times(library, tmp_path):
    again = demo.make_library(tmp_path / "again", 7, **SMALL)
    assert tree(again) == tree(library)
    assert demo.read_truth(again) == demo.read_truth(library)


def test_another_seed_gives_other_pictures(library, tmp_path):
    other = demo.make_library(tmp_path / "other", 8, scale=0.1, share=0.01)
    name = "mojo1/camera/IMG_0001.jpg"
    assert (other / name).read_bytes() != (library / name).read_bytes()


def test_every_file_is_in_the_truth_exactly_once(library, truth):
    told = [*truth["images"], *truth["not_images"], *truth["unreadable"]]
    assert sorted(told) == sorted(files(library))


def test_nothing_of_the_truth_lies_in_the_library(library):
    assert sorted(path.name for path in library.iterdir()) == ["crop", "mojo1", "selected"]
    assert demo.truth_path(library) == library.parent / "library.truth.json"


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        demo.make_library(tmp_path)
    assert files(tmp_path) == {"mine.txt"}


def test_an_interrupted_library_is_written_again_in_place(library, tmp_path):
    def stop(done: int, parts: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "library"
    with pytest.raises(KeyboardInterrupt):
        demo.make_library(folder, 7, stop, **SMALL)
    assert files(folder) and not demo.is_made(folder, 7, **SMALL)
    demo.make_library(folder, 7, **SMALL)
    assert tree(folder) == tree(library)


def test_is_made_asks_for_the_same_seed_and_every_file(library, tmp_path):
    assert demo.is_made(library, 7, **SMALL)
    assert not demo.is_made(library, 8, **SMALL)
    assert not demo.is_made(library, 7)
    assert not demo.is_made(tmp_path / "nowhere")
    folder = demo.make_library(tmp_path / "library", 7, scale=0.1, share=0.01)
    (folder / next(iter(demo.read_truth(folder)["images"]))).unlink()
    assert not demo.is_made(folder, 7, scale=0.1, share=0.01)


def test_every_image_can_be_read_and_every_unreadable_one_cannot(library, truth):
    for path in truth["images"]:
        with Image.open(library / path) as image:
            image.load()
    for path in truth["unreadable"]:
        with pytest.raises((OSError, SyntaxError)), Image.open(library / path) as image:
            image.load()


def test_the_eight_orientations_show_one_picture(library):
    shown = set()
    for n in range(1, 9):
        with Image.open(library / f"mojo1/camera/turned/orientation_{n}.jpg") as image:
            assert image.getexif().get(0x0112) == n
            shown.add(ImageOps.exif_transpose(image).size)
    assert len(shown) == 1


# ------------------------------------------------------------ the truth


def test_the_names_say_what_the_truth_says(truth):
    for path, image in truth["images"].items():
        name = names.parse(path.rpartition("/")[2])
        stamp = name.stamp.isoformat() if name.stamp else None
        assert (path, name.stage or None, stamp) == (path, image["stage"], image["stamp"])


def test_the_names_cover_the_grammar(truth):
    stages = {image["stage"] for image in truth["images"].values()}
    assert stages == {
        None,
        "stage1",
        "stage1_generated",
        "stage1.5_face_swapped",
        "stage2_upscaled",
        "stage3_enhanced",
        "stage3_final",
    }
    suffixes = {path.rpartition(".")[2] for path in truth["not_images"]}
    assert {"yaml", "caption", "txt", "cropped", "decision", "xmp"} <= suffixes
    assert {"companion", "orphan_companion", "skipped"} == set(truth["not_images"].values())


def test_the_nearest_up_rule_finds_exactly_the_series_of_the_truth(truth):
    by_folder: dict[str, list[str]] = defaultdict(list)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, image in truth["images"].items():
        folder, _, name = path.rpartition("/")
        by_folder[folder].append(name)
        if image["series"]:
            told[folder, image["series"]].append(path)
    found = [
        sorted(f"{folder}/{inside[n]}" for n in run)
        for folder, inside in by_folder.items()
        for run in names.find_series(inside)
    ]
    # The last stage of a run that was split over two folders stands alone.
    assert sorted(found) == sorted(sorted(paths) for paths in told.values() if len(paths) > 1)


def test_no_pair_is_both_a_duplicate_and_never_one(truth):
    def pairs(key: str) -> set[tuple[str, ...]]:
        return {tuple(sorted(pair)) for *pair, _ in truth[key]}

    assert not (pairs("duplicates") | pairs("hard_duplicates")) & pairs("never")
    assert not pairs("duplicates") & pairs("hard_duplicates")


def test_duplicates_are_comparable(truth):
    """Same stage, or one without a stage, and never within one series."""
    for a, b, _ in truth["duplicates"]:
        one, other = truth["images"][a], truth["images"][b]
        assert one["picture"] == other["picture"]
        assert one["stage"] == other["stage"] or None in (one["stage"], other["stage"])
        assert one["series"] is None or one["series"] != other["series"]


def test_redundant_sets_have_one_line_up_and_the_same_pictures(truth):
    for sets in truth["sets"]["redundant"]:
        seen = [[truth["images"][path]["picture"] for path in paths] for paths in sets]
        assert seen == [seen[0]] * len(sets)
        assert len({truth["images"][paths[0]]["series"] for paths in sets}) == len(sets)


def test_time_windows_hold_at_the_bound_and_over_midnight(truth):
    def stamps(mode: str) -> list[list[str]]:
        clusters = truth["time_windows"][mode]
        quick = [paths for paths in clusters if paths[0].startswith("mojo1/quick ones")]
        return sorted([truth["images"][path]["stamp"] for path in paths] for paths in quick)

    chained = [
        ["2024-02-29T23:59:59", "2024-03-01T00:00:00"],
        ["2025-07-10T10:00:00", "2025-07-10T10:00:05"],
        [f"2025-07-10T10:20:{s:02}" for s in (0, 4, 8, 12)],
        ["2025-07-10T23:59:58", "2025-07-11T00:00:01"],
        ["2025-07-11T09:00:00", "2025-07-11T09:00:00"],
        ["2025-07-31T23:59:57", "2025-08-01T00:00:01"],
        ["2025-12-31T23:59:56", "2026-01-01T00:00:01"],
    ]
    assert stamps("chain") == chained
    halves = [chained[2][:2], chained[2][2:]]
    assert stamps("anchored") == sorted([*chained[:2], *halves, *chained[3:]])


# ------------------------------------------------------------ the score


def image(kind: str = "original", **known: str | None) -> dict[str, str | None]:
    return {"scene": "s", "kind": kind, "of": None, "series": None, "stage": None, **known}


TOLD: demo.Truth = {
    "images": {
        "a": image(),
        "b": image("smaller", of="a"),
        "c": image("webp", of="a"),
        "mirror": image("mirrored", of="a"),
        "edit": image("local_edit"),
        "x": image(scene="t"),
        "y": image("border", scene="t", of="x"),
        "flat1": image(scene="f"),
        "flat2": image("exact_copy", scene="f", of="flat1"),
    },
    "clusters": [["a", "b", "c"], ["x", "y"], ["flat1", "flat2"]],
    "hard_clusters": [["a", "b", "c", "mirror"], ["x", "y"], ["flat1", "flat2"]],
    "never": [["a", "edit", "local_edit"]],
    "flat": ["flat1", "flat2"],
}


@pytest.mark.parametrize(
    ("staged", "precision", "recall"),
    [
        ([], 1.0, 0.0),  # nothing proposed, nothing wrong
        ([("b", "a"), ("c", "a"), ("y", "x")], 1.0, 1.0),
        ([("a", "b"), ("c", "b"), ("x", "y")], 1.0, 1.0),  # whichever is kept
        ([("b", "a")], 1.0, 1 / 3),
        ([("mirror", "a")], 1.0, 0.0),  # right, and not expected
        ([("a", "mirror"), ("b", "mirror"), ("c", "mirror")], 1.0, 2 / 3),  # no more than n - 1
        ([("flat2", "flat1")], 1.0, 0.0),  # right, and not expected
        ([("b", "a"), ("edit", "a")], 0.5, 1 / 3),
        ([("x", "a")], 0.0, 0.0),
        ([("a", "a")], 0.0, 0.0),  # a picture is no duplicate of itself
        ([("gone", "nowhere")], 0.0, 0.0),
    ],
)
def test_precision_and_recall(staged, precision, recall):
    scored = demo.score(TOLD, staged)
    assert (scored["precision"], scored["recall"]) == (precision, pytest.approx(recall))


def test_wrong_pairs_are_told_with_what_fooled_the_finder():
    scored = demo.score(TOLD, [("edit", "a"), ("x", "a"), ("edit", "b")])
    assert scored["false"] == [
        ["edit", "a", "local_edit"],
        ["edit", "b", "other_stage"],
        ["x", "a", "unrelated"],
    ]
    assert scored["false_by_kind"] == {"local_edit": 1, "other_stage": 1, "unrelated": 1}


def test_a_source_staged_for_a_poorer_copy_is_wrong_and_the_opposite_is_right():
    told = {**TOLD, "richer": [["a", "b", "smaller"]]}
    scored = demo.score(told, [("a", "b"), ("c", "a")])
    assert (scored["right"], scored["false"]) == (1, [["a", "b", "kept smaller"]])
    assert demo.score(told, [("b", "a"), ("c", "a")])["precision"] == 1.0


def test_what_may_not_be_proposed_is_not_expected():
    scored = demo.score(TOLD, [("b", "a")], exclude=["c", "y"])
    assert (scored["found"], scored["redundant"]) == (1, 1)


def test_copies_are_counted_by_kind():
    scored = demo.score(TOLD, [("a", "b"), ("mirror", "b")])
    assert scored["by_kind"] == {
        "border": [0, 1],
        "mirrored": [1, 1],
        "smaller": [1, 1],
        "webp": [0, 1],
    }


# ------------------------------------------------------------ the score of sets

SETS: demo.Truth = {
    "images": {
        f"s/{name}{stage}": {**image(), "series": name} for name in "abcde" for stage in (1, 2)
    },
    "sets": {
        "redundant": [[["s/a1", "s/a2"], ["s/b1", "s/b2"], ["s/c1", "s/c2"]]],
        "inconclusive": [],
        "never": [{"sets": [["s/d1", "s/d2"], ["s/e1", "s/e2"]], "why": "local_edit"}],
    },
}


def pruned(*pairs: str) -> list[tuple[str, str]]:
    """`ba`: both stages of b go for those of a."""
    return [(f"s/{pair[0]}{stage}", f"s/{pair[1]}{stage}") for pair in pairs for stage in (1, 2)]


@pytest.mark.parametrize(
    ("staged", "precision", "recall", "never"),
    [
        ([], 1.0, 0.0, []),
        (pruned("ba", "ca"), 1.0, 1.0, []),
        (pruned("ac", "bc"), 1.0, 1.0, []),  # whichever is kept
        (pruned("ba")[:1], 0.0, 0.0, []),  # not whole
        (pruned("ba", "cb"), 0.5, 0.5, []),  # kept by one that goes
        ([("s/b1", "s/a1"), ("s/b2", "s/c2")], 0.0, 0.0, []),  # kept by two sets
        (pruned("ba", "ed"), 0.5, 0.5, ["local_edit"]),
    ],
)
def test_sets_are_right_only_whole_and_for_one_set_that_stays(staged, precision, recall, never):
    scored = demo.score_sets(SETS, staged)
    found = (scored["precision"], scored["recall"], scored["never"])
    assert found == (precision, recall, never)


def test_without_the_cross_check_sets_with_other_prompts_are_redundant_too():
    told = {**SETS, "sets": {**SETS["sets"], "never": [], "inconclusive": []}}
    pair = [["s/d1", "s/d2"], ["s/e1", "s/e2"]]
    told["sets"]["never"] = [{"sets": pair, "why": "prompt_differs"}]
    every = pruned("ba", "ca", "ed")
    assert demo.score_sets(told, every)["never"] == ["prompt_differs"]
    scored = demo.score_sets(told, every, cross_check=False)
    assert (scored["precision"], scored["recall"], scored["never"]) == (1.0, 1.0, [])


def test_the_kinds_of_sets_that_are_never_pruned_are_all_there(truth):
    assert {each["why"] for each in truth["sets"]["never"]} == {
        "one_stage_differs",
        "local_edit_in_one_stage",
        "small_edit_in_one_stage",
        "another_line_up",
        "same_yaml_other_picture",
        "split_over_folders",
        "both_split_over_folders",
        "prompt_differs",
        "png_text_differs",
    }
