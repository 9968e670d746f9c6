"""Records as a producer would leave them in Kafka, for the oracle and those who compare with it."""

import json

from tests import oracle
from tests.oracle import DAY, HOUR, SECOND, Expected, InputRecord, Thresholds

NOON = "2026-11-22T12:00:00Z"
NOON_MS = 1_795_348_800_000
NOON_US = NOON_MS * 1000
SEED_THRESHOLDS = Thresholds(inactivity=60 * SECOND)


def ago(duration: int) -> str:
    return oracle.written(NOON_US - duration)


class Log:
    """Activity (two partitions) and ticks in the order in which they are produced, all stamped with noon."""

    def __init__(self) -> None:
        self.produced: list[InputRecord] = []

    def raw(
        self, value: bytes | None, key: bytes | None = b"1", topic: str = "activity", partition: int = 0
    ) -> InputRecord:
        offset = sum((record.topic, record.partition) == (topic, partition) for record in self.produced)
        self.produced.append(InputRecord(topic, partition, offset, NOON_MS, key, value, (("trace", b"\x00"),)))
        return self.produced[-1]

    def active(self, user_id: str, occurred_at: str, partition: int = 0) -> InputRecord:
        event = {"type": "user.active", "user_id": user_id, "occurred_at": occurred_at}
        return self.raw(json.dumps(event).encode(), user_id.encode(), partition=partition)

    def registered(self, user_id: str, name: str, occurred_at: str, partition: int = 0) -> InputRecord:
        event = {"type": "user.registered", "user_id": user_id, "name": name, "occurred_at": occurred_at}
        return self.raw(json.dumps(event).encode(), user_id.encode(), partition=partition)

    def tick(self, at: str, **other: object) -> InputRecord:
        tick = {"type": "engagement.tick", "at": at, **other}
        return self.raw(json.dumps(tick).encode(), None, "ticks")

    def expect(self, thresholds: Thresholds = oracle.DEFAULT_THRESHOLDS, coalesced: tuple[int, ...] = ()) -> Expected:
        ticks = [record for record in self.produced if record.topic == "ticks"]
        activity = [record for record in self.produced if record.topic == "activity"]
        barriers = oracle.barriers_in_order(self.produced, "ticks", shards=2)
        return oracle.expect(activity, ticks, barriers, thresholds=thresholds, coalesced=coalesced)


def seed_log() -> Log:
    """Make the fifteen users: 1-4 active, 5-7 messaged half a day ago, 8-12 dormant, 13-14 new, 15 normal."""
    log = Log()
    for user in (5, 6, 7):
        log.registered(str(user), f"User {user}", ago(20 * DAY), partition=user % 2)
    log.tick(ago(12 * HOUR), tick_id="half a day ago")
    for user in range(1, 16):
        name = {4: "Active Alice", 12: "Ghost Gary"}.get(user, f"User {user}")
        age = 5 * HOUR if user in (13, 14) else 30 * DAY
        idle = 30 * SECOND if user <= 4 else 5 * DAY if 8 <= user <= 12 else 2 * HOUR
        log.registered(str(user), name, ago(age), partition=user % 2)
        log.active(str(user), ago(idle), partition=user % 2)
    log.tick(NOON, tick_id="noon")
    return log
