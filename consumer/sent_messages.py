"""Log lines for messages that Kafka holds: the first of each tick one by one, the rest as a number."""

import json
from collections.abc import Sequence

import structlog

from consumer import metrics
from domain.events import Tick
from domain.messages import MESSAGE_TYPE
from domain.records import OutgoingRecord

log = structlog.get_logger()
_TYPE_HEADER = ("ce_type", MESSAGE_TYPE.encode())


class SentMessages:
    """Announces the messages of one shard; at most ``most`` lines a tick."""

    def __init__(self, shard: int, most: int) -> None:
        self._shard = shard
        self._most = most
        self._listed = 0
        self._unlisted = 0
        self._waiting: list[bytes] = []

    def published(self, records: Sequence[OutgoingRecord]) -> None:
        """The records of an entry were committed to Kafka; ``announce`` will say so."""
        # Records of a topic are all of one kind, so one of each topic is looked at.
        topics = {topic for topic, one in {record.topic: record for record in records}.items() if _is_message(one)}
        messages = [record.value or b"{}" for record in records if record.topic in topics]
        metrics.messages_published.inc(len(messages))
        listed = messages[: max(self._most - self._listed, 0)]
        self._waiting += listed
        self._listed += len(listed)
        self._unlisted += len(messages) - len(listed)

    def announce(self) -> None:
        """Log a line for each of those who get one."""
        for value in self._waiting:
            message = json.loads(value)
            # Neither name nor content: the log is read by more people than the messages.
            facts = {name: message.get(name) for name in ("message_id", "segment", "tone", "tick_id")}
            log.info("message_sent", shard=self._shard, user=message.get("user_id"), **facts)
        self._waiting.clear()

    def tick_ended(self, tick: Tick) -> None:
        """All messages of the tick were announced."""
        if self._unlisted:
            log.info("more_messages_sent", shard=self._shard, tick_id=tick.tick_id, messages=self._unlisted)
        self._listed = self._unlisted = 0


def _is_message(record: OutgoingRecord) -> bool:
    return _TYPE_HEADER in record.headers
