"""A worker process that dies, or stands still, at a numbered step when it is told to while it runs.

``ENGAGE_TEST_ORDER_FILE``: where the order is looked for at each step, such as ``publish 2|after`` (SIGKILL there)
or ``publish 2|after|stop`` (SIGSTOP itself). An order is carried out once: the file then has the suffix ``.done``.
``ENGAGE_TEST_CHUNK_USERS`` and ``ENGAGE_TEST_MUTANT`` are those of the other workers of the tests.
"""

import os
import signal
from pathlib import Path
from typing import Literal

from tests.harness.worker import build_in_defect, run_worker

ORDER_VARIABLE = "ENGAGE_TEST_ORDER_FILE"
STOP = "|stop"


class Orders:
    """A step hook. To look for a file takes two microseconds, and there are some hundred steps a second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._path = str(file)

    def __call__(self, step: str, moment: Literal["before", "after"]) -> None:
        if not os.path.exists(self._path):  # noqa: PTH110 - the quickest way to ask
            return
        order = self._file.read_text(encoding="utf-8")
        if order.removesuffix(STOP) == f"{step}|{moment}":
            # The kernel keeps that it was carried out, whatever happens to the process.
            self._file.replace(done_file(self._file))
            os.kill(os.getpid(), signal.SIGSTOP if order.endswith(STOP) else signal.SIGKILL)


def done_file(order_file: Path) -> Path:
    """Where an order lies once it is being carried out."""
    return order_file.with_suffix(".done")


if __name__ == "__main__":
    build_in_defect()
    run_worker(Orders(Path(os.environ[ORDER_VARIABLE])))
