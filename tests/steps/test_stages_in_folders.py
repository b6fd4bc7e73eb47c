"""Stages that words and folders tell: whole sets are pruned, and one series is kept together."""

import pytest
from drawn import save, tree
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from setlibrary import SIZE, again, compared, drawn, edited, manifest_of
from test_workbench import start

from dedup_nb import staging
from dedup_nb.finders import phash
from dedup_nb.steps.set_pruning import pruning

STEPS = ("01_base", "02_upscaled", "03_enhanced")


def render(library, night, number, seed, changed=None, form="{step}/ComfyUI_{number:05}_.png"):
    """Save the steps of one picture as ComfyUI does, with its prompt in each file."""
    for k, step in enumerate(STEPS):
        picture = (changed or {}).get(step, lambda same: same)(drawn(seed))
        picture = picture.resize(((1 + k) * SIZE[0], (1 + k) * SIZE[1]), Image.Resampling.BICUBIC)
        told = PngInfo()
        told.add_text("prompt", f'{{"3": {{"inputs": {{"seed": {seed}, "text": "a meadow"}}}}}}')
        name = form.format(step=step, number=number)
        save(picture, library / f"mojo1/{night}/{name}", pnginfo=told)


@pytest.fixture
def library(tmp_path):
    """Two nights: pictures 1 and 2 were rendered in both, 2 with an edited step the second time."""
    lib = tmp_path / "lib"
    render(lib, "night1", 1, 1)
    render(lib, "night1", 2, 2)
    render(lib, "night1", 3, 3)
    render(lib, "night2", 1, 4)
    render(lib, "night2", 2, 1, dict.fromkeys(STEPS, again))
    render(lib, "night2", 3, 2, {"02_upscaled": edited})
    return lib


def set_roles(made):
    """Series -> the one role of all its images."""
    found = {}
    for row in made.table(made.cut(0.85)).itertuples():
        night, _, name = row.path.removeprefix("mojo1/").split("/")
        found.setdefault((night, int(name[8:13])), set()).add(row.role)
    return found


def test_a_set_in_folders_of_stages_is_pruned_whole(tmp_path, library):
    run = start(tmp_path, library, "40_set_pruning", roots=["mojo1"])
    made = compared(run)
    assert [each.stages for each in made.sets] == [STEPS] * 6
    roles = set_roles(made)
    assert sorted(map(tuple, roles.values())) == [("keeper",), ("stage",)]
    assert set(roles) == {("night1", 1), ("night2", 2)}


def test_such_a_set_is_staged_as_one_bundle_and_comes_back(tmp_path, library):
    run = start(tmp_path, library, "40_set_pruning", roots=["mojo1"])
    before = tree(library)
    folder = run.save(compared(run), 0.85, name="min_cosine")
    rows = manifest_of(folder)
    assert len({row["bundle"] for row in rows}) == 1 and len(rows) == len(STEPS)
    done = staging.stage(staging.read_manifest(folder / "manifest.csv"), library, ["mojo1"])
    assert (done.done, done.refused) == (1, [])
    staging.restore(library, done.batch)
    assert {path: data for path, data in tree(library).items() if ".dedup_nb" not in path} == before


def test_a_set_that_is_cut_by_only_folders_is_not_compared(tmp_path, library):
    only = [f"mojo1/{night}/{step}" for night in ("night1", "night2") for step in STEPS[:2]]
    run = start(tmp_path, library, "40_set_pruning", roots=["mojo1"], only_folders=only)
    found = pruning.Found(run)
    assert found.sets == [] and len(found.cut_short) == 6
    assert set(found.apart.why) == {"cut short by limit or only_folders"}


def test_a_set_whose_last_step_is_beyond_limit_is_not_compared(tmp_path):
    lib = tmp_path / "lib"
    for k in (1, 2):
        save(drawn(k), lib / f"mojo1/{k}/00010-7-before-highres-fix.png")
        save(drawn(k).resize((99, 88)), lib / f"mojo1/{k}/00011-7.png")
    run = start(tmp_path, lib, "40_set_pruning", roots=["mojo1"], limit=3)
    found = pruning.Found(run)
    assert [each.name for each in found.sets] == ["mojo1/1/00010-7"]
    assert [each.name for each in found.cut_short] == ["mojo1/2/00010-7"]


@pytest.mark.parametrize(
    "form",
    [
        "{step}/ComfyUI_{number:05}_.png",
        "ComfyUI_{step}_{number:05}_.png",
        "{step}/day/render {number}.png",
    ],
)
def test_images_of_one_series_are_never_proposed_for_each_other(tmp_path, form):
    lib = tmp_path / "lib"
    for number in (1, 2):
        render(lib, "night", number, number, form=form)
    run = start(tmp_path, lib, "10_phash", roots=["mojo1"], same_stage_only=False)
    hashes, rows = run.hashes("phash", 64)
    made = run.candidates(phash.near_pairs(hashes, 16, rows=rows)[0])
    assert len(run.series) == 2
    assert made.set_apart["inside one series"] == len(made.series_pairs) == 6
    assert made.cut(8).totals["images"] == 0


def test_a_series_in_folders_that_a_finder_stages_moves_as_one_bundle(tmp_path, library):
    run = start(tmp_path, library, "10_phash", roots=["mojo1"])
    hashes, rows = run.hashes("phash", 64)
    made = run.candidates(phash.near_pairs(hashes, 8, rows=rows)[0])
    run.verify(made, [8])
    cut = made.cut(8)
    plan = made.plan(cut, made.table(cut))
    staged = plan[plan.role == "stage"]
    assert set(staged.bundle) == {"mojo1/night1/ComfyUI_00001_"}  # the other has more bytes
    assert len(staged) == len(STEPS)


def test_folders_that_are_no_stages_keep_nothing_apart(tmp_path):
    lib = tmp_path / "lib"
    for folder in ("01_January", "02_February"):
        save(drawn(1), lib / f"mojo1/{folder}/IMG_0001.png")
    run = start(tmp_path, lib, "10_phash", roots=["mojo1"])
    hashes, rows = run.hashes("phash", 64)
    made = run.candidates(phash.near_pairs(hashes, 8, rows=rows)[0])
    assert sum(made.set_apart.values()) == 0
    assert made.cut(8).totals["images"] == 1


def test_a_template_of_the_profile_prunes_its_sets(tmp_path):
    lib = tmp_path / "lib"
    form = "shot{number}-v{step[1]}.png"
    for number, seed in ((1, 1), (2, 1), (3, 2)):
        changed = {} if number == 1 else dict.fromkeys(STEPS, again)
        render(lib, "night", number, seed, changed, form)
    run = start(tmp_path, lib, "40_set_pruning", roots=["mojo1"], names=["shot{sequence}-v{stage}"])
    made = compared(run)
    assert {each.series for each in made.sets} == {"1", "2", "3"}
    table = made.table(made.cut(0.85))
    assert sorted(table.role) == ["keeper"] * 3 + ["stage"] * 3
