"""Tasks in watched processes: what breaks costs one item, and only plain data comes back."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from workers import working

from dedup_nb.pictures.engines import LOCAL, dispatch, processes
from dedup_nb.pictures.engines.tasks import TASKS, Failure, Item, Task
from dedup_nb.pictures.engines.wire import LENGTH, Inbox, Malformed, packed

PROBE = """
import os, time
from dedup_nb.pictures.engines.tasks import Item

def probe(item):
    if item.facts.get("run"):
        exec(item.facts["run"])
    return Item({"sum": sum(item.facts.get("numbers", []))}, [block[::-1] for block in item.blocks])
"""


@pytest.fixture
def probe(monkeypatch):
    """Add a task that runs what the test says; the module exists only inside its workers."""
    start = "import types\nmodule = types.ModuleType('dedup_nb.probing')\n"
    start += "sys.modules['dedup_nb.probing'] = module\n"
    start += f"exec({PROBE!r}, module.__dict__)\nfrom dedup_nb.pictures.engines.worker"
    program = processes.PROGRAM.replace("from dedup_nb.pictures.engines.worker", start, 1)
    monkeypatch.setattr(processes, "PROGRAM", program)
    task = Task("probe", "", "dedup_nb.probing:probe", most_bytes=1000, memory_bytes=2**30)
    monkeypatch.setattr(dispatch, "TASKS", {**TASKS, "probe": task})
    processes.POOL.close()
    yield task
    processes.POOL.close()


def judged(items, **more):
    items = [Item(*each) if isinstance(each, tuple) else Item(each) for each in items]
    return list(LOCAL.judge("probe", items, len(items), **more))


def test_results_come_in_the_order_of_the_items(probe):
    items = [({"numbers": [k, 1]}, [b"ab" * k]) for k in range(300)]
    assert judged(items) == [Item({"sum": k + 1}, [b"ba" * k]) for k in range(300)]


def test_what_all_items_share_is_sent_once_and_their_own_facts_come_first(probe):
    made = judged([{}, {"numbers": [5]}], setup={"numbers": [1, 2]})
    assert [each.facts["sum"] for each in made] == [3, 5]


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("os.kill(os.getpid(), 11)", "the process crashed (signal 11)"),
        ("os._exit(3)", "the process crashed (exit status 3)"),
        ("time.sleep(60)", "the process took longer than 0.7 s"),
        ("bytearray(2**40)", "needs more memory than the 1,024 MB allowed"),
        ("raise ValueError('no such thing')", "no such thing"),
        ("raise KeyError('a')", "KeyError: 'a'"),
        ("raise RuntimeError('x' * 10_000)", "RuntimeError: " + "x" * 286),
        ("raise RuntimeError('\\udc80')", "RuntimeError: \udc80"),
    ],
)
def test_what_breaks_costs_one_item(probe, action, reason):
    items = [{"numbers": [k]} for k in range(40)]
    items[7]["run"] = action
    expected = [Item({"sum": k}, []) for k in range(40)]
    expected[7] = Failure(reason)
    assert judged(items, seconds=0.7) == expected


@pytest.mark.parametrize(
    ("memory_bytes", "made"),
    [
        (2**29, Failure("needs more memory than the 512 MB allowed")),
        (2**40, Item({"sum": 0}, [])),  # no more than the task allows, which is enough
    ],
)
def test_a_process_may_be_given_less_memory_than_its_task_allows(probe, memory_bytes, made):
    item = Item({"run": "bytearray(2**29)"})
    assert list(dispatch.in_order("probe", [item], 1, memory_bytes=memory_bytes)) == [made]


def send(data):
    return (
        f"import glob\nfor n in range(3, 1000):\n try: os.write(n, {data!r})\n except OSError: 0\n"
    )


def headed(head):
    return LENGTH.pack(len(head)) + head


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",  # a head of 4 GB
        headed(b"abc"),
        headed(b"[1, 2]"),
        headed(b'[{"done": {}}, [99999999999999999999999]]'),
        headed(b'[{"done": {}}, [-1]]'),
        headed(b'[{"done": {"a": NaN}}, []]'),
        headed(b'[{"done": {"a": 1e999}}, []]'),
        headed(b'[{"done": {"a": ' + b"9" * 5000 + b"}}, []]"),
        headed(b"[" * 2**19),  # deep nesting
        packed({"done": {}}, [b"x" * 1001]),  # more than the task allows
        packed({"done": [1]}),
        packed({"ready": True}),
        packed({"ask": {}}),
    ],
)
def test_a_taken_over_process_sends_nothing_but_plain_data(probe, data):
    items = [{"numbers": [k]} for k in range(9)]
    items[4]["run"] = send(data) + "time.sleep(60)"
    made = judged(items, seconds=2)
    assert isinstance(made[4], Failure) and "sent what it should not" in made[4].reason
    assert [each.facts["sum"] for k, each in enumerate(made) if k != 4] == [0, 1, 2, 3, 5, 6, 7, 8]


def test_a_process_that_reads_nothing_stops_nobody(probe):
    items = [({"numbers": [k]}, [b"x" * 400]) for k in range(60)]
    items[0] = ({"run": "time.sleep(60)"}, [b"x" * 2**20])
    made = judged(items, seconds=1)
    assert made[0] == Failure("the process took longer than 1 s") and len(made) == 60


def test_workers_serve_the_next_call_and_end_when_idle(probe, monkeypatch):
    monkeypatch.setattr(processes, "IDLE_SECONDS", 0.5)
    judged([{}])
    (first,) = working()
    judged([{}])
    assert working() == [first]
    first.wait(10)
    assert working() == [] and len(processes.POOL) == 0


def test_workers_do_not_outlive_a_call_that_was_given_up(probe):
    items = [Item({}), Item({"run": "time.sleep(60)"})]
    stream = LOCAL.judge("probe", items, 2)
    next(stream)
    stream.close()
    assert len(working()) == len(processes.POOL) <= 1


def test_a_large_worker_is_not_kept(probe, monkeypatch):
    monkeypatch.setattr(processes, "MOST_RESTING_BYTES", 10)
    judged([{}])
    assert len(processes.POOL) == 0


@pytest.mark.parametrize("target", ["os:getcwd", "dedup_nb_evil:x", "dedup_nb:x", "dedup_nb..os:x"])
def test_only_functions_of_this_package_are_imported(probe, monkeypatch, target):
    monkeypatch.setattr(dispatch, "TASKS", {"probe": Task("probe", "", target)})
    with pytest.raises(dispatch.EngineError, match="cannot do probe"):
        judged([{}])


def test_where_no_worker_can_start_the_items_are_not_blamed(monkeypatch):
    processes.POOL.close()
    monkeypatch.setattr(processes, "PROGRAM", "raise SystemExit(7)")
    with pytest.raises(dispatch.EngineError, match=r"no worker process can be started.*status 7"):
        list(LOCAL.judge("tiles", [Item({}, [b"/x"])], 1))


def test_an_interrupt_is_not_for_the_workers(probe):
    stream = LOCAL.judge("probe", [Item({"run": "time.sleep(0.5)"})] * 2, 2)
    assert next(stream) == Item({"sum": 0}, [])
    for child in working():
        child.send_signal(signal.SIGINT)
    assert next(stream) == Item({"sum": 0}, [])


@pytest.mark.parametrize("hangs", [False, True])
def test_workers_end_when_the_kernel_is_killed(tmp_path, hangs):
    code = f"""
import sys, time
from dedup_nb.pictures.engines import LOCAL, Item, processes, worker
processes.PROGRAM = processes.PROGRAM.replace("serve(", "import time, dedup_nb.compare.beside.tiles as w, "
    "dedup_nb.pictures.engines.worker as k; k.ALARM_SECONDS = 1; "
    "w.tiles = lambda item: time.sleep(60) if {hangs} else item; serve(")
stream = LOCAL.judge("tiles", [Item({{}})] * 2, 2, seconds=2)
if not {hangs}:
    next(stream)
else:
    import threading
    threading.Thread(target=lambda: next(stream), daemon=True).start()
    time.sleep(1.5)
print("begun", flush=True)
time.sleep(60)
"""
    kernel = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert kernel.stdout.readline() == "begun\n"
    children = psutil.Process(kernel.pid).children()
    kernel.kill()
    kernel.wait()
    _, alive = psutil.wait_procs(children, timeout=8)
    assert children and not alive


def test_every_task_is_a_function_of_this_package():
    import importlib

    for task in TASKS.values():
        module, _, name = task.target.partition(":")
        assert module.startswith("dedup_nb.")
        assert callable(getattr(importlib.import_module(module), name)), task.name


@pytest.mark.parametrize("cuts", [1, 3, 1000])
def test_messages_arrive_whole_however_they_are_cut(cuts):
    sent = [({"a": [1, None, "é\udc80"]}, [b"", b"xyz"]), ({}, []), ({"b": 0.1}, [b"q" * 50])]
    data = b"".join(packed(*message) for message in sent)
    inbox, came = Inbox(50), []
    for start in range(0, len(data), cuts):
        came += inbox.feed(data[start : start + cuts])
    assert came == sent


def test_a_message_that_is_too_large_is_refused_before_it_is_read():
    inbox = Inbox(10)
    with pytest.raises(Malformed, match="blocks of 11 bytes"):
        list(inbox.feed(packed({}, [b"x" * 11])[:-11]))


def test_small_items_cost_little_each(probe):
    judged([{}] * 50)
    begun = time.perf_counter()
    judged([{}] * 2000)
    assert (time.perf_counter() - begun) / 2000 < 0.002  # 0.1 ms where nothing else runs


def test_nothing_of_the_workers_environment_is_relative(probe, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "here", os.sep + "absolute"]))
    checks = "import sys; assert sys.path[-9:] and all(map(os.path.isabs, sys.path)); "
    checks += "assert '/absolute' in sys.path and os.getcwd() == '/'"
    assert judged([{"run": checks}]) == [Item({"sum": 0}, [])]
