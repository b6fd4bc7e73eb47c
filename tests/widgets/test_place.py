"""A tuner begins where a person left its gallery."""

import json

import pytest
from drawn import make_library
from test_workbench import candidates, start

from dedup_nb.widgets import tuning

VIEW = {"order": "bytes", "filter": {}, "image": "", "size": 208, "full": False, "compare": None}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("world") / "lib")


def tuned(tmp_path, library, run="run"):
    made = start(tmp_path, library, run_dir=str(tmp_path / f"out/lib/{run}"))
    pairs = candidates(made)
    made.verify(pairs, [8])
    return tuning.Tuner(made, pairs, "max_distance", low=0, high=16)


def leave(tuner, k=1):
    """Go to a group, as the browser tells it, and end the kernel."""
    group = tuner.gallery.groups[k]
    tuner.gallery.view = VIEW | {"group": group["id"]}
    tuner.place.kept.flush()
    return group


def test_a_notebook_that_is_run_again_begins_at_the_group_that_was_in_focus(tmp_path, library):
    group = leave(tuned(tmp_path, library), 1)
    again = tuned(tmp_path, library)
    gallery = again.gallery
    assert gallery.groups[gallery.focus]["id"] == group["id"]
    assert (gallery.view["size"], gallery.sieve["order"]) == (208, "bytes")
    assert again.said.value.startswith(f"continues at group {gallery.focus + 1} of 3, where you")


def test_a_new_run_finds_the_group_by_its_content(tmp_path, library):
    first = tuned(tmp_path, library)
    group = leave(first, 1)
    (path,) = tmp_path.glob("out/libraries/*/views/lib/10_phash.json")
    content = json.loads(path.read_text())
    content["runs"]["run"]["view"]["group"] = "g-of-another-name"  # as after a rename
    path.write_text(json.dumps(content))
    gallery = tuned(tmp_path, library, "later").gallery
    assert gallery.groups[gallery.focus]["id"] == group["id"]


def test_a_group_that_is_gone_leaves_the_beginning(tmp_path, library):
    leave(tuned(tmp_path, library), 1)
    (path,) = tmp_path.glob("out/libraries/*/views/lib/10_phash.json")
    path.write_text(path.read_text().replace('"digest": "', '"digest": "0'))
    again = tuned(tmp_path, library, "later")
    assert (again.gallery.focus, again.gallery.view["size"], again.said.value) == (0, 208, "")


def test_a_damaged_file_is_told_below_the_buttons(tmp_path, library):
    leave(tuned(tmp_path, library))
    (path,) = tmp_path.glob("out/libraries/*/views/lib/10_phash.json")
    path.write_text("{")
    again = tuned(tmp_path, library)
    assert again.gallery.focus == 0 and "is damaged" in again.said.value
