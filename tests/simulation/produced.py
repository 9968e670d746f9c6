"""What producers send, by chance: mostly good records whose times meet the thresholds, some that can't be used."""

from datetime import datetime, timedelta
from random import Random

from adapters.codec import encode_activity, encode_tick
from domain.events import Activity, Tick
from domain.records import OutgoingRecord
from tests.builders import HOUR, NOON

MICROSECOND = timedelta(microseconds=1)
NAMES = (None, None, "Ada", "Zed", "Bob")
# How many hours before now an event happened: it may be late, and often is at a threshold of some policy.
DELAYS = (0, 0, 0, 1, 1, 2, 3, 4, 6, 9)
# On the hour mostly, so that ticks and events are whole thresholds apart, and sometimes just beside it.
JITTERS = (-1, 0, 0, 0, 1)
SPOILT = 0.04
# New users come all the time, or the segment of new ones would soon be empty.
NEWCOMERS = 0.08


class Producer:
    """Makes records. ``hours`` since noon is the time that Kafka and all producers have."""

    def __init__(self, chance: Random) -> None:
        self.hours = 10
        self._chance = chance
        self._users = chance.randint(2, 7)
        self._times_of_ticks: list[datetime] = []

    @property
    def now(self) -> datetime:
        return NOON + self.hours * HOUR

    @property
    def now_ms(self) -> int:
        """Kafka's clock."""
        return round(self.now.timestamp()) * 1000

    def user(self) -> int:
        """Somebody's number."""
        self._users += self._chance.random() < NEWCOMERS
        return self._chance.randrange(self._users)

    def activity(self, user: int) -> OutgoingRecord:
        occurred_at = self.now - self._chance.choice(DELAYS) * HOUR + self._jitter()
        event = Activity(f"u{user}", occurred_at, self._chance.choice(NAMES))
        record = encode_activity(event, "activity")
        return self._spoilt_activity(record) if self._chance.random() < SPOILT else record

    def tick(self) -> tuple[str, OutgoingRecord]:
        """A tick and its kind."""
        kind = self._chance.choices(("new", "repeated", "stale", "bad"), (12, 1, 1, 1))[0]
        at = self.now + self._jitter()
        if kind == "repeated":
            at = self._chance.choice([at, *self._times_of_ticks])
        elif kind == "stale":
            at -= self._chance.randint(1, 5) * HOUR
        record = tick_record(f"tick at {at:%d %H:%M:%S.%f}", at)
        if kind == "bad":
            return kind, self._spoilt_tick(record)
        self._times_of_ticks.append(at)
        return kind, record

    def _jitter(self) -> timedelta:
        return self._chance.choice(JITTERS) * MICROSECOND

    def _spoilt_activity(self, record: OutgoingRecord) -> OutgoingRecord:
        value = record.value or b""
        if self._chance.random() < 0.25:
            return OutgoingRecord(record.topic, b"somebody else", value)
        spoilt = self._chance.choice((value[:-1], value.replace(b"2026", b"2027"), None))
        return OutgoingRecord(record.topic, record.key, spoilt, (("trace", b"1"),))

    def _spoilt_tick(self, record: OutgoingRecord) -> OutgoingRecord:
        value = record.value or b""
        return OutgoingRecord(record.topic, None, self._chance.choice((value.replace(b"2026", b"2027"), b"now!", None)))


def tick_record(tick_id: str, at: datetime) -> OutgoingRecord:
    """A good tick."""
    return encode_tick(Tick(tick_id, at), "ticks")
