"""Notebooks at work at once: the same results, in order, within one budget."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from commands import dedup_nb
from drawn import make_library

from dedup_nb.library import turns
from dedup_nb.pictures.engines.local import Local
from dedup_nb.pictures.store import Facts, FileKey, Store
from dedup_nb.session import runs
from dedup_nb.session.parameters import load
from dedup_nb.session.telling import InOrder

NAMES = ["00_catalogue", "10_phash", "20_time_window", "30_clip_faiss"]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("jobs") / "library")


def profile(folder, library, **values):
    folder.mkdir()
    path = folder / "mine.yaml"
    path.write_text(json.dumps({"library": str(library), "cache_dir": str(folder / "c"), **values}))
    return path


def ran(path, *options):
    only = [word for name in NAMES for word in ("--only", name)]
    done = dedup_nb("run", path, *only, "--out", path.parent / "out", *options)
    assert done.returncode == 0, done.stderr
    return done, max((path.parent / "out/mine").iterdir())


def results(run):
    paths = sorted([*run.rglob("groups.csv"), *run.rglob("manifest.csv"), run / "catalogue.csv"])
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def reports(run):
    """Return the reports without the time and place of their run."""
    texts = {path.parent.name: path.read_text() for path in run.rglob("report.md")}
    return {name: text.replace(str(run), "RUN") for name, text in texts.items()}


def test_results_are_the_same_bytes_however_many_notebooks_are_at_work(tmp_path, library):
    made = [ran(profile(tmp_path / n, library), "--jobs", n)[1] for n in ("1", "2", "4")]
    assert len(results(made[0])) == 7
    assert results(made[0]) == results(made[1]) == results(made[2])
    assert reports(made[0]) == reports(made[1]) == reports(made[2])


def test_lines_of_a_parallel_run_stay_together_and_in_order(tmp_path, library):
    done, _ = ran(profile(tmp_path / "p", library, jobs=4))
    heads = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("[")]
    words = [word.rstrip(":") for _, word in heads]
    assert words == [name for name in NAMES for _ in range(2)]


def test_a_run_that_is_interrupted_ends_its_kernels_and_can_be_resumed(tmp_path, library):
    path = profile(tmp_path / "p", library)
    code = "import sys; from dedup_nb import cli; sys.exit(cli.main(sys.argv[1:]))"
    words = ["run", str(path), "--only", "00_catalogue", "--only", "10_phash", "--jobs", "2"]
    runner = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "00_catalogue ..." in runner.stdout.readline()
    time.sleep(1)
    children = psutil.Process(runner.pid).children(recursive=True)
    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=30)
    assert runner.returncode == 130
    (run,) = (tmp_path / "out/mine").iterdir()
    assert set(runs.unfinished(runs.read(run))) <= {"00_catalogue", "10_phash"}
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert not left_over(run)
    assert dedup_nb(*words, "--resume", run).returncode == 0


def left_over(run):
    """Return the processes that still name a run folder, a moment later."""
    time.sleep(0.5)
    return [p for p in psutil.process_iter(["cmdline"]) if str(run) in str(p.info["cmdline"])]


@pytest.mark.parametrize("jobs", [0, 65, "two"])
def test_a_wrong_number_of_jobs_is_refused(tmp_path, library, jobs):
    with pytest.raises(ValueError, match="sets jobs to"):
        load(profile(tmp_path / "p", library, jobs=jobs))


def test_the_notebook_in_front_is_heard_live_and_others_wait_for_their_turn():
    said = []
    telling = InOrder(["a", "b"], said.append, Lines(said))
    for act in (
        lambda: telling.begin("a"),
        lambda: telling.begin("b"),
        lambda: telling.of("b").write("b works"),
        lambda: telling.of("a").write("a works"),
        lambda: telling.end("b", "done"),
        lambda: telling.end("a", "done"),
    ):
        act()
    assert said == [
        "[1/2] a ...",
        "a works",
        "[1/2] a: done",
        "[2/2] b ...",
        "b works",
        "[2/2] b: done",
    ]


class Lines(list):
    def __init__(self, said):
        self.write, self.flush = said.append, lambda: None


def test_decoders_are_one_budget_for_all_and_a_killed_process_gives_its_share_back():
    with turns.shared():
        code = (
            "import sys; from dedup_nb.library.turns import Slots; s = Slots(3); s.take(2); "
            "print('has', flush=True); sys.stdin.read()"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        other.stdout.readline()
        mine = turns.Slots(3)
        before = mine.take(3)
        other.kill()
        other.wait()
        after = mine.take(3)
        mine.give_back()
    assert (before, after) == (1, 3)


def test_joins_of_notebooks_at_work_at_once_take_turns_at_the_cores():
    at_work, most = [], []

    def work(shared, start, stop, now):
        at_work.append(start)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.pop()

    def join():
        list(Local().join(work, None, 40, most_values=400, now=lambda: None))

    with turns.shared():
        threads = [threading.Thread(target=join) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(most) > 3
    assert max(most) == 1


def test_without_a_runner_nothing_waits():
    with turns.at("verdicts") as others:
        assert (others, turns.Slots(2).take(8)) == (False, 8)


def test_many_writers_of_one_cache_lose_nothing(tmp_path):
    Store(tmp_path).close()
    code = (
        "import sys; from test_jobs import fill; from pathlib import Path; "
        "fill(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)], env=env)
        for n in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert len(Store(tmp_path).measures("kind", [digest(n) for n in range(4 * 300)])) == 4 * 300


def digest(number):
    return f"{number:064x}"


def fill(folder, writer):
    """Write 300 contents into a cache, read between the writes, in two threads."""
    store, problems = Store(folder), []

    def work(part):
        try:
            mine = Store(folder) if part else store
            for k in range(part, 300, 2):
                sha256 = digest(300 * writer + k)
                facts = Facts(sha256, "ok", "", "PNG", 1, 1, False, 1.0, "")
                mine.put(
                    [(FileKey(sha256, 1, 1, 1), sha256)], [facts], [], [("kind", sha256, b"x")]
                )
                mine.facts([sha256])
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=[part]) for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(bool(problems))
