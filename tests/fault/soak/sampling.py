"""What is looked at every few seconds while a round goes on: memory and descriptors of workers, and the state."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.fault.soak.checker.history import Recorder, Sample, Snapshot
from tests.fault.soak.checker.stored import states_of
from tests.fault.soak.crew import Place
from tests.fault.soak.scene import APPLICATION
from tests.harness.deployment import Deployment

_SAMPLE_SECONDS = 5.0
_SNAPSHOT_SECONDS = 4.0
_PATIENCE_SECONDS = 3.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


async def sample(place: Place, recorder: Recorder) -> None:
    """Memory and descriptors of a worker that is never restarted; never returns."""
    while True:
        worker = place.worker
        if worker is not None and worker.running:
            process = Path(f"/proc/{worker.process.pid}")
            with suppress(FileNotFoundError, ProcessLookupError):
                resident = int((process / "statm").read_text().split()[1]) * _PAGE_BYTES
                descriptors = len(list((process / "fd").iterdir()))
                recorder.note(Sample(worker.name, time.monotonic(), resident, descriptors))
        await asyncio.sleep(_SAMPLE_SECONDS)


async def snapshot(deployment: Deployment, users: Sequence[str], ends: Mapping[int, int], recorder: Recorder) -> None:
    """The stored state of all shards and of these users; left out while Postgres is away; never returns.

    ``ends``: what Kafka has acknowledged, by partition of the activity topic; it grows meanwhile.
    """
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                recorder.note(await _snapshot(deployment, users, ends))
        await asyncio.sleep(_SNAPSHOT_SECONDS)


async def _snapshot(deployment: Deployment, users: Sequence[str], ends: Mapping[int, int]) -> Snapshot:
    began = time.monotonic()
    committed = await _committed(deployment)
    acknowledged = dict(ends)
    connection = await asyncpg.connect(
        deployment.dsn, timeout=_PATIENCE_SECONDS, server_settings={"application_name": APPLICATION}
    )
    try:
        shards, rows = await states_of(connection, users)
    finally:
        await connection.close(timeout=1.0)
    return Snapshot(began, time.monotonic(), committed, acknowledged, shards, rows)


async def _committed(deployment: Deployment) -> dict[int, int]:
    """The group's committed offsets; none while Kafka doesn't tell."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.kafka, request_timeout_ms=1_000)
    try:
        async with asyncio.timeout(1.0):
            await admin.start()
            found = await admin.list_consumer_group_offsets(deployment.name)
    except (KafkaError, OSError, TimeoutError):
        return {}
    finally:
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(0.5):
                await admin.close()
    return {tp.partition: committed.offset for tp, committed in found.items()}
