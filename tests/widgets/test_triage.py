"""Triage without a browser: a keeper instead, all of a group, many groups at once, saved filters."""

import json

import pytest
from test_gallery import far, group, member, open_gallery, sift

from dedup_nb.groups.decisions import Decisions
from dedup_nb.widgets.gallery import SavedFilters


def waiting(name, n=3, **more):
    """A group of which the last image waits for a person."""
    made = group(name, n)
    made["members"][-1] |= {"role": "review", **more}
    return made


def marks(gallery):
    return {line["path"]: line["mark"] for line in gallery.decisions.listed() if "mark" in line}


def decide(browser, what, k=0, **content):
    """Decide and return the answer, whatever else is told."""
    browser.requests += 1
    asked = {"what": what, "group": k, "request": f"t{browser.requests}"}
    return next(told for told, _ in browser.ask("decide", **asked, **content) if "request" in told)


# ---------------------------------------------------------------- one group


def test_one_key_keeps_an_image_instead_of_its_keeper_and_one_undo_takes_it_back():
    gallery, browser = open_gallery([group("a")])
    key = browser.groups()[0]["members"][2]["key"]
    answer = decide(browser, "keeper", key=key)
    assert answer["said"] == "saved: keeper · 2.png instead of 0.png"
    assert marks(gallery) == {"a/2.png": "keep", "a/0.png": "stage"}  # 1.png is as proposed
    assert sorted(answer["marks"].values()) == ["keep", "stage"]
    assert decide(browser, "undo")["said"] == "undone: marks of 2 images"
    assert marks(gallery) == {}


def test_a_keeper_that_holds_what_the_other_lacks_stays_beside_it():
    gallery, browser = open_gallery([group("a")], lacking=lambda path, keeper: ["prompt", ".xmp"])
    key = browser.groups()[0]["members"][1]["key"]
    said = decide(browser, "keeper", key=key)["said"]
    assert marks(gallery) == {"a/1.png": "keep"}
    assert "0.png stays too, as it holds what this one lacks: prompt, .xmp" in said


def test_a_protected_keeper_is_never_staged_by_the_choice_of_another():
    groups = [group("a")]
    groups[0]["members"][0]["badges"] = ["protected"]
    gallery, browser = open_gallery(groups)
    key = browser.groups()[0]["members"][1]["key"]
    assert decide(browser, "keeper", key=key)["said"].endswith("is protected and stays too")
    assert marks(gallery) == {"a/1.png": "keep"}


def test_in_sets_the_picture_of_the_same_stage_gives_way():
    one = group("a", 4) | {"columns": 2}
    gallery, browser = open_gallery([one])
    decide(browser, "keeper", key=browser.groups()[0]["members"][3]["key"])
    assert marks(gallery) == {"a/3.png": "keep", "a/1.png": "stage"}


def test_the_keeper_itself_needs_no_choice():
    gallery, browser = open_gallery([group("a")])
    key = browser.groups()[0]["members"][0]["key"]
    assert decide(browser, "keeper", key=key)["said"] == "0.png is the keeper already"
    assert len(gallery.decisions) == 0


def test_every_image_of_a_group_is_marked_in_one_step_and_which_stays_is_said():
    gallery, browser = open_gallery([group("a")])
    said = decide(browser, "mark_all", mark="stage")["said"]
    assert said == (
        "saved: stage · 3 images · all 3 are marked Stage, but one must stay: 0.png, "
        "the best by the keeper order"
    )
    assert set(marks(gallery).values()) == {"stage"}
    again = decide(browser, "mark_all", mark="stage")["said"]
    assert again.startswith("every image of this group has that mark already")
    decide(browser, "undo")
    assert marks(gallery) == {}


def test_the_last_mark_that_leaves_no_image_says_which_one_stays():
    _, browser = open_gallery([group("a", 2)])
    keys = [one["key"] for one in browser.groups()[0]["members"]]
    assert "must stay" not in decide(browser, "mark", key=keys[0], mark="stage")["said"]
    assert "one must stay: 0.png" in decide(browser, "mark", key=keys[1], mark="stage")["said"]


@pytest.mark.parametrize(("n", "said"), [(0, ""), (1, "1 image of this group still waits for you")])
def test_what_an_accepted_group_leaves_undecided_is_said(n, said):
    _, browser = open_gallery([waiting("a") if n else group("a")])
    answer = decide(browser, "review", answer=True)
    assert answer["said"] == " · ".join(filter(None, ["saved: reviewed", said]))
    assert answer["groups"][0]["waiting"] == n


# ---------------------------------------------------------------- what comes next


class Faceted(list):
    """A list that tells its facets itself, as the groups of a notebook do."""

    @property
    def facets(self):
        from dedup_nb.report.sifting import facets_of

        return facets_of(list(self))


@pytest.mark.parametrize("kind", [list, Faceted])
def test_the_next_group_that_waits_or_is_open_is_found_and_the_search_goes_on_at_the_top(kind):
    groups = kind([waiting("a"), group("b"), waiting("c"), group("d")])
    _, browser = open_gallery(groups)

    def after(k, what):
        [(answer, _)] = browser.ask("seek", what=what, group=k)
        return answer["index"]

    assert [after(k, "waiting") for k in (0, 1, 2, 3)] == [2, 2, 0, 0]
    key = browser.groups()[2]["members"][2]["key"]
    decide(browser, "mark", 2, key=key, mark="keep")
    assert after(0, "waiting") is None
    assert [after(k, "open") for k in (0, 1, 3)] == [1, 3, 0]
    decide(browser, "not_duplicate", 0, answer=True)
    assert after(2, "waiting") is None
    assert after(3, "open") == 1


# ---------------------------------------------------------------- many groups


def swept(browser, which, k=0, seed=1):
    return browser.ask("sweep", which=which, group=k, seed=seed)[-1][0]


def test_all_groups_shown_are_accepted_in_one_step_and_taken_back_in_one():
    gallery, browser = open_gallery([waiting("a"), group("b"), group("c")])
    decide(browser, "review", 1, answer=True)
    found = swept(browser, "all")
    assert (found["count"], found["images"], found["waiting"], found["waiting_groups"]) == (
        2,
        3,
        1,
        1,
    )
    assert [one["index"] for one in found["sample"]] == [0, 2]
    said = decide(browser, "accept_all", which="all", count=2)["said"]
    assert said.startswith("accepted 2 groups · 1 image in 1 group wait")
    assert [row["accepted"] for row in browser.groups()] == [True] * 3
    assert swept(browser, "all")["count"] == 0
    assert decide(browser, "undo")["said"] == "undone: 2 groups accepted at once"
    assert [row["accepted"] for row in browser.groups()] == [False, True, False]
    assert gallery.undoable


def test_what_the_filter_hides_is_not_accepted():
    gallery, browser = open_gallery(far("a", "b"))
    assert len(sift(browser, root="far")) == 2
    decide(browser, "accept_all", which="all", count=swept(browser, "all")["count"])
    sift(browser)
    assert [row["accepted"] for row in browser.groups()] == [False, True, True]
    assert [line["group"] for line in gallery.decisions.listed()] == ["a", "b"]


def test_groups_are_alike_by_kinds_folders_and_roles():
    def kinds(name, folder, kind, role="stage"):
        made = [member("mojo1/k.png", f"{name}0", "keeper")]
        made.append(member(f"{folder}/{name}.png", f"{name}1", role, kind=kind))
        return {"id": name, "title": name, "members": made}

    groups = [
        kinds("a", "crop", "cropped"),
        kinds("b", "crop", "cropped"),
        kinds("c", "crop", "resized"),
        kinds("d", "other", "cropped"),
        kinds("e", "crop", "cropped", "review"),
        kinds("f", "crop", "cropped"),
    ]
    gallery, browser = open_gallery(groups)
    found = swept(browser, "alike", 1)
    assert [one["title"] for one in found["sample"]] == ["a", "b", "f"]
    assert found["text"] == "cropped, in crop, kept in mojo1"
    assert swept(browser, "alike", 4)["text"].endswith(", waits for review")
    decide(browser, "accept_all", 1, which="alike", count=3)
    assert {line["group"] for line in gallery.decisions.listed()} == {"a", "b", "f"}


def test_a_sample_is_drawn_by_chance_and_again_if_asked():
    _, browser = open_gallery([group(f"g{k:02}") for k in range(40)])
    one, same, other = (swept(browser, "all", seed=seed)["sample"] for seed in (1, 1, 2))
    drawn = [[each["index"] for each in sample] for sample in (one, same, other)]
    assert len(drawn[0]) == 8 and drawn[0] == drawn[1] != drawn[2]


def test_groups_that_changed_since_they_were_counted_are_not_accepted():
    gallery, browser = open_gallery([group("a"), group("b")])
    answer = decide(browser, "accept_all", which="all", count=5)
    assert answer["said"] == "not saved: the groups have changed; look at them again"
    assert len(gallery.decisions) == 0


def test_an_image_without_a_digest_keeps_its_group_out_of_many():
    groups = [group("a"), group("b")]
    groups[0]["members"][1]["sha256"] = ""
    _, browser = open_gallery(groups)
    assert swept(browser, "all")["count"] == 1


# ---------------------------------------------------------------- saved filters


def test_a_filter_is_saved_by_name_for_the_next_day_and_deleted(tmp_path):
    path = tmp_path / "libraries/mine/filters.json"
    gallery, browser = open_gallery([group("a")], filters=SavedFilters(path))
    sift(browser, "size", root="crop")
    [(answer, _)] = browser.ask("filters", what="save", name=" my \n crops ")
    assert answer["said"] == "saved the filter my crops"
    assert gallery.saved == {"my crops": {"order": "size", "filter": {"root": "crop"}}}
    later, browser = open_gallery([group("a")], filters=SavedFilters(path))
    assert later.saved == gallery.saved
    browser.ask("filters", what="delete", name="my crops")
    assert later.saved == {} == SavedFilters(path).listed()


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"version": 9, "filters": {}})])
def test_a_file_that_holds_no_filters_is_left_alone(tmp_path, text):
    path = tmp_path / "filters.json"
    path.write_text(text)
    gallery, browser = open_gallery([group("a")], filters=SavedFilters(path))
    [(answer, _)] = browser.ask("filters", what="save", name="x")
    assert answer["said"].startswith("not done: ") and gallery.saved == {}
    assert path.read_text() == text


def test_a_filter_without_a_name_is_not_saved():
    _, browser = open_gallery([group("a")])
    [(answer, _)] = browser.ask("filters", what="save", name="  ")
    assert answer["said"] == "not done: a filter is saved under a name; type one"


def test_decisions_of_many_are_on_disk_before_they_are_confirmed(tmp_path):
    path = tmp_path / "decisions.jsonl"
    _, browser = open_gallery([group("a"), group("b")], decisions=Decisions(path))
    decide(browser, "accept_all", which="all", count=2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["what"] for line in lines] == ["reviewed"] * 2
    assert len({line["batch"] for line in lines}) == 1
