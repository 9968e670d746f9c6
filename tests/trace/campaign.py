"""One campaign: a trace through `engage replay`, two workers, perhaps kills; then everything against the oracle."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.differences import differences, misplaced
from tests.foreign import read_topic
from tests.harness.deployment import Deployment, Worker
from tests.oracle import Expected, expect, explicit_barriers
from tests.trace.kills import Executioner, Kill, points
from tests.trace.policies import TracePolicy
from tests.trace.recording import (
    Line,
    Moment,
    as_input,
    barriers_of,
    input_differences,
    moments_of,
    read_lines,
)
from tests.trace_data import Row, active_events, disturbed, with_registrations, write_json_lines, write_rows

PARTITIONS = 4
WORKERS = 2
# Between two looks at whether a worker has died: far below the seconds until others take its shards over.
_LOOK_SECONDS = 0.02
# What a tick may take while two workers in a row are killed: session timeouts, and more.
_CYCLE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Campaign:
    """How the trace is delivered and what happens to the workers meanwhile.

    ``kills``: so many workers die, at points drawn by ``seed``, at least ``kills_in_ticks`` of them within a tick.
    ``chunk_users``: small ones make many chunks a tick; None is what the service itself takes.
    """

    name: str
    disturbed: bool = False
    chunk_users: int | None = None
    kills: int = 0
    kills_in_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a campaign saw."""

    events: int
    ticks: int
    messages: int
    cycles: int
    kills: Sequence[Kill]
    seconds: float
    differences: Sequence[str]

    def __str__(self) -> str:
        within = sum(bool(kill.begun) for kill in self.kills)
        return (
            f"events {self.events:,}  ticks {self.ticks}  messages {self.messages:,}  cycles {self.cycles}"
            f"  kills {len(self.kills)} ({within} within a tick)  seconds {self.seconds:.1f}"
            f"  differences {len(self.differences)}"
        )


async def run_campaign(
    campaign: Campaign,
    policy: TracePolicy,
    rows: Sequence[Row],
    deployment: Deployment,
    *,
    seed: int,
    on_kill: Callable[[Kill], None] = lambda _kill: None,
) -> Result:
    """Play the rows through the deployment, which has the policy's variables and no worker yet, and judge it."""
    file = write_trace(campaign, rows, deployment.folder)
    lines = read_lines(file)
    moments = moments_of(lines)
    executioner = Executioner(points(f"{seed} {policy.name}", len(moments)), campaign.kills, campaign.kills_in_ticks)
    started = time.monotonic()
    trouble = await _play(campaign, deployment, file, executioner, on_kill)
    seconds = time.monotonic() - started
    # In a thread: other campaigns may run beside this one, whose kills must be seen at once.
    outcome = await asyncio.to_thread(_judge, policy, deployment, lines, moments)
    found = [*trouble, *executioner.shortfall, *outcome.differences]
    return Result(len(lines), len(moments), outcome.messages, outcome.cycles, executioner.kills, seconds, found)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How many messages and cycles were read, and what is wrong with them."""

    messages: int
    cycles: int
    differences: Sequence[str]


def _judge(policy: TracePolicy, deployment: Deployment, lines: Sequence[Line], moments: Sequence[Moment]) -> _Outcome:
    """What lies in the topics against the trace and the oracle."""
    activity, ticks, messages, cycles, dead_letters = (
        read_topic(deployment.kafka, deployment.topic(role))
        for role in ("activity", "ticks", "messages", "cycles", "dead-letters")
    )
    found = input_differences(lines, moments, activity, ticks)
    if not found:
        barriers = explicit_barriers(barriers_of(lines, moments, activity, deployment.partitions))
        expected = expect(map(as_input, activity), map(as_input, ticks), barriers, thresholds=policy.thresholds)
        found += differences(expected, messages, cycles, dead_letters)
        found += misplaced(messages, deployment.partitions)
        found += _printing_differences(expected, deployment.folder)
        found += _absent_outcomes(expected, policy)
    return _Outcome(len(messages), len(cycles), found)


def write_trace(campaign: Campaign, rows: Sequence[Row], folder: Path) -> Path:
    """The trace as a file for `engage replay`: as it was recorded, or as a careless network might deliver it."""
    if not campaign.disturbed:
        file = folder / "trace.txt.gz"
        write_rows(file, rows)
    else:
        file = folder / "trace.jsonl.gz"
        write_json_lines(file, disturbed(with_registrations(active_events(rows))))
    return file


async def _play(
    campaign: Campaign, deployment: Deployment, file: Path, executioner: Executioner, on_kill: Callable[[Kill], None]
) -> list[str]:
    """Run the replay to its end, with a new worker for each that is killed. Returns what went wrong."""
    for _ in range(WORKERS):
        deployment.start_worker(crash=executioner.next_point(), chunk_users=campaign.chunk_users)
    replay = _start_replay(deployment, file)
    trouble: list[str] = []
    try:
        known_dead: set[str] = set()
        while replay.poll() is None and not trouble:
            for worker in [worker for worker in deployment.workers if not worker.running]:
                if worker.name in known_dead:
                    continue
                known_dead.add(worker.name)
                if worker.crashed_at is None:
                    trouble.append(f"{worker.name} ended by itself with {worker.process.returncode}: {worker.log}")
                    continue
                on_kill(await executioner.note(deployment, worker))
                deployment.start_worker(crash=executioner.next_point(), chunk_users=campaign.chunk_users)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        replay.kill()
        code = replay.wait()
        exits = await asyncio.to_thread(deployment.stop)
    if code != 0 and not trouble:
        trouble.append(f"engage replay ended with {code}: {_replay_log(deployment.folder).read_text()[-2000:]}")
    # A worker may still reach its point while the others are stopped.
    alive = [worker for worker in deployment.workers if worker.crashed_at is None]
    trouble += [f"{worker.name} stopped with {exits[worker.name]}" for worker in alive if exits[worker.name] != 0]
    return trouble + [complaint for worker in deployment.workers for complaint in _complaints(worker)]


def _complaints(worker: Worker) -> list[str]:
    """What the engine itself logged as an error, and what is no log line at all; the clients' own lines are free."""
    complaints = []
    for line in worker.log.read_text(encoding="utf-8").splitlines():
        # The last line of a killed worker may be cut off.
        entry: Any = json.loads(line) if line.startswith("{") and line.endswith("}") else {"level": "no log line"}
        if entry["level"] in ("error", "critical", "no log line") and "logger" not in entry:
            complaints.append(f"{worker.name} said: {line}")
    return complaints if worker.crashed_at is None else [text for text in complaints if text.endswith("}")]


def _start_replay(deployment: Deployment, file: Path) -> subprocess.Popen[bytes]:
    with _printed(deployment.folder).open("wb") as output, _replay_log(deployment.folder).open("wb") as errors:
        return subprocess.Popen(
            [
                *(str(Path(sys.executable).with_name("engage")), "replay", str(file), "--tick-every", "1d"),
                *("--json", "--timeout", str(_CYCLE_SECONDS)),
            ],
            env=deployment.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )


def _printed(folder: Path) -> Path:
    return folder / "replay.out"


def _replay_log(folder: Path) -> Path:
    return folder / "replay.log"


def _printing_differences(expected: Expected, folder: Path) -> list[str]:
    """The cycles that the replay printed, in order."""
    printed: list[Any] = [json.loads(line) for line in _printed(folder).read_text(encoding="utf-8").splitlines()]
    wanted = [record.value for record in expected.cycles]
    if printed == wanted:
        return []
    return [f"engage replay printed {len(printed)} cycles that are not the {len(wanted)} expected ones"]


def _absent_outcomes(expected: Expected, policy: TracePolicy) -> list[str]:
    """Segments and skip reasons of which the trace should show some and has none: it would prove nothing of them."""
    seen: set[str] = set()
    for record in expected.cycles:
        stats: Any = record.value["detailed_stats"]
        seen |= {
            name for counts in (stats["by_segment"], stats["skip_reasons"]) for name, users in counts.items() if users
        }
    return [f"no user was ever {name}" for name in sorted(policy.outcomes - seen)]
