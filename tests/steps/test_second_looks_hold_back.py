"""Frames that hardly moved and small edits wait in every finder and in the review; copies go."""

import pytest
from drawn import save
from PIL import ImageFilter
from test_bursts_are_kept import FINDERS, by_hash, roles, run_of
from test_second_look import hill, mixed, warped
from test_what_a_keeper_holds import photo

from dedup_nb.compare.look_words import Look
from dedup_nb.library import tables
from dedup_nb.steps.review import merging

LEFT = (0.3, 0.3, 0.6, 0.65)


def moved(picture):
    """A part moved by half a pixel of what is looked at."""
    return warped(picture, hill(picture, LEFT) * 0.001 * picture.width, 0)


def edited(picture):
    """A soft patch where detail was."""
    soft = picture.filter(ImageFilter.GaussianBlur(12))
    return mixed(picture, soft, hill(picture, (0.45, 0.45, 0.49, 0.5)))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("second look")
    for name, seed, change in (("frame", 1, moved), ("edit", 2, edited), ("copy", 3, None)):
        picture = photo(seed)
        save(picture, folder / f"lib/{name}.jpg", quality=95)
        other = change(picture) if change else picture
        save(other, folder / f"lib/{name} 2.jpg", quality=94)
    return folder


@pytest.mark.parametrize("notebook", FINDERS)
def test_what_a_second_look_tells_holds_back_and_copies_go(library, tmp_path, notebook):
    run = run_of(library, tmp_path, notebook)
    made, threshold = FINDERS[notebook](run)
    folder = run.save(made, threshold, name="threshold")
    listed = {row["path"]: row for row in tables.read_csv(folder / "groups.csv")}
    held = {path: (row["role"], row["kind"]) for path, row in listed.items() if " 2" in path}
    assert held == {
        "frame 2.jpg": ("review", "moved"),
        "edit 2.jpg": ("review", "edited"),
        "copy 2.jpg": ("stage", "re-encoded"),
    }
    assert listed["frame 2.jpg"]["reason"] == Look("moved").reason
    assert "of the area differs (outlined in compare)" in listed["edit 2.jpg"]["reason"]

    review = run_of(library, tmp_path, "80_review")
    merged = merging.Merged(review, merging.read(review, merging.find(review, [notebook])))
    staged = [path for path, (role, _) in roles(merged, 1).items() if role == "stage"]
    assert staged == ["copy 2.jpg"]


def test_neither_direction_is_staged_whatever_the_keeper_order_says(library, tmp_path):
    for order in (["bytes", "path"], ["path"]):
        run = run_of(library, tmp_path / order[0], "10_phash", keeper_order=order)
        found = roles(*by_hash(run))
        staged = [path for path, (role, _) in found.items() if role == "stage"]
        assert [path for path in staged if not path.startswith("copy")] == []
