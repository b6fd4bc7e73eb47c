"""Sets of which all frames are kept: exposure brackets, focus stacks, HDR pairs."""

import pytest
from test_groups import images, pairs, roles

from dedup_nb import groups
from dedup_nb.groups import keep_all


def shot(second, mode="", bias="", seconds="", distance="", rendered="", camera="R5", iso="100"):
    return (
        f"2021-05-01T12:00:{second}",
        camera,
        mode,
        bias,
        seconds,
        "8",
        iso,
        "35",
        distance,
        rendered,
    )


MARKED = [shot("00", "2", "0"), shot("01", "2", "-2"), shot("02", "2", "2")]


@pytest.mark.parametrize(
    ("shots", "sets", "kinds"),
    [
        (MARKED, [0, 0, 0], ("exposure bracket",)),
        ([shot("00", "2", "0"), shot("09", "2", "-2")], [0, 0], ("exposure bracket",)),
        ([shot("00", bias="0"), shot("02", bias="-1")], [0, 0], ("exposure bracket",)),  # no mark
        ([shot("00", bias="0"), shot("04", bias="-1")], [-1, -1], ()),  # too late
        ([shot("00.1", seconds="0.01"), shot("00.4", seconds="0.04")], [0, 0], ("exposure bracket",)),
        ([shot("00", seconds="0.01"), shot("00", seconds="0.01", iso="400")], [0, 0], ("exposure bracket",)),
        ([shot("00", seconds="0.01"), shot("01", seconds="0.011")], [-1, -1], ()),  # a burst
        ([shot("00", seconds="8"), shot("10", seconds="2")], [0, 0], ("exposure bracket",)),  # at night
        ([shot("00", bias="0"), shot("01", bias="-2", camera="R6")], [-1, -1], ()),
        ([shot("00", bias="0"), shot("00", bias="0")], [-1, -1], ()),  # a copy
        ([(), (), shot("00", bias="0")], [-1, -1, -1], ()),
        ([shot("0x", bias="0"), shot("00", bias="x")], [-1, -1], ()),
        ([shot(f"0{k}", seconds="0.01", distance=f"{1 + k / 4}") for k in range(4)], [0] * 4, ("focus stack",)),
        ([shot(f"0{k}", seconds="0.01", distance=d) for k, d in enumerate("1213")], [-1] * 4, ()),
        ([shot("00", rendered="3"), shot("00", rendered="4")], [0, 0], ("HDR picture and its original",)),
    ],
)  # fmt: skip
def test_frames_that_differ_in_exposure_or_focus_are_one_set(shots, sets, kinds):
    made = keep_all.find(shots)

    assert (made.sets.tolist(), made.kinds) == (sets, kinds)


def test_copies_of_a_frame_are_the_same_frame_though_programs_round():
    first, second = (
        shot("00", bias="0", seconds="0.0333333"),
        shot("01", bias="-2", seconds="0.0083"),
    )
    copy = shot("00", bias="0", seconds="0.0333")

    assert keep_all.find([first, second, copy]).frames.tolist() == [0, 1, 0]


def bracket_and_backup():
    frames = zip(("0", "1", "2") * 2, MARKED * 2, ("cam",) * 3 + ("old",) * 3, strict=True)
    table = images(
        *[(f"{folder}/{name}.jpg", {"shot": one, "sha256": name}) for name, one, folder in frames]
    )
    every = [(i, j, 0 if j - i == 3 else 2) for i in range(6) for j in range(i + 1, 6)]
    return groups.Candidates(table, pairs(*every))


def test_frames_of_a_bracket_stay_and_their_copies_go_each_for_its_own_frame():
    assert roles(bracket_and_backup(), 8) == {
        **{f"cam/{k}.jpg": ("keeper", f"cam/{k}.jpg") for k in range(3)},
        **{f"old/{k}.jpg": ("stage", f"cam/{k}.jpg") for k in range(3)},
    }


def test_a_frame_without_a_copy_waits_with_the_reason():
    table = images(*[(f"{k}.jpg", {"shot": one}) for k, one in enumerate(MARKED)])
    made = groups.Candidates(table, pairs((0, 1, 2), (0, 2, 2)))
    listed = made.table(made.cut(8)).set_index("path")

    assert listed["role"].to_dict() == {"0.jpg": "keeper", "1.jpg": "review", "2.jpg": "review"}
    assert listed.loc["1.jpg", "reason"] == "frames of one exposure bracket: all are kept"


def test_your_mark_decides_over_the_set():
    table = images(*[(f"{k}.jpg", {"shot": one}) for k, one in enumerate(MARKED[:2])])
    made = groups.Candidates(table, pairs((0, 1, 2)), marks=[None, "stage"])

    assert roles(made, 8)["1.jpg"] == ("stage", "0.jpg")
