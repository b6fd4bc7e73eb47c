"""Pairs compared at full size: once each, kept by content, and never silently given up."""

import json

import numpy as np
import pandas as pd
import pytest
from drawn import save
from PIL import Image

from dedup_nb.compare import full_size
from dedup_nb.compare.full_size import Compared, FullSize
from dedup_nb.compare.holding.judging import Holding
from dedup_nb.compare.look_words import Look
from dedup_nb.compare.verdicts import Verdicts, beside
from dedup_nb.compare.verify import Verdict
from dedup_nb.groups.checks import Judgement
from dedup_nb.library import files
from dedup_nb.pictures.engines.local import Local
from dedup_nb.pictures.engines.tasks import Failure, Item
from dedup_nb.pictures.store import Store

HELD = {"a_lacks": [], "b_lacks": [], "both": []}
EDITED = Look("edited", where=((0.1, 0.2, 0.3, 0.4),), score=2.0, area=0.006)
SAME = Verdict(1.0, ("re-encoded",), matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


@pytest.fixture
def two(tmp_path):
    """Two equal pictures, one with four times the colours: catalogue, store and their pair."""
    noise = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((320, 320), Image.Resampling.BICUBIC)
    for name, options in (("a.png", {}), ("b.jpg", {"quality": 50})):
        save(picture, tmp_path / "lib" / name, **options)
    paths = ["a.png", "b.jpg"]
    digests = [files.sha256((tmp_path / "lib" / path).read_bytes()) for path in paths]
    catalogue = pd.DataFrame({"path": paths, "sha256": digests, "width": 320, "height": 320})
    return catalogue, Store(tmp_path / "cache"), tuple(sorted(digests))


class Engine(Local):
    """Answers every item alike and counts."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, 0

    def judge(self, task, items, count, **more):
        for _ in items:
            self.asked += 1
            yield self.answers[min(self.asked, len(self.answers)) - 1]


def made(two, tmp_path, engine=None):
    catalogue, store, _ = two
    more = {"engine": engine} if engine else {}
    return FullSize(catalogue, tmp_path / "lib", store, **more)


def test_two_files_are_compared_in_full_size_and_the_result_is_kept(two, tmp_path):
    catalogue, _, pair = two
    first = made(two, tmp_path)
    assert first.know({pair: SAME}, 1) == (1, [])
    a = "a" if pair[0] == catalogue["sha256"][0] else "b"
    poorer = "b" if a == "a" else "a"
    assert not first.known[pair].lacks(a) and first.known[pair].lacks(poorer)
    engine = Engine()
    again = made(two, tmp_path, engine)
    assert again.know({pair: SAME}, 0) == (0, [])
    assert again.known == first.known and engine.asked == 0


def test_the_first_pairs_are_compared_and_those_beyond_the_limit_are_left_unknown(two, tmp_path):
    compared = made(two, tmp_path, Engine(Item(HELD | {"look": EDITED.as_dict()})))
    pair = two[2]
    asked = {pair: SAME, pair[::-1]: SAME}  # the last by their names, and the first asked for
    asked = dict(sorted(asked.items(), reverse=True))
    assert compared.know(asked, 1) == (1, [min(asked)])
    assert list(compared.known) == [max(asked)]
    assert compared.know(asked, 0) == (0, [min(asked)])


def test_what_could_not_be_compared_waits_and_is_tried_again_with_other_decoders(
    two, tmp_path, monkeypatch
):
    pair, engine = two[2], Engine(Failure("the comparison crashed (signal 11)"))
    compared = made(two, tmp_path, engine)
    compared.know({pair: SAME}, 1)
    assert compared.known[pair].lacks("a") == ("unknown",)
    assert "crashed (signal 11)" in compared.known[pair].reason("a")
    assert "1 of them could not be compared" in compared.describe()
    assert made(two, tmp_path, engine).know({pair: SAME}, 0) == (0, [])  # not tried for ever
    monkeypatch.setattr(full_size, "DECODERS", "pillow 99")
    assert made(two, tmp_path, engine).know({pair: SAME}, 0) == (0, [pair])


def test_a_file_that_changed_since_is_not_judged_and_nothing_is_kept(two, tmp_path):
    save(Image.new("RGB", (320, 320)), tmp_path / "lib" / "a.png")
    compared = made(two, tmp_path)
    compared.know({two[2]: SAME}, 1)
    assert compared.known == {} and compared.stale == {two[2]}
    assert two[1].measures(full_size.HOLDINGS, [" ".join(two[2])]) == {}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"a_lacks": 1, "b_lacks": [], "both": []},
        {"a_lacks": ["no such word"], "b_lacks": [], "both": []},
        {"a_lacks": [[]], "b_lacks": [], "both": []},
        HELD,  # without a look
        HELD | {"look": {}},
        HELD | {"look": EDITED.as_dict() | {"kind": "something"}},
        HELD | {"look": EDITED.as_dict() | {"whole": "a"}},  # only what is contained has one
        HELD | {"look": EDITED.as_dict() | {"kind": "contained"}},
        HELD | {"look": EDITED.as_dict() | {"score": float("nan")}},
        HELD | {"look": EDITED.as_dict() | {"where": [[0.5, 0, 0.4, 1]]}},
        HELD | {"look": EDITED.as_dict() | {"where": [[0, 0, 1, 1.5]]}},
        HELD | {"look": EDITED.as_dict() | {"where": [[0, 0, 1, 1]] * 9}},
    ],
)
def test_an_answer_that_is_no_comparison_is_a_failure(facts, two, tmp_path):
    compared = made(two, tmp_path, Engine(Item(facts)))
    compared.know({two[2]: SAME}, 1)
    assert compared.known[two[2]].failed
    assert full_size.sound([json.dumps(facts).encode(), b"", b"[]", b"\xff"]) == [False] * 4


def test_a_member_is_staged_only_if_its_keeper_lacks_nothing_at_full_size(two, tmp_path):
    catalogue, store, pair = two
    compared = made(two, tmp_path)
    verdicts = Verdicts(catalogue, store, full_size=compared)
    verdicts.verdicts[pair] = SAME
    assert verdicts.judgement(1, 0) is None  # not known yet
    with verdicts.without_limit():
        refused = verdicts.refused(np.array([1, 0]), np.array([0, 1]))
    assert refused.tolist() == [False, True]
    assert verdicts.judgement(1, 0).accepted
    judged = verdicts.judgement(0, 1)
    assert judged.lacks and judged.reason.startswith("the keeper")


def test_a_look_is_kept_as_it_is_and_holds_back_in_both_directions(two, tmp_path):
    engine = Engine(Item(HELD | {"look": json.loads(json.dumps(EDITED.as_dict()))}))
    made(two, tmp_path, engine).know({two[2]: SAME}, 1)
    again = made(two, tmp_path, engine)
    again.know({two[2]: SAME}, 0)
    assert again.known[two[2]] == Compared(look=EDITED)
    copy = Judgement(True, "re-encoded", 1.0)
    held = copy._replace(
        accepted=False,
        kind="edited",
        reason="edited: 0.6 % of the area differs (outlined in compare)",
    )
    assert [beside(copy, again.known[two[2]], keeper) for keeper in "ab"] == [held, held]


def test_pairs_that_a_second_look_holds_back_are_counted(two, tmp_path):
    engine = Engine(Item(HELD | {"look": EDITED.as_dict()}))
    compared = made(two, tmp_path, engine)
    compared.know({two[2]: SAME}, 1)
    assert "in 0 something moved and in 1 a small part was edited" in compared.describe()


def test_what_was_done_to_the_whole_is_named_before_what_a_second_look_tells():
    copy = Judgement(True, "re-encoded", 1.0)
    toned = Compared(Holding(both=("tone",)), look=EDITED)
    judged = [beside(copy, toned, keeper) for keeper in "ab"]
    assert [(one.accepted, one.kind, one.lacks) for one in judged] == [
        (False, "re-encoded", ("tone",))
    ] * 2
