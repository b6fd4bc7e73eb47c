"""The warranty of a plan: copied into the journal, computed again, demanded by approval."""

import json

import pytest
import staging_kit as kit

from dedup_nb import cli, staging
from dedup_nb.library.acceptance import warranty
from dedup_nb.library.acceptance.warranty import Answered, Warranty
from dedup_nb.staging import journal

MANY = 30
WHEN = "2026-01-02T03:04:05Z"


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "library"
    images = {f"{k:02}.png": f"picture {k}" for k in range(MANY)}
    kit.write_tree(folder, {"k.png": "k", "equal.png": "k", "00.yaml": "of 00"} | images)
    return folder


@pytest.fixture
def trash(tmp_path, monkeypatch):
    folder = tmp_path / "trash"
    folder.mkdir()
    monkeypatch.setattr("send2trash.send2trash", lambda path: path.rename(folder / path.name))
    return folder


def manifest(library, bundles=None):
    """Write a plan of all images, one of them equal to the keeper, and one with a companion."""
    names = bundles or {f"{k:02}": [f"{k:02}.png"] for k in range(MANY)} | {"equal": ["equal.png"]}
    names = {name: files + ["00.yaml"] * (name == "00") for name, files in names.items()}
    return staging.read_manifest(
        kit.write_manifest(
            library.with_name("manifest.csv"),
            kit.rows(library, {name: ("k.png", files) for name, files in names.items()}),
        )
    )


def answer(plan, answers, **changes):
    """Answer the beginning of the plan's sample and write the warranty beside the manifest."""
    every, order = staging.images_of_plan(plan)
    sample = tuple(Answered(g, a, WHEN) for g, a in zip(order, answers, strict=False))
    made = Warranty(plan.sha256, every, len(order), sample, WHEN)
    path = plan.path.with_name("warranty.json")
    path.write_text(json.dumps(made.as_json() | changes))
    return made


def stage(plan, library):
    result = staging.stage(plan, library)
    assert result.done == len(plan.bundles) - len(result.refused)
    return result


def approve(library, batch, **options):
    return staging.approve(library, batch, staging.approval_token(library, batch), **options)


def why_not(library, batch, max_wrong):
    with pytest.raises(staging.StagingError) as error:
        approve(library, batch, max_wrong=max_wrong)
    assert error.value.status == 3
    assert f"dedup-nb restore --library {library} --batch {batch}" in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_plan_counts_its_images_and_asks_about_those_that_differ(library):
    every, order = staging.images_of_plan(manifest(library))
    assert (every, len(order)) == (MANY + 1, MANY)
    assert {image.path for image in order} == {f"{k:02}.png" for k in range(MANY)}


def test_a_batch_with_a_warranty_under_the_bound_is_approved(library, trash):
    plan = manifest(library)
    answer(plan, "y" * MANY)
    result = stage(plan, library)
    assert "at most 0 (0.00 %) of them are wrong" in result.warranty
    assert staging.warranted(library, result.batch) in result.warranty
    assert approve(library, result.batch, max_wrong=0.0).files == MANY + 2


def test_without_a_warranty_nothing_is_demanded_unless_you_do(library, trash):
    result = stage(manifest(library), library)
    assert result.warranty == "" == staging.warranted(library, result.batch)
    assert "has no warranty, but at most 1.00 % of its images may be wrong" in why_not(
        library, result.batch, 0.01
    )
    assert not list(trash.iterdir())
    assert approve(library, result.batch).files == MANY + 2


def test_too_few_answers_are_refused_with_how_many_more_it_takes(library, trash):
    plan = manifest(library)
    made = answer(plan, "y" * 10)
    text = why_not(library, stage(plan, library).batch, 0.1)
    assert f"at most {made.bound} ({100 * made.share:.1f} %) of the 31 images" in text
    assert "5 more answers that call none wrong would show it" in text


def test_a_plan_spoiled_on_purpose_is_refused(library, trash):
    plan = manifest(library)
    answer(plan, "ynynynynyy" * 3)
    text = why_not(library, stage(plan, library).batch, 0.1)
    assert "leave out what you called wrong" in text
    assert not list(trash.iterdir())


def test_unsure_counts_as_wrong(library, trash):
    plan = manifest(library)
    assert answer(plan, "y" * (MANY - 1) + "?").bound == 1
    batch = stage(plan, library).batch
    assert "leave out" in why_not(library, batch, 0.03)
    assert approve(library, batch, max_wrong=0.04).files


def test_a_batch_of_a_part_answers_for_all_wrong_ones_of_the_plan(library, trash):
    plan = manifest(library)
    answer(plan, "y" * 19)  # at most 2 of 31
    for k in range(10, 25):
        (library / f"{k:02}.png").write_bytes(b"changed since")
    batch = stage(plan, library).batch
    assert "of which this batch holds only a part" in why_not(library, batch, 0.1)


def test_what_was_called_wrong_and_is_home_again_is_not_counted(library, trash):
    plan = manifest(library)
    answer(plan, "y" * (MANY - 2) + "nn")
    batch = stage(plan, library).batch
    assert why_not(library, batch, 0.01)
    for image in staging.images_of_plan(plan)[1][-2:]:
        assert staging.restore(library, batch, file=image.path).done == 1
    assert approve(library, batch, max_wrong=0.0).bundles == MANY - 1


def test_images_that_were_approved_before_an_interruption_still_count(library, trash, monkeypatch):
    plan = manifest(library)
    answer(plan, "y" * (MANY - 1) + "n")  # 1 of 31
    batch = stage(plan, library).batch
    once = iter([False] * 25)
    monkeypatch.setattr(staging.approval.Approving, "stop", None, raising=False)
    original = staging.approval.Approving.__init__

    def stopping(self, *arguments, **options):
        original(self, *arguments, **options)
        self.stop = lambda: next(once, True)

    monkeypatch.setattr(staging.approval.Approving, "__init__", stopping)
    assert approve(library, batch, max_wrong=0.04).interrupted
    monkeypatch.setattr(staging.approval.Approving, "__init__", original)
    assert approve(library, batch, max_wrong=0.04).status == 0


def test_a_manifest_that_changed_has_no_warranty(library):
    plan = manifest(library)
    answer(plan, "y" * MANY)
    changed = manifest(library, {f"{k:02}": [f"{k:02}.png"] for k in range(MANY)})
    result = stage(changed, library)
    assert "it is void: the manifest has changed since it was made" in result.warranty
    assert "has no warranty" in why_not(library, result.batch, 0.9)


@pytest.mark.parametrize("data", ["", "{", "[]", "[" * 9_999, '{"version": 1}', '{"version": 99}'])
def test_a_damaged_warranty_does_not_keep_a_plan_from_being_staged(library, data):
    plan = manifest(library)
    plan.path.with_name("warranty.json").write_text(data)
    result = stage(plan, library)
    assert result.status == 0
    assert "warranty.json is damaged" in result.warranty
    assert "answer the acceptance sample" in result.warranty


def test_a_folder_in_its_place_does_not_keep_a_plan_from_being_staged(library):
    plan = manifest(library)
    plan.path.with_name("warranty.json").mkdir()
    result = stage(plan, library)
    assert "warranty.json cannot be read: " in result.warranty


def test_a_sample_that_was_chosen_is_refused(library):
    plan = manifest(library)
    every, order = staging.images_of_plan(plan)
    chosen = tuple(Answered(g, "y", WHEN) for g in order[1:])  # without the first that was drawn
    warranty.write(
        plan.path.with_name("warranty.json"),
        Warranty(plan.sha256, every, len(order), chosen, WHEN),
    )
    assert "not the one that this manifest draws" in stage(plan, library).warranty


def rewrite(library, batch, change):
    """Change the warranty in a journal and give its line the right checksum."""
    path = library / f".dedup_nb/journal/{batch}.jsonl"
    records = journal.parse(path.read_bytes()).records
    change(records[0])
    path.write_bytes(b"".join(map(journal.encode, records)))


FORGED = [
    (lambda header: header["warranty"]["sample"].pop(0), "leaves out an image that was drawn"),
    (lambda header: header["warranty"].update(images=5), "do not fit"),
    (lambda header: header["warranty"].update(sample=[], images=9, asked=9), "more images than"),
    (lambda header: header["warranty"].update(manifest="ab" * 32), "in the order of its manifest"),
    (lambda header: header["warranty"].update(manifest="ab" * 32, sample=[]), "of another manifest"),
    (lambda header: header["warranty"]["sample"][3].update(sha256="ab" * 32), "names other files"),
    (lambda header: header.update(warranty=[1]), "not an object"),
    (lambda header: header.update(warranty={"version": 9}), "its version is 9"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "why"), FORGED)
def test_a_journal_whose_warranty_cannot_be_right_is_refused_and_can_be_restored(
    library, trash, change, why
):
    plan = manifest(library)
    answer(plan, "y" * 20)
    batch = stage(plan, library).batch
    rewrite(library, batch, change)
    assert why in why_not(library, batch, 0.9)
    assert staging.restore(library, batch).done == MANY + 1


def test_numbers_that_were_written_into_a_warranty_are_computed_again(library, trash):
    plan = manifest(library)
    answer(plan, "y" * 5, bound=0, share=0.0, confidence=1.0)
    assert "more answers" in why_not(library, stage(plan, library).batch, 0.1)


def test_the_command_refuses_and_says_how_to_go_on(library, trash, capsys):
    plan = manifest(library)
    batch = stage(plan, library).batch
    token = staging.approval_token(library, batch)
    command = ["approve", batch, "--library", str(library), "--token", token]
    assert cli.main([*command, "--max-wrong", "1%"]) == 3
    assert "has no warranty, but at most 1.00 %" in capsys.readouterr().err
    assert cli.main(command) == 0


@pytest.mark.parametrize("text", ["1", "101%", "nan", "1%%", "one", "", "0.01x"])
def test_a_share_that_cannot_be_meant_is_refused(text, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["approve", "x", "--library", ".", "--max-wrong", text])
    assert stop.value.code == 2
    assert "write 1% or 0.01 for one in a hundred" in capsys.readouterr().err
