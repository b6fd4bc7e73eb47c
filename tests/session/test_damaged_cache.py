"""A damaged or unusable cache: its values are computed again, or one sentence says what to do."""

from __future__ import annotations

import io
import random
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from drawn import make_library, photo
from test_workbench import start

from dedup_nb import cli
from dedup_nb.finders import embeddings, phash
from dedup_nb.pictures import store
from dedup_nb.pictures.store import Unusable

KINDS = [phash.kind("phash", 64), embeddings.embedder("dct").kind]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[tuple[str, ...]]]:
    """A library, its cache, and the groups that were made with it."""
    folder = tmp_path_factory.mktemp("whole")
    library = make_library(folder / "lib")
    made = groups_of(folder, library, folder / "cache", "first")
    return library, folder / "cache", made


def groups_of(folder: Path, library: Path, cache: Path, name: str) -> list[tuple[str, ...]]:
    """Make groups by hash and by embedding, with the pixels compared; return their rows."""
    rows: list[tuple[str, ...]] = []
    values = {"cache_dir": str(cache), "run_dir": str(folder / name), "verify": True}
    values |= {"notebook": "30_clip_faiss", "embedder": "dct"}
    run = start(folder, library, **values)
    hashes, places = run.hashes("phash", 64)
    vectors, _ = run.embeddings("dct")
    assert np.isfinite(vectors).all()
    pairs, _ = phash.near_pairs(hashes, 16, rows=places)
    candidates = run.candidates(pairs)
    run.verify(candidates, [8])
    results = run.save(candidates, 8, name="max_distance")
    assert all(run.thumbnail(path) for path in run.catalogue.path[run.catalogue.status == "ok"])
    rows += [tuple((results / "groups.csv").read_text().splitlines())]
    rows += [tuple((results / "manifest.csv").read_text().splitlines())]
    run.store.close()
    return rows


def jpeg(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    photo(7, width, height).save(buffer, "JPEG")
    return buffer.getvalue()


TABLES = jpeg(200, 100).index(b"\xff\xc4") + 5  # of Huffman codes
SOUND_HEADERS = jpeg(200, 100)[:TABLES] + bytes([255] * 16) + jpeg(200, 100)[TABLES + 16 :]
DAMAGES = {
    "thumbnail cut": "update thumbnail set jpeg=x'ffd8ff00'",
    "thumbnail is text": "update thumbnail set jpeg='no picture'",
    "thumbnail is missing": "update thumbnail set jpeg=null",
    "thumbnail too large": ("update thumbnail set jpeg=?", jpeg(2000, 1500)),
    "thumbnail without an end": ("update thumbnail set jpeg=?", jpeg(200, 100)[:-2]),
    "thumbnail damaged inside": ("update thumbnail set jpeg=?", SOUND_HEADERS),
    "hash too short": "update measure set value=x'00' where kind like 'phash%'",
    "hash too long": ("update measure set value=? where kind like 'phash%'", bytes(65)),
    "vector of NaN": (
        "update measure set value=? where kind like 'dct%'",
        np.full(120, np.nan, np.float32).tobytes(),
    ),
    "vector too long": (
        "update measure set value=? where kind like 'dct%'",
        np.full(120, 1e38, np.float32).tobytes(),
    ),
    "measures are text": "update measure set value='abc'",
    "measures are numbers": "update measure set value=7",
    "measures are missing": "update measure set value=null",
    "verdict is not JSON": "update measure set value=x'7b' where kind like 'verdict%'",
    "verdict of other names": (
        "update measure set value=? where kind like 'verdict%'",
        b'{"kinds": [], "where": [], "other": 1}',
    ),
    "verdict of other types": (
        "update measure set value=? where kind like 'verdict%'",
        b'{"kinds": [1], "where": [], "score": "high"}',
    ),
    "verdict of NaN": (
        "update measure set value=? where kind like 'verdict%'",
        b'{"kinds": [], "where": [], "score": NaN}',
    ),
    "facts of another form": (
        "update measure set value=? where kind like 'contents%'",
        b'{"further": 5, "words": []}',
    ),
    "features are no whole number": "update measure set value=x'0102' where kind like 'sift%'",
    "width is text": "update image set width='abc'",
    "width is negative": "update image set width=-5",
    "status of another word": "update image set status='fine'",
    "contrast is missing": "update image set contrast=null",
    "text that is not UTF-8": "update image set format=cast(x'ff41' as text)",
    "format is binary": "update image set format=x'00'",
    "digest of a file cut": "update file set sha256='abc'",
    "digest of a file missing": "update file set sha256=null",
    "facts are missing": "delete from image",
    "thumbnails are missing": "delete from thumbnail",
    "a column of a later version": "alter table image add column later int",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_values_are_computed_again_and_give_the_same_groups(
    tmp_path: Path, whole, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    library, cache, expected = whole
    damaged = shutil.copytree(cache, tmp_path / "cache")
    query, *values = [DAMAGES[name]] if isinstance(DAMAGES[name], str) else DAMAGES[name]
    with sqlite3.connect(damaged / "store-2.sqlite") as db:
        db.execute(query, values)

    assert groups_of(tmp_path, library, damaged, "again") == expected

    told = "in the cache were computed again" in capsys.readouterr().out
    quiet = ("missing", "later", "digest", "features", "not UTF-8")  # `features`: none are needed
    assert told or any(word in name for word in quiet)


def test_one_damaged_value_is_told_in_the_singular(
    tmp_path: Path, whole, capsys: pytest.CaptureFixture[str]
) -> None:
    library, cache, _ = whole
    damaged = shutil.copytree(cache, tmp_path / "cache")
    with sqlite3.connect(damaged / "store-2.sqlite") as db:
        db.execute("update measure set value=x'' where id=1")

    groups_of(tmp_path, library, damaged, "again")

    assert capsys.readouterr().out.count("1 damaged value in the cache was computed again") == 1


def use(folder: Path) -> None:
    """Read and write everything that a cache has."""
    kept = store.Store(folder)
    try:
        kept.check_writable()
        files = [key for key, _ in kept.files()]
        digests = {digest for digest in kept.digests(files) if digest}
        kept.facts(digests)
        for kind in KINDS:
            kept.measures(kind.name, digests, kind.sound)
            list(kept.numbered(kind.name, sound=kind.sound))
            kept.lacking(kind.name, digests)
        for digest in digests:
            kept.thumbnail(digest)
        facts = store.Facts("f" * 64, "ok", "", "PNG", 1, 2, False, 9.5)
        kept.put([(store.FileKey("new", 1, 2, 3), "f" * 64)], [facts], [("f" * 64, b"1")])
        kept.summary()
    finally:
        kept.close()


def test_a_file_damaged_anywhere_never_raises_anything_but_one_sentence(
    tmp_path: Path, whole
) -> None:
    good = (whole[1] / "store-2.sqlite").read_bytes()
    chance = random.Random(7)
    damages = [good[: chance.randrange(len(good))] for _ in range(40)]
    for _ in range(160):
        data, at = bytearray(good), chance.choice((100, 4096, len(good)))
        for _ in range(chance.choice((1, 8, 64))):
            data[chance.randrange(at)] ^= chance.randrange(1, 256)
        damages.append(bytes(data))
    damages += [good[:k] + bytes(4096) + good[k + 4096 :] for k in range(0, len(good), 4096)]
    refused = 0
    for number, data in enumerate(damages):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "store-2.sqlite").write_bytes(data)
        try:
            use(folder)
        except Unusable as error:
            refused += 1
            assert str(error).startswith(f"the cache {folder / 'store-2.sqlite'} ")

    assert 0 < refused < len(damages)


# ---------------------------------------------------------------- a cache that cannot be used


def profile(tmp_path: Path, cache: Path) -> Path:
    path = tmp_path / "mine.yaml"
    (tmp_path / "lib").mkdir(exist_ok=True)
    path.write_text(f"library: lib\ncache_dir: {cache}\n")
    return path


def is_a_file(cache: Path) -> None:
    cache.write_text("a file")


def has_a_folder_for_a_file(cache: Path) -> None:
    (cache / "store-2.sqlite").mkdir(parents=True)


def is_another_program(cache: Path) -> None:
    cache.mkdir()
    with sqlite3.connect(cache / "store-2.sqlite") as db:
        db.execute("create table image (name text)")


def has_no_database(cache: Path) -> None:
    cache.mkdir()
    (cache / "store-2.sqlite").write_bytes(b"long enough to be looked at" * 100)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (is_a_file, "the cache folder .* cannot be created .*; set cache_dir to another folder"),
        (has_a_folder_for_a_file, r"store-2\.sqlite cannot be opened or written .* set cache_dir"),
        (is_another_program, r"store-2\.sqlite cannot be used .* delete it"),
        (has_no_database, r"store-2\.sqlite cannot be used .* delete it"),
    ],
)
def test_a_cache_that_cannot_be_used_ends_a_run_before_it_starts(
    tmp_path: Path, make, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "cache")
    before = sorted(tmp_path.rglob("*"))

    assert cli.main(["run", str(profile(tmp_path, tmp_path / "cache"))]) == 2

    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and re.search(says, err), err
    assert not (tmp_path / "outputs/mine").exists() or not list(
        (tmp_path / "outputs/mine").iterdir()
    )
    assert set(before) <= set(tmp_path.rglob("*"))


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    kept = store.Store(tmp_path)
    kept.db.execute("pragma max_page_count = 20")

    with pytest.raises(Unusable, match=r"cannot be written .* free some space, or set cache_dir"):
        kept.put([], thumbnails=[(f"{k:064}", bytes(2000)) for k in range(100)])

    kept.put([], measures=[("phash64-v1", "a" * 64, bytes(64))])  # what is there still works
    assert kept.measures("phash64-v1", ["a" * 64]) == {"a" * 64: bytes(64)}


def test_a_locked_cache_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE_S", 0.1)
    kept = store.Store(tmp_path)
    other = sqlite3.connect(kept.path)
    other.execute("begin immediate")

    with pytest.raises(Unusable, match=r"locked by another program .* try again"):
        kept.put([], measures=[("phash64-v1", "a" * 64, bytes(64))])


def test_a_cache_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    kept = store.Store(tmp_path)
    kept.db.execute("pragma query_only = on")  # SQLite reports it as a read-only file

    with pytest.raises(Unusable, match=r"cannot be opened or written .* set cache_dir"):
        kept.put([], measures=[("phash64-v1", "a" * 64, bytes(64))])
