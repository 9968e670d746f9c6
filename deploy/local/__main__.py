"""`python -m deploy.local`: run the local platform by hand.

Without arguments: start it, print the settings as shell lines, run until Ctrl-C or SIGTERM. With `-- COMMAND…`: run
the command with these settings in its environment, stop everything, exit with the command's code.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from types import FrameType

from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER
from deploy.local.stack import DEFAULT_POSTGRES_VERSION, Stack, running_stack

_EXIT_USAGE, _EXIT_SURROUNDINGS = 2, 3  # as the engine's own commands
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _StopRequestedError(Exception):
    """Ctrl-C or SIGTERM arrived; the argument is the signal's number."""


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="Run Kafka and Postgres locally.")
    parser.add_argument("--postgres-version", type=int, default=DEFAULT_POSTGRES_VERSION, help="major version")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="run this with the settings, then stop")
    arguments = parser.parse_args()
    for number in _SIGNALS:
        signal.signal(number, _request_stop)
    try:
        with running_stack(LOCAL_FOLDER, postgres_version=arguments.postgres_version) as stack:
            print(stack.description, file=sys.stderr)
            return _run(arguments.command, stack) if arguments.command else _serve(stack)
    except _StopRequestedError as stop:
        return 128 + int(stop.args[0]) if arguments.command else 0  # a command that was to run did not
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _EXIT_SURROUNDINGS


def _request_stop(number: int, _frame: FrameType | None) -> None:
    for ignored in _SIGNALS:  # the stop itself is not to be interrupted by a second Ctrl-C
        signal.signal(ignored, signal.SIG_IGN)
    raise _StopRequestedError(number)


def _settings(stack: Stack) -> dict[str, str]:
    return {
        "ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "ENGAGEMENT_POSTGRES_DSN": stack.postgres_dsn,
    }


def _serve(stack: Stack) -> int:
    for name, value in _settings(stack).items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    while True:
        signal.pause()


def _run(command: list[str], stack: Stack) -> int:
    """Run the command in the foreground; a stop request is passed on to it, and it decides when it ends."""
    # The terminal sends Ctrl-C to the command too. A handler, not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        process = subprocess.Popen(command, env=os.environ | _settings(stack))
    except OSError as error:
        print(f"{command[0]} can't be run: {error.strerror}", file=sys.stderr)
        return _EXIT_USAGE
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code  # as a shell reports a command that a signal ended


if __name__ == "__main__":
    sys.exit(main())
