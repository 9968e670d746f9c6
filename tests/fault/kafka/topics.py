"""What becomes of Kafka's topics while workers run: deleted, made anew, emptied."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from tests.conditions import until
from tests.harness.deployment import Deployment


async def delete_topic(deployment: Deployment, role: str) -> None:
    """Delete a topic; it is gone when this returns."""
    topic = deployment.topic(role)
    async with opened_admin(deployment.kafka) as admin:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await until(gone)


@asynccontextmanager
async def opened_admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that administers topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
