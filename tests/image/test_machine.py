"""What `python -m deploy.image` says where it can't run."""

import os
import subprocess
import sys
from pathlib import Path

from tests.image.compose import ROOT


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.image"],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert "no buildah, debootstrap, mount, util-linux" in line
    assert (done.returncode, done.stdout) == (3, "")
