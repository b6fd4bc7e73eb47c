"""Frames of a burst, whose pixels alone pass as copies: every finder and the review keep them."""

import pytest
from drawn import save
from PIL import Image
from test_what_a_keeper_holds import photo
from test_workbench import start

from dedup_nb.finders import phash
from dedup_nb.library import tables
from dedup_nb.steps.clip_faiss import likeness
from dedup_nb.steps.review import merging
from dedup_nb.steps.set_pruning import pruning, setgroups
from dedup_nb.steps.time_window import bursts

ROOTS = ["."]
SCENE = photo(1)  # a statue on a tripod: nothing moves


def exif(second="00", fraction="", number=0, model="L-20"):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Lumen", model
    details = tags.get_ifd(0x8769)
    details[0x9003] = f"2020:05:01 12:00:{second}"
    if fraction:
        details[0x9291] = fraction
    if number:
        details[0x9211] = number
    return tags


def frame(path, quality=90, picture=SCENE, **known):
    save(picture, path, quality=quality, exif=exif(**known))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A burst and copies of its frames, a pair by number, a changed clock, renders."""
    folder = tmp_path_factory.mktemp("burst")
    lib = folder / "lib"
    small = SCENE.resize((450, 300), Image.Resampling.LANCZOS)
    frame(lib / "cam/IMG_0001.jpg", 95, fraction="10")
    frame(lib / "cam/IMG_0002.jpg", 93, fraction="40")
    frame(lib / "old/IMG_0001.jpg", 80, small, fraction="10")  # a copy of each frame
    frame(lib / "old/IMG_0002.jpg", 80, small, fraction="40")
    second = photo(2)
    frame(lib / "fast/P1000001.jpg", 95, second, number=7, model="X")
    frame(lib / "fast/P1000002.jpg", 93, second, number=8, model="X")
    third = photo(3)
    frame(lib / "clock/a.jpg", 90, third, model="Y")
    frame(lib / "clock/b.jpg", 90, third, second="01", model="Y")  # its clock set later
    renders = photo(4)
    save(renders, lib / "renders/20250705_215210_stage1.png")
    save(renders, lib / "renders/20250705_215211_stage1.jpg", quality=90)
    return folder


def run_of(library, tmp_path, notebook, **more):
    return start(
        tmp_path, library / "lib", notebook, roots=ROOTS, cache_dir=str(library / "cache"), **more
    )


def by_hash(run):
    hashes, rows = run.hashes("phash", 64)
    made = run.candidates(phash.near_pairs(hashes, 12, rows=rows)[0])
    run.verify(made, [12])
    return made, 12


def by_embedding(run):
    pairs, _ = likeness.Search(run, "dct").near_pairs(0.85)
    made = run.candidates(pairs, similarity=True)
    run.verify(made, [0.85])
    return made, 0.85


FINDERS = {"10_phash": by_hash, "30_clip_faiss": by_embedding}
RIGHT = {
    "cam/IMG_0001.jpg": ("keeper", "cam/IMG_0001.jpg"),
    "cam/IMG_0002.jpg": ("keeper", "cam/IMG_0002.jpg"),
    "old/IMG_0001.jpg": ("stage", "cam/IMG_0001.jpg"),
    "old/IMG_0002.jpg": ("stage", "cam/IMG_0002.jpg"),
    "fast/P1000001.jpg": ("keeper", "fast/P1000001.jpg"),
    "fast/P1000002.jpg": ("review", "fast/P1000001.jpg"),
    "clock/a.jpg": ("keeper", "clock/a.jpg"),
    "clock/b.jpg": ("stage", "clock/a.jpg"),  # its pixels are those of the other
    "renders/20250705_215210_stage1.png": ("keeper", "renders/20250705_215210_stage1.png"),
    "renders/20250705_215211_stage1.jpg": ("stage", "renders/20250705_215210_stage1.png"),
}


def roles(made, threshold):
    rows = made.table(made.cut(threshold)).itertuples()
    return {row.path: (row.role, row.keeper) for row in rows}


@pytest.mark.parametrize("notebook", FINDERS)
def test_frames_stay_and_copies_go_in_every_finder_and_in_the_review(library, tmp_path, notebook):
    run = run_of(library, tmp_path, notebook)
    made, threshold = FINDERS[notebook](run)
    assert roles(made, threshold) == RIGHT
    folder = run.save(made, threshold, name="threshold")
    listed = {row["path"]: row for row in tables.read_csv(folder / "groups.csv")}
    waits = listed["fast/P1000002.jpg"]
    reason = "frames of one burst: taken at one time, numbered 7 and 8"
    assert (waits["kind"], waits["reason"]) == ("burst", reason)
    assert reason in (folder / "report.md").read_text()

    review = run_of(library, tmp_path, "80_review")
    merged = merging.Merged(review, merging.read(review, merging.find(review, [notebook])))
    proposed = {path: row for path, row in roles(merged, 1).items() if row[0] == "stage"}
    assert proposed == {path: row for path, row in RIGHT.items() if row[0] == "stage"}


def test_the_review_holds_frames_back_that_an_earlier_result_proposed(library, tmp_path):
    run = run_of(library, tmp_path, "10_phash", burst_seconds=0.0)
    made, threshold = by_hash(run)
    assert roles(made, threshold)["fast/P1000002.jpg"][0] == "stage"
    run.save(made, threshold, name="max_distance")

    review = run_of(library, tmp_path, "80_review")
    merged = merging.Merged(review, merging.read(review, merging.find(review, ["10_phash"])))
    assert roles(merged, 1)["fast/P1000002.jpg"] == ("review", "fast/P1000001.jpg")
    assert roles(merged, 1)["clock/b.jpg"] == ("stage", "clock/a.jpg")


def test_a_window_that_the_hash_confirms_proposes_no_frames(library, tmp_path):
    run = run_of(library, tmp_path, "20_time_window", confirm_distance=6, stamp_source="exif")
    made = bursts.Bursts(run, bursts.Stamps(run, "exif"), confirm_distance=6)
    run.verify(made, [5])
    found = roles(made, 5)
    assert found["fast/P1000002.jpg"][0] == "review"
    assert found["old/IMG_0002.jpg"] == ("stage", "cam/IMG_0002.jpg")


def test_without_verify_the_facts_decide(library, tmp_path):
    run = run_of(library, tmp_path, "10_phash", verify=False)
    made, threshold = by_hash(run)
    found = roles(made, threshold)
    assert found["fast/P1000002.jpg"][0] == found["clock/b.jpg"][0] == "review"
    assert found["old/IMG_0001.jpg"] == ("stage", "cam/IMG_0001.jpg")


def test_a_run_without_photographs_has_no_bursts(library, tmp_path):
    run = run_of(library, tmp_path, "10_phash", only_folders=["renders"])
    made, threshold = by_hash(run)
    assert not made.images.bursts.frames
    assert roles(made, threshold)["renders/20250705_215211_stage1.jpg"][0] == "stage"


def set_of_two(folder, stamp, save_one, **known):
    """A set of two stages by one camera."""
    for stage, seed in (("stage1", 5), ("stage2", 6)):
        tags = exif(model="Z", **known)
        save_one(photo(seed), folder / f"{stamp}_{stage}.{save_one.suffix}", tags)


def as_jpeg(quality):
    def save_one(picture, path, tags):
        save(picture, path, quality=quality, exif=tags)

    save_one.suffix = "jpg"
    return save_one


def as_png(picture, path, tags):
    save(picture, path, exif=tags)


as_png.suffix = "png"


@pytest.mark.parametrize(
    ("make", "second", "burst_seconds", "roles_of_second"),
    [
        (as_jpeg(90), "01", 2.0, {"review"}),
        (as_jpeg(90), "01", 0.5, {"stage"}),  # farther apart than frames of a burst
        (as_jpeg(90), "01", 0.0, {"stage"}),
        (as_jpeg(90), "00", 2.0, {"stage"}),  # a copy that kept its time
        (as_png, "01", 2.0, {"stage"}),  # equal pixels: one frame, its clock set later
    ],
)
def test_sets_of_frames_wait_as_pairs_of_them_do(
    tmp_path, make, second, burst_seconds, roles_of_second
):
    lib = tmp_path / "lib"
    set_of_two(lib, "20250705_100100", as_png)
    set_of_two(lib, "20250705_110100", make, second=second)
    run = start(tmp_path, lib, "40_set_pruning", roots=ROOTS, burst_seconds=burst_seconds)
    made = setgroups.Sets(pruning.compare(pruning.Found(run), cross_check_yaml=False), 0.05)
    rows = made.table(made.cut(0.5))
    other = rows[rows.role != "keeper"]
    assert len(other) == 2 and set(other.role) == roles_of_second, list(rows.reason)
    if roles_of_second == {"review"}:
        assert other.reason.str.startswith("frames of one burst: taken 1 s apart").all()
