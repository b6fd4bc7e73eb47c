"""What an image holds, from the files of a library to the plan."""

import json

import numpy as np
import pytest
from drawn import photo, save
from PIL import Image, PngImagePlugin
from test_workbench import candidates, found, start

from dedup_nb.pictures import measures

LARGE = photo(1, 384, 256)


def taken(**more):
    """The EXIF data of a photograph with its time and camera."""
    exif = Image.Exif()
    exif[0x0110] = "R5"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 10:00:00"
    exif.update(more)
    return exif


def prompt(text="a hill\nSteps: 20, Sampler: Euler a, Seed: 1"):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    return info


PLAIN = {"quality": 85}
PHOTO = {"quality": 85, "exif": taken()}
BEST = {"quality": 95}  # more bytes

# file name, size and options of two copies -> what stays, and the role of the other
PAIRS = [
    (("a.jpg", 1, PHOTO), ("b.png", 1, {}), "a.jpg", "stage"),  # a re-save without its words
    (("a.jpg", 1, PHOTO), ("b.jpg", 1, BEST), "a.jpg", "stage"),
    (("a.jpg", 1, PHOTO), ("b.jpg", 2, PHOTO), "a.jpg", "stage"),  # resized, with its words
    (("a.jpg", 1, PHOTO), ("b.jpg", 2, PLAIN), "a.jpg", "stage"),  # as a messenger sends it
    (("a.png", 1, {"pnginfo": prompt()}), ("b.png", 1, {"compress_level": 1}), "a.png", "stage"),
    (("a.png", 1, {"pnginfo": prompt()}), ("b.jpg", 1, {"exif": taken()}), "b.jpg", "review"),
    (("a.png", 1, {"pnginfo": prompt()}), ("b.png", 1, {"pnginfo": prompt("a lake\nSteps: 9, Sampler: Euler, Seed: 2")}), "a.png", "stage"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "kept", "role"), PAIRS)
def test_the_copy_that_holds_the_words_stays(tmp_path, one, other, kept, role):
    names = []
    for folder, (name, reduced, options) in zip(("mojo1", "selected"), (one, other), strict=True):
        picture = LARGE.resize((384 // reduced, 256 // reduced))
        save(picture, tmp_path / "lib" / folder / name, **options)
        names.append(f"{folder}/{name}")
    roles = found(start(tmp_path, tmp_path / "lib"))

    assert {name: roles[name][0] for name in names} == {
        name: "keeper" if name.endswith(kept) else role for name in names
    }


def test_images_say_what_they_hold_and_when_they_were_taken(tmp_path):
    save(LARGE, tmp_path / "lib/mojo1/a.jpg", exif=taken())
    save(LARGE, tmp_path / "lib/selected/b.png")
    images = start(tmp_path, tmp_path / "lib").images

    assert images["holds"].tolist() == [("time", "camera", "intact data"), ("intact data",)]
    assert images["taken"].tolist() == ["2020-01-01T10:00:00", ""]
    assert [len(shot) for shot in images["shot"]] == [10, 0]


def test_other_words_of_the_same_kind_are_shown_beside_each_other(tmp_path):
    long = "a hill at dawn, " * 20
    for folder, seed in (("mojo1", 1), ("selected", 2)):
        exif = taken()
        exif[0x010E] = f"{long}\nSteps: 20, Sampler: Euler a, Seed: {seed}"
        save(LARGE, tmp_path / "lib" / folder / "a.jpg", exif=exif)
    run = start(tmp_path, tmp_path / "lib")
    one, other = (run.facts_of(f"{folder}/a.jpg") for folder in ("mojo1", "selected"))

    assert one["time"] == other["time"] == "2020-01-01T10:00:00"
    assert one["prompt"].startswith("a hill at dawn") and one["prompt"] != other["prompt"]


def test_an_earlier_cache_gets_the_contents_when_a_picture_is_needed(tmp_path):
    first = save(LARGE, tmp_path / "lib/mojo1/a.jpg", exif=taken())
    with Image.open(first) as picture:
        save(Image.fromarray(np.asarray(picture)), tmp_path / "lib/selected/b.png")
    run = start(tmp_path, tmp_path / "lib")
    digests = run.catalogue["sha256"].tolist()
    run.store.db.execute("delete from measure where kind=?", (measures.CONTENTS.name,))
    run.store.db.commit()

    assert found(run)["selected/b.png"][0] == "stage"
    stored = run.store.measures(measures.CONTENTS.name, digests)
    assert json.loads(stored[digests[0]])["words"]["camera"] == "R5"


def test_an_image_whose_contents_cannot_be_known_waits_for_review(tmp_path):
    save(LARGE, tmp_path / "lib/mojo1/a.png")
    save(LARGE, tmp_path / "lib/selected/b.jpg", quality=85)
    run = start(tmp_path, tmp_path / "lib")
    digest = run.catalogue["sha256"].iloc[1]
    made = candidates(run)
    run.store.db.execute("delete from measure where kind=?", (measures.CONTENTS.name,))
    run.store.db.commit()
    (tmp_path / "lib/selected/b.jpg").unlink()  # nothing can be read again
    del run.__dict__["images"]
    made = run.candidates(made.pairs)
    table = made.table(made.cut(8)).set_index("path")

    assert table.loc["selected/b.jpg", "role"] == "review"
    assert digest[:8] in table.loc["selected/b.jpg", "lacks"]
