"""`python -m deploy.local.demo`: the whole engine at work on a Kafka and a Postgres of its own.

Starts both, two workers on them, and the fifteen users of `engage demo`; shows the messages as the notification
service receives them, and what the cycle did; holds that against the figures it should have; stops everything.
Exits with 0, with 1 when a figure differs or a part fails, with 3 when the platform can't be started.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.child import Child
from deploy.local.errors import PlatformError
from deploy.local.folders import LOCAL_FOLDER, run_folder
from deploy.local.stack import Stack, running_stack

_DIFFERS, _NO_PLATFORM = 1, 3
_ENGAGE = Path(sys.executable).with_name("engage")
_WORKERS = 2
_COMMAND_SECONDS = 60.0
_STOP_SECONDS = 15.0  # a clean stop is promised within 10 s
# A reader may see the last messages of a cycle a moment after the cycle's record.
_MESSAGES_SECONDS = 10.0

EARLIER_MESSAGES = 3
"""Those of the earlier tick, which make three users recently messaged."""
FIGURES = {
    "total_users": 15,
    "messages_sent": 8,
    "users_skipped": 7,
    "segment_breakdown": {"dormant": 5, "new_user": 2, "normal": 1},
    "skip_reasons": {"active": 4, "recently_messaged": 3},
}
GREETING = "Hey Ghost Gary, we miss you! 😉"

Record = dict[str, Any]


class DemoError(Exception):
    """A part of the demo failed; the text says which, and shows what it said."""


class Worker(Child):
    """A running `engage run`."""

    def __init__(self, log: Path) -> None:
        super().__init__([str(_ENGAGE), "run"], log, death_signal=signal.SIGKILL)

    def end(self) -> int:
        """Stop it as an operator would; gives its exit code."""
        self.stop(signal.SIGTERM, _STOP_SECONDS)
        return self._process.wait()


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description="Show the whole engine at work.")
    parser.add_argument("--came-back", metavar="USER_ID", help="let this user come back just before the tick")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
    try:
        return _demo([] if arguments.came_back is None else ["--came-back", arguments.came_back])
    except DemoError as error:
        print(error, file=sys.stderr)
        return _DIFFERS
    except PlatformError as error:
        print(error, file=sys.stderr)
        return _NO_PLATFORM


def _demo(options: Sequence[str]) -> int:
    with running_stack(LOCAL_FOLDER) as stack, run_folder(LOCAL_FOLDER) as folder:
        print(stack.description)
        _set_environment(stack)
        print(_engage(folder, "init").strip())
        with _workers(folder):
            cycle: Record = json.loads(_engage(folder, "demo", "--json", *options))
            messages = _messages(folder, EARLIER_MESSAGES + cycle["messages_sent"])
            _show(cycle, messages)
    found = differences(cycle, messages)
    for difference in found:
        print(f"DIFFERS: {difference}", file=sys.stderr)
    if not found:
        print("All figures are as they should be; everything was stopped in order.")
    return _DIFFERS if found else 0


def _set_environment(stack: Stack) -> None:
    """The settings for all children, whatever settings this process was given."""
    for name in [name for name in os.environ if name.startswith("ENGAGEMENT_")]:
        del os.environ[name]
    os.environ |= {
        "ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "ENGAGEMENT_POSTGRES_DSN": stack.postgres_dsn,
        "ENGAGEMENT_INACTIVITY_THRESHOLD_SECONDS": "60",
        "ENGAGEMENT_HTTP_PORT": "off",
    }


def _engage(folder: Path, *arguments: str) -> str:
    """The standard output of a command; what it says besides goes where ours goes."""
    command = [str(_ENGAGE), *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"`engage {' '.join(arguments)}` did not end within {_COMMAND_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise DemoError(f"`engage {' '.join(arguments)}` ended with exit code {done.returncode}")
    return done.stdout.decode()


@contextmanager
def _workers(folder: Path) -> Iterator[None]:
    """Run the workers; stopped at the end, which they must do with exit code 0."""
    workers = [Worker(folder / f"worker-{number}.log") for number in range(1, _WORKERS + 1)]
    try:
        yield
    except DemoError as error:
        raise DemoError(f"{error}\n{_tails(workers)}") from error
    finally:
        codes = [worker.end() for worker in workers]
    if any(codes):
        raise DemoError(f"The workers ended with exit codes {codes}, not 0.\n{_tails(workers)}")


def _tails(workers: Sequence[Worker]) -> str:
    return "\n".join(f"The end of {worker.log.name}:\n{worker.log_tail()}" for worker in workers)


def _messages(folder: Path, expected: int) -> list[Record]:
    """The messages in the topic, once there are as many as expected, or after a while."""
    deadline = time.monotonic() + _MESSAGES_SECONDS
    while True:
        messages = [json.loads(line) for line in _engage(folder, "notify", "--until-end", "--json").splitlines()]
        if len(messages) >= expected or time.monotonic() > deadline:
            return messages


def _show(cycle: Record, messages: Sequence[Record]) -> None:
    for heading, of_cycle in (("Messages of the earlier tick:", False), ("Messages of the cycle:", True)):
        print(heading)
        for message in messages:
            if (message["tick_id"] == cycle["tick_id"]) is of_cycle:
                print(f"  {message['user_id']:>2}  {message['segment']:<9} {message['content']}")
    print(f"{cycle['status']}, as the cycles topic has it:")
    for name, figure in _figures(cycle).items():
        listed = ", ".join(f"{part} {users}" for part, users in figure.items()) if isinstance(figure, dict) else figure
        print(f"  {name}: {listed}")


def _figures(cycle: Record) -> Record:
    """The figures of a cycle that the demo is about."""
    return {name: cycle.get(name, cycle["detailed_stats"].get(name)) for name in FIGURES}


def differences(cycle: Record, messages: Sequence[Record]) -> list[str]:
    """In what the cycle and its messages differ from what they should be."""
    found = _figures(cycle)
    texts = [f"{name} is {found[name]}, not {FIGURES[name]}" for name in FIGURES if found[name] != FIGURES[name]]
    sent = [message for message in messages if message["tick_id"] == cycle["tick_id"]]
    segments = dict.fromkeys(found["segment_breakdown"], 0) | Counter(message["segment"] for message in sent)
    if segments != found["segment_breakdown"]:
        texts.append(f"the messages topic has {segments}, the cycle {found['segment_breakdown']}")
    if len({message["user_id"] for message in sent}) != len(sent):
        texts.append("a user got two messages")
    if GREETING not in {message["content"] for message in sent}:
        texts.append(f"nobody got {GREETING!r}")
    if len(messages) - len(sent) != EARLIER_MESSAGES:
        texts.append(f"the earlier tick gave {len(messages) - len(sent)} messages, not {EARLIER_MESSAGES}")
    return texts


if __name__ == "__main__":
    sys.exit(main())
