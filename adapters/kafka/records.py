"""aiokafka's records as the domain sees them."""

from aiokafka import ConsumerRecord

from domain.records import InputRecord


def input_record(record: ConsumerRecord) -> InputRecord:
    """The same record without the client's bookkeeping."""
    # By position: names cost half as much again.
    return InputRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers) if record.headers else (),
    )
