"""A screenshot or a collage is never kept for what it shows, whatever finds it."""

import itertools

import pandas as pd
import pytest
from drawn import photo, save
from PIL import Image, ImageDraw, ImageFont
from test_verdicts import jpeg

from dedup_nb.groups import checks
from dedup_nb.session import workbench
from dedup_nb.steps.czkawka import claims

PHOTO = photo(3, 480, 320)
TEXT = "and so it was that they had come"


def screenshot(*pictures, wide=480):
    """A window with pictures side by side, each of this width, and text below."""
    high = wide * 2 // 3
    page = Image.new("RGB", (40 + (wide + 20) * len(pictures), high + 360), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 60), fill=(70, 90, 120))
    for k, picture in enumerate(pictures):
        page.paste(picture.resize((wide, high)), (30 + k * (wide + 20), 90))
    for y in range(high + 110, page.height - 30, 28):
        draw.text((30, y), TEXT, fill="black", font=ImageFont.load_default(20))
    return page


def start(tmp_path, files, notebook="10_phash", **values):
    for name, picture in files.items():
        save(picture, tmp_path / "library" / name)
    shared = {"library": tmp_path / "library", "cache_dir": tmp_path / "cache"}
    shared |= {"run_dir": tmp_path / "run"}
    return workbench.start(notebook, {k: str(v) for k, v in shared.items()} | values)


def rows_of(run, measure="hamming_bits"):
    """The rows of groups.csv if all images are near each other."""
    near = [(i, j, 5) for i, j in itertools.combinations(range(len(run.catalogue)), 2)]
    candidates = run.candidates(pd.DataFrame(near, columns=["i", "j", measure]))
    with run.verdicts.without_limit():
        return table_of(candidates)


def table_of(candidates, threshold=8):
    table = candidates.table(candidates.cut(threshold))
    columns = ["role", "keeper", "kind", "reason"]
    return {row["path"]: tuple(row[k] for k in columns) for row in table.to_dict("records")}


@pytest.mark.parametrize("wide", [480, 960])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"keeper_order": ["largest"]},
        {"keeper_order": ["path"]},
        {"keeper_order": ["bytes"]},
        {"roots": ["a shots", "photos"], "prefer": ["a shots"]},
        {"roots": ["a shots", "photos"], "prefer": ["photos"]},
    ],
)
def test_copies_go_for_their_picture_and_the_screenshot_of_it_waits(tmp_path, values, wide):
    files = {
        "a shots/shot.png": screenshot(PHOTO, wide=wide),
        "photos/original.png": PHOTO,
        "photos/small.png": PHOTO.resize((240, 160)),
        "photos/smaller.png": PHOTO.resize((360, 240)),
    }
    if values.get("keeper_order") == ["path"]:
        files["photos/a.png"] = files.pop("photos/original.png")
    rows = rows_of(start(tmp_path, files, **values))
    original = next(path for path in files if path in ("photos/original.png", "photos/a.png"))
    assert {path: row[:2] for path, row in rows.items()} == {
        original: ("keeper", original),
        "photos/small.png": ("stage", original),
        "photos/smaller.png": ("stage", original),
        "a shots/shot.png": ("review", original),
    }
    assert rows["a shots/shot.png"][2:] == (checks.CONTAINED, checks.CONTAINER)


def test_a_crop_goes_for_the_whole_picture_and_not_for_a_screenshot_of_it(tmp_path):
    files = {
        "a shot.png": screenshot(PHOTO),
        "crop.png": PHOTO.crop((60, 40, 400, 290)),
        "original.png": PHOTO,
    }
    rows = rows_of(start(tmp_path, files, keeper_order=["largest"]))
    assert {path: row[:2] for path, row in rows.items()} == {
        "original.png": ("keeper", "original.png"),
        "crop.png": ("stage", "original.png"),
        "a shot.png": ("review", "original.png"),
    }


@pytest.mark.parametrize("with_copy", [False, True])
def test_a_screenshot_in_a_group_of_czkawka_is_never_kept_for_what_it_shows(tmp_path, with_copy):
    files = {"a shot.png": screenshot(PHOTO), "original.png": PHOTO}
    files |= {"small.png": PHOTO.resize((240, 160))} if with_copy else {}
    rows = [f"{tmp_path / 'library' / name},1" for name in files]
    (tmp_path / "czkawka.csv").write_text("\n".join(["path,group", *rows]) + "\n")
    run = start(tmp_path, files, "50_czkawka", keeper_order=["largest"])
    made = claims.Claimed(run, claims.Claims(run, [str(tmp_path / "czkawka.csv")]))
    with run.verdicts.without_limit():
        rows = table_of(made)
    assert rows["original.png"][:2] == ("keeper", "original.png")
    assert rows["a shot.png"] == ("review", "original.png", checks.CONTAINED, checks.CONTAINER)
    assert not with_copy or rows["small.png"][:2] == ("stage", "original.png")


def test_a_protected_screenshot_stays_protected_beside_what_it_shows(tmp_path):
    files = {"shots/shot.png": screenshot(PHOTO), "photos/original.png": PHOTO}
    roots = {"roots": ["photos", "shots"], "curated": ["shots"]}
    rows = rows_of(start(tmp_path, files, **roots))
    assert rows["photos/original.png"][:2] == ("keeper", "photos/original.png")
    assert rows["shots/shot.png"][:2] == ("protected", "photos/original.png")


def test_a_collage_joins_the_group_of_the_best_picture_that_it_shows(tmp_path):
    other = photo(8, 480, 320)
    files = {
        "collage.png": screenshot(PHOTO, other),
        "first.png": PHOTO,
        "first copy.png": PHOTO.resize((240, 160)),
        "second.png": other,
        "second copy.png": other.resize((240, 160)),
    }
    rows = rows_of(start(tmp_path, files, keeper_order=["pixels", "path"]))
    roles = {path: row[:2] for path, row in rows.items()}
    assert roles["first copy.png"] == ("stage", "first.png")
    assert roles["second copy.png"] == ("stage", "second.png")
    assert roles["collage.png"] == ("review", "first.png")


def test_a_copy_of_a_screenshot_goes_for_it(tmp_path):
    shot = screenshot(PHOTO)
    files = {"original.png": PHOTO, "shot.png": shot, "shot again.jpg": jpeg(shot, 80)}
    rows = rows_of(start(tmp_path, files))
    assert rows["shot again.jpg"][:2] == ("stage", "shot.png")
    assert "original.png" not in rows  # nothing is to be decided about it
