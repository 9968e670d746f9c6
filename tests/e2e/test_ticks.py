"""`engage tick`, `engage ticker`, and a service that starts and stops."""

import signal
from datetime import datetime

import asyncpg
import pytest

from tests.conditions import eventually
from tests.e2e.commands import background, engage, workers
from tests.foreign import read_topic
from tests.harness.deployment import Deployment

TICK = ("tick", "--wait", "--json")


def test_a_tick_gives_its_cycle_and_an_earlier_one_is_stale(initialised: Deployment) -> None:
    with workers(initialised):
        engage(initialised, "produce", "--user-id", "12", "--name", "Ghost Gary", "--at", "2026-11-01T10:00:00Z")
        cycle = engage(initialised, *TICK, "--at", "2026-11-06T12:00:00+02:00", "--id", "friday")
        assert cycle.code == 0, cycle.stderr
        assert cycle.json["tick_id"] == "friday"
        assert cycle.json["at"] == "2026-11-06T10:00:00.000000Z"
        assert cycle.json["segment_breakdown"] == {"dormant": 1, "new_user": 0, "normal": 0}

        unlabelled = engage(initialised, *TICK, "--at", "2026-11-06T12:00:01+02:00")
        assert unlabelled.json["tick_id"] == "2026-11-06T12:00:01+02:00", "the time as it was written"

        stale = engage(initialised, *TICK, "--at", "2026-11-06T10:00:00Z")
        assert stale.code == 4
        assert "is stale" in stale.stderr
        assert stale.stdout == ""

        future = engage(initialised, *TICK, "--at", "2999-01-01T00:00:00Z")
        assert future.code == 4
        assert "too far in the future" in future.stderr

        text = engage(initialised, "tick", "--wait")
        assert text.code == 0
        assert "recently_messaged" in text.stdout


async def test_a_cycle_that_a_halted_shard_keeps_from_ending_is_not_waited_for(initialised: Deployment) -> None:
    connection = await asyncpg.connect(initialised.dsn)
    await connection.execute(
        "UPDATE engagement.shard SET halted_reason = 'its marker is lost', halted_at = now() WHERE shard = 2"
    )
    await connection.close()
    done = engage(initialised, *TICK)
    assert done.code == 4
    assert "shard 2 is halted (its marker is lost)" in done.stderr


def test_without_workers_the_wait_is_over_after_its_timeout(initialised: Deployment) -> None:
    done = engage(initialised, *TICK, "--timeout", "1")
    assert done.code == 3
    assert "engage run" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_stops_in_order(initialised: Deployment, number: signal.Signals) -> None:
    with background(initialised, "run") as worker:
        worker.wait_for("shard_taken_over")
        assert worker.stop(number) == 0
        assert "service_stopped" in worker.log.read_text()


def test_a_service_that_is_still_looking_for_its_surroundings_stops_too(initialised: Deployment) -> None:
    initialised.kafka = "127.0.0.1:1"  # nobody listens there
    with background(initialised, "run") as worker:
        worker.wait_for("stamina.retry_scheduled")
        assert worker.stop() == 0


async def test_the_ticker_ticks_at_multiples_until_it_is_stopped(initialised: Deployment) -> None:
    async def ticked_twice() -> None:
        assert ticker.process.poll() is None, ticker.log.read_text()
        assert len(read_topic(initialised.kafka, initialised.topic("ticks"))) >= 2

    with background(initialised, "ticker", "--every", "1s") as ticker:
        await eventually(ticked_twice)
        assert ticker.stop() == 0
    with workers(initialised):
        cycle = engage(initialised, *TICK)
    assert cycle.code == 0, cycle.stderr
    connection = await asyncpg.connect(initialised.dsn)
    times: list[datetime] = [row["at"] for row in await connection.fetch("SELECT at FROM engagement.tick ORDER BY 1")]
    await connection.close()
    assert {at.microsecond for at in times[:-1]} == {0}, "all but the last one are the ticker's"
    assert len(set(times)) == len(times) >= 3
