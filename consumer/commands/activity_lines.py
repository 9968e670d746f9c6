"""Activity as lines of text, on its way into the activity topic."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.codec import Limits, decode_activity, encode_activity
from adapters.codec.json_objects import read_object
from consumer.commands.errors import UnusableInputError
from domain.errors import RejectedRecordError
from domain.events import Activity
from domain.records import InputRecord, OutgoingRecord


@dataclass(frozen=True, slots=True)
class TimedRecord:
    """A record for the activity topic, and when what it says happened."""

    record: OutgoingRecord
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class ActivityTarget:
    """Where activity goes, and what the engine accepts there; ``now`` gives the time of sending."""

    topic: str
    limits: Limits
    now: Callable[[], datetime]

    def record_of(self, activity: Activity) -> TimedRecord:
        """The event as a record. Raises UnusableInputError for one that the engine would reject."""
        try:
            return self._checked(encode_activity(activity, self.topic))
        except RejectedRecordError as rejection:
            raise UnusableInputError(f"The event can't be used: {rejection.detail}.") from rejection

    def json_record(self, value: bytes) -> TimedRecord:
        """A JSON event as it stands, under the key that it needs. Raises RejectedRecordError."""
        try:
            user_id = read_object(value).get("user_id")
        except ValueError as problem:
            raise RejectedRecordError("bad_json", f"the line {problem}") from problem
        return self._checked(OutgoingRecord(self.topic, (user_id or "").encode(), value))

    def columns_record(self, line: str) -> TimedRecord:
        """A line `user other-user unix-seconds`, of which the first acts. Raises RejectedRecordError."""
        try:
            user_id, _other, seconds = line.split()
            occurred_at = datetime.fromtimestamp(int(seconds), UTC)
        except (ValueError, OverflowError, OSError) as problem:
            detail = "the line is neither a JSON object nor `user other-user unix-seconds`"
            raise RejectedRecordError("invalid_field", detail) from problem
        return self._checked(encode_activity(Activity(user_id, occurred_at), self.topic))

    def _checked(self, record: OutgoingRecord) -> TimedRecord:
        timestamp_ms = int(self.now().timestamp() * 1_000)
        as_read = InputRecord(self.topic, 0, 0, timestamp_ms, record.key, record.value)
        return TimedRecord(record, decode_activity(as_read, self.limits).occurred_at)


def read_events(lines: Iterable[bytes], name: str, target: ActivityTarget, *, columns: bool) -> Iterator[TimedRecord]:
    """The events of the lines, in their order; empty lines are left out.

    ``columns``: lines `user other-user unix-seconds` are read too. Raises UnusableInputError, which names the line of
    ``name``, for one that the engine would reject.
    """
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line:
            continue
        try:
            if columns and not line.startswith(b"{"):
                yield target.columns_record(line.decode())
            else:
                yield target.json_record(line)
        except UnicodeDecodeError as error:
            raise UnusableInputError(f"{name}, line {number}: is not UTF-8.") from error
        except RejectedRecordError as rejection:
            raise UnusableInputError(f"{name}, line {number}: {rejection.detail}.") from rejection
