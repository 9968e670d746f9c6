"""What is looked at when a campaign is over: exit codes, complaints, transactions, and every record that came out."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.campaigns.hanging import hanging_transactions
from tests.differences import differences, misplaced
from tests.foreign import ForeignRecord, read_topic
from tests.harness.deployment import Deployment, Worker
from tests.harness.feed import Feed
from tests.harness.judgement import expected_of
from tests.oracle import SKIP_REASONS, TONES, Expected, Thresholds, barriers_in_order

_KILLED, _TERMINATED = -9, -15


@dataclass(frozen=True, slots=True)
class Ending:
    """``messages_by_tick``: in the order of the ticks."""

    differences: list[str]
    messages_by_tick: list[int]


async def end(deployment: Deployment, feed: Feed, thresholds: Thresholds) -> Ending:
    """Stop the workers and look at everything, given that each tick's cycle had ended before the next was produced."""
    await asyncio.to_thread(deployment.stop)
    found = [complaint for worker in deployment.workers for complaint in complaints(worker)]
    found += await hanging_transactions(deployment)
    # In a thread: other campaigns may run beside this one.
    judged = await asyncio.to_thread(_judge, deployment, feed, thresholds)
    return Ending([*found, *judged.differences], judged.messages_by_tick)


def _judge(deployment: Deployment, feed: Feed, thresholds: Thresholds) -> Ending:
    visible = barriers_in_order(feed.produced, deployment.topic("ticks"), deployment.partitions)
    expected = expected_of(deployment, visible, thresholds)
    messages, cycles, dead_letters = (
        read_topic(deployment.kafka, deployment.topic(role)) for role in ("messages", "cycles", "dead-letters")
    )
    found = differences(expected, messages, cycles, dead_letters)
    found += misplaced(messages, deployment.partitions)
    found += _absent(expected)
    return Ending(found, _by_tick(messages))


def _by_tick(messages: Iterable[ForeignRecord]) -> list[int]:
    counts = Counter(json.loads(record.value or b"{}")["decided_at"] for record in messages)
    return [number for _at, number in sorted(counts.items())]


def _absent(expected: Expected) -> list[str]:
    """Segments and skip reasons that never occurred: the campaign would prove nothing of them."""
    seen: set[str] = set()
    for record in expected.cycles:
        stats: Any = record.value["detailed_stats"]
        counts = {**stats["by_segment"], **stats["skip_reasons"]}
        seen |= {name for name, users in counts.items() if users}
    return [f"no user was ever {name}" for name in (*TONES, *SKIP_REASONS) if name not in seen]


def complaints(worker: Worker) -> list[str]:
    """A worker that was not killed and ended badly; what the engine logged as an error; tracebacks."""
    code = worker.process.poll()
    # One that is stopped before it has begun ends as any process does.
    fine = (0, _KILLED) if worker.events("service_started") else (0, _KILLED, _TERMINATED)
    return [*([f"{worker.name} ended with {code}"] if code not in fine else []), *log_complaints(worker)]


def log_complaints(worker: Worker) -> list[str]:
    """What is no line of the log, such as a traceback, and what the engine logged as an error."""
    found = []
    lines = worker.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    for line in lines:
        if not line.startswith("{"):
            found.append(f"{worker.name} said: {line.rstrip()}")
        elif line.endswith("\n"):
            # The clients' own lines, which name their logger, are free; the last one of a killed worker is cut off.
            entry = json.loads(line)
            if entry["level"] in ("error", "critical") and "logger" not in entry:
                found.append(f"{worker.name} said: {line.rstrip()}")
    return found
