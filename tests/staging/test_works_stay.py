"""Works beside images, shared files, and folders that are not the person's: what `stage` refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.library.tables import write_csv

FILM = "\0\0\0\x14ftypqt  film"
FILES = {
    "cam/IMG_1.jpg": "picture",
    "cam/IMG_1.mov": FILM,
    "backup/IMG_1.jpg": "picture again",
    "backup/IMG_1.mov": FILM,
}
BACKUP = ("cam/IMG_1.jpg", ["backup/IMG_1.jpg", "backup/IMG_1.mov"])


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    kit.write_tree(folder, FILES)
    return folder


def stage(library: Path, table: list[dict[str, Any]], **choices: Any) -> staging.Result:
    path = library.with_name("manifest.csv")
    path.unlink(missing_ok=True)
    write_csv(path, [*staging.MANIFEST_COLUMNS, "confirmed"], table)
    return staging.stage(staging.read_manifest(path), library, **choices)


def refused(library: Path, table: list[dict[str, Any]]) -> list[str]:
    """Codes of what a plan is refused for; nothing of the library may change."""
    before = kit.read_tree(library)
    result = stage(library, table)
    assert kit.read_tree(library) == before and result.status == 3
    return kit.codes(result.refused)


def test_a_film_moves_if_the_keepers_bundle_holds_the_same(library: Path) -> None:
    before = kit.read_tree(library)
    result = stage(library, kit.rows(library, {"i": BACKUP}))
    assert result.status == 0 and not (library / "backup/IMG_1.mov").exists()
    staging.restore(library)
    assert kit.read_tree(library) == before


def test_the_film_that_stays_is_a_keeper_from_then_on(library: Path) -> None:
    kit.write_tree(library, {"third/IMG_1.jpg": "third", "third/IMG_1.mov": FILM})
    assert stage(library, kit.rows(library, {"i": BACKUP})).status == 0
    (library / "third/IMG_1.mov").unlink()
    table = kit.rows(library, {"c": ("third/IMG_1.jpg", ["cam/IMG_1.jpg", "cam/IMG_1.mov"])})
    assert refused(library, table) == ["holds_a_work"]
    confirmed = [row | {"confirmed": row["sha256"]} for row in table]
    assert refused(library, confirmed) == ["is_keeper"]


@pytest.mark.parametrize(
    "there",
    [
        {"cam/IMG_1.mov": "\0\0\0\x14ftypqt  another"},  # another film
        {"cam/IMG_1.mov": None},
        {"cam/IMG_1.mov": None, "cam/other.mov": FILM},  # not in the keeper's bundle
    ],
)
def test_a_film_without_a_copy_beside_the_keeper_is_refused(
    library: Path, there: dict[str, str | None]
) -> None:
    for path, text in there.items():
        if text is None:
            (library / path).unlink()
        else:
            kit.write_tree(library, {path: text})
    assert refused(library, kit.rows(library, {"i": BACKUP})) == ["holds_a_work"]


@pytest.mark.parametrize(
    "name", ["a.safetensors", "a.psd", "a.nef", "a.unknown", "a.wav", "a.pdf", "a.sqlite", "a.zip"]
)
def test_works_of_every_kind_are_refused(library: Path, name: str) -> None:
    content = f"{FILM} 2" if name == "a.unknown" else "work"  # told by its content
    kit.write_tree(library, {"x/a.jpg": "a", f"x/{name}": content})
    table = kit.rows(library, {"a": ("cam/IMG_1.jpg", ["x/a.jpg", f"x/{name}"])})
    assert refused(library, table) == ["holds_a_work"]


def test_a_confirmed_work_moves_and_only_with_its_digest(library: Path) -> None:
    (library / "cam/IMG_1.mov").unlink()
    table = kit.rows(library, {"i": BACKUP})
    wrong = [row | {"confirmed": "0" * 64} for row in table]
    assert refused(library, wrong) == ["holds_a_work"]
    assert stage(library, [row | {"confirmed": row["sha256"]} for row in table]).status == 0


def test_a_film_may_move_to_a_folder_of_clusters(library: Path) -> None:
    (library / "cam/IMG_1.mov").unlink()
    table = kit.rows(library, {"i": ("", BACKUP[1])})
    moved = [row | {"dst": f"_clusters/group_0001/{row['src']}"} for row in table]
    assert stage(library, moved).status == 0


def test_a_backup_of_raw_and_jpeg_moves_whole(library: Path) -> None:
    raw = {"x/D.jpg": "j", "x/D.nef": "MM\0*raw", "x/D.nef.xmp": "x"}
    kit.write_tree(library, raw | {"y/D.jpg": "j2", "y/D.nef": "MM\0*raw"})
    table = kit.rows(library, {"d": ("y/D.jpg", [*raw])})
    assert stage(library, table).status == 0
    assert not list((library / "x").iterdir())


def test_a_keepers_sidecar_never_moves_with_the_copy(library: Path) -> None:
    kit.write_tree(library, {"w/p.jpg": "p", "w/p.jpg.xmp": "rating", "w/p.jpg.webp": "p small"})
    both = kit.rows(library, {"p": ("w/p.jpg", ["w/p.jpg.webp", "w/p.jpg.xmp"])})
    assert refused(library, both) == ["not_a_member"]
    assert stage(library, kit.rows(library, {"p": ("w/p.jpg", ["w/p.jpg.webp"])})).status == 0


def test_an_image_named_after_another_does_not_belong_to_it(library: Path) -> None:
    kit.write_tree(library, {"w/x.jpg": "p", "w/x.jpg.png": "p", "w/x.jpg.txt": "t"})
    table = kit.rows(library, {"x": ("w/x.jpg.png", ["w/x.jpg", "w/x.jpg.txt"])})
    assert stage(library, table).status == 0


def test_a_file_that_also_belongs_to_an_image_that_stays_does_not_move(library: Path) -> None:
    kit.write_tree(library, {"t/I.jpg": "i", "t/I-edited.jpg": "e", "t/I.jpg.json": "{}"})
    with_json = kit.rows(library, {"i": ("cam/IMG_1.jpg", ["t/I.jpg", "t/I.jpg.json"])})
    assert refused(library, with_json) == ["shared_stays"]
    assert stage(library, kit.rows(library, {"i": ("cam/IMG_1.jpg", ["t/I.jpg"])})).status == 0
    assert (library / "t/I.jpg.json").exists()


@pytest.mark.parametrize(
    ("keeper", "source"),
    [("#recycle/a.jpg", "x/a.jpg"), ("x/a.jpg", "X.photoslibrary/a.jpg")],
)
def test_nothing_in_a_bin_or_a_package_is_a_keeper_or_moves(
    library: Path, keeper: str, source: str
) -> None:
    kit.write_tree(library, {keeper: "a", source: "a"})
    assert refused(library, kit.rows(library, {"a": (keeper, [source])})) == ["bad_path"]


def test_a_root_in_a_bin_is_refused(library: Path) -> None:
    kit.write_tree(library, {"#recycle/a.jpg": "a"})
    with pytest.raises(staging.StagingError, match=r"lies in #recycle \(recycle bin\)"):
        stage(library, kit.rows(library, {"i": BACKUP}), roots=["#recycle"])
