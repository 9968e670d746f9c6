"""A whole soak: rounds on the same brokers and the same Postgres, each judged while the next one runs."""

import asyncio
import json
import math
import multiprocessing
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fault.cluster.cluster import three_brokers
from tests.fault.cluster.proxy import Proxy
from tests.fault.soak.checker.judgement import Judgement
from tests.fault.soak.checker.judging import judge_folder
from tests.fault.soak.kinds import SLOTS
from tests.fault.soak.playing import Plan, Platform, play
from tests.fault.soak.report import Played, Report
from tests.fault.soak.schedule import PERIOD_SECONDS, PlannedFault, draw_schedule
from tests.harness.restartable import restartable_postgres

ROUND_MINUTES = 10.4
"""At most, unless told otherwise: what a round leaves behind, about 150,000 records, is judged in memory."""


async def run(
    minutes: float,
    seed: int,
    mutant: str,
    command: str,
    folder: Path,
    alone: Collection[str] = (),
    round_minutes: float = ROUND_MINUTES,
) -> Report:
    """All kinds of faults, or these ``alone`` and one at a time.

    Ends early with the first round that is not as promised. Raises PlatformError when there is no platform.
    """
    report = Report(seed, command, mutant)
    judging: asyncio.Task[None] | None = None
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as judge:
        async with _platform(folder) as platform:
            for number, periods in enumerate(periods_of_rounds(minutes, round_minutes), 1):
                schedule = draw_schedule(f"{seed}/{number}", periods, alone)
                plan = _plan(seed, number, command, mutant, folder, periods, schedule)
                begun = time.monotonic()
                played = await play(platform, plan)
                _say(f"round {number}: {time.monotonic() - begun:.0f} s, {len(played.faults)} faults")
                if judging is not None:
                    await judging
                judging = asyncio.create_task(_judge(judge, plan, played, report), name=f"judge round {number}")
                if played.trouble or not report.sound:
                    break
        if judging is not None:
            await judging
    return report


def periods_of_rounds(minutes: float, round_minutes: float = ROUND_MINUTES) -> list[int]:
    """How many periods each round has: no more than fit, and as equal as can be."""
    periods = max(1, round(minutes * 60 / PERIOD_SECONDS))
    rounds = math.ceil(periods / max(1, round(round_minutes * 60 / PERIOD_SECONDS)))
    return [periods // rounds + (number < periods % rounds) for number in range(rounds)]


def write_json(file: Path, value: dict[str, Any]) -> None:
    """For people and machines."""
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _plan(
    seed: int, number: int, command: str, mutant: str, folder: Path, periods: int, schedule: list[PlannedFault]
) -> Plan:
    own = folder / f"round-{number}"
    own.mkdir()
    return Plan(seed, number, command, mutant, own, schedule, periods * PERIOD_SECONDS)


async def _judge(judge: ProcessPoolExecutor, plan: Plan, played: Played, report: Report) -> None:
    """In a process of its own; the evidence of a round that is as promised is removed."""
    begun = time.monotonic()
    judgement = await _called(judge, judge_folder, plan.folder)
    _say(f"round {plan.number} judged in {time.monotonic() - begun:.0f} s: {dict(judgement.kinds) or 'as promised'}")
    (plan.folder / "judgement.txt").write_text("\n".join(judgement.lines()), encoding="utf-8")
    report.add(played, judgement, plan.seconds)
    if report.sound:
        shutil.rmtree(plan.folder)


async def _called(judge: ProcessPoolExecutor, function: Callable[[Path], Judgement], folder: Path) -> Judgement:
    return await asyncio.get_running_loop().run_in_executor(judge, function, folder)


@asynccontextmanager
async def _platform(folder: Path) -> AsyncIterator[Platform]:
    """Three brokers, a Postgres, and a link of each worker to it."""
    async with AsyncExitStack() as opened:
        cluster = await opened.enter_async_context(three_brokers(folder))
        dsn, postgres = await opened.enter_async_context(restartable_postgres(folder))
        port = urlsplit(dsn).port
        assert port is not None
        links = [await opened.enter_async_context(Proxy("127.0.0.1", port)) for _ in range(SLOTS)]
        yield Platform(cluster, postgres, dsn, links)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
