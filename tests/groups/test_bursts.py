"""Frames of one burst: told by camera, time and number, whatever else is known."""

import numpy as np
import pytest
from test_groups import images, pairs, roles

from dedup_nb import groups
from dedup_nb.groups.bursts import Bursts
from dedup_nb.groups.checks import Judgement


def shot(time="12:00:00", *, camera="Canon EOS R5", name="IMG_1234", size=(600, 400), **more):
    """What is known of one photograph: its facts, the stem of its name, its size."""
    facts = {"camera": camera, "time": time and f"2021-05-01T{time}", **more}
    return [f"{key}={value}" for key, value in facts.items() if value], name, size


def bare(name):
    """A picture of which nothing but its name and size is known."""
    return (), name, (600, 400)


def why(one, other, seconds=2.0, between=()):
    facts, stems, sizes = zip(one, other, *between, strict=True)
    digests = [str(k) for k in range(len(facts))]
    made = Bursts(facts, stems, sizes, digests, seconds)
    found, turned = made.why(0, 1), made.why(1, 0)
    pair = np.array([0]), np.array([1])
    assert made.apart(*pair).tolist() == made.apart(*pair[::-1]).tolist() == [bool(found)]
    assert bool(found) == bool(turned)
    return found.removeprefix("frames of one burst: ")


NOON = shot()
FROZEN = {"time": "", "camera": "Kodak DC240"}


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        # times
        (shot("12:00:00.1"), shot("12:00:00.4"), "taken 0.3 s apart"),
        (shot("12:00:00"), shot("12:00:01"), "taken 1 s apart"),
        (shot("12:00:00"), shot("12:00:02"), "taken 2 s apart"),  # inclusive
        (shot("12:00:00.1"), shot("12:00:02.1"), "taken 2 s apart"),
        (shot("12:00:00.1"), shot("12:00:02.11"), ""),
        (shot("12:00:00"), shot("12:00:03"), ""),
        (shot("12:00:00"), shot("12:00:02.1"), ""),  # in two runs: 2.1 s
        (shot("12:00:00.123"), shot("12:00:00.123"), ""),  # a copy
        (shot("12:00:00.12"), shot("12:00:00.123"), ""),  # a copy with a shorter fraction
        (shot("12:00:00.45"), shot("12:00:00"), ""),  # a copy that lost its fraction
        (shot("12:00:00.45"), shot("12:00:01"), "taken 1 s apart"),
        (NOON, shot(""), ""),  # a copy that lost its time
        (NOON, ((), "IMG_1235", (600, 400)), ""),  # a copy that lost everything
        (shot("x"), shot("12:00:01"), ""),
        # time zones
        (shot(offset="+02:00"), shot("12:00:01", offset="+02:00"), "taken 1 s apart"),
        (shot(offset="+02:00"), shot("12:00:01"), "taken 1 s apart"),  # a copy lost its offset
        (shot(offset="+02:00"), shot("12:00:01", offset="+01:00"), ""),  # an hour apart
        (shot(offset="+02:00"), shot("10:00:01", offset="+00:00"), "taken 1 s apart"),
        (shot(offset="+02:00"), shot("10:00:00", offset="Z"), ""),  # a copy, told in UTC
        (shot(offset="-03:30"), shot("15:30:00", offset="+00:00"), ""),
        # cameras
        (NOON, shot("12:00:01", camera="canon  eos r5"), "taken 1 s apart"),
        (NOON, shot("12:00:01", camera="NIKON D70"), ""),
        (shot(serial="1"), shot("12:00:01", serial="2"), ""),  # two cameras of one model
        (shot(serial="1"), shot("12:00:01"), "taken 1 s apart"),
        (shot(camera=""), shot("12:00:01", camera=""), ""),  # renders, screenshots
        (shot(camera="EPSON Perfection V600"), shot("12:00:01", camera="EPSON Perfection V600"), ""),
        (shot(source="scanner"), shot("12:00:01", source="scanner"), ""),
        # numbers of the camera at equal times
        (shot(number="7"), shot(number="8"), "taken at one time, numbered 7 and 8"),
        (shot(counter="4711"), shot(counter="4712"), "taken at one time, numbered 4711 and 4712"),
        (shot(sequence="1"), shot(sequence="2"), "taken at one time, numbered 1 and 2"),
        (shot(unique="a1"), shot(unique="b2"), "taken at one time, numbered a1 and b2"),
        (shot(number="7"), shot(number="7"), ""),
        (shot(number="7"), shot(), ""),  # an edited copy that lost it
        (shot(number="7"), shot(number="7", name="IMG_1235"), ""),  # a copy that was renamed
        (shot(number="7", unique="a"), shot(number="7", unique="b"), ""),  # a program's own
        (shot(unique="a"), shot(unique="a", name="IMG_1235"), "taken at one time, numbered 1234 and 1235"),
        (shot("12:00:00.12", number="7"), shot("12:00:00.12", number="8"), "taken at one time, numbered 7 and 8"),
        (shot(number="7"), shot("12:00:01", number="7"), "taken 1 s apart"),
        # numbers in names at equal times
        (NOON, shot(name="IMG_1235"), "taken at one time, numbered 1234 and 1235"),
        (NOON, shot(name="img_1235"), "taken at one time, numbered 1234 and 1235"),
        (NOON, shot(name="IMG_1334"), "taken at one time, numbered 1234 and 1334"),
        (NOON, shot(name="IMG_1335"), ""),  # too far to follow it
        (NOON, shot(name="IMG_1234"), ""),
        (NOON, shot(name="IMG_1234(1)"), ""),  # copies, as programs name them
        (NOON, shot(name="IMG_1234 (2)"), ""),
        (shot(name="IMG_1234(1)"), shot(name="IMG_1234(2)"), ""),
        (NOON, shot(name="IMG_1234 - Copy"), ""),
        (NOON, shot(name="IMG_1234-2"), ""),
        (NOON, shot(name="IMG_1234 2"), ""),
        (shot(name="IMG_1234_1"), shot(name="IMG_1234_2"), ""),
        (NOON, shot(name="IMG_E1234"), ""),  # the edited one of a phone
        (NOON, shot(name="DSC_1235"), ""),
        (NOON, shot(name="holiday"), ""),
        (NOON, shot(name="IMG_1235", size=(300, 200)), ""),  # made smaller inside the camera
        (NOON, shot(name="IMG_1235", size=(400, 600)), "taken at one time, numbered 1234 and 1235"),
        (shot("12:00:00.12"), shot("12:00:00.12", name="IMG_1235"), ""),  # a copy renamed in order
        (shot("12:00:00.00"), shot("12:00:00.00", name="IMG_1235"), "taken at one time, numbered 1234 and 1235"),
        (shot(name="20210501_120000_001"), shot(name="20210501_120000_002"), "taken at one time, numbered 001 and 002"),
        (shot(name="IMG_20210501_120000_BURST001_COVER"), shot(name="IMG_20210501_120000_BURST002"), "numbers 1 and 2 in their names"),
        (shot(name="00001IMG_00001_BURST20210501120000123"), shot(name="00002IMG_00002_BURST20210501120000123"), "numbers 1 and 2 in their names"),
        (shot(name="DSC_0001_BURST20210501120000123"), bare("DSC_0002_BURST20210501120000123"), "numbers 1 and 2 in their names"),
        (bare("IMG_20210501_120000_BURST001"), bare("IMG_20210501_120000_BURST002"), "numbers 1 and 2 in their names"),
        (bare("IMG_20210501_120000_BURST001"), bare("IMG_20210501_120000_BURST001 (1)"), ""),
        (bare("IMG_20210501_120000_BURST001"), bare("IMG_20210501_120007_BURST002"), ""),
        (bare("20210501_120000_001"), bare("20210501_120000_002"), ""),  # renders of one second
        (bare("sunburst 001"), bare("sunburst 002"), ""),
        (shot(name="IMG_1234_0001"), shot(name="IMG_1236_0002"), ""),  # two numbers, of no one count
        (shot(name="1" * 40), shot(name="1" * 39 + "2"), "taken at one time, numbered " + "1" * 40 + " and " + "1" * 39 + "2"),
        # the name that a camera gives a burst, however long it is
        (shot(burst="B1"), shot("12:00:09", burst="B1"), "taken 9 s apart"),
        (shot(burst="B1"), shot("12:00:09", burst="B2"), ""),
        (shot(burst="B1"), shot(burst="B1"), ""),
        # clocks that were never set
        (shot(time="", number="7"), shot(time="", number="8"), "taken at one time, numbered 7 and 8"),
        (shot(time=""), shot(time="", name="IMG_1235"), ""),  # the time may have been removed
    ],
)  # fmt: skip
def test_two_photographs_are_frames_of_one_burst_by_their_facts(one, other, reason):
    assert why(one, other) == reason


def test_frames_of_a_long_burst_are_apart_by_the_frames_between_them():
    between = [shot(f"12:00:0{k}") for k in (1, 2, 3, 4)]
    assert why(NOON, shot("12:00:05")) == ""
    assert why(NOON, shot("12:00:05"), between=between) == "taken 5 s apart"


@pytest.mark.parametrize(("seconds", "reason"), [(0.5, ""), (1.0, "taken 1 s apart"), (0, "")])
def test_the_largest_gap_is_a_parameter(seconds, reason):
    assert why(NOON, shot("12:00:01"), seconds) == reason


def test_without_seconds_numbers_tell_nothing_either():
    assert why(shot(number="7"), shot(number="8"), 0) == ""


def table(*shots, sha256s=None):
    """Images of a folder each, so that names do not clash."""
    rows = [
        (f"{k}/{name}.jpg", {"frame": tuple(facts), "width": size[0], "height": size[1]})
        for k, (facts, name, size) in enumerate(shots)
    ]
    for k, digest in enumerate(sha256s or ()):
        rows[k][1]["sha256"] = digest
    return images(*rows)


EVERY = [(i, j, 2) for i in range(4) for j in range(i + 1, 4)]
BURST_AND_BACKUP = [shot("12:00:00.1"), shot("12:00:00.4"), shot("12:00:00.1"), shot("12:00:00.4")]


def test_frames_stay_and_their_copies_go_each_for_its_own_frame():
    made = groups.Candidates(table(*BURST_AND_BACKUP), pairs(*EVERY))
    assert roles(made, 8) == {
        "0/IMG_1234.jpg": ("keeper", "0/IMG_1234.jpg"),
        "1/IMG_1234.jpg": ("keeper", "1/IMG_1234.jpg"),
        "2/IMG_1234.jpg": ("stage", "0/IMG_1234.jpg"),
        "3/IMG_1234.jpg": ("stage", "1/IMG_1234.jpg"),
    }


def test_a_frame_waits_with_the_reason_and_its_kind():
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2]), pairs((0, 1, 2)))
    listed = made.table(made.cut(8)).set_index("path").loc["1/IMG_1234.jpg"]
    assert (listed.role, listed.kind) == ("review", "burst")
    assert listed.reason == "frames of one burst: taken 0.3 s apart"


def test_your_mark_decides_over_the_burst():
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2]), pairs((0, 1, 2)), marks=[None, "stage"])
    assert roles(made, 8)["1/IMG_1234.jpg"] == ("stage", "0/IMG_1234.jpg")


def test_bursts_go_where_you_turn_the_rule_off():
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2]), pairs((0, 1, 2)), burst_seconds=0)
    assert roles(made, 8)["1/IMG_1234.jpg"] == ("stage", "0/IMG_1234.jpg")


def test_one_content_is_one_frame():
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2], sha256s="aa"), pairs((0, 1, 0)))
    assert roles(made, 8)["1/IMG_1234.jpg"] == ("stage", "0/IMG_1234.jpg")


class Eyes:
    """Checks that call every pair a copy, with or without equal pixels."""

    def __init__(self, equal, accepted=True):
        self.judged = Judgement(accepted, "re-encoded", 1.0, "" if accepted else "no", equal=equal)

    def refused(self, members, keepers):
        return np.full(len(members), not self.judged.accepted)

    def judgement(self, member, keeper):
        return self.judged

    def pictures(self, members, keepers):
        return [self.judged.picture] * len(members)


@pytest.mark.parametrize(
    ("equal", "role", "kind"), [(True, "stage", "re-encoded"), (False, "review", "burst")]
)
def test_only_equal_pixels_make_two_frames_one(equal, role, kind):
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2]), pairs((0, 1, 2)), checks=Eyes(equal))
    listed = made.table(made.cut(8)).set_index("path").loc["1/IMG_1234.jpg"]
    assert (listed.role, listed.kind) == (role, kind)


def test_frames_wait_until_their_pixels_are_compared():
    eyes = Eyes(equal=True)
    known, eyes.judged = eyes.judged, None
    eyes.refused = lambda members, keepers: np.zeros(len(members), bool)
    eyes.pictures = lambda members, keepers: [None] * len(members)
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2]), pairs((0, 1, 2)), checks=eyes)
    before = roles(made, 8)["1/IMG_1234.jpg"][0]
    eyes.judged = known
    assert (before, roles(made, 8)["1/IMG_1234.jpg"][0]) == ("review", "stage")


def test_what_the_pixels_refuse_stays_refused():
    eyes = Eyes(equal=True, accepted=False)
    made = groups.Candidates(table(*BURST_AND_BACKUP[:2]), pairs((0, 1, 2)), checks=eyes)
    assert roles(made, 8)["1/IMG_1234.jpg"][0] == "review"


def test_ten_thousand_equal_files_take_no_time():
    facts, stem, size = shot("12:00:00.1", number="7")
    n = 10_000
    made = Bursts([facts] * n, [stem] * n, [size] * n, ["a"] * n)
    rows = np.arange(1, n)
    assert not made.apart(rows, np.zeros(n - 1, np.int64)).any()
