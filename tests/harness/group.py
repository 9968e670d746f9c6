"""What Kafka says about a consumer group."""

from aiokafka.admin import AIOKafkaAdminClient


async def members(kafka: str, group: str) -> set[str]:
    """The ids of its members: one that leaves and joins again has a new id."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        [response] = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    [(code, _, _, _, _, found)] = response.groups
    assert code == 0, f"Kafka's error {code} for the group {group}"
    return {member[0] for member in found}


async def committed_offsets(kafka: str, group: str) -> dict[int, int]:
    """The offsets that the group has committed for its topic, by partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {tp.partition: committed.offset for tp, committed in found.items()}
