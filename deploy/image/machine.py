"""What this machine must have to build and run an image without a container engine."""

import os
import shutil
import subprocess
import sys

from deploy.local.errors import UnavailableError

# Each program with the Debian package that it is in.
_PROGRAMS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}

NAMESPACES = ("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child")
"""Runs a command as the first process of its own process namespace, with mounts that nobody else sees."""

BOUND = ("setpriv", "--pdeathsig=KILL", *NAMESPACES, "--mount-proc")
"""Runs a command so that it ends with us, and what it has started and mounted ends with it."""


def require_machine() -> None:
    """Raise UnavailableError, with everything that is missing in one line."""
    missing = list(_missing())
    if missing:
        raise UnavailableError(f"The image can't be built and run here: {'; '.join(missing)}.")


def _missing() -> list[str]:
    if sys.platform != "linux":
        return ["this is not Linux"]
    problems = []
    packages = sorted({package for program, package in _PROGRAMS.items() if shutil.which(program) is None})
    if packages:
        problems.append(f"no {', '.join(packages)} (make system-deps installs Debian's packages)")
    if os.geteuid() != 0:
        problems.append("not root, whom mounts and another account's processes need")
    if not problems:
        done = subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False)
        if done.returncode != 0:
            problems.append(f"no namespaces ({done.stderr.decode(errors='replace').strip()})")
    return problems
