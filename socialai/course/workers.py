"""Where runs are computed: processes of this machine (loky), or a Dask cluster beyond it.

Both are executors as `concurrent.futures` knows them, which pytask-parallel hands the runs to.
"""

import os
import signal
import threading
import time
import uuid

import loky

from socialai import files
from socialai.errors import UserError

CONNECT = "10s"  # how long a scheduler may take to answer


class Local(loky.ProcessPoolExecutor):
    """Processes of this machine, which end with this one, at once when it was stopped."""

    def __init__(self, count: int, stopped: threading.Event):
        log = files.BUILD / "runs" / "workers.log"
        log.write_text("")
        super().__init__(count, initializer=_start_worker, initargs=(os.getpid(), str(log)))
        self.stopped = stopped

    def __exit__(self, *error):
        self.shutdown(wait=True, kill_workers=self.stopped.is_set())

    def count(self) -> int:
        """How many runs it takes at a time."""
        return self._max_workers


def _start_worker(parent: int, log: str) -> None:
    """Keep a worker quiet, and end it when its parent is gone: it must not write beside a later."""
    with open(log, "a") as file:  # what kernels say of themselves belongs into no progress display
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    # Ctrl-C reaches the whole group of processes; it is the parent's to answer.
    signal.signal(signal.SIGINT, lambda *_: None)

    def watch():
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    if os.name == "posix":
        threading.Thread(target=watch, daemon=True).start()


class Cluster:
    """The workers of a Dask cluster, on machines that share the folder of the repository.

    A run is given to another worker when the one that had it dies (Dask does so three times). When
    this process is stopped, what is under way on the cluster is given up: no run of it is kept.
    """

    def __init__(self, address: str, stopped: threading.Event):
        try:
            import distributed
        except ImportError:
            raise UserError("--dask needs Dask: pip install 'dask[distributed]'") from None
        try:
            self.client = distributed.Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError, TimeoutError):
            raise UserError(
                f"no Dask scheduler answers at {address}; `dask scheduler` starts one"
            ) from None
        try:
            self._check(address)
        except BaseException:
            self.client.close()
            raise
        self.executor = self.client.get_executor(pure=False)
        self.stopped = stopped

    def _check(self, address: str) -> None:
        """Refuse a cluster without workers, or whose workers don't see this repository."""
        if not self.count():
            raise UserError(
                f"the cluster at {address} has no workers; `dask worker {address} --nthreads 1` "
                "starts one, in the environment of this repository"
            )
        mark = files.BUILD / "runs" / f".{uuid.uuid4().hex}"
        mark.write_text("")
        try:
            seen = self.client.run(_sees, str(mark))
        finally:
            mark.unlink()
        if blind := [worker for worker, sees in seen.items() if not sees]:
            raise UserError(
                f"{', '.join(blind)} can't see {files.BUILD}: the machines of a cluster have to "
                "share the folder of the repository, under the same path"
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.executor.shutdown(wait=not self.stopped.is_set())
        self.client.close()

    def submit(self, function, /, **options):
        """Give one run to the cluster."""
        return self.executor.submit(function, **options)

    def count(self) -> int:
        """How many runs it takes at a time: one a worker, as many as there are now."""
        return len(self.client.nthreads())


def _sees(path: str) -> bool:
    """Asked of a worker: whether it sees a file of this machine."""
    return os.path.isfile(path)


def cluster_size(address: str) -> int:
    """How many runs the cluster at an address takes at a time."""
    with Cluster(address, threading.Event()) as cluster:
        return cluster.count()
