"""A right that is taken away while a worker runs ends the worker with its name, and loses and repeats nothing."""

import asyncio
import json
from collections import Counter
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.kafka.connection import KafkaConnection, KafkaSecurity
from tests.e2e.commands import Background, background
from tests.security.acls import Acl, opened_acls
from tests.security.broker import ADMIN, SECRET, password_of
from tests.security.playing import names, play
from tests.security.scene import Secured, SecuredDeployment
from tests.security.scripts import granted_by_script

NAME = "lost"
END_SECONDS = 90.0
# What Read and Write include, which would be missed first at times.
KEPT = [Acl("engine", "Describe", "topic", f"{NAME}-{role}") for role in ("activity", "messages", "ticks")]
LOST = [
    Acl("engine", "Read", "topic", f"{NAME}-activity"),
    Acl("engine", "Write", "topic", f"{NAME}-messages"),
    Acl("engine", "Read", "group", NAME),
    Acl("engine", "Write", "transactional-id", f"{NAME}-", "prefixed"),
    Acl("engine", "Read", "topic", f"{NAME}-ticks"),
]


class Play:
    """One deployment: before each tick one more user comes, and each tick messages all there are."""

    def __init__(self, deployment: SecuredDeployment) -> None:
        self.deployment = deployment
        self.ticks = 0

    async def go_on(self) -> None:
        """One more user, and one more tick, two days after the one before."""
        self.ticks += 1
        await self._done(f"produce --user-id {self.ticks} --at 2026-01-01T00:00:00Z")
        await self._done(f"tick --at 2026-02-{2 * self.ticks:02}T00:00:00Z --id {self.ticks}")

    async def _done(self, command: str) -> None:
        name, _, _ = command.partition(" ")
        folder = self.deployment.folder / f"{name}-{self.ticks}"
        ended = await play(self.deployment.of(ADMIN, "reader"), command, folder)
        assert ended.code == 0, ended.stderr

    async def published(self, role: str, number: int) -> list[dict[str, object]]:
        """What a topic holds, as soon as there are so many records."""
        if number == 0:
            return []
        secured = self.deployment.secured
        security = KafkaSecurity("SASL_SSL", secured.tls, "SCRAM-SHA-512", ADMIN, password_of(ADMIN))
        arguments = KafkaConnection(secured.kafka.secured, security=security).arguments()
        consumer = AIOKafkaConsumer(**arguments, isolation_level="read_committed", auto_offset_reset="earliest")
        await consumer.start()
        try:
            topic = f"{NAME}-{role}"
            consumer.assign([TopicPartition(topic, number) for number in range(1 if role == "cycles" else 2)])
            found: list[dict[str, object]] = []
            async with asyncio.timeout(END_SECONDS):
                while len(found) < number:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found.extend(json.loads(record.value) for record in records)
            return found
        finally:
            await consumer.stop()


async def test_a_right_lost_at_work_ends_the_worker_and_loses_nothing(secured: Secured, tmp_path: Path) -> None:
    deployment = secured.deployment(NAME, tmp_path, {"MESSAGE_FREQUENCY_HOURS": "24", "SESSION_TIMEOUT_SECONDS": "6"})
    await deployment.create_database()
    assert (await play(deployment.of(ADMIN, "owner"), "init", tmp_path / "init")).code == 0
    await asyncio.to_thread(deployment.grant_tables)
    engine, script = deployment.of("engine", "engine"), Play(deployment)
    async with opened_acls(secured.kafka.secured, secured.tls) as acls:
        await acls.grant([*granted_by_script(engine, "engine", "engine", tmp_path), *KEPT])
        for right in LOST:
            with background(engine, "run") as worker:
                await asyncio.to_thread(worker.wait_for, "shard_taken_over")
                # What the worker before left undone.
                await script.published("cycles", script.ticks)
                await acls.revoke([right])
                await script.go_on()
                line = await _ended(worker)
                assert names(line, right.operation, right.resource, right.name), line
            await acls.grant([right])
        with background(engine, "run"):
            cycles = await script.published("cycles", script.ticks)
    assert [(cycle["tick_id"], cycle["messages_sent"]) for cycle in cycles] == [
        (str(tick), tick) for tick in range(1, script.ticks + 1)
    ]
    expected = Counter((str(user), str(tick)) for tick in range(1, script.ticks + 1) for user in range(1, tick + 1))
    messages = await script.published("messages", expected.total())
    assert Counter((message["user_id"], message["tick_id"]) for message in messages) == expected


async def _ended(worker: Background) -> str:
    """The line that tells why the worker ended, with the exit code of surroundings that don't fit."""
    code = await asyncio.to_thread(worker.process.wait, END_SECONDS)
    log = worker.log.read_text()
    assert code == 3, log
    assert SECRET not in log
    assert "Traceback" not in log
    (line,) = [line for line in log.splitlines() if line.startswith("engage: ")]
    return line
