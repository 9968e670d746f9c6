"""What must hold for every case."""

import re
from datetime import UTC, datetime, timedelta

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from adapters.codec import Limits, dead_letter, decode_activity, decode_tick, encode_activity, encode_tick
from adapters.codec.rejected import read_dead_letter
from consumer.http.cycle_requests import tick_of
from domain.errors import REASONS, RejectedRecordError
from domain.events import Activity, Tick
from domain.messages import generate_message
from domain.records import InputRecord, OutgoingRecord
from domain.segmentation import Tone
from tests import oracle
from tests.builders import read_activity
from tests.fuzz.cases import MAX_RECORD_BYTES, NOW_MS, Case

LIMITS = Limits(max_future_skew=timedelta(seconds=300), max_record_bytes=MAX_RECORD_BYTES)
_NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
_TOPIC = "engagement-dead-letters"
_LABEL = "must be a string of # to # characters without control characters"
_TIME = "must be a string with an RFC # date-time such as #-#-#T#:#:#Z"
_FUTURE = "is more than # seconds after the record's Kafka timestamp"
_OF_BODY = ("is not UTF-#", "is not JSON", "is not a JSON object", "has half a surrogate pair")
DETAILS = frozenset(
    [
        *(f"value: {problem}" for problem in _OF_BODY),
        *(f"the body {problem}" for problem in (*_OF_BODY, "has more than # bytes")),
        *("value: there is none", "value: has # bytes, more than the # allowed"),
        *(f"{field}: is missing" for field in ("type", "user_id", "occurred_at", "name", "at")),
        *("type: must be a string", "type: must be user.active or user.registered", "type: must be engagement.tick"),
        *(f"user_id: {_LABEL}", f"tick_id: {_LABEL}", f"occurred_at: {_TIME}", f"at: {_TIME}"),
        *(f"occurred_at: {_FUTURE}", f"at: {_FUTURE}"),
        "name: must be a string of # to # characters once control characters and surrounding white space are taken out",
        *("record key: is not the user_id", "record key: must be the user_id, but there is none"),
    ]
)
"""Everything that a rejection may say, with # for numbers."""

Outcome = Activity | Tick | RejectedRecordError | None


def decoded(case: Case) -> Outcome:
    """What the codec makes of the case: the only step whose cost is measured. Raises what is a defect."""
    try:
        if case.target == "activity":
            return read_activity(case.record, LIMITS)
        if case.target == "ticks":
            return decode_tick(case.record, LIMITS)
        if case.target == "http":
            return tick_of(case.record.value or b"", _NOW, LIMITS)
        read_dead_letter(case.record)
    except RejectedRecordError as rejection:
        return rejection
    return None


def judge(case: Case, outcome: Outcome) -> None:
    """Raise AssertionError where the outcome is not what the outside was promised."""
    if case.target in ("activity", "ticks"):
        assert _told(outcome) == _expected(case), "the oracle says otherwise"
    if isinstance(outcome, RejectedRecordError):
        _judge_rejection(case, outcome)
    elif isinstance(outcome, Activity):
        again = encode_activity(outcome, "user-activity")
        assert decode_activity(_arrived(again), LIMITS) == outcome
        _judge_name(outcome.name)
    elif isinstance(outcome, Tick):
        assert decode_tick(_arrived(encode_tick(outcome, "ticks")), LIMITS) == outcome


def _told(outcome: Outcome) -> object:
    if isinstance(outcome, RejectedRecordError):
        return outcome.reason
    if isinstance(outcome, Activity):
        return oracle.Event(outcome.user_id, oracle.microseconds(outcome.occurred_at), outcome.name)
    assert isinstance(outcome, Tick)
    return oracle.Tick(outcome.tick_id, oracle.microseconds(outcome.at))


def _expected(case: Case) -> object:
    record = case.record
    there = oracle.InputRecord(
        record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
    )
    try:
        return (oracle.read_event if case.target == "activity" else oracle.read_tick)(there, oracle.DEFAULT_LIMITS)
    except oracle.RejectedError as rejected:
        return rejected.args[0]


def _judge_rejection(case: Case, rejection: RejectedRecordError) -> None:
    assert rejection.reason in REASONS
    # Fixed words and numbers: nothing of the input is in it.
    assert re.sub("[0-9]+", "#", rejection.detail) in DETAILS
    if case.target == "http":
        return
    letter = dead_letter(case.record, rejection, _TOPIC, case.most_bytes)
    read = read_dead_letter(
        InputRecord(_TOPIC, 0, 0, letter.timestamp_ms or 0, letter.key, letter.value, letter.headers)
    )
    assert _batch_bytes(letter) <= case.most_bytes
    assert read is not None
    assert read.reason == rejection.reason
    assert (read.original == case.record) or read.truncated
    if read.truncated:
        assert read.length == (None if case.record.value is None else len(case.record.value))
        assert (case.record.value or b"").startswith(letter.value or b"")


def _batch_bytes(record: OutgoingRecord) -> int:
    """How many bytes the client sends for the record alone: what a topic's max.message.bytes is about."""
    batch = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=1,
        producer_id=2**62,
        producer_epoch=2**14,
        base_sequence=2**30,
        batch_size=2**30,
    )
    batch.append(0, record.timestamp_ms, record.key, record.value, list(record.headers))
    return len(batch.build())


def _judge_name(name: str | None) -> None:
    """The name stands in the content as it is, and the content is one line."""
    for tone in Tone:
        content = generate_message(tone, name)
        assert (name or "there") in content
        assert len(content.encode()) < 4 * 200 + 100
        assert not [character for character in content if ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0]


def _arrived(record: OutgoingRecord) -> InputRecord:
    return InputRecord(record.topic, 0, 0, 2**62, record.key, record.value)
