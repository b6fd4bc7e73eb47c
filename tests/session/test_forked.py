"""Kernels forked from a process that has made their imports: as separate and as safe as others."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from dedup_nb.session import nursery, saving
from dedup_nb.session.forked import CAN_FORK
from dedup_nb.session.kernels import Kernels

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="kernels are forked on Linux alone")

IS_FORKED = "import os; print('nursery' in open(f'/proc/{os.getpid()}/cmdline').read())"


@pytest.fixture(scope="module")
def kernels():
    with Kernels(2) as opened:
        yield opened


def executed(kernels, *cells):
    """Return what each cell prints, executed in a fresh kernel."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    quiet = ["--log-level=50"]
    NotebookClient(
        notebook, kernel_name="python3", timeout=60, extra_arguments=quiet, **kernels.options
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell["outputs"]]
    return [output["text"].strip() for output in outputs if output["name"] == "stdout"]


def test_a_kernel_has_a_namespace_and_an_environment_of_its_own(kernels):
    put = "x = 1; import os; os.environ['LEFT'] = '1'; import numpy; print(numpy.random.rand())"
    look = "import os; print('x' in dir(), os.environ.get('LEFT'), {'LEFT'} & {*os.environ}); "
    look += "import numpy; print(numpy.random.rand())"
    (first,), (second,) = executed(kernels, put), executed(kernels, look)
    assert second.splitlines()[0] == "False None set()"
    assert first != second.splitlines()[1]  # nor the same random numbers


PARALLEL = {
    "BLAS": "import numpy as np; a = np.ones((700, 700)); print((a @ a)[0, 0])",
    "OpenMP": "import faiss, numpy as np; a = np.ones((3000, 32), 'f4'); "
    "i = faiss.IndexFlatIP(32); i.add(a); print(i.search(a, 2)[0][0, 0])",
    "threads": "import threadpoolctl; "
    "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})",
}


def test_a_forked_kernel_works_in_parallel_with_as_many_threads_as_others(kernels, monkeypatch):
    for name in nursery.OF_BLAS:  # what a module of the tests may have set
        monkeypatch.delenv(name, raising=False)
    forked, blas, openmp, threads = executed(kernels, IS_FORKED, *PARALLEL.values())
    cores = len(os.sched_getaffinity(0))
    assert (forked, blas, openmp, threads) == ("True", "700.0", "32.0", str({cores}))


@pytest.mark.slow
def test_kernels_of_a_runner_that_used_parallel_loops_never_hang():
    import faiss
    import numpy as np

    values = np.ones((20_000, 32), np.float32)
    index = faiss.IndexFlatIP(32)
    index.add(values)
    index.search(values[:2000], 2)
    loop = (
        "import numba, numpy as np\n@numba.njit(parallel=True)\ndef added(values):\n    total = 0.0\n"
        "    for k in numba.prange(len(values)):\n        total += values[k]\n    return total\n"
        "print(added(np.ones(1_000_000)))"
    )
    with Kernels(2) as kernels:
        for _ in range(20):
            said = executed(kernels, IS_FORKED, loop, *PARALLEL.values())
            assert said[:4] == ["True", "1000000.0", "700.0", "32.0"]


def test_a_kernel_that_is_killed_leaves_the_others_alone(kernels):
    from nbclient.exceptions import DeadKernelError

    with pytest.raises(DeadKernelError):
        executed(kernels, "import os; os.kill(os.getpid(), 9)")
    assert executed(kernels, IS_FORKED) == ["True"]


def test_a_notebook_whose_kernel_dies_keeps_what_it_had_shown(kernels, tmp_path):
    import nbformat
    from nbclient.exceptions import DeadKernelError

    cells = map(nbformat.v4.new_code_cell, ["print('shown')", "import os; os.kill(os.getpid(), 9)"])
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": ""}
    given, made = tmp_path / "given.ipynb", tmp_path / "made.ipynb"
    nbformat.write(notebook, given)
    with pytest.raises(DeadKernelError):
        kernels.papermill.execute_notebook(
            given, made, engine_name=saving.ENGINE, progress_bar=False, **kernels.options
        )
    outputs = [output.text for cell in nbformat.read(made, 4).cells for output in cell.outputs]
    assert outputs == ["shown\n"]


def test_a_nursery_that_is_killed_leaves_its_kernels_alive_and_later_ones_start_as_usual():
    with Kernels(2) as kernels:
        pid = kernels.nursery.process.pid
        kill = f"import os, time; os.kill({pid}, 9); time.sleep(1.5); print('alive')"
        assert executed(kernels, kill) == ["alive"]
        assert executed(kernels, IS_FORKED) == ["False"]


def test_kernels_end_with_a_runner_that_is_killed():
    code = (
        "import sys; from test_forked import executed, Kernels\n"
        "with Kernels(2) as kernels:\n"
        "    executed(kernels, 'import os, sys, time; print(os.getpid(), file=sys.__stdout__, "
        "flush=True); time.sleep(60)')"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env)
    kernel = psutil.Process(int(runner.stdout.readline()))
    both = [kernel, kernel.parent()]
    runner.kill()
    runner.wait()
    assert psutil.wait_procs(both, timeout=10)[1] == []


def test_a_nursery_with_another_thread_refuses_to_fork():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=time.sleep, args=[0.5])
    thread.start()
    ours.send(json.dumps({"command": [], "env": {}, "cwd": None}).encode())
    ours.shutdown(socket.SHUT_WR)
    reaped, nursery._reap = nursery._reap, lambda options=0: None
    try:
        assert nursery._tend(theirs) is None
    finally:
        nursery._reap = reaped
    thread.join()
    assert ours.recv(100) == nursery.REFUSED


def test_an_interrupted_run_starts_no_more_kernels():
    with Kernels(2) as kernels:
        kernels.end()
        with pytest.raises(OSError, match="the run has ended"):
            executed(kernels, "1")


def test_one_notebook_alone_needs_no_nursery():
    with Kernels(1) as kernels:
        assert kernels.nursery is None
