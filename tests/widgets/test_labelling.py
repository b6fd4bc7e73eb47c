"""Questions about pairs, and the acceptance sample of a plan that was just written."""

import json

import pytest
from drawn import make_library
from loading import exports

from dedup_nb import staging
from dedup_nb.finders import phash
from dedup_nb.groups.labels import Labels, Pair
from dedup_nb.library.acceptance import warranty
from dedup_nb.session import acceptance, workbench
from dedup_nb.widgets.labelling import Asked, Labelling, warrant


def asked(n):
    return [
        Asked(
            (f"{k}.png", f"{k} again.jpg"), Pair(f"{k:064x}", f"{k + 100:064x}"), ((30, 20), (0, 0))
        )
        for k in range(n)
    ]


class Asking(Labelling):
    """The widget, with what it sends to the browser."""

    def send(self, content, buffers=None):
        self.__dict__.setdefault("sent", []).append(content)

    def ask(self, **message):
        self.receive({"version": self.version, "request": str(message), **message})
        return self.sent[-1]


def asking(n=3, labels=None):
    return Asking(
        asked(n), labels=labels or Labels(None), design="d", question="Same?", sides=("a", "b"),
        told=lambda: "so far", thumbnail=lambda path: b"",
    )  # fmt: skip


def test_an_answer_is_kept_and_shown():
    widget = asking()
    assert widget.ask(kind="answer", at=1, answer="n") | {"request": ""} == {
        "kind": "answered", "at": 1, "request": "",
    }  # fmt: skip
    assert (widget.answers, widget.told, widget.undoable) == (".n.", "so far", True)
    assert widget.labels.of("d")[widget.asked[1].pair].answer == "n"


def test_a_request_that_is_repeated_is_carried_out_once():
    widget = asking()
    for _ in range(2):
        widget.ask(kind="answer", at=0, answer="y")
    assert len(widget.labels.listed()) == 1
    widget.ask(kind="undo")
    widget.ask(kind="undo")
    assert widget.answers == "..."


def test_undo_says_which_pair_to_ask_about_again():
    widget = asking()
    widget.ask(kind="answer", at=2, answer="?")
    assert widget.ask(kind="undo")["at"] == 2
    assert widget.ask(kind="undo", request="another")["at"] is None


def test_another_session_goes_on_where_the_last_one_ended(tmp_path):
    asking(labels=Labels(tmp_path / "labels.jsonl")).ask(kind="answer", at=0, answer="y")
    assert asking(labels=Labels(tmp_path / "labels.jsonl")).answers == "y.."


@pytest.mark.parametrize(
    "message",
    [{"at": 9, "answer": "y"}, {"at": -1, "answer": "y"}, {"at": 0, "answer": "maybe"}, {"at": 0, "answer": "y", "version": 7}],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_and_not_kept(message):
    widget = asking()
    assert "not saved" in widget.ask(kind="answer", **message)["said"]
    assert widget.labels.listed() == []


def test_a_full_disk_is_told_and_the_pair_asked_again(tmp_path):
    widget = asking(labels=Labels(tmp_path / "no" / "labels.jsonl"))
    (tmp_path / "no").write_text("in the way")
    said = widget.ask(kind="answer", at=0, answer="y")["said"]
    assert said.startswith("not saved: ") and widget.answers == "..."


def test_the_browser_learns_neither_paths_nor_measures():
    widget = asking()
    sent = widget.ask(kind="items", start=0, stop=99)
    assert sent["items"][1] == {"a": 2, "b": 3, "sizeA": [30, 20], "sizeB": [256, 256]}
    assert "png" not in json.dumps(sent)


def test_more_pairs_may_be_asked_about_without_losing_the_place():
    widget = asking(2)
    widget.ask(kind="answer", at=1, answer="y")
    version = widget.version
    widget.extend(asked(4))
    assert (widget.answers, widget.version) == (".y..", version)


def test_the_module_that_the_browser_loads_is_whole(tmp_path):
    assert exports(Labelling, tmp_path) == ("[ 'default' ] function", "")


# ---------------------------------------------------------------- the sample of a plan


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of pHash on a small library with its results."""
    folder = tmp_path_factory.mktemp("world")
    make_library(folder / "lib")
    values = {
        "library": str(folder / "lib"),
        "cache_dir": str(folder / "cache"),
        "run_dir": str(folder / "out/mine/run"),
    }
    run = workbench.start("10_phash", values)
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 10, 10**6, rows, twins=run.twins)
    results = run.save(run.candidates(pairs), 10, name="max_distance")
    return run, results, values, pairs


def answer_all(run, results, answers):
    sample = acceptance.Acceptance(run, results)
    for going, answer in zip(sample.order, answers, strict=False):
        run.labels.answer(sample.design, acceptance.pair_of(going), answer)
    return sample


def test_an_unanswered_plan_has_no_warranty_and_says_so(made):
    _, results, *_ = made
    assert json.loads((results / "summary.json").read_text())["warranty"] is None
    for name in ("report.md", "report.html"):
        assert "Warranty: none yet" in (results / name).read_text()
    assert not (results / "warranty.json").exists()


def test_answers_become_a_warranty_beside_the_manifest_in_the_summary_and_the_report(made, capsys):
    run, results, values, pairs = made
    sample = answer_all(run, results, "y" * 99)
    assert warrant(run, interactive=False) is None
    says = sample.warranty.says()
    assert says in capsys.readouterr().out
    assert warranty.read(results / "warranty.json").says() == says
    assert json.loads((results / "summary.json").read_text())["warranty"]["says"] == says
    assert f"Warranty: {says}" in (results / "report.html").read_text()
    assert "none yet" not in (results / "report.md").read_text()
    plan = staging.read_manifest(results / "manifest.csv")
    assert staging.warranties.of_plan(plan)[1] == f"warranty: {says}"

    # the same manifest again, in another run, has the same sample and so the same answers
    again = workbench.start("10_phash", values | {"run_dir": values["run_dir"] + "-2"})
    saved = again.save(again.candidates(pairs), 10, name="max_distance")
    assert warranty.read(saved / "warranty.json").says() == says

    # each answer can be taken back, which ends the sample before it
    run.labels.undo(sample.design)
    assert len(sample.write().sample) == len(sample.order) - 1


def test_only_answers_from_the_beginning_of_the_order_without_gaps_count(made):
    run, results, *_ = made
    sample = answer_all(run, results, "y" * 99)
    run.labels.answer(sample.design, acceptance.pair_of(sample.order[1]), None)
    first = [
        g for g in sample.order if acceptance.pair_of(g) != acceptance.pair_of(sample.order[1])
    ]
    assert len(sample.warranty.sample) == (1 if first[0] == sample.order[0] else 0)


def test_the_widget_asks_writes_at_each_answer_and_extends_where_one_is_wrong(made):
    run, results, *_ = made
    sample = acceptance.Acceptance(run, results)
    while run.labels.undo(sample.design):
        pass
    widget = warrant(run)
    assert widget.manifest.label == "10_phash/manifest.csv"
    assert set(widget.asking.answers) == {"."}
    widget.wish.value = 0.05
    message = {
        "kind": "answer",
        "at": 0,
        "answer": "y",
        "version": widget.asking.version,
        "request": "1",
    }
    widget.asking.receive(message)
    assert warranty.read(results / "warranty.json").wrong == 0
    widget.asking.receive(message | {"answer": "n", "request": "2"})
    assert warranty.read(results / "warranty.json").wrong >= 1
    widget.asking.receive({"kind": "undo", "version": widget.asking.version, "request": "3"})
    widget.asking.receive({"kind": "undo", "version": widget.asking.version, "request": "4"})
    assert not (results / "warranty.json").exists()

    # what cannot be written beside the manifest does not take the answer back
    (results / "warranty.json").mkdir()
    widget.asking.receive(message | {"request": "5"})
    assert "the answer is saved, but warranty.json is not written" in widget.said.value
    assert widget.asking.answers.startswith("y")
    (results / "warranty.json").rmdir()


def test_too_many_wrong_ones_do_not_end_the_questions(made):
    run, results, *_ = made
    sample = acceptance.Acceptance(run, results)
    while run.labels.undo(sample.design):
        pass
    before = sample.asked(0.01)
    assert before >= 2
    run.labels.answer(sample.design, acceptance.pair_of(sample.order[0]), "n")
    assert sample.needed(0.01) is None
    assert sample.asked(0.01) == before
    assert "Too many are wrong for 1.00 %" in sample.told(0.01)
    assert warrant(run).asking.answers.count(".") >= 1
