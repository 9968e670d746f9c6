"""Child processes with a log file that do not outlive the process that started them."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.errors import PlatformError, StartFailedError

_BOUND_CHILD = Path(__file__).with_name("bound_child.py")
_POLL_SECONDS = 0.02
_LOG_TAIL_LINES = 15


class Child:
    """A running process. On Linux the kernel ends it with its parent.

    The kernel watches the parent's *thread* that started the process: start children from a thread that lives as long
    as they are wanted (the main thread, say). They have a session of their own, so that Ctrl-C reaches only the
    parent, which then stops them in order.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, death_signal: signal.Signals, prefix: Sequence[str] = ()
    ) -> None:
        """Start `command` (absolute path first), its output appended to `log`; `prefix` is a wrapper like setpriv."""
        self.log = log
        bound = [sys.executable, "-I", str(_BOUND_CHILD), str(os.getpid()), str(int(death_signal))]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*prefix, *bound, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the command itself: every wrapper before it is replaced by exec."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def stop(self, stop_signal: signal.Signals, seconds: float) -> None:
        """Ask the process to end with `stop_signal`; kill it after `seconds`. Nothing happens if it has ended."""
        self._process.send_signal(stop_signal)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once and wait for that."""
        self._process.kill()
        self._process.wait()

    def wait_until_ready(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready()` holds; raise StartFailedError when the process ends or `seconds` pass before."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running():
                raise StartFailedError(f"{name} ended while it started. The end of {self.log}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailedError(f"{name} was not ready in {seconds:.0f} s. {self.log} ends:\n{self.log_tail()}")
            time.sleep(_POLL_SECONDS)

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])


def run_to_end(command: Sequence[str], *, prefix: Sequence[str] = (), cwd: Path, seconds: float) -> str:
    """Run a command that ends by itself and return its output; raise PlatformError with that output if it fails."""
    try:
        done = subprocess.run(
            [*prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            timeout=seconds,
            check=False,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise PlatformError(f"{command[0]} did not end within {seconds:.0f} s") from error
    if done.returncode != 0:
        raise PlatformError(f"{command[0]} failed with exit code {done.returncode}:\n{done.stdout.strip()[-2000:]}")
    return done.stdout


def service_account() -> pwd.struct_passwd | None:
    """Return the account that Postgres runs as: None is our own, another one when we are root, which it refuses."""
    if os.geteuid() != 0:
        return None
    if shutil.which("setpriv") is None:
        raise PlatformError("Postgres does not run as root, and there is no `setpriv` (of util-linux) to change that.")
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in accounts:
            return accounts[name]
    raise PlatformError("Postgres does not run as root, and there is neither an account `postgres` nor `nobody`.")


def as_account(account: pwd.struct_passwd | None) -> list[str]:
    """Return the command prefix that changes to `account`.

    The one capability kept lets it pass folders closed to others: a checkout under a home folder stays as it is.
    no_setuid_fixup makes that hold for access(2) too, by which Postgres looks for its own programs.
    """
    if account is None:
        return []
    ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    capability = ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
    return ["setpriv", *ids, "--securebits=+no_setuid_fixup", *capability]
