"""Stories of one worker that publishes, while single requests and batches fail."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.conditions import until
from tests.harness import crowd
from tests.harness.mutants import wire
from tests.harness.mutants.stage import (
    DECIDED_ALL,
    FIRST_ENTRY,
    PUBLISHED_ALL,
    Result,
    Stage,
    stage,
    wired,
)
from tests.harness.temporary import Services
from tests.harness.waiting import wait_for_event

_LIMIT = "max.message.bytes"
_USUAL_LIMIT = 1_048_588
# Of the 20 messages of an entry; before compression they have some 450 bytes each.
_SEVERAL_BATCHES = 2_000
_NO_BATCH = 300


async def late_commit(services: Services, mutant: str) -> Result:
    """A commit is sent twice since its connection is cut, and the first copy arrives within the next transaction."""
    async with stage(services, "late commit", mutant) as of, wired(of) as between:
        await _limit_messages(of, _SEVERAL_BATCHES)
        commit = between.hold(wire.commit, of.deployment.name, FIRST_ENTRY)
        of.start()
        await crowd.first_day(of.feed)
        await commit.arrived()
        # A new producer sends its probe first.
        sent = between.hold(wire.produce, of.deployment.name, nth=2)
        commit.cut()
        await sent.arrived()
        await commit.deliver()
        sent.release()
        await of.cycles(1)
        return await of.result()


async def narrowed_topic(services: Services, mutant: str) -> Result:
    """The message topic takes no batch for a while, and the topics of everything else do."""
    async with stage(services, "narrowed topic", mutant) as of:
        worker = of.start()
        await wait_for_event(worker, "shard_taken_over")
        await _limit_messages(of, _NO_BATCH)
        await crowd.first_day(of.feed)
        await of.cycles(1)
        await _limit_messages(of, _USUAL_LIMIT)
        if not worker.running:
            of.replace(worker)
        await of.cycles(1)
        return await of.result()


async def held_commit(services: Services, mutant: str) -> Result:
    """The first messages of one shard are held up, and the other shard ends the tick."""
    async with stage(services, "held commit", mutant, partitions=2) as of, wired(of) as between:
        held, other = (f"{of.deployment.name}-{shard}" for shard in range(2))
        commit = between.hold(wire.commit, held, FIRST_ENTRY)
        probe = between.hold(wire.commit, other)
        of.start()
        await crowd.first_day(of.feed)
        await asyncio.gather(commit.arrived(), probe.arrived())
        await of.until_shard(0, DECIDED_ALL)
        probe.release()
        await of.until_shard(1, PUBLISHED_ALL)
        of.found.extend(await of.early_cycles())
        commit.release()
        await of.cycles(1)
        return await of.result()


async def _limit_messages(of: Stage, limit: int) -> None:
    """How large batches of messages may be from now on, in bytes."""
    topic = ConfigResource(ConfigResourceType.TOPIC, of.deployment.topic("messages"), configs={_LIMIT: str(limit)})
    admin = AIOKafkaAdminClient(bootstrap_servers=of.deployment.kafka)
    await admin.start()
    try:
        await admin.alter_configs([topic])

        async def in_force() -> bool:
            [response] = await admin.describe_configs([topic])
            return (_LIMIT, str(limit)) in {(entry[0], entry[1]) for entry in response.resources[0][4]}

        await until(in_force)
    finally:
        await admin.close()
