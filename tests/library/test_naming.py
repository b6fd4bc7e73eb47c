"""Name patterns: what the names of each source say, and templates of a profile."""

import time
from datetime import datetime
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_nb.library import names
from dedup_nb.library.naming import series, stage_words
from dedup_nb.library.naming.presets import PRESETS
from dedup_nb.library.naming.reading import Naming, refusal
from dedup_nb.library.naming.table import Patterns

AUTO = Naming()
NOON = datetime(2020, 3, 1, 12, 0, 0)
UUID = "018347b7-4e6b-4523-b666-6f8a5cca4053"


@pytest.mark.parametrize(
    ("name", "pattern", "stamp", "clock"),
    [
        # Google Pixel: UTC, milliseconds, modes
        ("PXL_20200301_120000123.jpg", "phone", NOON.replace(microsecond=123000), "UTC"),
        ("PXL_20200301_120000123.MP.jpg", "phone", NOON.replace(microsecond=123000), "UTC"),
        ("PXL_20200301_120000123.RAW-01.MP.COVER.jpg", "phone", NOON.replace(microsecond=123000), "UTC"),
        ("PXL_20200301_120000123~2.jpg", "phone", NOON.replace(microsecond=123000), "UTC"),
        ("MVIMG_20200301_120000.jpg", "phone", NOON, "local"),
        # Samsung, Honor, Motorola, Nexus, Sony, Oppo, Windows Phone
        ("20200301_120000.jpg", "phone", NOON, "local"),
        ("20200301_120000(0).jpg", "phone", NOON, "local"),
        ("20200301_120000_001.jpg", "phone", NOON, "local"),
        ("IMG_20200301_120000_BURST001_COVER.jpg", "phone", NOON, "local"),
        ("IMG_20200301_120000_BURST1.jpg", "phone", NOON, "local"),
        ("IMG_20200301_120000055_BURST001.jpg", "phone", NOON.replace(microsecond=55000), "local"),
        ("00001IMG_00001_BURST20200301120000.jpg", "phone", NOON, "local"),
        ("00001IMG_00001_BURST1583064000000_COVER.jpg", "phone", NOON, "UTC"),
        ("DSC_0001_BURST20200301120000000.JPG", "camera", NOON, "local"),
        ("IMG20200301120000.jpg", "phone", NOON, "local"),
        ("IMG_20200301_120000_HDR.jpg", "phone", NOON, "local"),
        ("WP_20200301_12_00_00_Pro.jpg", "phone", NOON, "local"),
        # messengers and clouds
        ("2020-03-01 12.00.00.jpg", "phone", NOON, "local"),
        ("2020-03-01 12.00.00-1.jpg", "phone", NOON, "local"),
        ("WhatsApp Image 2020-03-01 at 12.00.00 PM (1).jpeg", "phone", NOON, "local"),
        ("signal-2020-03-01-120000.jpg", "phone", NOON, "local"),
        ("photo_2020-03-01_12-00-00.jpg", "phone", NOON, "local"),
        ("FB_IMG_1583064000000.jpg", "phone", NOON, "UTC"),
        ("mmexport1583064000000.jpg", "phone", NOON, "UTC"),
        ("20200301_120000_Richtone(HDR).jpg", "phone", NOON, "local"),
        ("00100dPORTRAIT_00100_BURST20200301120000000_COVER.jpg", "phone", NOON, "local"),
        # screenshots: Android, MIUI, macOS in two languages, GNOME, Windows, Steam
        ("Screenshot_20200301-120000.png", "screenshots", NOON, "local"),
        ("Screenshot_20200301-120000_Chrome.png", "screenshots", NOON, "local"),
        ("Screenshot_2020-03-01-12-00-00.png", "screenshots", NOON, "local"),
        ("Screenshot_2020-03-01-12-00-00-007_com.whatsapp.png", "screenshots", NOON.replace(microsecond=7000), "local"),
        ("Screenshot 2020-03-01 at 12.00.00.png", "screenshots", NOON, "local"),
        ("Screen Shot 2020-03-01 at 12.00.00 PM.png", "screenshots", NOON, "local"),
        ("Screen Shot 2020-03-01 at 12.00.00\u202fPM (2).png", "screenshots", NOON, "local"),
        ("Bildschirmfoto 2020-03-01 um 12.00.00.png", "screenshots", NOON, "local"),
        ("Screenshot from 2020-03-01 12-00-00.png", "screenshots", NOON, "local"),
        ("Screenshot 2020-03-01 120000.png", "screenshots", NOON, "local"),
        ("截屏2020-03-01 12.00.00.png", "screenshots", NOON, "local"),
        ("スクリーンショット 2020-03-01 12.00.00.png", "screenshots", NOON, "local"),
        # stable-diffusion-webui with [datetime]-[seed]
        ("20200301120000-42.png", "a1111", NOON, "local"),
        ("20200301120000_1.jpg", "screenshots", NOON, "local"),
        # scanners: ScanSnap, Epson
        ("20200301120000.tif", "scanner", NOON, "local"),
        ("img20200301_12000034.jpg", "scanner", NOON, "local"),
        # stages, and a stamp anywhere
        ("20200301_120000_stage1.5_face_swapped.png", "stages", NOON, "local"),
        ("night of 20200301_120000 by me.png", "stages", NOON, "local"),
    ],
)  # fmt: skip
def test_a_name_of_each_source_tells_its_time(name, pattern, stamp, clock):
    read = AUTO.read(f"some/folder/{name}")
    assert (read.pattern, read.stamp, read.stamp_problem, read.clock) == (pattern, stamp, "", clock)


@pytest.mark.parametrize(
    ("name", "pattern", "problem", "sequence"),
    [
        ("IMG-20200301-WA0007.jpg", "phone", "without a time", 7),
        ("DSC01234.JPG", "camera", "absent", 1234),
        ("_DSC0001.JPG", "camera", "absent", 1),
        ("IMG_1234.HEIC", "camera", "absent", 1234),
        ("IMG_E1234.HEIC", "camera", "absent", 1234),
        ("_MG_1234.CR2", "camera", "absent", 1234),
        ("DSCN0042.JPG", "camera", "absent", 42),
        ("P1010001.JPG", "camera", "absent", 1),
        ("dsc01234.jpg", "camera", "absent", 1234),
        ("IMG_1234-Edit.tif", "camera", "absent", 1234),
        ("100_0001.JPG", "camera", "absent", 1),
        ("ComfyUI_00042_.png", "comfyui", "absent", 42),
        ("night/my prefix_00042_.png", "comfyui", "absent", 42),
        ("00012-3141592653.png", "a1111", "absent", 12),
        ("00012-3141592653-a cat, best quality.png", "a1111", "absent", 12),
        ("grid-0001.png", "a1111", "absent", 1),
        ("00005-42.png", "a1111", "absent", 5),
        (f"{UUID}_grid_0.png", "midjourney", "absent", 0),
        (f"{UUID}.png", "invokeai", "absent", None),
        ("000012.3141592653.png", "invokeai", "absent", 12),
        (f"bob_a_cat_in_a_hat_{UUID}_3.png", "midjourney", "absent", 3),
        ("Screenshot (12).png", "screenshots", "absent", 12),
        ("scan0001.jpg", "scanner", "absent", 1),
        ("Scan_20200301.jpg", "scanner", "without a time", None),
        ("Scan-200301-0001.jpg", "scanner", "absent", 1),
        ("20250705_2152_stage1.png", "stages", "without seconds", None),
        # no source names files so
        ("holiday.jpg", "", "absent", None),
        ("12345678_654321.jpg", "", "invalid", None),  # an id: there is no month 56
        ("PXL_20200231_120000123.jpg", "", "invalid", None),  # there is no 31 February
        ("20200301_250000.jpg", "", "invalid", None),  # nor an hour 25
        ("page0001.jpg", "", "absent", None),  # DCF has capital letters
    ],
)
def test_a_name_without_a_time_says_why_and_keeps_its_number(name, pattern, problem, sequence):
    read = AUTO.read(name)
    told = read.pattern, read.stamp, read.stamp_problem, read.sequence
    assert told == (pattern, None, problem, sequence)


@pytest.mark.parametrize(
    "name",
    [
        "20250705_215218_stage1.png", "20250705_215218_stage1.5_face_swapped (1).png",
        "20250231_215218_stage1.png", "20250705_2152_stage1.png", "IMG_20240229_010203.jpg",
        "20200101_120000_001.jpg", "holiday.jpg", "backstage2_pass.jpg", "123456789_123456.jpg",
        "Screenshot_20200101-120000.png", "stage2_upscaled of the harbour.png",
        "12341212_121212.png", "x20200101_120000_20210101_120000.jpg", "base.png",
    ],
)  # fmt: skip
def test_names_that_were_always_read_say_the_same(name):
    was, read = names.parse(name), AUTO.read(name)
    assert (read.stamp, read.stamp_problem, read.stage, read.level) == was


def test_frames_of_one_burst_differ_in_their_number_alone():
    read = [AUTO.read(f"20200301_120000_{k:03}.jpg") for k in (1, 2)]
    assert read[0].burst == read[1].burst != ""
    assert [each.sequence for each in read] == [1, 2]
    assert AUTO.read("20200301_120000.jpg").burst == ""


def test_only_the_presets_of_the_profile_are_read():
    phone = Naming(["phone"])
    assert phone.read("20200301_120000.jpg").stamp == NOON
    assert phone.read("20200301_120000_stage1.png").stage == ""
    assert phone.read("Screenshot_20200301-120000.png").pattern == ""


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("template", "path", "stamp", "stage", "common"),
    [
        ("{date}_{time}_{stage}", "20200301_120000_upscaled.png", NOON, "upscaled", None),
        ("{date} {time} {stage}", "2020.03.01 12.00.00 02_upscaled.png", NOON, "02_upscaled", None),
        ("{series}_{stage}", "cat_0007_face_swapped.png", None, "face_swapped", "cat_0007"),
        ("{series} - step{stage}", "cat - step3.png", None, "3", "cat"),
        ("{series}_{sequence}_{stage}", "cat_0007_2.png", None, "2", "cat_0007"),
        ("v{stage}-{sequence}{copy}", "v1-0007 (2).png", None, "1", "0007"),
        ("{stage}/{series}", "a/b/final/cat.png", None, "final", "cat"),
        ("{stage}/day/{series}", "a/02/day/cat.png", None, "02", "cat"),
        ("{stage}", "cat/base.png", None, "base", ""),
    ],
)
def test_a_template_reads_its_parts(template, path, stamp, stage, common):
    read = Naming([template]).read(path)
    told = read.pattern, read.stamp, read.stage, read.series
    assert told == (template, stamp, stage, common)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{date}_{time}_{stage}", "20200301_120000.png"),
        ("{date}_{time}_{stage}", "x20200301_120000_base.png"),  # the whole stem
        ("{series}_{stage}", "cat_holiday.png"),  # neither a number nor a word of a stage
        ("{stage}/{series}", "cat.png"),  # in no folder
        ("{date}", "20201301.png"),
    ],
)
def test_a_template_that_does_not_fit_reads_nothing(template, name):
    assert Naming([template]).read(name).pattern == ""


def test_patterns_are_tried_in_the_order_of_the_profile():
    name = "20200301_120000_stage1.png"
    own = "{date}_{series}_{stage}"
    assert Naming([own, "auto"]).read(name).series == "120000"
    assert Naming(["auto", own]).read(name).pattern == "stages"


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("{date}_{tiem}", '"{date}_{tiem}": {tiem} is not a part; did you mean {time}?'),
        ("{}", "{} is not a part; choose one of {date}, {time}, {stage}, {series}"),
        ("{date", "the brace in {date has no partner"),
        ("a}_{date}", "the brace in }_{date} has no partner".partition("_")[0]),
        ("{date}_{date}", "{date} stands in it twice"),
        ("{time}", "{time} alone is no point in time; add {date}"),
        ("x{copy}", "it reads nothing; add one of {date}"),
        ("{series}{stage}", "nothing says where {series} ends in {series}{stage}"),
        ("{sequence}{date}", "nothing says where {sequence} ends in {sequence}{date}"),
        ("a/b/c/d/{date}", "at most 3 folders"),
        ("{date}" + "x" * 300, "it has 306 characters; write at most 200"),
        ("phon", 'to "phon", which is not a preset; did you mean phone?'),
        ("everything", "choose from auto, stages, camera"),
        ("", "which is not a preset"),
    ],
)
def test_a_mistaken_template_is_refused_with_the_part_that_is_wrong(template, wrong):
    assert wrong in refusal(["auto", template])
    with pytest.raises(ValueError, match="names is set to"):
        Naming([template])


@pytest.mark.parametrize("name", ["a" * 250, "_".join("1" * 125), "0" * 250, "20200301_" * 27])
def test_no_name_takes_long(name):
    naming = Naming(["{series}_{sequence}_{stage}_{date}_{time}", "auto"])
    begun = time.perf_counter()
    naming.read(f"{name}.png")
    assert time.perf_counter() - begun < 1


WORDS = (
    "20250705 215218 _ - . / {date} {time} {stage} {series} {sequence} {copy} { } IMG PXL base 01 "
    "upscaled stage2 (1) ~2 BURST WA0001 Screenshot at"
)
PIECES = st.sampled_from([*WORDS.split(), " ", "\u202f", "é", "\udcff", "\n"])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=9).map("".join)


@given(TEXTS)
def test_any_name_is_read_and_what_was_always_read_stays(name):
    was, read = names.parse(name.rpartition("/")[2]), AUTO.read(name)
    if was.stamp is not None:
        assert read.stamp.replace(microsecond=0) == was.stamp
    if was.stage:
        assert (read.stage, read.level, read.pattern) == (was.stage, was.level, "stages")


@given(TEXTS, TEXTS)
def test_any_template_is_refused_in_one_sentence_or_reads_any_name(template, name):
    if why := refusal([template]):
        assert why.startswith('to "') and len(why) < 500
    else:
        Naming([template]).read(name)


# ---------------------------------------------------------------- stages by word and folder


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("01_base", 1), ("02_upscaled", 2), ("2 - Upscaled", 2), ("upscaled", 2), ("stage3", 3),
        ("step 2", 2), ("face-swapped", 1.5), ("Face Swapped", 1.5), ("1.5_faceswap", 1.5),
        ("03_final", 3), ("02. upscaled 4x", 2), ("1base", 1),
        ("final", None), ("hires", None),  # folders of picks and of exports
        ("01_January", None), ("2020", None), ("01", None), ("raw", None), ("holiday", None),
    ],
)  # fmt: skip
def test_a_folder_is_a_stage_by_a_word_for_a_step(name, level):
    assert stage_words.of_folder(name) == level


def in_one_folder(*inside):
    readings = [AUTO.read(name) for name in inside]
    found, of = series.in_folder(inside, readings, {name: k for k, name in enumerate(inside)})
    return [read.stage for read in found], of


def test_names_that_differ_in_a_word_for_a_step_are_a_series():
    stages, of = in_one_folder(
        "ComfyUI_base_00007_.png", "ComfyUI_face-swapped_00007_.png", "ComfyUI_upscaled_00007_.png",
        "ComfyUI_base_00008_.png",
    )  # fmt: skip
    assert stages == ["base", "face-swapped", "upscaled", ""]
    assert set(of.values()) == {"ComfyUI_00007"} and len(of) == 3


@pytest.mark.parametrize(
    ("inside", "series_of", "stages"),
    [
        # the number before the word is that of the step
        (["a_01_base_7.png", "a_02_upscaled_7.png"], ["a_7", "a_7"], ["01_base", "02_upscaled"]),
        # here it is that of the picture
        (
            ["a_01_base.png", "a_01_upscaled.png", "a_02_base.png", "a_02_upscaled.png"],
            ["a_01", "a_01", "a_02", "a_02"],
            ["base", "upscaled", "base", "upscaled"],
        ),
        # numbers of pictures that look like those of copies
        (
            ["a_base 1.png", "a_base 2.png", "a_upscaled 1.png", "a_upscaled 2.png"],
            ["a 1", "a 2", "a 1", "a 2"],
            ["base", "base", "upscaled", "upscaled"],
        ),
        # names that tell stages alone: the folder is the series
        (["base.png", "upscaled.png"], ["stages"] * 2, ["base", "upscaled"]),
        (["01_base.png", "2 - upscaled.png"], ["stages"] * 2, ["01_base", "2 - upscaled"]),
        # a copy has the stage, and no place in the series
        (
            ["a_base.png", "a_upscaled.png", "a_upscaled - Copy.png"],
            ["a", "a", None],
            ["base", "upscaled", "upscaled"],
        ),
    ],
)
def test_numbers_beside_words_are_told_apart(inside, series_of, stages):
    told, of = in_one_folder(*inside)
    assert ([of.get(name) for name in inside], told) == (series_of, stages)


def test_a_word_alone_behind_a_stamp_is_a_stage_by_the_nearest_up_rule():
    inside = [
        "20250705_120000_base.png",
        "20250705_120040_02_upscaled.png",
        "20250705_120100_x.png",
    ]
    stages, of = in_one_folder(*inside)
    assert stages == ["base", "02_upscaled", ""]
    assert of == dict.fromkeys(inside[:2], "20250705_120000")


def test_a_render_follows_what_was_saved_before_its_last_step():
    before = [f"0001{k}-70{k}-before-highres-fix.png" for k in (0, 1)]  # a batch of two
    after = [f"0001{k + 2}-70{k}.png" for k in (0, 1)]
    stages, of = in_one_folder(*before, *after, "00020-999.png")
    assert stages == ["before-highres-fix"] * 2 + [stage_words.LAST] * 2 + [""]
    assert of == {
        before[0]: "00010-700", after[0]: "00010-700",
        before[1]: "00011-701", after[1]: "00011-701",
    }  # fmt: skip


@pytest.mark.parametrize(
    "inside",
    [
        ("cat_upscaled.png", "cat.png"),  # a plain name is no stage
        ("cat_base.png", "dog_upscaled.png"),
        ("cat_upscaled.png", "cat_upscaled (1).png"),
        ("database_1.png", "baseball_1.png"),
        ("cat_lowres.png", "cat_hires.png"),  # two exports
    ],
)
def test_other_names_are_no_series(inside):
    assert in_one_folder(*inside) == ([""] * len(inside), {})


def files(**sizes):
    return [
        SimpleNamespace(path=path, bytes=size, stage="", series="") for path, size in sizes.items()
    ]


def across(naming=AUTO, **sizes):
    made = files(**sizes)
    series.across_folders(made, naming)
    return [
        (file.stage, *series.place(file.path.rpartition("/")[0], file.series))
        if file.series
        else (file.stage, "", "")
        for file in made
    ]


def test_stages_in_folders_are_a_series_of_the_folder_above():
    assert across(
        **{
            "night/01_base/ComfyUI_00001_.png": 10,
            "night/02_upscaled/ComfyUI_00001_.png": 40,
            "night/02_upscaled/day/ComfyUI_00001_.png": 41,
            "night/01_base/ComfyUI_00002_.png": 11,
            "night/ComfyUI_00001_.png": 12,
        }
    ) == [
        ("01_base", "night", "ComfyUI_00001_"),
        ("02_upscaled", "night", "ComfyUI_00001_"),
        ("02_upscaled", "", ""),
        ("01_base", "", ""),
        ("", "", ""),
    ]


def test_folders_of_copies_are_no_stages():
    assert set(across(**{"base/a.png": 10, "upscaled/a.png": 10})) == {("", "", "")}


def test_a_template_tells_which_folder_is_a_stage():
    naming = Naming(["{stage}/{series}", "auto"])
    made = files(**{"x/draft/a.png": 10, "x/final/a.png": 20})
    for file in made:
        file.stage = naming.read(file.path).stage
    series.across_folders(made, naming)
    assert [(file.stage, file.series) for file in made] == [("draft", "../a"), ("final", "../a")]


# ---------------------------------------------------------------- the table


def test_the_table_counts_what_each_pattern_reads_and_what_none_reads():
    paths = ["a/DSC01234.jpg", "a/DSC01235.jpg", "a/b.png", "20250231_120000.png"]
    table = pd.DataFrame({"path": paths, "stamp": "", "stage": ""})
    patterns = Patterns(AUTO, table)
    assert patterns.describe() == "2 of 4 names are read by a pattern; 2 are not"
    assert patterns.table[["pattern", "images"]].values.tolist() == [["camera", 2], ["(none)", 2]]
    assert patterns.counts == {"camera": 2, "(none)": 2}
    assert patterns.table.examples[0] == "a/DSC01234.jpg | a/DSC01235.jpg"
    assert patterns.unread.why.tolist() == [
        "no pattern fits", "its digits are no date or time that exists",
    ]  # fmt: skip


def test_every_preset_says_what_it_reads_and_where_that_is_described():
    assert [p.name for p in PRESETS.values() if not p.help] == []
    assert [p.name for p in PRESETS.values() if p.shapes and not p.sources] == []
    assert next(iter(PRESETS)) == "stages"
