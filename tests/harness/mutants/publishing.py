"""Defects in publishing what is decided."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.kafka.producer import KafkaProducers
from adapters.kafka.transactions import TransactionalProducer
from adapters.postgres.transaction import PostgresShardTransaction
from consumer.publish import Publisher
from tests.harness.mutants.patching import rewrite

_START = "producer = self._producer = await self._producers.start(shard.number)"
_READ_MARKER = "marker = await self._read_marker(producer)"
_READ_ONCE = (
    _READ_MARKER,
    "marker = self._marker if vars(self).get('read') else await self._read_marker(producer)\nself.read = True",
)
_NOT_ASKED = (f"{_START}\nawait self._store.check(shard.ownership)", _START)


def marker_not_read() -> None:
    """A new producer takes what Postgres knows to be published for all that is: it doesn't ask Kafka."""
    rewrite(Publisher, "_initialise", (_READ_MARKER, "marker = shard.state.confirmed"))


def marker_read_before_start() -> None:
    """The marker is read before the new producer is started, so while a former one may still commit."""
    rewrite(
        Publisher,
        "_initialise",
        (_START, f"marker = await marker_so_far(self._producers, shard.number)\n{_START}"),
        (_READ_MARKER, ""),
        given={"marker_so_far": _marker_so_far},
    )


def marker_read_once() -> None:
    """The marker is read for the first producer of an ownership only."""
    rewrite(Publisher, "_initialise", _READ_ONCE)


def epoch_not_asked() -> None:
    """Whether the shard is still ours is not asked after the start of a producer."""
    rewrite(Publisher, "_initialise", _NOT_ASKED)


def marker_read_once_and_epoch_not_asked() -> None:
    """The marker is read for the first producer of an ownership only, and the epoch not asked after the start."""
    rewrite(Publisher, "_initialise", _READ_ONCE, _NOT_ASKED)


def deliveries_not_checked() -> None:
    """The futures of deliveries are awaited, and not looked at."""
    rewrite(
        TransactionalProducer,
        "_deliver",
        ("for delivery in done:\n    delivery.result()", ""),
        ("return_when=asyncio.FIRST_EXCEPTION", "return_when=asyncio.ALL_COMPLETED"),
        (
            "[delivery.result().offset for delivery in deliveries]",
            "[-1 if delivery.exception() else delivery.result().offset for delivery in deliveries]",
        ),
    )


def producer_kept() -> None:
    """A producer is kept after a commit that may have been sent twice."""
    rewrite(
        TransactionalProducer,
        "commit",
        ("if self._coordinator_connections() != connections:\n    self._phase = _Phase.SPENT", ""),
    )


def done_before_confirmation() -> None:
    """The shard is counted done when all of its tick is decided, published or not."""
    rewrite(PostgresShardTransaction, "count_done", (" or begun.last_sequence > self.state.confirmed", ""))


async def _marker_so_far(producers: KafkaProducers, shard: int) -> int:
    """The last marker that is committed now."""
    partition = TopicPartition(producers._progress_topic, shard)
    async with AIOKafkaConsumer(**producers._connection.arguments(), isolation_level="read_committed") as consumer:
        end = (await consumer.end_offsets([partition]))[partition]
    return await producers.marker(shard, end - 1) if end else 0
