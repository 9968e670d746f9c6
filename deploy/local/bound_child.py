"""Turn into a command that the kernel ends when the parent ends, however that happens.

Called as `python -I bound_child.py PARENT_PID SIGNAL_NUMBER COMMAND ARGUMENT…`. A program of its own, because code run
between fork and exec of a process with threads may deadlock. It imports nothing of the project for a quick start.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _main() -> None:
    parent, signal_number, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal_number) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:  # the parent ended before the call above: nobody would send the signal
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    _main()
