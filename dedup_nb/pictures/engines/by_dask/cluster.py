"""The address of a scheduler, or none -> a connected cluster whose workers are fit.

Without an address it is the one of this machine; see `own`. Workers are checked when they are first
seen; those that join later get work once they pass.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import re
import socket
import threading
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from distributed import Client, LocalCluster, Security
from distributed.comm.core import CommClosedError

from dedup_nb.library.quantities import count
from dedup_nb.library.tables import short
from dedup_nb.pictures.engines.by_dask import fitness, own
from dedup_nb.pictures.engines.by_dask.fitness import Needs, Unfit
from dedup_nb.pictures.engines.dispatch import EngineError

T = TypeVar("T")

CONNECT_SECONDS = 5.0  # to reach a scheduler
FIRST_WORKER_SECONDS = 10.0  # to wait for a worker at the start
CHECK_SECONDS = 30.0  # for all workers to answer whether they are fit
LOOK_SECONDS = 2.0  # between two looks at which workers there are
NO_WORKER_SECONDS = 300.0  # to wait for a worker when none is left
RECONNECT_SECONDS = 10.0  # for a connection that broke

ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})")
LOOPBACK = ("127.", "localhost", "[::1]")


class LostCluster(EngineError):
    """The cluster cannot be used, or not any more; the files are not to blame."""

    def _render_traceback_(self) -> list[str]:  # called by IPython
        return [f"{type(self).__name__}: {self}"]


class Cluster:
    """A connection to a scheduler and its workers.

    Parameters
    ----------
    scheduler : str, optional
        Address; by default the cluster of this machine that a command shares, or else one that is
        started here, and ended with `close`.
    needs : Needs
        What workers must have.
    say : callable
        Called with sentences for the user.

    Raises
    ------
    LostCluster
        If it cannot be reached, has no workers, or a worker is not fit.
    """

    def __init__(
        self, scheduler: str | None, needs: Needs, say: Callable[[str], None] = print
    ) -> None:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it is told in one sentence
        self.needs, self.say = needs, say
        self.own: LocalCluster | None = None
        self.fit: dict[str, int] = {}  # address -> threads
        self.unfit: dict[str, str] = {}  # address -> why
        self.looked, self.alone_since = 0.0, 0.0
        self.client = self._connected(scheduler)
        self.address: str = self.client.scheduler.address
        try:
            self._await_workers()
            self.look(now=True)
            if self.unfit:
                raise LostCluster(self._refusal())
        except BaseException:
            self.close()
            raise
        self.say(self.describe())

    def _connected(self, scheduler: str | None) -> Client:
        shared = own.of_this_run() if scheduler is None else None
        if shared is not None:
            return self._reached(*shared)
        if scheduler is None:
            self.own = own.started()
            return Client(self.own)
        return self._reached(scheduler)

    def _reached(self, scheduler: str, security: Security | None = None) -> Client:
        if warning := _unencrypted(scheduler):
            self.say(warning)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which are compared anyway
            # what listens there may be no scheduler, and never answer
            made = _within(
                CONNECT_SECONDS + 1,
                lambda: Client(scheduler, timeout=CONNECT_SECONDS, security=security),
            )
        if isinstance(made, Client):
            return made
        why = "what listens there is not a Dask scheduler"
        if made is not None and not isinstance(made, MemoryError | TypeError):
            why = str(made).partition("\n")[0] or type(made).__name__
        if security is not None:
            raise LostCluster(
                f"the Dask cluster of this run, at {scheduler}, cannot be reached ({short(why)}); "
                "continue the run with --resume"
            )
        raise LostCluster(
            f"the Dask scheduler at {scheduler} cannot be reached within {CONNECT_SECONDS:g} s "
            f"({short(why)}); start it with: dask scheduler"
        )

    def _await_workers(self) -> None:
        until = time.monotonic() + FIRST_WORKER_SECONDS
        while not self.client.nthreads():
            if time.monotonic() > until:
                raise LostCluster(
                    f"the Dask scheduler at {self.address} has no workers; start one with: "
                    f"dask worker {self.address}"
                )
            time.sleep(0.1)

    def _refusal(self) -> str:
        first, *others = self.unfit.values()
        return f"{first} ({count(len(others), 'worker')} more cannot be used)" if others else first

    def describe(self) -> str:
        """Return a sentence: how many workers there are, where, and the dashboard."""
        link = self.client.dashboard_link
        return own.described(len(self.fit), self.threads, self.address, link)

    @property
    def threads(self) -> int:
        """Number of threads of all fit workers."""
        return sum(self.fit.values())

    def close(self) -> None:
        """Close the connection, and end the cluster if it was started here."""
        with contextlib.suppress(Exception):  # it may be gone already
            self.client.close(timeout=2)
        own.closed(self.own)

    # -- workers ---------------------------------------------------------------------------------

    def look(self, *, now: bool = False) -> None:
        """Look which workers there are, and check those that are new.

        Raises
        ------
        LostCluster
            If there has been no worker for long.
        """
        if not now and time.monotonic() - self.looked < LOOK_SECONDS:
            return
        there = self.asked(self.client.nthreads)
        self.fit = {address: n for address, n in there.items() if address in self.fit}
        self.unfit = {address: why for address, why in self.unfit.items() if address in there}
        if new := there.keys() - self.fit.keys() - self.unfit.keys():
            self._check(new, there)
        first_look, self.looked = not self.looked, time.monotonic()
        if self.fit or first_look:
            self.alone_since = 0.0
        elif not self.alone_since:
            self.alone_since = self.looked
            self.say(f"no worker is left at {self.address}; waiting for one")
        elif self.looked - self.alone_since > NO_WORKER_SECONDS:
            raise LostCluster(
                f"no worker came back to {self.address} within {NO_WORKER_SECONDS:.0f} s; "
                "start workers, and continue the run with --resume"
            )

    def _check(self, new: Collection[str], threads: Mapping[str, int]) -> None:
        self.needs = self.needs.now()
        answers = self._answers(fitness.lacking, self.needs, workers=new)
        for address in sorted(new):
            answer = answers.get(address)
            if answer == "":
                self.fit[address] = threads[address]
            elif answer is not None and not _is_gone(answer):  # else it is asked again
                self.refuse(address, self._why(address, answer))

    def _answers(self, work: Callable[..., T], *values: Any, workers: Collection[str]) -> Any:
        """Return what each worker returns or raises, by its address."""

        def ask() -> Any:
            return self.client.run(work, *values, workers=sorted(workers), on_error="return")

        made = _within(CHECK_SECONDS, ask)
        return made if isinstance(made, dict) else {}

    def _why(self, address: str, answer: object) -> str:
        if isinstance(answer, str):
            return answer
        found = self._answers(importlib.metadata.version, "dedup_nb", workers=[address])
        theirs, ours = found.get(address), dict(self.needs.versions)["dedup_nb"]
        if isinstance(theirs, str):
            return f"has dedup_nb {theirs}, this machine has {ours}; install the same on both"
        return (
            f"does not have dedup_nb ({answer}), this machine has {ours}; install it there: "
            "pip install 'dedup_nb[dask]'"
        )

    def refuse(self, address: str, reason: str) -> None:
        """Give no more work to a worker."""
        self.fit.pop(address, None)
        if address not in self.unfit:
            self.unfit[address] = str(Unfit(f"{address}{self._host(address)}", reason))
            if self.looked:  # it joined later: the others go on
                self.say(f"{self.unfit[address]}; it gets no work")

    def _host(self, address: str) -> str:
        answer = self._answers(socket.gethostname, workers=[address]).get(address)
        return f" on {answer}" if isinstance(answer, str) else ""

    def only(self, without: Collection[str] = ()) -> list[str] | None:
        """Return which workers may be given work now, or None if all may."""
        if not self.unfit and not without:
            return None
        return sorted(self.fit.keys() - without) or sorted(self.fit) or None

    def least_memory_bytes(self) -> float:
        """Return the smallest memory limit of a worker; infinite if there is none."""
        workers = self.asked(lambda: self.client.scheduler_info(n_workers=-1))["workers"]
        limits = [w.get("memory_limit") or 0 for a, w in workers.items() if a in self.fit]
        return min((limit for limit in limits if limit), default=float("inf"))

    # -- the connection --------------------------------------------------------------------------

    def asked(self, question: Callable[[], T]) -> T:
        """Return what the scheduler answers.

        Raises
        ------
        LostCluster
            If it does not.
        """
        try:
            return question()
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            why = str(error) or type(error).__name__
        raise self.lost(why)

    def await_connection(self) -> None:
        """Wait a while for a connection that broke.

        Raises
        ------
        LostCluster
            If it does not come back.
        """
        until = time.monotonic() + RECONNECT_SECONDS
        while self.client.status != "running":
            if self.client.status == "closed" or time.monotonic() > until:
                raise self.lost()
            time.sleep(0.1)

    def lost(self, why: str = "") -> LostCluster:
        """Return the error of a scheduler that is gone."""
        reason = f" ({short(why)})" if why else ""
        return LostCluster(
            f"the Dask scheduler at {self.address} is gone{reason}; what was finished is kept: "
            "start it again, and continue the run with --resume"
        )


def _is_gone(answer: object) -> bool:
    """Return whether a worker could not be asked, as one that has just died."""
    return isinstance(answer, CommClosedError) or type(answer) is OSError


def _unencrypted(address: str) -> str:
    """Return a warning if the way to a scheduler leaves this machine and is not encrypted."""
    match = ADDRESS.fullmatch(address)
    if match is None or match[1] == "tls" or match[2].startswith(LOOPBACK):
        return ""
    return (
        f"warning: {address} is not encrypted: whoever reaches that port can read your pictures "
        "and run programs on its machines; prefer tls:// (docs/scale.md, Security)"
    )


def _within(seconds: float, work: Callable[[], T]) -> T | Exception | None:
    """Return what `work` returns or raises, or None if it takes longer."""
    made: list[T | Exception] = []

    def run() -> None:
        try:
            made.append(work())
        except Exception as error:  # of many kinds: no route, no TLS, another protocol
            made.append(error)

    thread = threading.Thread(target=run, daemon=True, name="asks the workers")
    thread.start()
    thread.join(seconds)
    return made[0] if made else None
