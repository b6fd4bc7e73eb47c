"""The engine dask: the same results as on one machine, whatever happens to its workers."""

import importlib.util
import json
import os
import pickle
import re
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
import psutil
import pytest
from clusters import cluster, cluster_in_this_process, spawned
from dask import config as dask_config
from distributed import Client, Security, get_worker
from distributed.comm.core import CommClosedError
from drawn import photo, save
from test_engines import hashes
from test_engines_in_runs import by_hashes, pairs_of_pictures

from dedup_nb.finders import embeddings, index, phash
from dedup_nb.pictures.engines import LOCAL, EngineError, Failure, Item, opened
from dedup_nb.pictures.engines.by_dask import cluster as clusters
from dedup_nb.pictures.engines.by_dask import engine as engines
from dedup_nb.pictures.engines.by_dask import fitness, flight, on_worker, own, partitions
from dedup_nb.pictures.engines.by_dask.cluster import Cluster, LostCluster
from dedup_nb.pictures.engines.by_dask.engine import Dask
from dedup_nb.pictures.engines.by_dask.fitness import Needs, Probe
from dedup_nb.pictures.engines.by_dask.flight import Flight
from dedup_nb.pictures.engines.by_dask.partitions import Part
from dedup_nb.pictures.engines.decoders import Told, setup, told_by_decoders
from dedup_nb.pictures.engines.encoding import Encoding, values
from dedup_nb.pictures.images import ModelInput

SIZES = [(32, 32)]
FACTS = {"status": "ok", "error": "", "sha256": 64 * "0", "size": 1, "format": "PNG", "width": 9, "height": 9, "animated": False, "contrast": 1.0, "exposure": ""}  # fmt: skip


@pytest.fixture(scope="module")
def three():
    """The address of a cluster of three workers."""
    with cluster(3) as made:
        yield made.scheduler_address


@pytest.fixture
def alone(monkeypatch):
    """A cluster of one worker, which is looked at all the time."""
    monkeypatch.setattr(clusters, "LOOK_SECONDS", 0.0)
    with cluster_in_this_process() as made:
        yield made


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


UNSEEN = Item({**FACTS, "status": "unreadable", "error": "cannot be read: No such device"})


@pytest.mark.parametrize(
    "result",
    [
        UNSEEN,  # a mount that is lost
        Failure("the decoder took longer than 60 s"),
        Failure("the decoder crashed (signal 9)"),  # the system ran out of memory
        Failure("needs more memory than the 2,048 MB allowed"),
        Item({}),  # not what was asked for
        Item(FACTS, [b"no value", b"no thumbnail"]),
    ],
)
def test_what_a_worker_may_be_to_blame_for_is_tried_here(dask, paths, monkeypatch, result):
    said, _ = [], dask.cluster
    dask.say = said.append
    monkeypatch.setattr(engines.on_worker, "measure", lambda needs, part, *_: [Told(result, "")] * len(part.items))  # fmt: skip
    made = dict(dask.measure(paths[-4:], SIZES, encoding=ENCODING))
    assert made == dict(LOCAL.measure(paths[-4:], SIZES))
    assert said == ["4 files that workers could not read or decode, tried here"]


def test_tasks_that_a_worker_may_be_to_blame_for_are_carried_out_here(dask, paths, monkeypatch):
    _, measured = next(LOCAL.measure(paths[:1], SIZES))
    items = [Item({}, [measured.thumbnail])] * 3
    failed = Failure("the process took longer than 20 s")
    monkeypatch.setattr(engines.on_worker, "judge", lambda needs, task, part, *_: [failed] * len(part.items))  # fmt: skip
    assert list(dask.judge("features", items, 3)) == list(LOCAL.judge("features", items, 3))


def test_a_join_that_workers_have_no_memory_for_is_done_here(dask, monkeypatch):
    said, _ = [], dask.cluster
    dask.say = said.append
    monkeypatch.setattr(dask.cluster, "least_memory_bytes", lambda: 1000.0)
    every = hashes(200, 1)
    assert phash.near_pairs(every, 10, engine=dask)[0].equals(phash.near_pairs(every, 10)[0])
    assert re.fullmatch(r"the join needs \S+ kB in each worker, and may take 500 bytes; it is done on this machine", said[0])  # fmt: skip


def test_every_hash_and_vector_can_be_computed_elsewhere(paths):
    kinds = [phash.kind(name, 64) for name in phash.HASHES]
    kinds += [entry.kind for entry in embeddings.EMBEDDERS.values() if entry.parts]
    sizes = list(dict.fromkeys(size for kind in kinds for size in kind.sizes))
    _, measured = next(LOCAL.measure(paths[:1], sizes))
    encoders = [kind.encode for kind in kinds]
    sent = pickle.loads(pickle.dumps(encoders))
    assert values(sent, [measured.rasters]) == values(encoders, [measured.rasters])


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


@pytest.mark.parametrize(
    ("rasters", "most"),
    [
        ([(32, 32), "trimmed luma"], 128),
        ([ModelInput(224, 224)], 50),
        ([ModelInput(1024, 1024)], 2),
        ([ModelInput(4096, 4096)], 1),
    ],
)
def test_partitions_are_smaller_where_more_is_made_of_each_file(rasters, most):
    assert partitions.most_files(rasters) == most


GIB = 2**30


@pytest.mark.parametrize(
    ("limit", "threads", "share"),
    [(None, 4, None), (16 * GIB, 4, 4 * GIB), (3 * GIB, 4, 2 * GIB)],
)
def test_decoders_share_the_memory_of_their_worker(limit, threads, share):
    assert on_worker.share_of(limit, threads) == share


def test_tasks_are_carried_out_as_on_one_machine_and_in_order(dask, paths):
    measured = dict(LOCAL.measure(paths[:20], SIZES))
    items = [Item({}, [measured[k].thumbnail]) for k in range(20)] + [Item({}, [b"no picture"])]

    assert list(dask.judge("features", items, 21)) == list(LOCAL.judge("features", items, 21))


@pytest.mark.slow  # the run below joins hashes too
@pytest.mark.parametrize("most", [10**9, 40])
def test_hashes_are_joined_as_on_one_machine(dask, most):
    every = hashes(700, 1)
    whole, bound = phash.near_pairs(every, 10, most)
    made, same_bound = phash.near_pairs(every, 10, most, engine=dask)
    assert whole.equals(made) and bound == same_bound


@pytest.mark.slow
@pytest.mark.parametrize("most", [10**9, 50])
def test_vectors_are_joined_as_on_one_machine(dask, most):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 2, 24)).astype(np.float32)
    vectors[150:] = vectors[:150] + 0.1 * vectors[150:]
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    whole, bound = index.near_pairs(vectors, 0.4, most)
    made, same_bound = index.near_pairs(vectors, 0.4, most, engine=dask)
    assert whole.equals(made) and bound == same_bound


def test_a_run_on_three_workers_gives_the_same_bytes(three, dask, tmp_path, capsys):
    library = pairs_of_pictures(tmp_path)
    made = by_hashes(tmp_path / "dask", library, engine="dask", scheduler=three)
    assert made == by_hashes(tmp_path / "local", library)
    assert f"Dask: 3 workers, 3 threads, at {three}; dashboard" in capsys.readouterr().out


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


def flown(address, work, items, blame=None, ordered=False, said=None, meanwhile=lambda: None):
    """What comes of sending items in partitions of four to a function."""
    made = Cluster(address, fitness.needs([]), (said if said is not None else []).append)
    meanwhile()
    parts = (Part(k, items[k : k + 4]) for k in range(0, len(items), 4))

    def send(part, only):
        return made.client.submit(
            lambda items: [work(item) for item in items], part.items, pure=False, workers=only
        )

    try:
        return list(Flight(made, parts, send, blame, ordered=ordered).results())
    finally:
        made.close()


def test_results_come_in_order_if_asked(three):
    def work(item):
        time.sleep(0.05 * (item < 4))
        return item

    assert flown(three, work, list(range(40)), ordered=True) == [(k, k) for k in range(40)]


@pytest.mark.slow
def test_an_item_that_kills_its_workers_is_blamed_and_no_other_is():
    def work(item):
        if item == 6:
            os.kill(os.getpid(), 9)
        return item

    with cluster(3) as there:  # of its own: a worker that dies while it starts does not come back
        made = flown(
            there.scheduler_address,
            work,
            list(range(12)),
            lambda item, deaths: ("blamed", item, deaths > 1),
        )

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
        client.wait_for_workers(2, timeout=60)
        pid = sorted(client.run(os.getpid).values())[0]

    def work(item):
        if item == 0 and os.getpid() == pid:
            time.sleep(8)
        return item

    began = time.monotonic()
    for _ in range(3):  # some partition with item 0 meets that worker
        assert sorted(flown(three, work, [0] * 9)) == [(k, 0) for k in range(9)]
    assert time.monotonic() - began < 24


def test_a_worker_that_joins_later_gets_work(alone):
    def work(item):
        time.sleep(0.03)
        return get_worker().address

    def join():
        alone.scale(2)
        alone.wait_for_workers(2)

    made = flown(alone.scheduler_address, work, list(range(40)), meanwhile=join)

    assert len({address for _, address in made}) == 2


def test_a_run_ends_if_no_worker_comes_back(alone, monkeypatch):
    monkeypatch.setattr(clusters, "NO_WORKER_SECONDS", 0.3)
    said, address = [], alone.scheduler_address

    def leave():
        alone.scale(0)
        while alone.scheduler.workers:
            time.sleep(0.05)

    refusal = r"no worker came back to .* within 0 s; start .* --resume"
    with pytest.raises(LostCluster, match=refusal):
        flown(address, str, [1], said=said, meanwhile=leave)
    assert said[-1] == f"no worker is left at {address}; waiting for one"


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
        client.wait_for_workers(3, timeout=60)  # others may have been killed a moment ago
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


def test_a_worker_that_dies_while_it_is_checked_is_not_refused(three, monkeypatch):
    cluster = Cluster(three, fitness.needs([]), lambda line: None)
    fit = dict(cluster.fit)
    cluster.fit = {}
    gone = {address: CommClosedError("Stream is closed") for address in fit}
    monkeypatch.setattr(cluster, "_answers", lambda *asked, workers: gone)
    cluster.look(now=True)
    told = (cluster.fit, cluster.unfit)
    monkeypatch.undo()
    cluster.look(now=True)
    cluster.close()
    assert told == ({}, {}) and cluster.fit == fit


@pytest.mark.parametrize("answers", [True, False])
def test_a_scheduler_that_is_none_is_refused_in_moments(monkeypatch, answers):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:
            server.close()
        with pytest.raises(LostCluster, match=f"scheduler at tcp://127.0.0.1:{port} cannot be"):
            Cluster(f"tcp://127.0.0.1:{port}", fitness.needs([]), lambda line: None)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_cluster_of_this_machine_listens_on_loopback_only_and_is_encrypted(monkeypatch, capsys):
    monkeypatch.setattr(own.os, "cpu_count", lambda: 1)
    engine = Dask(None)
    try:
        assert engine.cluster.address.startswith("tls://127.0.0.1:")
        assert listening() == {"127.0.0.1"}
        assert "dashboard: http://127.0.0.1:" in capsys.readouterr().out
    finally:
        engine.close()


def listening():
    """The addresses on which this process and those below it listen."""
    every = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return {c.laddr.ip for p in every for c in p.net_connections() if c.status == "LISTEN"}


def test_the_notebooks_of_a_command_share_a_cluster_that_is_encrypted_and_ends_with_it(paths):
    said, before = [], spawned()
    with own.shared(said.append):
        file = Path(os.environ[own.FILE])
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)]
        engine = Dask(None, say=said.append)
        address, is_own = engine.cluster.address, engine.cluster.own is not None
        hosts = listening()
        engine.close()
    assert modes == [0o700, 0o600] and not is_own and address.startswith("tls://127.0.0.1:")
    assert said[0] == said[1] and f"at {address}; dashboard: http://127.0.0.1:" in said[0]
    assert hosts == {"127.0.0.1"}
    assert spawned() <= before and not file.exists() and own.FILE not in os.environ


def test_a_shared_cluster_that_is_gone_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.3)
    file, address = tmp_path / "cluster.json", "tls://127.0.0.1:9"
    monkeypatch.setenv(own.FILE, str(file))
    made = Security.temporary()
    security = {name: getattr(made, name) for name in own.MATERIAL}
    file.write_text(json.dumps({"address": address, "security": security}))
    with pytest.raises(LostCluster, match=f"the Dask cluster of this run, at {address}, cannot be reached .*--resume"):  # fmt: skip
        Cluster(None, fitness.needs([]), lambda line: None)


def test_a_cluster_that_cannot_be_started_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(own, "PROGRAM", "raise SystemExit")
    refusal = r"no Dask cluster can be started on this machine \(its process ended\)"
    with pytest.raises(EngineError, match=refusal), own.shared(print):
        pass


def test_a_scheduler_at_tls_is_reached_with_the_certificates_of_dasks_configuration(tmp_path):
    made, said = Security.temporary(), []
    for name, text in (("ca", made.tls_ca_file), ("cert", made.tls_client_cert), ("key", made.tls_client_key)):  # fmt: skip
        (tmp_path / name).write_text(text)
    side = {name: str(tmp_path / name) for name in ("cert", "key")}
    settings = {f"distributed.comm.tls.{role}": side for role in ("scheduler", "worker", "client")}
    settings["distributed.comm.tls.ca-file"] = str(tmp_path / "ca")
    settings["distributed.comm.require-encryption"] = True
    with dask_config.set(settings), cluster_in_this_process("tls") as there:
        address = there.scheduler_address
        Cluster(address, fitness.needs([]), said.append).close()
        none = {"distributed.comm.tls.client": {"cert": None, "key": None}}
        with dask_config.set(none), pytest.raises(LostCluster, match=f"at {address} cannot be reached"):  # fmt: skip
            Cluster(address, fitness.needs([]), said.append)
    assert len(said) == 1 and said[0].startswith("Dask: 1 worker, 1 thread, at tls://127.0.0.1:")


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
