"""aiokafka's records as the domain sees them."""

from aiokafka import ConsumerRecord

from domain.records import InputRecord


def input_record(record: ConsumerRecord) -> InputRecord:
    """The same record without the client's bookkeeping."""
    return InputRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
