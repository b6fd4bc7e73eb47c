"""Proposed pairs are compared by their pixels before they may be staged."""

import itertools
import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from drawn import save
from PIL import Image, ImageFilter, ImageOps
from test_verify import captioned, drawn, edited, jpeg

from dedup_nb import groups
from dedup_nb.compare import verdicts
from dedup_nb.compare.verify import Verdict
from dedup_nb.finders import phash
from dedup_nb.groups import rules
from dedup_nb.pictures.engines import Item, dispatch, processes
from dedup_nb.pictures.engines.local import Local
from dedup_nb.session import workbench

PROGRAM = processes.PROGRAM


def run_of(tmp_path, files, **values):
    """Write pictures, start 10_phash over them and return the run and its loose candidates."""
    for name, picture in files.items():
        save(picture, tmp_path / "library" / name)
    run = workbench.start(
        "10_phash",
        {
            "library": str(tmp_path / "library"),
            "cache_dir": str(tmp_path / "cache"),
            "run_dir": str(tmp_path / "run"),
            "invariance": "rotate",
        }
        | values,
    )
    hashes, rows = run.hashes("phash", 64, "rotate")
    return run, run.candidates(phash.near_pairs(hashes, 30, rows=rows)[0])


def rows_of(run, candidates, threshold=30):
    with run.verdicts.without_limit():
        table = candidates.table(candidates.cut(threshold))
    return {
        row["path"]: (row["role"], row["keeper"], row["kind"]) for row in table.to_dict("records")
    }


def test_copies_are_staged_with_their_kind_and_an_edit_waits(tmp_path):
    whole = drawn(1, (480, 320))
    run, candidates = run_of(
        tmp_path,
        {
            "a.png": whole,
            "again.png": jpeg(whole, 60),
            "mirrored.png": ImageOps.mirror(whole).resize((300, 200)),
            "retouched.png": edited(whole, 0.06, "swapped"),
        },
        keeper_order=["path"],
    )
    rows = rows_of(run, candidates)
    assert rows["again.png"] == ("stage", "a.png", "re-encoded")
    assert rows["mirrored.png"] == ("stage", "a.png", "mirrored, resized")
    assert rows["retouched.png"][0] == "review" and "edited" in rows["retouched.png"][2]


def test_a_crop_goes_for_its_whole_but_never_the_other_way_round(tmp_path):
    whole = drawn(2, (480, 320))
    files = {"b whole.png": whole, "a crop.png": whole.crop((30, 20, 450, 300))}
    run, candidates = run_of(tmp_path, files, keeper_order=["largest"])
    assert rows_of(run, candidates)["a crop.png"] == ("stage", "b whole.png", "cropped")
    other, candidates = run_of(
        tmp_path, files, keeper_order=["path"], run_dir=str(tmp_path / "other")
    )
    rows = rows_of(other, candidates)  # though the crop comes first by keeper_order
    assert rows["a crop.png"] == ("stage", "b whole.png", "cropped")
    assert rows["b whole.png"][0] == "keeper"


def test_a_framed_or_captioned_copy_never_outranks_the_picture_for_its_larger_size(tmp_path):
    whole = drawn(2, (480, 320))
    files = {
        "captioned.png": captioned(whole, bar=True),
        "framed.jpg": ImageOps.expand(whole, 12, "black"),
        "plain.png": whole,
        "smaller.png": whole.resize((300, 200)),
    }
    rows = rows_of(*run_of(tmp_path, files, keeper_order=["largest"]))
    assert rows["plain.png"][0] == "keeper"
    assert rows["framed.jpg"] == ("stage", "plain.png", "bordered")
    assert rows["smaller.png"] == ("stage", "plain.png", "resized")
    assert rows["captioned.png"][0] == "review"  # what is written there would be lost


def test_what_is_not_compared_yet_waits_and_is_remembered_once_it_was(tmp_path, monkeypatch):
    whole = drawn(3)
    files = {"a.png": whole, "b.png": jpeg(whole, 70), "c.png": whole.filter(ImageFilter.BLUR)}
    run, candidates = run_of(tmp_path, files)
    with run.verdicts.at_most(0):
        table = candidates.table(candidates.cut(30))
    assert set(table["role"]) == {"keeper", "review"}
    assert set(table["reason"][table["role"] == "review"]) == {rules.NOT_CHECKED}
    first = rows_of(run, candidates)
    assert [role for role, _, _ in first.values()].count("stage") == 2
    monkeypatch.setattr(Local, "judge", None)  # whoever compares again fails
    again, candidates = run_of(tmp_path, files, run_dir=str(tmp_path / "again"))
    assert rows_of(again, candidates) == first


def test_a_limit_is_spent_on_the_nearest_pairs_and_the_others_are_counted(tmp_path):
    whole = drawn(3)
    soft = whole.filter(ImageFilter.GaussianBlur(3))
    run, _ = run_of(tmp_path, {"a.png": whole, "b.png": jpeg(whole, 70), "c.png": soft})
    place = {path: k for k, path in enumerate(run.catalogue["path"])}
    near, far = ([place[name], place["a.png"]] for name in ("b.png", "c.png"))
    with run.verdicts.at_most(1, 1):
        run.verdicts.refused(*np.array([near, far]).T)
        assert "1 more pairs at looser thresholds were not compared" in run.verdicts.describe()
    assert list(run.verdicts.verdicts) == [run.verdicts._pair(*near)]
    assert list(run.verdicts.full_size.known) == [run.verdicts._pair(*near)]
    assert run.verdicts.judgement(*far) is None
    with run.verdicts.without_limit():
        run.verdicts.refused(*np.array([near, far]).T)
    assert "not compared" not in run.verdicts.describe()


def test_a_judgement_follows_what_becomes_known_and_then_stays(tmp_path):
    whole = drawn(3)
    run, _ = run_of(tmp_path, {"a.png": whole, "b.png": jpeg(whole, 70)})
    ends = np.array([[1], [0]])
    told = [run.verdicts.judgement(1, 0)]
    for limits in ((1, 0), (1, 1)):  # by its thumbnails alone, then at full size
        with run.verdicts.at_most(*limits):
            run.verdicts.refused(*ends)
        told.append(run.verdicts.judgement(1, 0))
    assert [one is not None and one.accepted for one in told] == [False, False, True]
    assert run.verdicts.judgement(1, 0) is told[-1]
    assert not run.verdicts.judgement(0, 1).accepted  # the other way is another judgement


def test_verdicts_are_the_same_in_one_process_and_in_many(tmp_path, monkeypatch):
    whole = drawn(4, (480, 320))
    files = {
        "a.png": whole,
        "cropped.png": whole.crop((40, 30, 450, 300)),
        "edited.png": edited(whole, 0.06, "swapped"),
        "mirrored.png": ImageOps.mirror(whole),
        "small.jpg": jpeg(whole.resize((240, 160)), 60),
        "turned.png": whole.rotate(3),
        "unlike.png": drawn(5, (480, 320)),
    }
    found = []
    for count in (1, 8):
        monkeypatch.setattr(dispatch.os, "cpu_count", lambda count=count: count)
        monkeypatch.setattr(verdicts, "BATCH", 20 if count > 1 else 3)
        values = {"cache_dir": str(tmp_path / f"cache {count}")}
        run, _ = run_of(tmp_path, files, run_dir=str(tmp_path / f"run {count}"), **values)
        pairs = set(itertools.combinations(sorted(run.verdicts.digests), 2))
        with run.verdicts.without_limit():
            run.verdicts._know(pairs)
        assert run.verdicts.verdicts.keys() == pairs
        found.append(run.verdicts.verdicts)
    assert found[0] == found[1]
    assert sum(verdict.same for verdict in found[0].values()) > 6


SHAPES = [(1, 900), (900, 1), (2, 3000), (40, 400), (30, 3000), (3000, 30), (12, 12), (1, 1)]


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "plain"])
def test_pictures_of_any_shape_are_compared(tmp_path, mode):
    files = {}
    for k, size in enumerate(SHAPES):
        picture = drawn(k, (300, 300)).resize(size)
        marked = edited(drawn(k, (300, 300)), 0.1, "swapped").resize(size)
        if mode == "plain":
            picture = marked = Image.new("RGB", size, (k, 99, 99))
        if mode == "I;16":
            deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
            files[f"{k} deep.png"] = Image.fromarray(deep)
        else:
            files[f"{k}.png"] = picture if mode == "plain" else picture.convert(mode)
        files[f"{k}.jpg"] = marked.resize((max(size[0] // 2, 1), max(size[1] // 2, 1)))
    run, _ = run_of(tmp_path, files)
    digests = sorted(run.catalogue["sha256"])
    assert set(run.catalogue["status"]) == {"ok"}
    pairs = {pair for pair in itertools.combinations(digests, 2) if pair[0] != pair[1]}
    with run.verdicts.without_limit():
        run.verdicts._know(pairs)
    assert (run.verdicts.verdicts.keys(), run.verdicts.uncompared) == (pairs, {})


@pytest.fixture
def breaking(monkeypatch):
    """Let what compares pictures crash on small ones, in the workers alone."""

    def breaks(what):
        breaker = "import os\nfrom dedup_nb.compare import looks\n"
        breaker += f"whole = looks.{what}\ndef crash(pixels, *more):\n"
        breaker += "    wide = [getattr(p, 'shape', (0, 99))[1] for p in (pixels, *more)]\n"
        breaker += "    if min(wide) < 90: os.kill(os.getpid(), 11)\n"
        breaker += f"    return whole(pixels, *more)\nlooks.{what} = crash\n"
        start = "from dedup_nb.pictures.engines.worker"
        program = processes.PROGRAM.replace(start, breaker + start, 1)
        processes.POOL.close()
        monkeypatch.setattr(processes, "PROGRAM", program)

    yield breaks
    processes.POOL.close()


@pytest.mark.parametrize("what", ["verify.plain_verdict", "features.extract"])
def test_a_crash_costs_one_pair_which_waits_with_the_reason(tmp_path, monkeypatch, breaking, what):
    whole = drawn(2, (480, 320))
    files = {
        "a.png": whole,
        "copy.png": jpeg(whole, 70),
        "cropped.png": whole.crop((40, 30, 450, 300)),
        "small.png": whole.resize((80, 60)).crop((3, 3, 75, 55)),
    }
    run, candidates = run_of(tmp_path, files, keeper_order=["path"])
    processes.POOL.close()
    breaking(what)
    with run.verdicts.without_limit():
        table = candidates.table(candidates.cut(30)).set_index("path")
    reason = "could not be compared: the process crashed (signal 11)"
    assert (table["role"]["small.png"], table["reason"]["small.png"]) == ("review", reason)
    assert table["role"]["copy.png"] == table["role"]["cropped.png"] == "stage"
    assert "1 could not be compared and wait for your review" in run.verdicts.describe()
    # the reason is kept, so that nobody tries again with the same code
    with monkeypatch.context() as again:
        again.setattr(Local, "judge", None)
        other, candidates = run_of(
            tmp_path, files, keeper_order=["path"], run_dir=str(tmp_path / "2")
        )
        assert rows_of(other, candidates)["small.png"][0] == "review"
    processes.POOL.close()
    monkeypatch.setattr(processes, "PROGRAM", PROGRAM)
    monkeypatch.setattr(verdicts, "UNCOMPARED", "uncompared, of another OpenCV")
    mended, candidates = run_of(tmp_path, files, keeper_order=["path"], run_dir=str(tmp_path / "3"))
    rows_of(mended, candidates)
    assert mended.verdicts.uncompared == {} and len(mended.verdicts.verdicts) >= 3


@pytest.mark.parametrize(
    "change",
    [
        {"score": "1"}, {"score": None}, {"score": True}, {"score": 10**400}, {"crop": "c"},
        {"kinds": "edited"}, {"kinds": [1]}, {"where": [1]}, {"where": ["a"] * 4}, {"matrix": {}},
        {"where_in_b": [1]}, {"more": 1}, {"scale": [1]},
    ],
)  # fmt: skip
def test_a_verdict_of_wrong_types_is_none(change):
    values = {**asdict(Verdict(1.0, ("edited",))), **change}
    result = {("a", "b"): Item({"verdict": values})}
    assert verdicts._sorted_out(result) == ({}, {("a", "b"): "the process sent what it should not"})
    with pytest.raises(ValueError, match="not a verdict"):
        verdicts.unpacked(json.dumps(values).encode())


def test_an_exact_copy_needs_no_look(tmp_path, monkeypatch):
    monkeypatch.setattr(Local, "judge", None)
    run, candidates = run_of(tmp_path, {"a.png": drawn(1), "b.png": drawn(1)})
    assert ("stage", "exact copy") in {
        (role, kind) for role, _, kind in rows_of(run, candidates).values()
    }


def test_with_verify_off_the_measure_alone_decides(tmp_path):
    files = {"a.png": drawn(1), "edited.png": edited(drawn(1), 0.06, "swapped")}
    run, candidates = run_of(tmp_path, files, verify=False)
    assert run.verdicts is None
    assert "stage" in set(candidates.table(candidates.cut(30))["role"])


@pytest.mark.parametrize(
    ("verdict", "accepted"),
    [
        (Verdict(0.9, ("re-encoded",)), True),
        (Verdict(0.84), False),  # another picture
        (Verdict(1.0, ("edited",), edited_area=0.05, where=(0.4, 0.4, 0.6, 0.6)), False),
        (Verdict(1.0, ("edited",), edited_area=0.01, where=(0.4, 0.4, 0.5, 0.5)), False),  # a smile
        (Verdict(1.0, ("edited",), edited_area=0.01, where=(0.7, 0.9, 0.95, 0.97)), True),  # a mark
        (Verdict(1.0, ("cropped",), crop="a", overlap=0.6), True),
        (Verdict(1.0, ("cropped",), crop="b", overlap=0.6), False),  # the keeper is the crop
        (Verdict(1.0, ("cropped",), crop="a", overlap=0.6, scale=0.5), False),  # it has more detail
        (Verdict(1.0, ("bordered",), border="a", overlap=0.8), True),
        (Verdict(1.0, ("bordered",), border="b", overlap=0.8), False),  # the keeper has a frame
        (Verdict(1.0, ("bordered",), border="a", overlap=0.8, scale=0.5), False),
        (Verdict(1.0, ("cropped",), crop="a", border="b", overlap=0.8), False),  # or a caption
        (Verdict(1.0, ("cropped",), crop="b", border="a", overlap=0.8), False),
    ],
)
def test_what_may_go_for_its_keeper(verdict, accepted):
    assert verdicts.judge(verdict, member_first=True).accepted == accepted


def plain_images(n):
    names = [f"{k:02}" for k in range(n)]
    return pd.DataFrame(
        {
            "path": names, "sha256": names, "root": ".", "stage": "", "level": np.nan, "series": "",
            "folder": "", "stem": names, "width": 1, "height": 1, "bytes": 1, "mtime_ns": 0,
            "protected": False, "cropped": False, "doubt": "",
        }
    )  # fmt: skip


class Told:
    """Checks that know which (member, keeper) are no copies."""

    def __init__(self, *refused):
        self.refusals = {*refused, *((b, a) for a, b in refused)}

    def refused(self, members, keepers):
        pairs = zip(members.tolist(), keepers.tolist(), strict=True)
        return np.array([pair in self.refusals for pair in pairs], bool)

    def judgement(self, member, keeper):
        accepted = (member, keeper) not in self.refusals
        return groups.Judgement(accepted, "", 1.0, "" if accepted else "with an edit")

    def pictures(self, members, keepers):
        return ["same"] * len(members)


def test_a_refused_member_finds_its_own_twin_or_waits_with_the_nearest():
    images = plain_images(4)
    pairs = pd.DataFrame({"i": [0, 0, 1, 0], "j": [1, 2, 2, 3], "hamming_bits": [1, 1, 0, 2]})
    candidates = groups.Candidates(
        images, pairs, keeper_order=["path"], checks=Told((1, 0), (2, 0), (3, 0))
    )
    cut = candidates.cut(8)
    assert [groups.ROLES[role] for role in cut.roles] == ["keeper", "keeper", "stage", "review"]
    assert cut.keepers.tolist() == [0, 1, 1, 0]
    assert candidates.reason(cut, 3) == "with an edit"


class OneWay(Told):
    """Checks that refuse a pair in one direction alone."""

    def __init__(self, *refused):
        self.refusals = {*refused}


def test_a_keeper_that_would_go_for_its_member_lets_it_come_first():
    pairs = pd.DataFrame({"i": [0, 0, 1], "j": [1, 2, 3], "hamming_bits": [1, 1, 1]})
    framed = groups.Candidates(
        plain_images(4), pairs, keeper_order=["path"], checks=OneWay((1, 0))
    )  # 0 has more pixels, for it is 1 in a frame; 2 is near 0 alone
    cut = framed.cut(8)
    assert cut.keepers.tolist() == [1, 1, -1, 1]  # nobody joins a group by way of a third
    assert [groups.ROLES[role] for role in cut.roles] == ["stage", "keeper", "", "stage"]


@pytest.mark.parametrize("seed", range(40))
def test_where_a_slider_was_before_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(14, 1)
    some = rng.random(len(i)) < 0.3
    pairs = pd.DataFrame({"i": i[some], "j": j[some]})
    pairs["hamming_bits"] = rng.integers(0, 12, len(pairs))
    ends = [(a, b) for a, b in pairs[["i", "j"]].to_numpy().tolist()]
    refused = [(a, b) if rng.random() < 0.7 else (b, a) for a, b in ends if rng.random() < 0.5]

    def made():
        return groups.Candidates(
            plain_images(14), pairs, keeper_order=["path"], checks=OneWay(*refused)
        )

    moved = made()
    for threshold in (12, 3, 7, 12, 5):
        cut, fresh = moved.cut(threshold), made().cut(threshold)
        assert cut.keepers.tolist() == fresh.keepers.tolist()
        assert cut.roles.tolist() == fresh.roles.tolist()
