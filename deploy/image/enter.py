"""What a container engine does last: see only the image's tree, be its user, become the command.

Run as a script by root: `enter.py JSON`, with the fields of `Entry`. With `mounts`, it first makes the tree read-only
(in its own mount namespace), with /proc, /dev and an empty /tmp that can be written to.
"""

import json
import os
import subprocess
import sys
import time
from typing import TypedDict

_BUSY_ATTEMPTS, _BUSY_PAUSE_SECONDS = 20, 0.1


class Entry(TypedDict):
    """What to become."""

    tree: str
    folder: str
    user: int
    group: int
    environment: dict[str, str]
    command: list[str]
    mounts: bool


def main() -> None:
    """Become the command; never returns."""
    entry: Entry = json.loads(sys.argv[1])
    if entry["mounts"]:
        _mount(entry["tree"])
    os.chroot(entry["tree"])
    os.chdir(entry["folder"])
    os.setgroups([])
    os.setresgid(entry["group"], entry["group"], entry["group"])
    os.setresuid(entry["user"], entry["user"], entry["user"])
    os.execvpe(entry["command"][0], entry["command"], entry["environment"])  # noqa: S606  (as its name says: no shell)


def _mount(tree: str) -> None:
    for arguments in (
        ["--bind", tree, tree],
        ["--types=proc", "proc", f"{tree}/proc"],
        ["--bind", "/dev", f"{tree}/dev"],
        ["--types=tmpfs", "--options=mode=1777,nosuid,nodev", "tmpfs", f"{tree}/tmp"],  # noqa: S108  (of the container)
    ):
        subprocess.run(["mount", *arguments], check=True)  # noqa: S607  (found by PATH)
    read_only = ["mount", "--options=remount,bind,ro", tree]
    # Linux says "busy" while anything writes through the mount, if only the time of an access: that passes.
    for _ in range(_BUSY_ATTEMPTS):
        if subprocess.run(read_only, check=False).returncode == 0:
            return
        time.sleep(_BUSY_PAUSE_SECONDS)
    subprocess.run(read_only, check=True)


if __name__ == "__main__":
    main()
