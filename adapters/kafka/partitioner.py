"""Which partition an outgoing record belongs to."""

from aiokafka.partitioner import murmur2


def partition_for(key: bytes | None, partitions: int) -> int:
    """Where Kafka's default partitioner puts the key in a topic of so many partitions.

    Kafka spreads records without a key at random. Only dead letters can lack one, and nothing depends on where they
    lie, so partition 0 takes them: the same record then always goes to the same place.
    """
    if key is None:
        return 0
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
