"""The review widget without a browser: what is asked, answered, written and told."""

import errno
import json
import math
import os
import threading

import pytest

from dedup_nb.compare.beside import Pair
from dedup_nb.groups.decisions import Decisions
from dedup_nb.widgets.gallery import Gallery
from dedup_nb.widgets.gallery.choosing import IN_SIGHT, PAGE_GROUPS
from dedup_nb.widgets.gallery.messages import PAGE_MEMBERS, number, value_text
from dedup_nb.widgets.gallery.pictures import KEPT_BYTES, Pictures
from dedup_nb.widgets.gallery.places import locate


def member(path, digest=None, role="stage", **more):
    row = {
        "path": path,
        "sha256": digest or f"sha-{path}",
        "role": role,
        "value": 4,
        "measure": "hamming_bits",
    }
    row |= {"reason": "smaller", "badges": ["Cropped"], "root": "crop", "stage": "stage3"}
    return row | {"width": 832, "height": 1216, "bytes": 1_200_000, "mtime": "2026-01-02"} | more


def group(name, n=3):
    members = [member(f"{name}/{k}.png", role="stage" if k else "keeper") for k in range(n)]
    return {"id": name, "title": f"group {name}", "members": members}


class Lazy:
    """A sequence of groups that remembers which were computed."""

    def __init__(self, n):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        self.asked.append(k)
        return group(f"g{k}")


class Browser:
    """The other end: asks, and keeps what the gallery sent."""

    def __init__(self, gallery):
        self.gallery, self.got, self.requests = gallery, [], 0
        gallery.send = lambda content, buffers=None: self.got.append(
            (json_round(content), buffers or [])
        )

    def ask(self, kind, **content):
        self.got.clear()
        self.gallery.receive({"kind": kind, "version": self.gallery.version, **content})
        return self.got

    def decide(self, what, group=0, **content):
        self.requests += 1
        [(answer, _)] = self.ask(
            "decide", what=what, group=group, request=f"r{self.requests}", **content
        )
        return answer

    def groups(self, start=0, stop=8):
        [(answer, _)] = self.ask("groups", start=start, stop=stop)
        return answer["groups"]


def json_round(content):
    """Pass a message through JSON as the kernel sends it: UTF-8, no NaN."""
    return json.loads(json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8"))


def open_gallery(groups, **options):
    options.setdefault(
        "thumbnail", lambda path: b"jpeg of " + path.encode("utf-8", "surrogateescape")
    )
    gallery = Gallery(groups, **options)
    return gallery, Browser(gallery)


def test_only_the_groups_that_are_looked_at_are_computed():
    groups = Lazy(100_000)
    _, browser = open_gallery(groups)
    assert groups.asked == []
    assert [row["index"] for row in browser.groups(50_000, 50_004)] == [
        50_000,
        50_001,
        50_002,
        50_003,
    ]
    assert groups.asked == [50_000, 50_001, 50_002, 50_003]


def test_another_cut_computes_little_of_100_000_groups():
    class Located(Lazy):
        def locate(self, group_id):
            return int(group_id[1:])

    gallery, browser = open_gallery(Located(100_000))
    browser.ask("look", focus=70_000, top=69_999)
    other = Located(90_000)
    gallery.show(other)
    assert (gallery.count, gallery.focus, gallery.top) == (90_000, 70_000, 69_999)
    assert len(other.asked) <= IN_SIGHT


def test_the_state_of_the_widget_is_small_whatever_the_number_of_groups():
    gallery, _ = open_gallery(Lazy(100_000))
    state = {
        key: value
        for key, value in gallery.get_state().items()
        if key not in ("_esm", "_css", "layout")
    }
    assert len(json.dumps(state)) < 1_000


def test_an_answer_holds_a_bounded_number_of_groups_and_members():
    _, browser = open_gallery([group(f"g{k}", n=100) for k in range(200)])
    rows = browser.groups(0, 200)
    assert len(rows) == PAGE_GROUPS
    assert (rows[0]["size"], len(rows[0]["members"])) == (100, PAGE_MEMBERS)
    [(answer, _)] = browser.ask("members", group=0, start=96)
    assert [row["name"] for row in answer["members"]] == ["96.png", "97.png", "98.png", "99.png"]


def test_a_question_about_an_earlier_cut_is_not_answered():
    gallery, browser = open_gallery([group("a"), group("b")])
    gallery.show([group("b")])
    browser.got.clear()
    gallery.receive({"kind": "groups", "version": 0, "start": 0, "stop": 8})
    gallery.receive({"kind": "look", "version": 0, "focus": 1, "top": 1})
    assert browser.got == []
    assert gallery.focus == 0


@pytest.mark.parametrize(
    ("ids", "focus"),
    [
        (["x", "y", "a", "b", "c"], 3),  # pushed down by new groups
        (["b", "c"], 0),
        (["a", "c"], 1),  # gone: the group that took its place
        (["a"], 0),  # gone, and the list is shorter
        ([], 0),
    ],
)
def test_another_cut_keeps_the_group_in_focus(ids, focus):
    gallery, browser = open_gallery([group("a"), group("b"), group("c")])
    browser.ask("look", focus=1, top=0)
    gallery.show([group(name) for name in ids])
    assert gallery.focus == focus


def test_a_group_that_was_gone_for_a_while_has_the_focus_again_when_it_is_back():
    groups = [group(name) for name in "abcdef"]
    gallery, browser = open_gallery(groups)
    browser.ask("look", focus=4, top=3)
    for cut in ([], groups[:2], groups):
        gallery.show(cut)
        browser.ask("look", focus=gallery.focus, top=gallery.top)  # the browser says where it is
    assert (gallery.focus, gallery.top) == (4, 3)


def test_a_person_who_moves_on_is_not_taken_back():
    groups = [group(name) for name in "abcdef"]
    gallery, browser = open_gallery(groups)
    browser.ask("look", focus=4, top=3)
    gallery.show(groups[:3])
    browser.ask("look", focus=1, top=0)
    gallery.show(groups)
    assert gallery.focus == 1


def test_another_cut_sends_what_is_in_sight_unasked():
    gallery, browser = open_gallery([group("a")])
    gallery.show([group("b"), group("c")])
    [(answer, _)] = browser.got
    assert [row["title"] for row in answer["groups"]] == ["group b", "group c"]
    assert answer["version"] == gallery.version


def test_locate_looks_near_first_and_never_through_all_of_a_lazy_sequence():
    groups = Lazy(100_000)
    assert locate(groups, "g50003", 50_000) == 50_003
    assert len(groups.asked) < 10
    assert locate(groups, "g5", 50_000) == 50_000  # too far to be looked for
    assert len(groups.asked) < 3_000


def test_a_mark_is_on_disk_before_the_browser_is_told(tmp_path):
    path = tmp_path / "decisions.jsonl"
    gallery, browser = open_gallery([group("a")], decisions=Decisions(path), finder="10_phash")
    key = browser.groups()[0]["members"][1]["key"]
    on_disk = []
    gallery.send = lambda content, buffers=None: on_disk.append(path.read_text())
    gallery.receive(
        {
            "kind": "decide",
            "what": "mark",
            "version": 0,
            "group": 0,
            "key": key,
            "mark": "keep",
            "request": "1",
        }
    )
    [text] = on_disk
    line = json.loads(text)
    assert (line["path"], line["sha256"], line["mark"]) == ("a/1.png", "sha-a/1.png", "keep")
    assert (line["group"], line["finder"]) == ("a", "10_phash")


def test_a_choice_comes_back_with_its_group():
    _, browser = open_gallery([group("a"), group("b")])
    key = browser.groups()[1]["members"][2]["key"]
    answer = browser.decide("mark", group=1, key=key, mark="keep")
    [row] = answer["groups"]
    assert (row["index"], row["reviewed"]) == (1, True)
    assert [one["mark"] for one in row["members"]] == [None, None, "keep"]
    assert answer["marks"] == {str(key): "keep"}


def test_a_question_that_is_asked_again_decides_once():
    gallery, browser = open_gallery([group("a")])
    browser.groups()
    for key in (0, 1):
        browser.decide("mark", key=key, mark="keep")
    ask = {"what": "undo", "group": 0, "request": "again"}
    first = list(browser.ask("decide", **ask))
    assert browser.ask("decide", **ask) == first
    assert gallery.decisions.marks_for(["a/0.png", "a/1.png"], ["sha-a/0.png", "sha-a/1.png"]) == [
        "keep",
        None,
    ]


def test_undo_goes_back_to_the_group_it_changes():
    gallery, browser = open_gallery([group("a"), group("b")])
    key = browser.groups()[1]["members"][1]["key"]
    browser.decide("mark", group=1, key=key, mark="keep")
    assert gallery.undoable
    answer = browser.decide("undo", group=0)
    assert answer["go"] == 1
    assert answer["marks"] == {str(key): None}
    assert answer["groups"][0]["reviewed"] is False
    assert not gallery.undoable
    assert browser.decide("undo")["said"] == "nothing to undo"


@pytest.mark.parametrize(("what", "flag"), [("not_duplicate", "answered"), ("review", "accepted")])
def test_a_group_can_be_answered_taken_back_and_undone(what, flag):
    _, browser = open_gallery([group("a")])
    said = [
        browser.decide(what, answer=True),
        browser.decide(what, answer=False),
        browser.decide("undo"),
        browser.decide("undo"),
    ]
    assert [answer["groups"][0][flag] for answer in said] == [True, False, True, False]
    assert [answer["groups"][0]["reviewed"] for answer in said] == [True, False, True, False]


def test_an_answer_holds_in_another_cut_while_nobody_joins():
    gallery, browser = open_gallery([group("a", 3)])
    browser.decide("not_duplicate", answer=True)
    gallery.show([group("a", 2), group("a", 4)])
    assert [row["answered"] for row in browser.groups()] == [True, False]


def test_a_choice_that_cannot_be_written_is_said_to_be_lost(tmp_path, monkeypatch):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _, browser = open_gallery([group("a")], decisions=Decisions(tmp_path / "decisions.jsonl"))
    key = browser.groups()[0]["members"][0]["key"]
    monkeypatch.setattr(os, "write", full)
    answer = browser.decide("mark", key=key, mark="keep")
    monkeypatch.undo()
    assert answer["kind"] == "failed"
    assert answer["said"].startswith("not saved: this decision could not be saved in ")
    assert "No space left on device" in answer["said"]
    assert browser.groups()[0]["members"][0]["mark"] is None


def test_an_answer_about_a_group_that_has_changed_meanwhile_is_refused():
    gallery, browser = open_gallery([group("a"), group("b")])
    gallery.show([group("b")])
    answer = browser.decide("not_duplicate", answer=True, version=0)
    assert answer == {
        "kind": "failed",
        "request": "r1",
        "said": "not saved: the groups have changed; look at the group again",
    }
    assert len(gallery.decisions) == 0


def test_a_mark_sent_while_the_cut_changed_still_means_the_image_it_was_sent_for():
    gallery, browser = open_gallery([group("a"), group("b")])
    key = browser.groups()[0]["members"][1]["key"]
    gallery.show([group("b")])
    browser.decide("mark", key=key, mark="keep", version=0)
    assert gallery.decisions.mark_of("a/1.png", "sha-a/1.png") == "keep"


def test_exact_copies_in_the_group_are_remembered_with_the_mark():
    copies = [member("x.png", "same", "keeper"), member("y.png", "same")]
    gallery, browser = open_gallery([{"id": "a", "title": "a", "members": copies}])
    browser.decide("mark", key=browser.groups()[0]["members"][1]["key"], mark="stage")
    assert gallery.decisions.marks_for(["x.png"], ["same"]) == [None]  # x.png is not y.png renamed


def test_the_owner_hears_of_each_choice_and_may_show_another_cut():
    gallery, browser = open_gallery([group("a"), group("b")])
    heard = []
    gallery.on_mark(heard.append)
    gallery.on_mark(lambda record: gallery.show([group("z"), group("a"), group("b")]))
    key = browser.groups()[1]["members"][0]["key"]
    browser.ask("decide", what="mark", group=1, key=key, mark="keep", request="1")
    assert [(record["path"], record["mark"]) for record in heard] == [("b/0.png", "keep")]
    answer = browser.got[-1][0]
    assert (answer["version"], answer["groups"][0]["index"]) == (1, 2)


def test_the_sums_follow_each_choice_and_each_cut():
    images = iter([9, 8, 7])
    gallery, browser = open_gallery(
        [group("a")],
        totals=lambda: {"groups": 1, "images": next(images), "bytes": 3.0, "reviewed": 0},
    )
    seen = [gallery.sums["images"]]
    browser.decide("mark", key=browser.groups()[0]["members"][1]["key"], mark="keep")
    seen.append(gallery.sums["images"])
    gallery.show([group("b")])
    assert [*seen, gallery.sums["images"]] == [9, 8, 7]


def test_reviewed_groups_are_counted_when_the_browser_is_at_rest():
    decisions = Decisions(None)
    decisions.mark("b/1.png", "sha-b/1.png", "keep")
    decisions.not_duplicate(
        [("c/0.png", "sha-c/0.png"), ("c/1.png", "sha-c/1.png"), ("c/2.png", "sha-c/2.png")]
    )
    gallery, browser = open_gallery([group(name) for name in "abcd"], decisions=decisions)
    assert gallery.reviewed is None
    browser.ask("count")
    assert gallery.reviewed == 2
    browser.decide("review", group=0, answer=True)
    assert gallery.reviewed == 3
    browser.decide("undo")
    assert gallery.reviewed == 2


def test_thumbnails_travel_as_buffers_in_small_messages():
    _, browser = open_gallery([group("a", 12)], thumbnail=lambda path: path.encode().ljust(200_000))
    keys = [one["key"] for one in browser.groups()[0]["members"]]
    answers = browser.ask("thumbnails", keys=keys)
    assert [key for answer, _ in answers for key in answer["keys"]] == keys
    assert max(len(b"".join(buffers)) for _, buffers in answers) < 1_000_000
    assert answers[0][1][1].rstrip() == b"a/1.png"


def broken(path):
    raise OSError("cannot read")


@pytest.mark.parametrize("thumbnail", [broken, lambda path: None])
def test_an_image_without_a_thumbnail_is_said_to_be_missing(thumbnail):
    _, browser = open_gallery([group("a")], thumbnail=thumbnail)
    browser.groups()
    [(answer, buffers)] = browser.ask("thumbnails", keys=[0, 1, 99, -1, "0"])
    assert (answer["keys"], answer["missing"], buffers) == ([], [0, 1], [])


def test_kept_thumbnails_are_bounded_and_the_last_seen_stay():
    made = []
    pictures = Pictures(lambda path: made.append(path) or b"x" * 40, limit=100)
    for path in ["a", "b", "a", "c", "a", "b"]:
        assert len(pictures[path]) == 40
        assert pictures.bytes <= 100
    assert made == ["a", "b", "c", "b"]
    assert KEPT_BYTES < 200e6


def test_a_name_that_is_no_utf8_is_shown_and_marked_exactly(tmp_path):
    name = "caf\udce9/<img src=x onerror=alert(1)> \udcff.png"
    rows = [member(name, "d1", "keeper", reason="\udce9"), member("b.png", "d2")]
    path = tmp_path / "decisions.jsonl"
    _, browser = open_gallery(
        [{"id": name, "title": name, "members": rows}], decisions=Decisions(path)
    )
    [row] = browser.groups()
    assert row["members"][0]["name"] == "<img src=x onerror=alert(1)> \ufffd.png"
    browser.decide("mark", key=row["members"][0]["key"], mark="stage")
    assert Decisions(path).marks_for([name], ["d1"]) == ["stage"]
    [(_, [data])] = browser.ask("thumbnails", keys=[row["members"][0]["key"]])
    assert data == b"jpeg of " + name.encode("utf-8", "surrogateescape")


def test_values_from_a_table_become_plain_numbers_for_the_browser():
    import numpy as np

    row = member(
        "x.png",
        width=np.int64(10),
        height=np.float64("nan"),
        bytes=np.int64(3),
        value=np.float32(2),
    )
    _, browser = open_gallery([{"id": "a", "title": "a", "members": [row]}])
    shown = browser.groups()[0]["members"][0]
    assert (shown["width"], shown["height"], shown["bytes"], shown["value"]) == (
        10,
        None,
        3,
        "2 bits",
    )


@pytest.mark.parametrize(
    ("value", "measure", "text"),
    [
        (4, "hamming_bits", "4 bits"),
        (1.0, "hamming_bits", "1 bit"),
        (31.5, "gap_s", "31.5 s"),
        (0.93125, "cosine", "0.9313"),
        (7, "other", "7"),
    ],
)
def test_a_value_is_shown_with_its_unit(value, measure, text):
    assert value_text(value, measure) == text


def test_number_keeps_whole_numbers_whole():
    assert [number(x) for x in (None, math.nan, math.inf, 2.0, 2.5)] == [None, None, None, 2, 2.5]


def test_where_no_widget_can_load_a_sentence_is_shown():
    gallery, _ = open_gallery([group("a")])
    bundle, _ = gallery._repr_mimebundle_()
    assert bundle["text/plain"].startswith("the gallery needs a live Jupyter kernel with widgets")


def test_a_file_of_decisions_with_a_bad_line_is_named_in_the_gallery(tmp_path):
    path = tmp_path / "decisions.jsonl"
    path.write_text("nonsense\n")
    with pytest.warns(UserWarning):
        gallery, _ = open_gallery([group("a")], decisions=Decisions(path))
    assert "line 1 is not a decision" in gallery.problems[0]


def test_what_the_browser_loads_needs_no_network():
    from pathlib import Path

    import dedup_nb.widgets.gallery as module

    folder = Path(module.__file__).parent
    text = module.Gallery._esm + (folder / "gallery.css").read_text()
    addresses = [word for word in text.split() if "://" in word]
    assert addresses == ['"http://www.w3.org/2000/svg";']  # a name, never fetched
    assert not any(
        word in text for word in ("import ", "innerHTML", "insertAdjacentHTML", "@import", "url(")
    )


class Beside:
    """Squares that name what they are of, and pairs."""

    def tiles(self, path, level, tiles):
        if path == "a/2.png":
            raise ValueError("cannot be shown: damaged \udcff")
        return [f"{path} {level} {tile}".encode() for tile in tiles]

    def differences(self, a, b, level, tiles):
        return [f"{a} {b} {level} {tile}".encode() for tile in tiles]

    def near(self, a, b):
        return Pair((1, 0, 0, 0, 1, 0), True, "aligned by their thumbnails")

    def placed(self, a, b):
        if b == "a/2.png":
            raise ValueError("cannot be shown: gone")
        boxes = ((0.1, 0.2, 0.3, 0.4),)
        return Pair((0.5, 0, 0, 0, 0.5, 0), True, "aligned: scaled by 0.5", 0.01, boxes, "a spot")


def comparing():
    gallery, browser = open_gallery([group("a")], beside=Beside())
    browser.groups()
    assert gallery.can_compare
    return browser


def test_squares_of_a_picture_are_sent_with_their_places():
    asked = {"key": 1, "other": None, "level": 2}
    answer = {"kind": "tiles", **asked, "tiles": [[0, 1], [3, 4]]}
    blocks = [b"a/1.png 2 (0, 1)", b"a/1.png 2 (3, 4)"]
    assert comparing().ask("tiles", **asked, tiles=[[0, 1], [3, 4]]) == [(answer, blocks)]


def test_squares_of_a_difference_are_those_of_two_pictures():
    [(answer, blocks)] = comparing().ask("tiles", key=0, other=1, level=0, tiles=[[5, 6]])
    assert (answer["other"], blocks) == (1, [b"a/0.png a/1.png 0 (5, 6)"])


def test_large_squares_come_in_several_messages(monkeypatch):
    monkeypatch.setattr("dedup_nb.widgets.gallery.showing.MESSAGE_BYTES", 40)
    sent = comparing().ask("tiles", key=1, level=0, tiles=[[k, 0] for k in range(5)])
    assert len(sent) > 1
    places = [tile for answer, _ in sent for tile in answer["tiles"]]
    assert places == [[k, 0] for k in range(5)]


def test_squares_that_cannot_be_made_are_said_so_in_safe_text():
    [(answer, blocks)] = comparing().ask("tiles", key=2, level=0, tiles=[[0, 0]])
    assert answer["said"].startswith("cannot be shown: damaged ")
    assert blocks == []


def test_how_two_images_lie_beside_each_other_is_told_roughly_and_then_finely():
    browser = comparing()
    [(near, _)] = browser.ask("pair", a=0, b=1, fine=False)
    assert (near["text"], near["differing"]) == ("aligned by their thumbnails", None)
    [(fine, _)] = browser.ask("pair", a=0, b=1, fine=True)
    assert fine == {
        "kind": "pair",
        "a": 0,
        "b": 1,
        "fine": True,
        "text": "aligned: scaled by 0.5",
        "outlined": "a spot",
        "aligned": True,
        "matrix": [0.5, 0, 0, 0, 0.5, 0],
        "differing": 0.01,
        "boxes": [[0.1, 0.2, 0.3, 0.4]],
    }
    [(failed, _)] = browser.ask("pair", a=0, b=2, fine=True)
    assert failed["said"] == "cannot be shown: gone"


def test_images_that_are_not_shown_are_not_compared():
    browser = comparing()
    assert browser.ask("tiles", key=99, level=0, tiles=[[0, 0]]) == []
    assert browser.ask("tiles", key=0, other=99, level=0, tiles=[[0, 0]]) == []
    assert browser.ask("pair", a=0, b=99, fine=True) == []


def test_a_gallery_without_whole_pictures_answers_no_requests_for_them():
    gallery, browser = open_gallery([group("a")])
    browser.groups()
    assert not gallery.can_compare
    assert browser.ask("tiles", key=0, level=0, tiles=[[0, 0]]) == []
    assert browser.ask("pair", a=0, b=1, fine=False) == []


def test_a_cut_shown_by_a_cell_waits_for_the_answer_under_way():
    asked, go_on = threading.Event(), threading.Event()

    class Slow(Lazy):
        def __getitem__(self, k):
            asked.set()
            go_on.wait(10)
            return super().__getitem__(k)

    gallery, browser = open_gallery(Slow(3))
    question = {"kind": "groups", "version": 0, "start": 0, "stop": 3}
    browsing = threading.Thread(target=gallery.receive, args=[question])
    browsing.start()
    asked.wait(10)
    cell = threading.Thread(target=gallery.show, args=[[group("a")]])
    cell.start()
    cell.join(0.2)
    assert gallery.version == 0  # the answer under way is about the cut that was asked for
    go_on.set()
    browsing.join(10)
    cell.join(10)
    sent = [(content["version"], len(content["groups"])) for content, _ in browser.got]
    assert sent == [(0, 3), (1, 1)]


# ---------------------------------------------------------------- sets, filters, facts, changes


def sets(n=2, columns=3, missing=()):
    members = [
        None
        if (line, k) in missing
        else member(f"{line}/stage{k}.png", role="stage" if line else "keeper")
        for line in range(n)
        for k in range(columns)
    ]
    return {"id": "set", "title": "a set", "members": members, "columns": columns}


def test_sets_lie_stage_under_stage_and_may_lack_a_stage():
    gallery, browser = open_gallery([sets(missing={(1, 2)})])
    [row] = browser.groups()
    assert (row["columns"], row["size"], gallery.lines) == (3, 6, 2)
    names = [one and one["name"] for one in row["members"]]
    assert names == ["stage0.png", "stage1.png", "stage2.png", "stage0.png", "stage1.png", None]
    answer = browser.decide("not_duplicate", answer=True)
    assert answer["groups"][0]["answered"]
    assert len(gallery.decisions.answers()[0]) == 5  # the missing one is nobody


def sift(browser, order="found", **limits):
    browser.got.clear()
    browser.gallery.receive({"kind": "sift", "order": order, "filter": limits})
    return [row["title"] for row in browser.groups()]


def test_a_filter_shows_what_it_leaves_and_clearing_it_shows_all():
    groups = [group("a", 2), group("b", 4), group("c", 3)]
    groups[1]["members"][1]["root"] = "mojo <1>"
    gallery, browser = open_gallery(groups)
    [(choices, _)] = browser.ask("choices")
    assert choices["choices"]["root"] == ["crop", "mojo <1>"]
    assert sift(browser, root="mojo <1>") == ["group b"]
    assert (gallery.count, gallery.total) == (1, 3)
    assert sift(browser, order="size") == ["group b", "group c", "group a"]
    gallery.show([*groups, group("d", 9)])  # another cut is sifted as well
    assert browser.groups()[0]["title"] == "group d"
    assert sift(browser) == ["group a", "group b", "group c", "group d"]


@pytest.mark.parametrize("asked", [{"order": 3}, {"least_mb": "x"}, {"colour": "red"}])
def test_a_filter_that_is_not_understood_leaves_all(asked):
    _, browser = open_gallery([group("a"), group("b")])
    assert sift(browser, **asked) == ["group a", "group b"]


def test_a_group_stays_in_sight_while_it_is_decided_on_though_only_unreviewed_are_shown():
    gallery, browser = open_gallery([group("a"), group("b")])
    gallery.on_mark(lambda record: gallery.show([group("a"), group("b")]))
    sift(browser, unreviewed=True)
    key = browser.groups()[0]["members"][1]["key"]
    browser.ask("decide", what="mark", group=0, key=key, mark="keep", request="1")
    assert [row["title"] for row in browser.groups()] == ["group a", "group b"]
    assert sift(browser, unreviewed=True) == ["group b"]  # asked again, it is gone


def test_a_hundred_thousand_groups_with_facets_are_filtered_without_being_made():
    import numpy as np

    from dedup_nb.report.sifting import Facets

    class Faceted(Lazy):
        @property
        def facets(self):
            starts, ones = np.arange(0, 3 * self.n, 3), np.ones(3 * self.n)
            names = np.array([f"sha-g{k // 3}/{k % 3}.png" for k in range(3 * self.n)], object)
            roots = np.where(np.arange(3 * self.n) // 3 % 2, "x", "y").astype(object)
            columns = {"root": lambda: roots, "path": lambda: names, "role": lambda: names}
            return Facets(starts, ones > 0, ones, ones, ones, names, columns)

        def locate(self, group_id):
            return int(group_id[1:])

    decisions = Decisions(None)
    decisions.mark("g7/1.png", "sha-g7/1.png", "keep")
    groups = Faceted(100_000)
    gallery, browser = open_gallery(groups, decisions=decisions)
    browser.ask("look", focus=70_001, top=70_000)
    groups.asked.clear()
    gallery.receive({"kind": "sift", "filter": {"root": "x", "unreviewed": True}})
    assert gallery.count == 49_999
    assert len(groups.asked) < 20
    browser.ask("count")
    assert gallery.reviewed == 0
    gallery.receive({"kind": "sift"})
    browser.ask("count")
    assert gallery.reviewed == 1


def test_facts_of_two_images_are_compared_and_bounded():
    told = {
        "a/0.png": {"stamp": "1", ".txt": "<b>\nx"},
        "a/1.png": {"stamp": "1", ".txt": "y" * 10**5},
    }
    _, browser = open_gallery([group("a")], facts=lambda path: told[path])
    browser.groups()
    [(answer, _)] = browser.ask("facts", a=0, b=1)
    first, second = answer["rows"]
    assert (second["name"], second["same"], second["a"]) == ("stamp", True, "1")
    assert [sign for sign, _ in first["diff"]] == ["@", "-", "-", "+"]
    assert max(len(line) for _, line in first["diff"]) < 9_000
    assert browser.ask("facts", a=0, b=99) == []


def test_facts_that_cannot_be_read_are_said_so():
    _, browser = open_gallery([group("a")], facts=broken)
    browser.groups()
    [(answer, _)] = browser.ask("facts", a=0, b=1)
    assert (answer["rows"], answer["said"]) == ([], "cannot read")


def test_pairs_that_joined_are_named_and_pictured():
    from dedup_nb.widgets.gallery import Changed

    gallery, browser = open_gallery([group("a")], tells_changes=True)
    pair = (("x/\udce9.png", "d1"), ("y.png", "d2"), 8.0)
    gallery.show([group("a")], Changed(True, 5, [pair], "hamming_bits"))
    (a, b, value, *names) = json_round(gallery.changed)["pairs"][0]
    assert (gallery.changed["count"], value, names) == (5, "8 bits", ["\ufffd.png", "y.png"])
    [(answer, _)] = browser.ask("thumbnails", keys=[a, b])
    assert answer["keys"] == [a, b]


def test_a_group_that_an_earlier_choice_has_moved_can_still_be_answered():
    gallery, browser = open_gallery([group("a"), group("b")])
    gallery.on_mark(lambda record: gallery.show([group("z"), group("a"), group("b")]))
    key = browser.groups()[0]["members"][1]["key"]
    browser.ask("decide", what="mark", group=0, key=key, mark="keep", request="1")
    # typed before the answer came: it is about the group that was seen
    browser.ask("decide", what="review", group=1, answer=True, version=0, request="2")
    assert gallery.decisions.answers("reviewed") == [frozenset(f"sha-b/{k}.png" for k in range(3))]


def test_the_browser_learns_which_of_its_moves_a_cut_has_taken_into_account():
    gallery, browser = open_gallery([group(name) for name in "abc"])
    browser.ask("look", focus=1, top=0, number=4)
    gallery.show([group(name) for name in "abc"])
    assert (gallery.seen, gallery.focus) == (4, 1)


def test_a_root_whose_name_cannot_be_shown_is_chosen_as_it_is_shown():
    groups = [group("a"), group("b")]
    groups[1]["members"][1]["root"] = "caf\udce9"
    _, browser = open_gallery(groups)
    [(choices, _)] = browser.ask("choices")
    assert choices["choices"]["root"] == ["caf\ufffd", "crop"]
    assert sift(browser, root="caf\ufffd") == ["group b"]


KEPT = {"order": "size", "filter": {"root": "far"}, "group": "b", "image": "b/2.png"}


def far(*names):
    groups = [group(name) for name in names]
    for made in groups:
        made["members"][1]["root"] = "far"
    return [group("near"), *groups]


def test_a_gallery_begins_where_a_person_was():
    gallery, browser = open_gallery(far("a", "b"), view=KEPT)
    assert gallery.sieve == {"order": "size", "filter": {"root": "far"}}
    assert (gallery.count, gallery.total, gallery.focus, gallery.view) == (2, 3, 1, KEPT)
    [(answer, _)] = browser.ask("go", **KEPT)
    assert (answer["kind"], answer["index"], answer["at"]) == ("went", 1, 2)


def test_a_gallery_goes_where_a_person_was_in_another_cut():
    gallery, browser = open_gallery(far("a"))
    gallery.show(far("b", "c"))
    *_, (answer, _) = browser.ask("go", **KEPT)
    assert (answer["version"], answer["index"], answer["at"]) == (gallery.version, 0, 2)
    assert gallery.sieve["filter"] == {"root": "far"}


@pytest.mark.parametrize("view", [{"group": "gone"}, {"filter": [1], "order": {}}, {"image": 3}])
def test_a_place_that_is_not_understood_is_the_first_group(view):
    gallery, browser = open_gallery(far("a"), view=view)
    assert (gallery.count, gallery.focus) == (2, 0)
    *_, (answer, _) = browser.ask("go", **{"group": "gone", "image": "gone", **view})
    assert (answer["index"], answer["at"]) == (0, None)
