"""What is like a picture, inside the library or not; what FAISS learns beyond the exact; the cache."""

import csv
import io
import sqlite3
from datetime import UTC, datetime

import faiss
import numpy as np
import pandas as pd
import pytest
from drawn import make_library, photo, save, tree
from test_index import clustered
from test_workbench import start

from dedup_nb import cli
from dedup_nb.finders import cells, embeddings, index
from dedup_nb.finders.embeddings import EMBEDDERS
from dedup_nb.pictures import store
from dedup_nb.session import cache as cache_of_library
from dedup_nb.steps.clip_faiss import asked, likeness

NOTEBOOK = "30_clip_faiss"


@pytest.fixture
def library(tmp_path):
    return make_library(tmp_path / "lib")


def answered(capfd, *arguments):
    status = cli.main(["similar", *map(str, arguments)])
    out, err = capfd.readouterr()
    return status, list(csv.DictReader(io.StringIO(out))), err


def test_similar_names_what_is_like_a_picture_from_anywhere(tmp_path, library, capfd):
    outside = save(photo(2, 300, 200), tmp_path / "outside.jpg", quality=70)
    before = tree(library)
    shared = ["--library", library, "--cache-dir", tmp_path / "cache"]
    shared += ["--min-cosine", "0.85"]  # so the embedder is one with cosines
    status, rows, err = answered(capfd, outside, *shared)
    assert status == 0 and f"searching {library}" in err
    assert {row["path"] for row in rows} == {"mojo1/plain.png", "mojo1/plain small.png"}
    cosines = [float(row["cosine"]) for row in rows]
    assert cosines == sorted(cosines, reverse=True) and min(cosines) > 0.99
    _, rows, _ = answered(capfd, library / "mojo1/plain.png", *shared)
    assert [row["path"] for row in rows] == ["mojo1/plain small.png"]  # not itself
    save(photo(3).transpose(0), tmp_path / "mirrored.png")
    assert answered(capfd, tmp_path / "mirrored.png", *shared)[1] == []
    _, rows, _ = answered(capfd, tmp_path / "mirrored.png", *shared, "--invariance", "mirror")
    assert [row["path"] for row in rows] == ["mojo1/alone.png"]
    assert tree(library) == before and sorted(p.name for p in tmp_path.iterdir()) == [
        "cache", "lib", "mirrored.png", "outside.jpg",
    ]  # fmt: skip


def test_similar_counts_matches_by_default(tmp_path, library, capfd):
    mirrored = save(photo(3, 300, 200).transpose(0), tmp_path / "mirrored.png")
    shared = ["--library", library, "--cache-dir", tmp_path / "cache", "--min-matches", "12"]
    status, rows, _ = answered(capfd, mirrored, *shared)
    assert status == 0 and [row["path"] for row in rows] == ["mojo1/alone.png"]
    assert 12 <= int(rows[0]["matches"]) <= 24


@pytest.mark.parametrize(
    ("embedder", "more", "says"),
    [
        ("local", [], "local asks for 4 matches or more, and no image has them"),
        ("dct", [], "; dct asks for cosine 0.5000 or more"),
        ("mix", [], "; mix asks for cosine 0.6000 or more"),
        ("dct", ["--min-cosine", "0.99"], "; dct asks for cosine 0.9900 or more"),
    ],
)
def test_similar_says_when_nothing_is_alike(tmp_path, library, capfd, embedder, more, says):
    stranger = save(photo(77, 320, 200), tmp_path / "stranger.png")
    named = ["--library", library, "--cache-dir", tmp_path / "cache", "--embedder", embedder]
    status, rows, err = answered(capfd, stranger, *named, *more)
    last = err.splitlines()[-1]
    assert (status, rows) == (0, [])
    assert last.startswith("no image is like stranger.png: ") and last.endswith(says)


def test_what_is_only_somewhat_alike_is_not_called_a_near_duplicate():
    table = pd.DataFrame({"row": [3, 5], "path": ["a.png", "b.png"], "cosine": [0.7, 0.4]})
    answer = asked.answer("x.png", table, EMBEDDERS["dct"])
    assert list(answer.table["path"]) == ["a.png"]
    assert answer.says == (
        "no image is a near-duplicate of x.png: the most similar, a.png, has cosine 0.7000; "
        "dct asks for cosine 0.8500 or more"
    )


def test_without_a_name_the_library_of_the_newest_run_is_asked(
    tmp_path, library, capfd, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = start(tmp_path, library, NOTEBOOK, run_dir=str(tmp_path / "outputs/lib/run"))
    assert cli._collection(cli.parser().parse_args(["cache"])) == {
        "library": str(run.library), "roots": ["mojo1", "selected"],
    }  # fmt: skip


LOCAL = ["--embedder", "local", "--min-cosine", "0.9"]


@pytest.mark.parametrize(
    ("image", "more", "complaint"),
    [
        ("nowhere.png", [], "nowhere.png is not a file"),
        ("lib/mojo1/broken.png", [], "broken.png cannot be compared: "),
        ("lib/mojo1/plain.png", ["--embedder", "clop"], "choose one of local"),
        ("lib/mojo1/plain.png", ["--root", "nowhere"], "nowhere"),
        ("lib/mojo1/plain.png", LOCAL, "is a cosine, but embedder local counts"),
        ("lib/mojo1/grey1.png", [], "too few to find it by; use embedder dct"),
    ],
)
def test_similar_refuses_in_one_sentence(tmp_path, library, capfd, image, more, complaint):
    named = ["--library", library, "--cache-dir", tmp_path / "cache", *more]
    status, rows, err = answered(capfd, tmp_path / image, *named)
    assert (status, rows) == (2, [])
    assert complaint in err.splitlines()[-1]


def test_the_notebook_answers_for_a_path_and_for_a_dropped_picture(tmp_path, library):
    search = likeness.Search(start(tmp_path, library, NOTEBOOK), "dct")
    asker = likeness.Asker(search, 2)
    asker.path.value = "mojo1/plain.png"
    for part in (
        "plain small.png",
        "data:image/jpeg",
        "cosine ",
        "most similar to mojo1/plain.png",
    ):
        assert part in asker.shown.value
    stranger = save(photo(77, 320, 200), tmp_path / "stranger.png")
    asker.path.value = str(stranger)
    assert "no image is like" in asker.shown.value and "<img" not in asker.shown.value
    asker.path.value = "mojo1/<script>.png"
    assert "&lt;script&gt;.png is not a file" in asker.shown.value
    content = save(photo(3), tmp_path / "dropped.png").read_bytes()
    named = {"name": "dropped.png", "type": "image/png", "size": len(content)}
    named |= {"last_modified": datetime.now(UTC), "content": memoryview(content)}
    asker.upload.value = (named,)
    assert "alone.png" in asker.shown.value and asker.upload.value == ()


# ---------------------------------------------------------------- beyond the exact


def filled(folder, vectors, kind="dct-v1", start=0):
    kept = store.Store(folder)
    rows = [
        (kind, f"{start + k:064x}", vector.tobytes())
        for k, vector in enumerate(vectors.astype("<f4"))
    ]
    kept.put([], measures=rows)
    return kept


def unpack(stored):
    return np.frombuffer(b"".join(stored), "<f4").reshape(len(stored), -1)


def test_cells_find_nearly_all_pairs_and_tell_how_many():
    vectors = clustered(4_000, 48)
    vectors[1] = vectors[0]  # one content twice
    exact, _ = index.near_pairs(vectors, 0.8)
    ids = np.random.default_rng(1).permutation(9_000)[:4_000]
    ids[1] = ids[0]
    cells = index.Cells.learn(vectors)
    cells.add(np.delete(ids, 1), np.delete(vectors, 1, axis=0))
    cells.add(np.array([9_500]), vectors[:1])  # of a file that is gone
    cells.name(ids)
    recall = cells.tune(vectors, 0.8)
    found, bound = index.near_pairs(vectors, 0.8, cells=cells)
    assert bound == 0.8 and recall >= 0.95
    both = found.merge(exact, on=["i", "j", "cosine"])
    assert len(both) == len(found) >= 0.9 * len(exact)  # what is found is exact
    assert (found[["i", "j"]].iloc[0] == [0, 1]).all()
    near = index.nearest(vectors, 3, cells=cells)
    share = len(near.merge(index.nearest(vectors, 3), on=["i", "j"])) / len(near)
    assert abs(share - cells.recall_of_neighbours(vectors, 3)) < 0.1
    assert share > 0.8


def test_cells_find_turned_pictures_and_blocks_change_nothing(monkeypatch):
    upright = clustered(1_500, 200)
    reverse = np.arange(199, -1, -1)  # stands for a turn: done twice, it is undone
    upright[::2] = upright[::2][:, reverse]
    turned = np.stack([upright, upright[:, reverse]], axis=1)
    cells = index.Cells.learn(upright)
    cells.add(np.arange(1_500), upright)
    cells.name(np.arange(1_500))
    assert cells.tune(turned, 0.9) >= 0.95
    exact, _ = index.near_pairs(turned, 0.9)
    found, _ = index.near_pairs(turned, 0.9, cells=cells)
    assert len(found.merge(exact, on=["i", "j", "cosine"])) == len(found) >= 0.9 * len(exact)
    odd = (exact["i"] + exact["j"]) % 2 == 1
    assert odd.sum() > 100  # found in their other orientation only
    near = index.nearest(turned, 5, cells=cells)
    share = len(near.merge(index.nearest(turned, 5), on=["i", "j"])) / len(near)
    assert share > 0.9
    monkeypatch.setattr(index, "QUERIES", 100)
    monkeypatch.setattr(index, "BLOCK_VALUES", 2_000)
    assert index.near_pairs(turned, 0.9, cells=cells)[0].equals(found)
    assert index.nearest(turned, 5, cells=cells).equals(near)


def test_what_was_learnt_grows_by_what_is_new_and_is_learnt_again_when_it_must(
    tmp_path, monkeypatch
):
    learnt = []
    real = index.Cells.learn.__func__
    monkeypatch.setattr(
        index.Cells, "learn", classmethod(lambda c, v: learnt.append(len(v)) or real(c, v))
    )
    vectors = clustered(400, 16)
    kept = filled(tmp_path, vectors[:300])
    assert cells.kept(kept, "dct-v1", unpack).lists.ntotal == 300
    filled(tmp_path, vectors[300:], start=300)
    grown = cells.kept(kept, "dct-v1", unpack)
    assert (grown.lists.ntotal, learnt) == (400, [300])
    assert sorted(grown.ids) == sorted(
        kept.ids("dct-v1", (f"{k:064x}" for k in range(400))).values()
    )
    (file,) = tmp_path.glob(cells.PATTERN)
    file.write_bytes(file.read_bytes()[:5_000])  # cut off
    assert cells.kept(kept, "dct-v1", unpack).lists.ntotal == 400 and learnt == [300, 400]
    other = filled(tmp_path / "other", vectors[:50])
    (tmp_path / "other" / file.name).write_bytes(file.read_bytes())  # of another store
    assert cells.kept(other, "dct-v1", unpack).lists.ntotal == 50
    filled(tmp_path, clustered(2_000, 16), start=1_000)
    assert cells.kept(kept, "dct-v1", unpack).lists.ntotal == 2_400 and learnt[-1] == 2_400
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert faiss.read_index(str(file)).ntotal == 2_400


def test_a_run_beyond_the_exact_prints_its_recall(tmp_path, monkeypatch, capsys):
    for seed in range(40):
        save(photo(seed), tmp_path / f"lib/mojo1/{seed}.png")
        save(photo(seed, 96, 64), tmp_path / f"lib/selected/{seed}.png")
    save(photo(1), tmp_path / "lib/selected/copy.png")
    run = start(tmp_path, tmp_path / "lib", NOTEBOOK)
    exact = likeness.Search(run, "dct", "mirror")
    pairs, _ = exact.near_pairs(0.85)
    assert exact.notes == []
    monkeypatch.setattr(index, "APPROXIMATE_N", 50)
    search = likeness.Search(run, "dct", "mirror")
    found, _ = search.near_pairs(0.85)
    assert set(zip(found.i, found.j, strict=True)) <= set(zip(pairs.i, pairs.j, strict=True))
    assert len(found) >= 0.9 * len(pairs) > 0
    assert search.nearest(2)["rank"].max() == 2
    assert "Approximate search: with 81 images" in capsys.readouterr().out
    candidates = run.candidates(found, similarity=True)
    folder = run.save(candidates, 0.85, name="min_cosine", notes=search.notes)
    for file in ("report.md", "report.html"):
        assert "measured on 256 images" in (folder / file).read_text()


def test_the_cosine_of_one_picture_to_all_counts_orientations():
    upright = clustered(10, 6)
    turned = np.stack([upright, np.roll(upright, 1, axis=0)], axis=1)
    assert index.like(turned, upright[3])[[3, 4]].tolist() == [1.0, 1.0]


def test_damaged_cells_are_learnt_again_wherever_they_are_damaged(tmp_path):
    vectors = clustered(300, 24)
    kept = filled(tmp_path, vectors)
    cells.kept(kept, "dct-v1", unpack)
    (path,) = tmp_path.glob(cells.PATTERN)
    whole = path.read_bytes()
    chance = np.random.default_rng(3)
    damages = [whole[: len(whole) * k // 20] for k in range(20)] + [whole + b"x", whole[:-1]]
    for _ in range(60):
        data, at = bytearray(whole), int(chance.integers(len(whole)))
        data[at] ^= int(chance.integers(1, 256))
        damages.append(bytes(data))
    assert [cells._read(path) for data in damages if path.write_bytes(data)] == [None] * 81
    path.write_bytes(whole)
    assert cells._read(path).lists.ntotal == 300


def test_a_file_of_another_program_is_not_replaced_by_cells(tmp_path, capsys):
    kept = filled(tmp_path, clustered(300, 24))
    path = cells._path(kept, "dct-v1")
    path.write_bytes(b"the only copy")
    assert cells.kept(kept, "dct-v1", unpack).lists.ntotal == 300
    assert path.read_bytes() == b"the only copy"
    assert "not a file of this program; it is left alone" in capsys.readouterr().out


# ---------------------------------------------------------------- the cache


EARLIER = "create table file (a); create table image (a); create table measure (a);"


def cache(capfd, tmp_path, *arguments):
    named = ["--library", tmp_path / "lib", "--cache-dir", tmp_path / "cache"]
    status = cli.main(["cache", *map(str, [*named, *arguments])])
    out, err = capfd.readouterr()
    return status, out, err


def test_the_cache_tells_what_it_holds_and_is_verified(tmp_path, library, capfd):
    run = start(tmp_path, library, NOTEBOOK)
    run.embeddings("dct")
    status, out, _ = cache(capfd, tmp_path, "--verify")
    assert status == 0 and "0 damaged" in out and " dct-v1, " in out and " thumbnails" in out
    digest = run.catalogue["sha256"].iloc[0]
    run.store.put([], measures=[("dct-v1", digest, bytes(8)), ("phash64-v1", digest, b"1")])
    run.store.db.execute("update thumbnail set jpeg=x'ffd8' where sha256=?", (digest,))
    run.store.db.commit()
    query = "select min(id) from measure where kind='dct-v1'"
    (first,) = run.store.db.execute(query).fetchone()
    run.store.db.execute("update measure set value=x'00' where id=?", (first,))
    run.store.db.commit()
    status, out, err = cache(capfd, tmp_path, "--verify")
    assert status == 3 and "4 damaged; remove them with --prune" in out
    assert len(err.splitlines()) == 4 and digest[:16] in err
    assert cache(capfd, tmp_path, "--verify", "--prune")[0] == 0
    again = start(tmp_path, library, NOTEBOOK, run_dir=str(tmp_path / "again"))
    again.embeddings("dct")
    assert again.thumbnail(again.catalogue["path"].iloc[0])
    assert cache(capfd, tmp_path, "--verify")[0] == 0


def test_pruning_drops_what_no_file_has_and_keeps_what_only_moved(tmp_path, library, capfd):
    run = start(tmp_path, library, NOTEBOOK)
    run.embeddings("dct")
    digests = dict(zip(run.catalogue["path"], run.catalogue["sha256"], strict=True))
    (library / "mojo1/alone.png").unlink()
    staged = library / "_review_dupes/batch/mojo1/plain.png"
    staged.parent.mkdir(parents=True)
    (library / "mojo1/plain.png").rename(staged)
    with sqlite3.connect(tmp_path / "cache/store-1.sqlite") as older:
        older.executescript(EARLIER)
    (tmp_path / "cache" / f"cells-{'0' * 16}.faiss").write_bytes(b"IwFl and more")
    before = tree(library)
    status, out, _ = cache(capfd, tmp_path, "--prune")
    assert status == 0 and "pruned 1 contents" in out
    kept = store.Store(tmp_path / "cache").measures("dct-v1", digests.values())
    assert digests["mojo1/alone.png"] not in kept and digests["mojo1/plain.png"] in kept
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert left - {"store-2.sqlite-wal", "store-2.sqlite-shm"} == {"store-2.sqlite"}
    assert tree(library) == before


def test_nothing_is_pruned_while_the_disk_is_away(tmp_path, library, capfd):
    start(tmp_path, library, NOTEBOOK).embeddings("dct")
    library.rename(tmp_path / "away")
    library.mkdir()
    status, _, err = cache(capfd, tmp_path, "--prune")
    assert status == 2 and "is its disk mounted?" in err


def test_vectors_that_are_none_are_damaged():
    vector = np.ones(4, "<f4") / 2
    wrong = "not a vector of unit length"
    assert cache_of_library._wrong("clip-v1 a b", b"f" + vector.tobytes(), 17) == ""
    assert cache_of_library._wrong("clip-v1 a b", b"f" + (3 * vector).tobytes(), 17) == wrong
    assert cache_of_library._wrong("clip-v1 a b", b"f" + (np.nan * vector).tobytes(), 17) == wrong
    assert cache_of_library._wrong("clip-v1 a b", b"?" + vector.tobytes(), 17) == wrong
    dct = embeddings.embedder("dct").kind.name
    assert cache_of_library._wrong(dct, bytes(480), 480) == ""  # a picture of one tone


def test_a_cache_inside_the_library_is_refused_and_no_picture_is_deleted(tmp_path, capfd):
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    before = {}
    for name in ("store-front.jpg", "store-1.sqlite", "cells-me.faiss", "below/store-2.sqlite"):
        (folder / name).write_bytes(b"the only copy")
        before[name] = b"the only copy"
    for cache_dir in (folder, folder / "below"):
        for flags in ([], ["--verify"], ["--prune"]):
            args = ["cache", "--library", str(folder), "--cache-dir", str(cache_dir), *flags]
            assert cli.main(args) == 2
            assert "lies inside the library" in capfd.readouterr().err
    after = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert after == before


def test_pruning_deletes_nothing_but_what_the_cache_wrote(tmp_path, library, capfd):
    start(tmp_path, library, NOTEBOOK).embeddings("dct")
    folder = tmp_path / "cache"
    others = (
        "store-front.jpg",
        "store-9.sqlite.txt",
        "store-7.sqlite",
        "cells-me.faiss",
        f"cells-{'1' * 16}.faiss",
    )
    for name in others:
        (folder / name).write_bytes(b"the only copy")
    with sqlite3.connect(folder / "store-8.sqlite") as another:  # of another program
        another.execute("create table notes (text)")
    others += ("store-8.sqlite",)
    with sqlite3.connect(folder / "store-1.sqlite") as older:  # of an earlier version
        older.executescript(EARLIER)
    (library / "mojo1/alone.png").unlink()
    assert cache(capfd, tmp_path, "--prune")[0] == 0
    left = {path.name for path in folder.iterdir()}
    assert set(others) <= left and "store-1.sqlite" not in left


def test_a_folder_without_a_cache_is_left_as_it_is(tmp_path, library, capfd):
    other = tmp_path / "documents"
    other.mkdir()
    args = ["cache", "--library", str(library), "--cache-dir", str(other), "--prune"]
    assert cli.main(args) == 0
    assert "there is no cache" in capfd.readouterr().out
    assert not list(other.iterdir())


def test_hash_keeps_nothing_inside_the_folder_that_it_hashes(tmp_path, monkeypatch, capfd):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(store, "default_folder", lambda library: folder / ".cache" / "dedup_nb")
    assert cli.main(["hash", str(folder)]) == 2
    assert "add --no-cache" in capfd.readouterr().err
    assert not list(folder.iterdir())
    assert cli.main(["hash", str(folder), "--no-cache"]) == 0
