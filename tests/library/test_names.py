"""Names: stamps, stages and series."""

from datetime import datetime

import pytest

from dedup_nb.library import names


@pytest.mark.parametrize(
    ("name", "stamp", "problem", "stage", "level"),
    [
        (
            "20250705_215218_stage1_generated.png",
            datetime(2025, 7, 5, 21, 52, 18),
            "",
            "stage1_generated",
            1.0,
        ),
        (
            "20250705_215218_stage1.5_face_swapped.png",
            datetime(2025, 7, 5, 21, 52, 18),
            "",
            "stage1.5_face_swapped",
            1.5,
        ),
        ("20250705_215218_stage3.png", datetime(2025, 7, 5, 21, 52, 18), "", "stage3", 3.0),
        (
            "20250705_215218_stage3_final (1).png",
            datetime(2025, 7, 5, 21, 52, 18),
            "",
            "stage3_final",
            3.0,
        ),
        ("IMG_20240229_010203.jpg", datetime(2024, 2, 29, 1, 2, 3), "", "", None),
        ("20250231_215218_stage1.png", None, "invalid", "stage1", 1.0),  # no 31 February
        ("20250705_2152_stage1.png", None, "without seconds", "stage1", 1.0),
        ("holiday.jpg", None, "absent", "", None),
        ("backstage2_pass.jpg", None, "absent", "", None),  # a word that ends in stage
        ("123456789_123456.jpg", None, "absent", "", None),  # nine digits are no date
    ],
)
def test_a_name_tells_stamp_and_stage(name, stamp, problem, stage, level):
    assert names.parse(name) == (stamp, problem, stage, level)
    assert names.level(stage) == level


@pytest.mark.parametrize(
    ("stages", "series"),
    [
        ("1 1.5 2 3", [[0, 1, 2, 3]]),
        ("1 3 2 3", [[0, 2, 3]]),  # the nearest stage up, not the first one met
        ("3 3 2 3", [[2, 3]]),
        ("1 2 1 2", [[0, 1], [2, 3]]),
        ("1 1 1", []),  # one member is no series
        ("2 1", []),
    ],
)
def test_series_follow_the_nearest_stage_up(stages, series):
    stamped = [f"20250101_0000{k:02d}_stage{s}.png" for k, s in enumerate(stages.split())]
    assert names.find_series(stamped) == series


def test_a_series_reaches_no_further_than_the_look_ahead():
    between = [f"20250101_0001{k:02d}_stage9.png" for k in range(names.LOOK_AHEAD)]
    folder = ["20250101_000000_stage1.png", *between, "20250101_000200_stage2.png"]
    assert [0, len(folder) - 1] not in names.find_series(folder)


def test_names_outside_the_grammar_are_no_series():
    assert names.find_series(["a.png", "b.png", "20250101_000000.png"]) == []


STAGE2 = "20250705_215218_stage2"


@pytest.mark.parametrize(
    "name",
    [
        f"{STAGE2}{suffix}.png"
        for suffix in (
            "-copy18", " (1)", "(1)", "_c24", " - Copy", " - Copy (2)", "~2", "~", " copy 2",
            " copy", "_copy", " - Kopie", " Kopie 2", " - Copie", " - Copia", " - \u526f\u672c",
            " - \u30b3\u30d4\u30fc", " (copy)", " (another copy)", " (3rd copy)", " 2",
            " - Copy - Copy", " (1) (2)",
        )
    ] + [f"Copy of {STAGE2}.png", f"Copy (2) of {STAGE2}.png", f"Kopie von {STAGE2}.png"],
)  # fmt: skip
def test_a_copy_suffix_is_no_part_of_the_stage(name):
    assert names.is_copy(name) and names.parse(name).stage == "stage2"


@pytest.mark.parametrize(
    "name",
    [
        f"{STAGE2}.png", f"{STAGE2}_upscaled.png", f"{STAGE2}_1.png", "photocopy.png",
        "20250705_215218_stage1.5_face_swapped.png", "IMG_c.jpg",
    ],
)  # fmt: skip
def test_other_names_are_no_copies(name):
    assert not names.is_copy(name)


ONE, TWO, THREE = (f"20250705_21521{k}_stage{k}" for k in (1, 2, 3))


@pytest.mark.parametrize(
    ("inside", "series"),
    [
        # the copy sorts first, and the plain name still takes the place
        ([f"{ONE}.png", f"{TWO}-copy18.tiff", f"{TWO}.png", f"{THREE}.png"], [[0, 2, 3]]),
        ([f"{ONE} (1).png", f"{ONE}.png", f"{TWO}.png", f"{TWO} - Copy.png"], [[1, 2]]),
        # a whole series copied in its folder
        ([f"{s}{end}.png" for end in ("", " copy") for s in (ONE, TWO, THREE)], [[0, 1, 2]]),
        # nothing plain is there: the copies are a series
        ([f"{s} (1).png" for s in (ONE, TWO, THREE)], [[0, 1, 2]]),
        ([f"{ONE}.png", f"{TWO} (1).png", f"{THREE}.png"], [[0, 1, 2]]),
        ([f"{ONE}.png", f"{TWO} (1).png", f"{TWO} (2).png", f"{THREE}.png"], [[0, 1, 3]]),
        # another plain stage 2 follows the copy
        ([f"{ONE}.png", f"{ONE}_c2.png".replace("stage1", "stage2"), f"{TWO}.png"], [[0, 2]]),
    ],
)
def test_a_copy_takes_no_place_that_a_plain_name_can_take(inside, series):
    assert names.find_series(inside) == series
