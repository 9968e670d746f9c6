"""Stories of two workers that both believe that they own the only shard: one was stopped in the middle of something."""

from tests.conditions import until
from tests.harness import crowd
from tests.harness.halting import sql
from tests.harness.mutants import wire
from tests.harness.mutants.stage import (
    DECIDED_ALL,
    FIRST_ENTRY,
    Result,
    gave_up,
    stage,
    stopped_at,
    wired,
)
from tests.harness.temporary import Services

_WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_BEFORE_COMMIT = "publish 3|before|1"
_IN_TRANSACTION = "tick 3|after|1"
_BEFORE_PRODUCER = "producer start|before|1"
_BEFORE_SECOND_PRODUCER = "producer start|before|2"
# How many users each of them has. So many entries may be ahead of the confirmed one.
THREE_CHUNKS = 40


async def commit_between(services: Services, mutant: str) -> Result:
    """An owner is stopped before its commit in Kafka, and goes on while its successor is about to start a producer."""
    async with stage(services, "commit between", mutant) as of:
        successor = await of.successor(_BEFORE_PRODUCER)
        owner = of.start(f"{_BEFORE_COMMIT}|stop")
        await crowd.first_day(of.feed)
        await stopped_at(owner, _BEFORE_COMMIT)
        await of.expel_all()
        successor.resume()
        await stopped_at(successor, _BEFORE_PRODUCER)
        owner.resume()
        await gave_up(owner)
        successor.resume()
        await of.cycles(1)
        return await of.result()


async def epoch_waits(services: Services, mutant: str) -> Result:
    """An owner is stopped in the transaction of its first chunk, and commits while its successor waits for the row."""
    async with stage(services, "epoch waits", mutant) as of:
        successor = await of.successor()
        owner = of.start(f"{_IN_TRANSACTION}|stop")
        await crowd.first_day(of.feed)
        await stopped_at(owner, _IN_TRANSACTION)
        await of.expel_all()
        successor.resume()

        async def waits() -> bool:
            return bool(await sql(of.deployment, _WAITING))

        await until(waits)
        owner.resume()
        await of.cycles(1)
        return await of.result()


async def repeated_commit(services: Services, mutant: str) -> Result:
    """A commit is repeated as its connection was cut, and the owner sleeps until its successor has ended the tick."""
    async with stage(services, "repeated commit", mutant) as of, wired(of) as between:
        commit = between.hold(wire.commit, of.deployment.name, FIRST_ENTRY)
        successor = await of.successor()
        owner = of.start(f"{_BEFORE_SECOND_PRODUCER}|stop", THREE_CHUNKS)
        await crowd.first_day(of.feed)
        await commit.arrived()
        # It has nothing else to do then, in which it would notice.
        await of.until_shard(0, DECIDED_ALL)
        commit.cut()
        await stopped_at(owner, _BEFORE_SECOND_PRODUCER)
        await of.expel_all()
        successor.resume()
        await of.cycles(1)
        owner.resume()
        await gave_up(owner)
        return await of.result()
