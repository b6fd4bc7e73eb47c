"""Time windows: which images were made within some seconds of each other, exactly."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from drawn import photo, save
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_workbench import start

from dedup_nb.finders import time_window
from dedup_nb.finders.time_window import Windows
from dedup_nb.library import names, tables
from dedup_nb.pictures import images
from dedup_nb.steps.time_window import bursts


def clusters(seconds, times, mode="chain", classes=None, brackets=None):
    """The clusters of times given in seconds, as lists of positions."""
    stamps = time_window.microseconds([datetime(2025, 7, 5) + timedelta(seconds=t) for t in times])
    classes = classes or ["stage1"] * len(times)
    marks = None if brackets is None else np.array(brackets, np.int64)
    labels = Windows(stamps, classes, mode, marks).clusters(seconds).tolist()
    return [[k for k, at in enumerate(labels) if at == name] for name in sorted({*labels} - {-1})]


@pytest.mark.parametrize("mode", time_window.MODES)
def test_a_window_includes_its_last_second_and_no_more(mode):
    assert clusters(5, [0, 5], mode) == [[0, 1]]
    assert clusters(5, [0, 6], mode) == []
    assert clusters(5, [0, 5.000001], mode) == []


def test_a_chain_goes_on_from_the_one_before_and_an_anchor_from_the_first():
    times = [0, 4, 8, 12, 13]
    assert clusters(5, times, "chain") == [[0, 1, 2, 3, 4]]
    assert clusters(5, times, "anchored") == [[0, 1], [2, 3, 4]]  # the third anchors the next


def test_only_images_of_one_full_stage_name_come_together():
    classes = ["stage2", "stage2_upscaled", "stage2", "stage2_upscaled"]
    assert clusters(5, [0, 1, 2, 3], classes=classes) == [[0, 2], [1, 3]]


def test_images_in_any_order_and_of_one_second_come_together():
    assert clusters(0, [7, 3, 7, 3]) == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("20250705_235958", "20250706_000003"),  # midnight
        ("20250731_235958", "20250801_000003"),  # the end of a month
        ("20240228_235958", "20240229_000003"),  # a leap day
        ("20251231_235958", "20260101_000003"),  # the end of a year
        ("20250330_015958", "20250330_020003"),  # the hour that summer time skips: naive time
    ],
)
def test_five_seconds_are_five_seconds_over_every_boundary(before, after):
    stamps = [names.parse(f"{text}_stage1.png").stamp for text in (before, after)]
    windows = Windows(time_window.microseconds(stamps), ["stage1"] * 2)
    assert windows.clusters(5).tolist() == [0, 0]
    assert windows.clusters(4).tolist() == [-1, -1]
    assert windows.gaps.to_dict("records") == [{"i": 0, "j": 1, "gap_s": 5.0}]


def test_images_without_a_stamp_take_no_part():
    stamps = time_window.microseconds([None, datetime(2025, 7, 5), None, datetime(2025, 7, 5)])
    windows = Windows(stamps, ["stage1"] * 4)
    assert windows.clusters(5).tolist() == [-1, 1, -1, 1]
    assert len(Windows(stamps[:1], ["stage1"]).clusters(5)) == 1
    assert len(Windows(stamps[:0], []).gaps) == 0


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="choose one of chain, anchored"):
        Windows(np.zeros(0, np.int64), [], "both")


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ab")), max_size=30),
    st.integers(0, 12),
    st.sampled_from(time_window.MODES),
)
def test_clusters_are_those_of_the_plain_definition(images_made, seconds, mode):
    times, classes = [t for t, _ in images_made], [c for _, c in images_made]
    expected = []
    for name in "ab":
        rows = sorted((t, k) for k, (t, c) in enumerate(images_made) if c == name)
        run = []
        for t, k in rows:
            since = run[0][0] if run and mode == "anchored" else run[-1][0] if run else 0
            if run and t - since > seconds:
                expected.append(run)
                run = []
            run.append((t, k))
        expected.append(run)
    wanted = sorted(sorted(k for _, k in run) for run in expected if len(run) > 1)
    assert sorted(clusters(seconds, times, mode, classes)) == wanted


# ---------------------------------------------------------------- exposure


def photographed(path, seed, taken, sub=None, mode=None, bias=None):
    """Save a photograph with a time of exposure."""
    exif = Image.Exif()
    exif[0x010F] = "Lumen"  # Pillow leaves out of a PNG what has no tag of its own
    tags = exif.get_ifd(images.EXPOSURE_IFD)
    for tag, value in ((images.TAKEN, taken), (images.SUB_SECOND, sub),
                       (images.EXPOSURE_MODE, mode), (images.BIAS, bias)):  # fmt: skip
        if value is not None:
            tags[tag] = value
    save(photo(seed), path, exif=exif)


@pytest.mark.parametrize(
    ("exposure", "stamp", "problem"),
    [
        ("2025:07:20 15:13:14.25|2|-2", datetime(2025, 7, 20, 15, 13, 14, 250_000), ""),
        ("2025:07:20 15:13:14.1234567||", datetime(2025, 7, 20, 15, 13, 14, 123_456), ""),
        ("2025:07:20 15:13:14.x||", datetime(2025, 7, 20, 15, 13, 14), ""),
        ("2025:07:20 15:13||", None, "without seconds"),
        ("2025:02:30 15:13:14||", None, "invalid"),
        ("    :  :     :  :  ||", None, "absent"),  # cameras without a clock write this
        ("", None, "absent"),
    ],
)
def test_the_time_of_exposure_is_read_exactly_or_not_at_all(exposure, stamp, problem):
    assert names.exif_stamp(exposure) == (stamp, problem)


def test_exposure_is_read_from_jpeg_png_and_webp_and_bad_exif_harms_nothing(tmp_path):
    for suffix in ("jpg", "png", "webp"):
        photographed(tmp_path / f"a.{suffix}", 1, "2025:07:20 15:13:14", "25", 2, -2.0)
        measured = images.measure((tmp_path / f"a.{suffix}").read_bytes(), "a", [(32, 32)])
        assert (measured.status, measured.exposure) == ("ok", "2025:07:20 15:13:14.25|2|-2")
    save(photo(1), tmp_path / "bad.jpg", exif=b"Exif\0\0no TIFF at all")
    measured = images.measure((tmp_path / "bad.jpg").read_bytes(), "bad.jpg", [(32, 32)])
    assert (measured.status, measured.exposure) == ("ok", "")


def test_frames_of_an_exposure_bracket_are_kept_together():
    times = [0, 1, 2, 3, 4, 5, 60]
    biases = np.array([-2, 0, 2, -2, 0, 2, 0.0])  # two brackets, one after the other, one apart
    stamps = time_window.microseconds([datetime(2025, 7, 5, 0, 0, 0)] * 7) + np.array(times) * 10**6
    automatic = np.array([True] * 6 + [False])
    found = time_window.brackets(stamps, ["a"] * 7, automatic, biases)
    assert found.tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert clusters(1, times, "anchored", brackets=found) == [[0, 1, 2], [3, 4, 5]]
    assert clusters(1, times, "anchored") == [[0, 1], [2, 3], [4, 5]]


def test_frames_far_apart_or_of_two_folders_are_no_bracket():
    stamps = np.array([0, 4, 5, 5]) * 10**6
    biases = np.array([-2, 0, 2, -1.0])
    found = time_window.brackets(stamps, ["a", "a", "b", "a"], np.ones(4, bool), biases)
    assert found.tolist() == [-1, 0, -1, 0]


# ---------------------------------------------------------------- in a run


@pytest.fixture
def library(tmp_path):
    """A burst over two roots, look-alikes in it, and stamps of every bad kind."""
    lib = tmp_path / "lib"
    save(photo(1, 288, 192), lib / "mojo1/20250705_235957_stage2_upscaled.png")  # the largest
    save(photo(1, 96, 64), lib / "selected/20250706_000001_stage2_upscaled.png")  # a copy of it
    save(photo(2), lib / "mojo1/20250706_000006_stage2_upscaled.png")  # only in the chain
    save(photo(3), lib / "mojo1/20250706_000006_stage2.png")  # another stage name
    save(photo(4), lib / "mojo1/20250231_000000_stage1.png")
    save(photo(5), lib / "mojo1/20250705_2152_stage1.png")
    save(photo(6), lib / "mojo1/plain_stage1.png")
    save(photo(7), lib / "mojo1/20250706_000006.png")
    (lib / "mojo1/20250706_000007_stage2_upscaled.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return lib


def roles(made, seconds):
    table = made.table(made.cut(seconds))
    return {row.path: (row.role, row.keeper, row.value) for row in table.itertuples()}


A = "mojo1/20250705_235957_stage2_upscaled.png"
B = "selected/20250706_000001_stage2_upscaled.png"
C = "mojo1/20250706_000006_stage2_upscaled.png"


def test_a_cluster_over_roots_waits_for_a_person(tmp_path, library):
    run = start(tmp_path, library, "20_time_window")
    stamps = bursts.Stamps(run)
    chain = bursts.Bursts(run, stamps, "chain")
    assert roles(chain, 5) == {
        A: ("keeper", A, 0.0), B: ("review", A, 4.0), C: ("review", A, 9.0),
    }  # fmt: skip
    anchored = bursts.Bursts(run, stamps, "anchored")
    assert set(roles(anchored, 5)) == {A, B}
    assert roles(chain, 3) == {}
    assert chain.cut(5).totals["images"] == 0


def test_excluded_stamps_are_counted_by_reason_and_listed(tmp_path, library):
    run = start(tmp_path, library, "20_time_window")
    stamps = bursts.Stamps(run, "name", stageless=False)
    assert dict(zip(stamps.excluded.reason, stamps.excluded.images, strict=True)) == {
        "no stage": 1,
        "not readable": 1,
        "stamp absent": 1,
        "stamp invalid": 1,
        "stamp without seconds": 1,
    }
    assert stamps.describe() == (
        "4 images with a timestamp, in their file name, in 2 stages; 5 images excluded"
    )
    folder = run.save(bursts.Bursts(run, stamps), 5, name="seconds")
    listed = {row["path"]: row["reason"] for row in tables.read_csv(folder / "excluded.csv")}
    assert listed["mojo1/20250231_000000_stage1.png"] == "stamp invalid"


def test_results_tell_span_and_count_and_propose_nothing(tmp_path, library):
    run = start(tmp_path, library, "20_time_window")
    made = bursts.Bursts(run, bursts.Stamps(run))
    folder = run.save(made, 5, name="seconds", charts=[bursts.chart(made, 5)])
    (cluster,) = tables.read_csv(folder / "clusters.csv")
    del cluster["component_id"]
    assert cluster == {
        "images": "3", "span_s": "9.0", "first": "2025-07-05 23:59:57",
        "last": "2025-07-06 00:00:06", "stage": "stage2_upscaled", "roots": "mojo1, selected",
    }  # fmt: skip
    assert len(list(tables.read_csv(folder / "manifest.csv"))) == 0
    assert "9 s from 2025-07-05 23:59:57, stage2_upscaled" in (folder / "report.html").read_text()
    assert bursts.by_window(made, [3, 5]).to_dict("records") == [
        {"seconds": 3, "clusters": 0, "images in them": 0, "largest": 0, "longest span (s)": 0.0, "images to stage": 0},
        {"seconds": 5, "clusters": 1, "images in them": 3, "largest": 3, "longest span (s)": 9.0, "images to stage": 0},
    ]  # fmt: skip


def test_with_confirm_distance_only_what_looks_alike_is_proposed(tmp_path, library):
    run = start(tmp_path, library, "20_time_window")
    made = bursts.Bursts(run, bursts.Stamps(run), "chain", 4)
    run.verify(made, [5])
    assert roles(made, 5) == {
        A: ("keeper", A, 0.0), B: ("stage", A, 4.0), C: ("review", A, 9.0),
    }  # fmt: skip
    cut = made.cut(5)
    reasons = {
        made.images.paths[k]: made.reason(cut, k)
        for k in range(len(made.images.paths))
        if cut.roles[k]
    }
    assert reasons[B].startswith("4 s apart, pHash ")
    assert reasons[C] == "9 s apart, pHash more than 4 bits apart"


def test_a_person_can_stage_from_a_cluster_as_long_as_one_stays(tmp_path, library):
    run = start(tmp_path, library, "20_time_window")
    made = bursts.Bursts(run, bursts.Stamps(run))
    marks = ["stage" if path in (A, B, C) else None for path in made.images.paths]
    made.decide(marks)
    assert sorted(role for role, _, _ in roles(made, 5).values()) == ["keeper", "stage", "stage"]


def test_exposure_times_cluster_photographs_without_a_stage(tmp_path):
    lib = tmp_path / "lib"
    (lib / "selected").mkdir(parents=True)
    photographed(lib / "mojo1/a.jpg", 1, "2025:07:20 15:13:14", "90")
    photographed(lib / "mojo1/b.jpg", 2, "2025:07:20 15:13:16", "80")  # 1.9 s after it
    photographed(lib / "mojo1/c.jpg", 3, "2025:07:20 15:13:19", "00")  # 2.2 s after that
    save(photo(4), lib / "mojo1/no exif.jpg")
    run = start(tmp_path, lib, "20_time_window")
    stamps = bursts.Stamps(run, "exif")
    assert set(stamps.classes) == {"no stage"}
    assert set(roles(bursts.Bursts(run, stamps), 2)) == {"mojo1/a.jpg", "mojo1/b.jpg"}
    assert stamps.excluded.to_dict("records") == [
        {"reason": "stamp absent", "images": 1, "example": "mojo1/no exif.jpg"}
    ]


def named(tmp_path, *names, **exposed):
    """A run on pictures of these names; some have a time of exposure, by the start of the name."""
    lib = tmp_path / "lib"
    (lib / "selected").mkdir(parents=True)
    for k, name in enumerate(names):
        taken = next((t for start, t in exposed.items() if name.startswith(start)), None)
        photographed(lib / f"mojo1/{name}", 20 + k, *(taken or (None,)))
    return start(tmp_path, lib, "20_time_window")


def test_images_without_a_stage_are_clustered_with_each_other_alone(tmp_path):
    first, second = "IMG_20250705_120000.jpg", "IMG_20250705_120002.jpg"
    run = named(tmp_path, first, second, "20250705_120001_stage1.jpg")
    stamps = bursts.Stamps(run)
    assert set(roles(bursts.Bursts(run, stamps), 5)) == {f"mojo1/{first}", f"mojo1/{second}"}
    without = bursts.Stamps(run, stageless=False)
    assert roles(bursts.Bursts(run, without), 5) == {}
    assert without.excluded.images.tolist() == [2]


def test_a_time_in_a_name_is_never_compared_with_one_of_exposure(tmp_path):
    taken = {"DSC": ("2025:07:05 12:00:00", "50"), "IMG": ("2020:01:01 00:00:00",)}
    names = ["IMG_20250705_120000.jpg", "IMG_20250705_120001.jpg", "DSC00001.jpg", "DSC00002.jpg"]
    run = named(tmp_path, *names, "holiday.jpg", **taken)
    stamps = bursts.Stamps(run)
    labels = bursts.Bursts(run, stamps).windows.clusters(5).tolist()
    found = dict(zip(stamps.paths, labels, strict=True))
    assert stamps.clocks == ["exif", "exif", "local", "local", ""]
    assert found["mojo1/DSC00001.jpg"] == found["mojo1/DSC00002.jpg"] >= 0
    assert found["mojo1/IMG_20250705_120000.jpg"] == found["mojo1/IMG_20250705_120001.jpg"] >= 0
    assert found["mojo1/DSC00001.jpg"] != found["mojo1/IMG_20250705_120000.jpg"]
    assert stamps.describe() == (
        "4 images with a timestamp, 2 in their EXIF data and 2 in their file name, in no stage; "
        "1 image excluded"
    )


def test_a_name_in_utc_is_never_compared_with_one_in_local_time(tmp_path):
    run = named(tmp_path, "PXL_20250705_120000000.jpg", "IMG_20250705_120000.jpg")
    assert roles(bursts.Bursts(run, bursts.Stamps(run)), 60) == {}


@pytest.mark.parametrize(
    ("names", "seconds", "together"),
    [
        (["PXL_20250705_120000900.jpg", "PXL_20250705_120001100.MP.jpg"], 0.2, True),
        (["PXL_20250705_120000900.jpg", "PXL_20250705_120001101.jpg"], 0.2, False),
        (["20250705_120000_001.jpg", "20250705_120000_002.jpg"], 0, True),
        (["IMG-20250705-WA0001.jpg", "IMG-20250705-WA0002.jpg"], 60, False),  # no time
    ],
)
def test_windows_count_fractions_of_a_second_in_names(tmp_path, names, seconds, together):
    run = named(tmp_path, *names)
    stamps = bursts.Stamps(run)
    assert bool(roles(bursts.Bursts(run, stamps), seconds)) == together


def test_a_burst_by_sequence_number_is_named_as_one(tmp_path):
    run = named(tmp_path, *(f"20250705_120000_{k:03}.jpg" for k in (1, 2, 3)))
    made = bursts.Bursts(run, bursts.Stamps(run))
    cut = made.cut(5)
    assert made.describe(cut, [0, 1, 2]) == "0 s from 2025-07-05 12:00:00, one burst by name"
    assert made.stamps.bursts.tolist() == [0, 0, 0]


def test_a_message_without_a_time_says_so(tmp_path):
    run = named(tmp_path, "IMG-20250705-WA0001.jpg")
    assert bursts.Stamps(run).excluded.reason.tolist() == ["stamp without a time"]


def test_frames_of_a_bracket_are_never_staged_for_each_other(tmp_path):
    lib = tmp_path / "lib"
    (lib / "selected").mkdir(parents=True)
    for k, bias in enumerate((-1.0, 0.0, 1.0)):
        photographed(lib / f"mojo1/{k}.jpg", 1, f"2025:07:20 15:13:1{k}", None, 2, bias)
        save(photo(1), lib / f"mojo1/{k}.jpg", exif=Image.open(lib / f"mojo1/{k}.jpg").getexif())
    photographed(lib / "mojo1/copy.jpg", 1, "2025:07:20 15:13:12")
    run = start(tmp_path, lib, "20_time_window")
    made = bursts.Bursts(run, bursts.Stamps(run, "exif"), "chain", 8)
    found = roles(made, 0)  # the bracket holds together even where the window does not reach
    assert [found[f"mojo1/{k}.jpg"][0] for k in range(3)].count("stage") <= 1
    assert len(found) == 4
    brackets = bursts.Stamps(run, "exif").brackets
    assert sorted(brackets.tolist()) == [-1, 0, 0, 0]


def test_a_store_of_before_exposure_was_kept_is_brought_up_to_date(tmp_path):
    import sqlite3

    lib = tmp_path / "lib"
    (lib / "selected").mkdir(parents=True)
    photographed(lib / "mojo1/a.jpg", 1, "2025:07:20 15:13:14")
    start(tmp_path, lib, "20_time_window").catalogue  # noqa: B018
    with sqlite3.connect(tmp_path / "cache/store-2.sqlite") as db:
        db.execute("alter table image drop column exposure")
    run = start(tmp_path, lib, "20_time_window", run_dir=str(tmp_path / "again"))
    assert bursts.Stamps(run, "exif").why_not == [""]


def test_a_wide_window_warns_and_says_why():
    assert bursts.warning(30) == ""
    assert "chains whole sessions" in bursts.warning(31)
