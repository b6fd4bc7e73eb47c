"""The engine dask: the same results as on one machine, whatever happens to its workers."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from operator import itemgetter

import numpy as np
import psutil
import pytest
from distributed import Client, LocalCluster, get_worker
from drawn import photo, save
from test_engines import hashes

from dedup_nb.finders import index, phash
from dedup_nb.pictures.engines import LOCAL, Item, opened
from dedup_nb.pictures.engines.by_dask import cluster as clusters
from dedup_nb.pictures.engines.by_dask import engine as engines
from dedup_nb.pictures.engines.by_dask import fitness, flight, partitions
from dedup_nb.pictures.engines.by_dask.cluster import Cluster, LostCluster
from dedup_nb.pictures.engines.by_dask.engine import Dask
from dedup_nb.pictures.engines.by_dask.fitness import Needs, Probe
from dedup_nb.pictures.engines.by_dask.flight import Flight
from dedup_nb.pictures.engines.by_dask.partitions import Part
from dedup_nb.pictures.engines.decoders import Told, setup, told_by_decoders
from dedup_nb.pictures.engines.encoding import Encoding

SIZES = [(32, 32)]


@pytest.fixture(scope="module")
def three():
    """The address of a cluster of three workers."""
    with LocalCluster(
        n_workers=3,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as made:
        made.wait_for_workers(3)
        yield made.scheduler_address


@pytest.fixture
def dask(three, monkeypatch):
    """An engine that sends everything, however small, to three workers."""
    monkeypatch.setattr(engines, "LEAST_ITEMS", 1)
    monkeypatch.setattr(engines, "WORTH_STEPS", 0)
    monkeypatch.setattr(engines, "TASK_STEPS", 1)
    made = Dask(three, say=lambda line: None)
    yield made
    made.close()


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    made = [save(photo(seed, 96, 64), folder / f"{seed}.png") for seed in range(20)]
    (folder / "odd.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is no picture")
    return [os.fsencode(path) for path in [*made, folder / "odd.png", folder / "gone.png"]]


# -- the same results ----------------------------------------------------------------------------


def test_files_are_measured_as_on_one_machine(dask, paths):
    assert dict(dask.measure(paths, SIZES)) == dict(LOCAL.measure(paths, SIZES))


def test_contents_that_are_known_are_not_decoded(dask, paths):
    digests = [m.sha256 for _, m in sorted(LOCAL.measure(paths[:20], SIZES))]
    known = set(digests[::2])

    hinted = {*known, digests[1][:16] + 48 * "0"}  # a worker takes the last for `digests[1]`
    made = dict(
        dask.measure(paths[:20], SIZES, known=known.__contains__, every_known=lambda: hinted)
    )

    expected = dict(LOCAL.measure(paths[:20], SIZES, known=known.__contains__))
    assert made == expected and sum(isinstance(m, str) for m in made.values()) == 10


ENCODING = Encoding([partial(map, itemgetter((32, 32)))], [lambda values: [len(values[0]) == 1024]])


def test_hashes_are_computed_where_files_are_decoded(dask, paths):
    whole = dict(LOCAL.measure(paths, SIZES))
    made = dict(dask.measure(paths, SIZES, encoding=ENCODING))
    assert made == {
        k: replace(one, rasters={}, values=[*one.rasters.values()] if one.rasters else None)
        for k, one in whole.items()
    }


def test_what_a_worker_sends_that_cannot_be_is_made_here(dask, paths, monkeypatch):
    monkeypatch.setattr(engines.on_worker, "measure", lambda needs, part, *_: [Told(Item({}), "")] * len(part.items))  # fmt: skip
    made = dict(dask.measure(paths, SIZES, encoding=ENCODING))
    assert made == dict(LOCAL.measure(paths, SIZES))


def test_values_are_checked_before_they_are_kept(paths):
    (_, told), *_ = told_by_decoders(paths[:1], setup(SIZES, 1e9))
    (raster, thumbnail), digest = told.result.blocks, told.asked
    statuses = [
        Told(Item(told.result.facts, blocks), digest).measured(SIZES, "", ENCODING).status
        for blocks in (
            [raster, thumbnail],
            [raster[1:], thumbnail],
            [raster, raster, thumbnail],
            [thumbnail],
            [list(raster), thumbnail],
            [raster, thumbnail[1:]],
            [],
        )
    ]
    assert statuses == ["ok"] + 6 * ["unreadable"]


def test_tasks_are_carried_out_as_on_one_machine_and_in_order(dask, paths):
    measured = dict(LOCAL.measure(paths[:20], SIZES))
    items = [Item({}, [measured[k].thumbnail]) for k in range(20)] + [Item({}, [b"no picture"])]

    assert list(dask.judge("features", items, 21)) == list(LOCAL.judge("features", items, 21))


@pytest.mark.parametrize("most", [10**9, 40])
def test_hashes_are_joined_as_on_one_machine(dask, most):
    every = hashes(700, 1)
    whole, bound = phash.near_pairs(every, 10, most)
    made, same_bound = phash.near_pairs(every, 10, most, engine=dask)
    assert whole.equals(made) and bound == same_bound


@pytest.mark.parametrize("most", [10**9, 50])
def test_vectors_are_joined_as_on_one_machine(dask, most):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 2, 24)).astype(np.float32)
    vectors[150:] = vectors[:150] + 0.1 * vectors[150:]
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    whole, bound = index.near_pairs(vectors, 0.4, most)
    made, same_bound = index.near_pairs(vectors, 0.4, most, engine=dask)
    assert whole.equals(made) and bound == same_bound


# -- partitions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "threads", "cut"),
    [
        ([1] * 9, 100, [1] * 9),  # fewer items than threads: each gets one
        ([1] * 20, 1, [5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1]),  # smaller towards the end
        ([60, 60, 100, 1, 1, 1, 1, 1, 1, 1], 1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ([60, 41, 300, 10, 10] + [10] * 15, 1, [1, 1, 1, 4, 3, 2, 2, 1, 1, 1, 1, 1, 1]),
        ([], 3, []),
    ],
)
def test_partitions_are_bounded_by_bytes_and_shrink(sizes, threads, cut):
    parts = list(
        partitions.cut(range(len(sizes)), len(sizes), lambda k, _: sizes[k], lambda: threads, 100)
    )
    assert [len(part.items) for part in parts] == cut
    assert [item for part in parts for item in part.items] == list(range(len(sizes)))


# -- workers that die, hang or are not fit --------------------------------------------------------


def flown(three, work, items, blame=None, ordered=False):
    """What comes of sending items in partitions of four to a function."""
    cluster = Cluster(three, fitness.needs([]), lambda line: None)
    parts = (Part(k, items[k : k + 4]) for k in range(0, len(items), 4))

    def send(part, only):
        return cluster.client.submit(
            lambda items: [work(item) for item in items], part.items, pure=False, workers=only
        )

    try:
        return list(Flight(cluster, parts, send, blame, ordered=ordered).results())
    finally:
        cluster.close()


def test_results_come_in_order_if_asked(three):
    def work(item):
        time.sleep(0.05 * (item < 4))
        return item

    assert flown(three, work, list(range(40)), ordered=True) == [(k, k) for k in range(40)]


@pytest.mark.slow
def test_an_item_that_kills_its_workers_is_blamed_and_no_other_is(three):
    def work(item):
        if item == 6:
            os.kill(os.getpid(), 9)
        return item

    made = flown(three, work, list(range(12)), lambda item, deaths: ("blamed", item, deaths > 1))

    assert dict(made) == {k: k for k in range(12)} | {6: ("blamed", 6, True)}


def test_a_worker_that_is_killed_costs_no_result(dask, paths):
    dask.cluster.client.run(lambda: None)
    stream, made = dask.measure(paths * 3, SIZES), {}
    for position, measured in stream:
        if not made:
            victim = psutil.Process(sorted(dask.cluster.client.run(os.getpid).values())[0])
            victim.kill()
        made[position] = measured
    assert made == dict(LOCAL.measure(paths * 3, SIZES))


@pytest.mark.slow
def test_work_of_a_worker_that_hangs_goes_to_another(three, monkeypatch):
    monkeypatch.setattr(flight, "SLOW_SECONDS", 0.6)
    with Client(three, set_as_default=False) as client:
        pid = sorted(client.run(os.getpid).values())[0]

    def work(item):
        if item == 0 and os.getpid() == pid:
            time.sleep(8)
        return item

    began = time.monotonic()
    for _ in range(3):  # some partition with item 0 meets that worker
        assert sorted(flown(three, work, [0] * 9)) == [(k, 0) for k in range(9)]
    assert time.monotonic() - began < 24


OTHER = tuple({**fitness.versions(), "numpy": "1.0"}.items())


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        (Needs(OTHER), f"has numpy {np.__version__}, this machine has 1.0; install the same"),
        (
            Needs((), (Probe(b"/nowhere/a.jpg", 3, ""),)),
            "does not see /nowhere/a.jpg (No such file or directory); mount the library there",
        ),
        (
            Needs((), (Probe(os.fsencode(__file__), 3, ""),)),
            f"sees another file as {__file__}; mount the same library there",
        ),
    ],
)
def test_what_a_worker_lacks_is_told_with_both_sides(needs, reason):
    assert fitness.lacking(needs).startswith(reason)


def test_a_worker_of_another_version_is_refused_by_name(three):
    with pytest.raises(LostCluster) as refused:
        Cluster(three, Needs(OTHER), lambda line: None)
    reason = f"has numpy {np.__version__}, this machine has 1.0; install the same"
    assert re.fullmatch(rf"worker tcp://127\.0\.0\.1:\d+ on \S+ {re.escape(reason)}.*", str(refused.value))  # fmt: skip


def test_a_worker_that_is_not_fit_and_joined_later_gets_no_work(three, monkeypatch):
    said = []
    with Client(three) as client:
        client.wait_for_workers(3)  # others may have been killed a moment ago
    cluster = Cluster(three, fitness.needs([]), said.append)
    odd = sorted(cluster.fit)[0]
    cluster.refuse(odd, "does not see /library")

    parts = (Part(k, [k]) for k in range(12))

    def send(part, only):
        def work(items):
            time.sleep(0.05)  # so that each worker that may have work gets some
            return [get_worker().address for _ in items]

        return cluster.client.submit(work, part.items, pure=False, workers=only)

    used = {address for _, address in Flight(cluster, parts, send, None, ordered=False).results()}
    cluster.close()
    assert odd not in used and len(used) == 2
    assert re.fullmatch(rf"worker {odd} on \S+ does not see /library; it gets no work", said[-1])


@pytest.mark.parametrize("answers", [True, False])
def test_a_scheduler_that_is_none_is_refused_in_moments(monkeypatch, answers):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:
            server.close()
        with pytest.raises(LostCluster, match=f"scheduler at tcp://127.0.0.1:{port} cannot be"):
            Cluster(f"tcp://127.0.0.1:{port}", fitness.needs([]), lambda line: None)


def test_a_scheduler_that_is_gone_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(clusters, "RECONNECT_SECONDS", 0.5)
    code = (
        "import time; from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        " c = LocalCluster(n_workers=1, processes=False, threads_per_worker=1, host='127.0.0.1',"
        " protocol='tcp', dashboard_address='127.0.0.1:0')\n"
        " print(c.scheduler_address, flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    address = other.stdout.readline().strip()

    def work(item):
        os.kill(item, 9)

    with pytest.raises(LostCluster, match=f"scheduler at {address} is gone.*--resume"):
        flown(address, work, [other.pid])
    other.wait()
    other.stdout.close()


def test_a_cluster_of_this_machine_listens_on_loopback_only_and_is_encrypted(monkeypatch, capsys):
    monkeypatch.setattr(clusters.os, "cpu_count", lambda: 1)
    engine = Dask(None)
    try:
        assert engine.cluster.address.startswith("tls://127.0.0.1:")
        every = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = {c.laddr.ip for p in every for c in p.net_connections() if c.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        assert "dashboard: http://127.0.0.1:" in capsys.readouterr().out
    finally:
        engine.close()


def test_a_way_that_is_not_encrypted_is_warned_of():
    warned = {
        address: bool(clusters._unencrypted(address))
        for address in (
            "tcp://10.0.0.5:1",
            "tls://10.0.0.5:1",
            "tcp://127.0.0.1:1",
            "tcp://[::1]:1",
        )
    }
    assert list(warned.values()) == [True, False, False, False]


def test_the_engine_local_imports_nothing_of_dask():
    code = "import sys, dedup_nb.session.workbench; print({'dask', 'distributed'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_an_engine_that_is_not_installed_is_refused_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"engine dask is not installed; run: pip install 'dedup_nb\[dask\]'"):  # fmt: skip
        opened("dask")
