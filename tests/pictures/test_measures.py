"""Measures and the store: what was computed once is found again, by content."""

import dataclasses
import os
import sqlite3

import pytest
from drawn import measured, photo, save, write

from dedup_nb.finders import embeddings, phash
from dedup_nb.library import catalogue
from dedup_nb.pictures import measures, openers, store
from dedup_nb.pictures.engines import decoders


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were read and decoded."""
    seen = {"read": [], "decoded": []}
    real = decoders.measure_all

    def spy(paths, sizes, **options):
        for position, result in real(paths, sizes, **options):
            name = os.path.basename(os.fsdecode(paths[position]))
            seen["read"].append(name)
            if not isinstance(result, str):
                seen["decoded"].append(name)
            yield position, result

    monkeypatch.setattr(decoders, "measure_all", spy)
    return seen


def test_a_second_look_reads_nothing(tmp_path, reads):
    save(photo(1), tmp_path / "lib/a.png")
    write(tmp_path / "lib/bad.png", b"no picture")
    first, _ = measured(tmp_path / "lib", tmp_path / "cache")
    again, _ = measured(tmp_path / "lib", tmp_path / "cache")
    assert reads["read"] == ["a.png", "bad.png"] or reads["read"] == ["bad.png", "a.png"]
    assert first.equals(again)
    assert again.status.tolist() == ["ok", "unreadable"]


def test_a_renamed_file_is_read_but_not_decoded_and_a_changed_one_is_decoded(tmp_path, reads):
    lib = tmp_path / "lib"
    save(photo(1), lib / "a.png")
    save(photo(2), lib / "b.png")
    measured(lib, tmp_path / "cache")
    (lib / "a.png").rename(lib / "c.png")
    save(photo(3), lib / "b.png")
    reads["read"].clear(), reads["decoded"].clear()
    table, _ = measured(lib, tmp_path / "cache")
    assert sorted(reads["read"]) == ["b.png", "c.png"]
    assert reads["decoded"] == ["b.png"]
    assert table.status.tolist() == ["ok", "ok"]


def test_another_kind_of_hash_is_made_when_it_is_asked_for(tmp_path):
    save(photo(1), tmp_path / "lib/a.png")
    measured(tmp_path / "lib", tmp_path / "cache")
    table, kept = measured(tmp_path / "lib", tmp_path / "cache", kinds=[phash.kind("dhash", 256)])
    for name in ("phash64-v1", "dhash256-v1"):
        assert list(kept.measures(name, table.sha256)) == list(table.sha256)


def test_a_pixel_limit_is_not_remembered(tmp_path):
    save(photo(1, 200, 100), tmp_path / "lib/a.png")
    for limit, status in ((100, "too_large"), (1e9, "ok"), (100, "too_large")):
        table, _ = measured(tmp_path / "lib", tmp_path / "cache", max_pixels=limit)
        assert table.status.tolist() == [status]


def test_equal_contents_are_one_in_the_store(tmp_path):
    for name in ("a.png", "b.png"):
        save(photo(1), tmp_path / "lib" / name)
    table, kept = measured(tmp_path / "lib", tmp_path / "cache")
    assert table.sha256.nunique() == 1
    assert kept.thumbnail(table.sha256[0]).startswith(b"\xff\xd8")
    assert kept.thumbnail("0" * 64) is None


def test_a_file_that_is_gone_since_the_scan_is_listed_with_the_reason(tmp_path):
    lib = tmp_path / "lib"
    save(photo(1), lib / "a.png")
    found = catalogue.scan(lib, ["."]).images
    (lib / "a.png").unlink()
    key = store.FileKey(*[getattr(found[0], name) for name in store.FileKey._fields])
    (facts,) = measures.measure_files(lib, [key], store.Store(tmp_path / "cache"), [])
    assert (facts.status, facts.error, facts.sha256) == (
        "unreadable", "cannot be read: No such file or directory", "",
    )  # fmt: skip


def test_a_file_that_is_no_database_is_named(tmp_path):
    write(tmp_path / "store-2.sqlite", b"this is no database, and long enough to be looked at" * 50)
    with pytest.raises(ValueError, match=r"store-2\.sqlite cannot be used"):
        store.Store(tmp_path)


def test_two_stores_on_one_file_do_not_disturb_each_other(tmp_path):
    first, second = store.Store(tmp_path), store.Store(tmp_path)
    facts = store.Facts("a" * 64, "ok", "", "PNG", 1, 2, False, 9.5)
    first.put([], [facts], [], [("phash64-v1", "a" * 64, b"12345678")])
    assert second.facts(["a" * 64]) == {"a" * 64: facts}
    assert second.measures("phash64-v1", ["a" * 64]) == {"a" * 64: b"12345678"}


def test_the_store_tells_which_contents_lack_a_kind_of_measure(tmp_path):
    kept = store.Store(tmp_path)
    kept.put([], measures=[("dct-v1", "a" * 64, b"1"), ("mix-v1", "b" * 64, b"2")])
    asked = ["b" * 64, "a" * 64, "c" * 64, "c" * 64]
    assert kept.lacking("dct-v1", asked) == {"b" * 64, "c" * 64}
    assert kept.lacking("dct-v1", ["a" * 64]) == kept.lacking("dct-v1", []) == set()


def test_what_a_scan_was_told_of_files_is_not_asked_again(tmp_path, monkeypatch):
    lib = tmp_path / "lib"
    for seed, name in enumerate(("a.png", "b.png", "picture.dat")):
        save(photo(seed), lib / name, format="PNG")
    table, kept = measured(lib, tmp_path / "cache")
    found = catalogue.scan(lib, ["."], digests=kept.digests).images
    assert [i.sha256 for i in found] == [*table.sha256[:2], None]  # only likely names are looked up
    asked, real = [], kept.digests

    def noted(keys):
        asked.extend(keys)
        return real(asked)

    monkeypatch.setattr(kept, "digests", noted)
    keys = [store.FileKey(*i.key) for i in found]
    facts = measures.measure_files(lib, keys, kept, [], digests=[i.sha256 for i in found])
    assert [f.sha256 for f in facts] == list(table.sha256) and asked == keys[2:]


# ---------------------------------------------------------------- a version for each kind of value


@pytest.fixture
def counted(monkeypatch):
    """What the decoders were asked for: paths and rasters, call by call."""
    asked = []
    real = decoders.measure_all

    def measure_all(paths, sizes, **options):
        asked.append((sorted(os.path.basename(os.fsdecode(path)) for path in paths), set(sizes)))
        return real(paths, sizes, **options)

    monkeypatch.setattr(decoders, "measure_all", measure_all)
    return asked


KINDS = [phash.kind("phash", 64), embeddings.embedder("dct").kind]


def two_files(folder):
    for seed, name in enumerate("ab"):
        save(photo(seed), folder / f"lib/{name}.png")
    scanned = catalogue.scan(folder / "lib", ["."]).images
    return [store.FileKey(*image.key) for image in scanned], store.Store(folder / "cache")


def everything(folder):
    with sqlite3.connect(folder / "store-2.sqlite") as db:
        return {table: set(db.execute(f"select * from {table}")) for table in ("measure", "image")}


@pytest.mark.parametrize("fact", ["EXPOSURE", "THUMBNAIL", "FACTS"])
def test_a_new_version_of_one_fact_is_made_and_no_measure_again(
    tmp_path, monkeypatch, counted, fact
):
    keys, kept = two_files(tmp_path)
    measures.measure_files(tmp_path / "lib", keys, kept, KINDS)
    kept.close()
    before = everything(tmp_path / "cache")
    monkeypatch.setattr(store, fact, 2)
    again = store.Store(tmp_path / "cache")
    facts = measures.measure_files(tmp_path / "lib", keys, again, KINDS)
    assert [one.status for one in facts] == ["ok", "ok"]
    assert counted[-1][0] == ["a.png", "b.png"]
    measures.measure_files(tmp_path / "lib", keys, again, KINDS)
    assert counted[-1][0] == []  # known by its new version
    assert everything(tmp_path / "cache")["image"] == before["image"]


def test_a_better_descriptor_makes_nothing_else_again(tmp_path, counted):
    keys, kept = two_files(tmp_path)
    measures.measure_files(tmp_path / "lib", keys, kept, KINDS)
    before = everything(tmp_path / "cache")["measure"]
    better = dataclasses.replace(KINDS[0], name="phash64-v2")
    measures.measure_files(tmp_path / "lib", keys, kept, [better, *KINDS[1:]])
    assert counted[-1] == (["a.png", "b.png"], set(better.sizes))
    after = everything(tmp_path / "cache")["measure"]
    assert before <= after and {kind for _, kind, *_ in after - before} == {"phash64-v2"}


def test_what_could_not_be_read_is_tried_again_by_other_decoders_alone(
    tmp_path, monkeypatch, counted
):
    write(tmp_path / "lib/broken.png", b"\x89PNG\r\n\x1a\n and no more")
    write(tmp_path / "lib/later.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    save(photo(1), tmp_path / "lib/a.png")
    scanned = catalogue.scan(tmp_path / "lib", ["."]).images
    keys = [store.FileKey(*image.key) for image in scanned]
    kept = store.Store(tmp_path / "cache")
    for _ in range(2):
        facts = measures.measure_files(tmp_path / "lib", keys, kept, KINDS)
    assert [one.status for one in facts] == ["ok", "unreadable", "unreadable"]
    assert counted[-1][0] == []
    real = openers.decoders_of
    monkeypatch.setattr(openers, "decoders_of", lambda f: "a new one" if f == "HEIF" else real(f))
    measures.measure_files(tmp_path / "lib", keys, kept, KINDS)
    assert counted[-1][0] == ["later.heic"]
