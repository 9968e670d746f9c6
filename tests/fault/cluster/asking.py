"""What a cluster says about itself, asked for afresh through Kafka's protocol.

Raises AssertionError for what isn't known at the moment, as during an election.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaClient, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import AlterConfigsRequest

# A broker that is frozen answers nobody; then another one is asked.
_REQUEST_TIMEOUT_MS = 2_000


async def leader(kafka: str, topic: str, partition: int) -> int:
    """The node id of the partition's leader."""
    async with _client(kafka) as client:
        metadata = await client.fetch_all_metadata()
    found = metadata._partitions.get(topic, {}).get(partition)
    assert found is not None, f"there is no {topic}-{partition}"
    assert found.leader >= 0, f"{topic}-{partition} has no leader"
    return int(found.leader)


async def coordinator(kafka: str, kind: CoordinationType, name: str) -> int:
    """The node id of the coordinator of a group or of a transactional id."""
    async with _client(kafka) as client:
        return int(await client.coordinator_lookup(kind, name))


async def incomplete(kafka: str, replicas: int) -> list[str]:
    """The partitions that lack a leader or have fewer replicas in sync than that."""
    async with _client(kafka) as client:
        metadata = await client.fetch_all_metadata()
    return [
        f"{topic}-{number} (leader {partition.leader}, in sync {partition.isr})"
        for topic, partitions in metadata._partitions.items()
        for number, partition in partitions.items()
        if partition.leader < 0 or len(partition.isr) < replicas
    ]


@asynccontextmanager
async def _client(kafka: str) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(bootstrap_servers=kafka, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        yield client
    except (KafkaError, OSError) as error:
        raise AssertionError(f"the brokers at {kafka} don't tell: {error!r}") from error
    finally:
        await client.close()


async def alter(kafka: str, kind: ConfigResourceType, name: str, settings: Mapping[str, str]) -> None:
    """Give a topic, or all brokers (by an empty name), these settings and no others."""
    async with _client(kafka) as client:
        node = client.get_random_node()
        response = await client.send(node, AlterConfigsRequest([(int(kind), name, list(settings.items()))]))
    for code, message, *_ in response.resources:
        assert code == 0, f"{name}: {message}"


async def create(kafka: str, topic: str, replicas: int) -> None:
    """A topic of one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(topic, 1, replicas)])
    finally:
        await admin.close()
    for name, code, *_ in response.topic_errors:
        assert code == 0, f"{name}: {for_code(code).__name__}"


async def refusal(kafka: str, topic: str) -> str:
    """The name of the error that a producer gets for a record; empty for none."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", request_timeout_ms=_REQUEST_TIMEOUT_MS)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"refuse this")
    except KafkaError as error:
        return type(error).__name__
    finally:
        await producer.stop()
    return ""
