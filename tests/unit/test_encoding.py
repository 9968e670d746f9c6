import json

import pytest
from cramjam import zstd
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import (
    dead_letter,
    encode_activity,
    encode_cycle,
    encode_message,
    encode_tick,
    pack_records,
    unpack_records,
)
from domain.cycles import Cycle, Figures, cycle_record
from domain.errors import MisconfiguredError, RejectedRecordError
from domain.events import Activity, Tick
from domain.messages import EngagementMessage, generate_message, message_id
from domain.records import OutgoingRecord
from domain.segmentation import Segment, Tone
from tests.unit.builders import NOW, record

ROOM = 1_000_000


def message(user_id: str = "12", name: str = "Ghost Gary") -> EngagementMessage:
    return EngagementMessage(
        message_id=message_id(user_id, NOW),
        user_id=user_id,
        content=generate_message(Tone.PLAYFUL, name),
        segment=Segment.DORMANT,
        tone=Tone.PLAYFUL,
        tick_id="2026-11-22T10:00:00Z",
        decided_at=NOW,
    )


def test_a_message_to_the_letter() -> None:
    its_id = "201e8619-5dab-57ea-8562-40423e86f443"
    assert encode_message(message(), "engagement-messages", "/here") == OutgoingRecord(
        topic="engagement-messages",
        key=b"12",
        value=(
            f'{{"message_id":"{its_id}","type":"CLIENT_ENGAGEMENT_BRAND","user_id":"12",'
            '"content":"Hey Ghost Gary, we miss you! 😉","segment":"dormant","tone":"playful","reason":"eligible",'
            '"tick_id":"2026-11-22T10:00:00Z","decided_at":"2026-11-22T10:00:00.000000Z"}'
        ).encode(),
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_id", its_id.encode()),
            ("ce_type", b"CLIENT_ENGAGEMENT_BRAND"),
            ("ce_source", b"/here"),
            ("ce_time", b"2026-11-22T10:00:00.000000Z"),
            ("content-type", b"application/json"),
        ),
    )


@pytest.mark.parametrize("name", ["{0.__class__}", "%s", '"', "\\", "</script>", "Žofie \u2028"])
def test_whatever_a_name_holds_the_message_is_json(name: str) -> None:
    value = encode_message(message(name=name), "m", "/").value
    assert json.loads(value or b"")["content"] == f"Hey {name}, we miss you! 😉"


def test_a_cycle_is_keyed_by_its_tick() -> None:
    cycle = Cycle("Žt-1", NOW, 4, 0, Figures(4, 3, 5, 2, 1))
    sent = encode_cycle(cycle, "engagement-cycles")
    assert (sent.topic, sent.key) == ("engagement-cycles", "Žt-1".encode())
    assert sent.value == json.dumps(cycle_record(cycle), ensure_ascii=False, separators=(",", ":")).encode()


def test_test_events_are_written_as_the_engine_wants_them() -> None:
    sent = encode_activity(Activity("12", NOW), "a")
    assert sent.key == b"12"
    assert sent.value == b'{"type":"user.active","user_id":"12","occurred_at":"2026-11-22T10:00:00.000000Z"}'
    sent = encode_activity(Activity("12", NOW, "Ann"), "a")
    assert json.loads(sent.value or b"") == {
        "type": "user.registered",
        "user_id": "12",
        "name": "Ann",
        "occurred_at": "2026-11-22T10:00:00.000000Z",
    }
    sent = encode_tick(Tick("t", NOW), "t")
    assert sent.value == b'{"type":"engagement.tick","tick_id":"t","at":"2026-11-22T10:00:00.000000Z"}'


# --- dead letters ---

REJECTION = RejectedRecordError("bad_json", "value: is not JSON")
ADDED = (
    ("engagement.error.reason", b"bad_json"),
    ("engagement.error.detail", b"value: is not JSON"),
    ("engagement.error.topic", b"user-activity"),
    ("engagement.error.partition", b"3"),
    ("engagement.error.offset", b"41"),
    ("engagement.error.timestamp", b"1795341600000"),
)


@pytest.mark.parametrize("key", [None, b"", b"\xff\x00"])
@pytest.mark.parametrize("value", [None, b"", b"\xff\x00{", b"x" * 990_000])
def test_a_dead_letter_is_the_record_with_headers_that_say_why(key: bytes | None, value: bytes | None) -> None:
    headers = (("trace", b"1"), ("trace", None), ("engagement.error.reason", b"an earlier one"))
    letter = dead_letter(record(value, key=key, headers=headers), REJECTION, "dead", ROOM)
    assert letter == OutgoingRecord("dead", key, value, headers + ADDED, timestamp_ms=1795341600000)


def test_a_value_too_large_for_the_topic_is_cut_and_that_is_told() -> None:
    value = bytes(range(256)) * 4000
    letter = dead_letter(record(value), REJECTION, "dead", ROOM)
    assert letter.value == value[:65_536]
    told = (("engagement.error.truncated", b"true"), ("engagement.error.length", b"1024000"))
    assert letter.headers == ADDED + told


# --- the outbox ---

OPTIONAL_BYTES = st.none() | st.binary()
RECORDS = st.builds(
    OutgoingRecord,
    topic=st.text(st.characters(exclude_categories=["Cs"])),
    key=OPTIONAL_BYTES,
    value=OPTIONAL_BYTES,
    headers=st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), OPTIONAL_BYTES)).map(tuple),
    timestamp_ms=st.none() | st.integers(-(2**63), 2**63 - 1),
    partition=st.none() | st.integers(0, 2**31 - 1),
)


@given(st.lists(RECORDS))
def test_packed_records_come_out_as_they_went_in(records: list[OutgoingRecord]) -> None:
    assert unpack_records(pack_records(records)) == records


PACKED = b"\x91\x96\xa1t\xc4\x01k\xc4\x01v\x91\x92\xa1h\xc0\xc0\x05"


@pytest.mark.parametrize("stored", [b"\x01" + PACKED, b"\x02" + bytes(zstd.compress(PACKED))])
def test_the_layouts_of_payloads_already_stored_are_still_read(stored: bytes) -> None:
    assert unpack_records(stored) == [OutgoingRecord("t", b"k", b"v", (("h", None),), None, 5)]


@pytest.mark.parametrize("payload", [b"", b"\x03\x90"])
def test_a_payload_of_another_version_is_named_as_such(payload: bytes) -> None:
    with pytest.raises(MisconfiguredError, match="layout"):
        unpack_records(payload)
