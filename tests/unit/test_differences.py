"""The comparer finds every kind of difference, and none where there is none."""

import json
from dataclasses import replace

import pytest

from tests import differences as comparer
from tests import oracle
from tests.oracle import Expected, InputRecord
from tests.unit.oracle_log import SEED_THRESHOLDS, seed_log


def as_read(expected: Expected) -> tuple[list[InputRecord], list[InputRecord], list[InputRecord]]:
    """Show what a perfect engine's output topics would hold."""
    messages = [
        InputRecord("messages", 0, i, 5, record.key, json.dumps(record.value).encode(), record.headers[::-1])
        for i, record in enumerate(expected.messages)
    ]
    cycles = [
        InputRecord("cycles", 0, i, 5, record.key, json.dumps(record.value).encode(), (("free", None),))
        for i, record in enumerate(expected.cycles)
    ]
    return messages, cycles, [as_dead_letter(i, letter) for i, letter in enumerate(expected.dead_letters)]


def as_dead_letter(offset: int, letter: oracle.DeadLetter, **changed: str) -> InputRecord:
    record = letter.record
    origin = {"topic": record.topic, "partition": str(record.partition), "offset": str(record.offset)}
    added = {"reason": letter.reason, "detail": "why", **origin, "timestamp": str(record.timestamp_ms), **changed}
    headers = tuple((f"engagement.error.{name}", text.encode()) for name, text in added.items())
    return replace(record, topic="dead", partition=0, offset=offset, headers=(*record.headers, *headers))


def seed_with_dead_letters() -> Expected:
    log = seed_log()
    log.raw(None)
    log.raw(b"x" * 70_000)
    return log.expect(SEED_THRESHOLDS)


def test_a_perfect_engine_shows_no_difference() -> None:
    expected = seed_with_dead_letters()
    assert comparer.differences(expected, *as_read(expected)) == []


def test_whatever_is_missing_is_found() -> None:
    expected = seed_with_dead_letters()
    found = comparer.differences(expected, [], [], [])
    figures = {
        kind: sum(line.startswith(f"missing {kind} ") for line in found) for kind in ("message", "cycle", "dead letter")
    }
    assert figures == {"message": 11, "cycle": 2, "dead letter": 2}
    assert len(found) == 15


def test_whatever_comes_twice_is_found() -> None:
    expected = seed_with_dead_letters()
    read = as_read(expected)
    found = comparer.differences(expected, *([*records, replace(records[0], offset=99)] for records in read))
    assert [line.split()[0] for line in found] == ["repeated"] * 3
    assert "messages/0/0, messages/0/99" in found[0]


def test_whatever_is_not_expected_is_found() -> None:
    nothing = Expected((), (), ())
    found = comparer.differences(nothing, *as_read(seed_with_dead_letters()))
    assert len(found) == 15
    assert all(line.startswith("unexpected ") for line in found)


@pytest.mark.parametrize("value", [None, b"no JSON", b"[]", b"\xff", b"{}", b'{"message_id": "a", "message_id": "a"}'])
def test_what_no_reader_can_read_is_unexpected(value: bytes | None) -> None:
    found = comparer.message_differences([], [InputRecord("messages", 0, 0, 5, b"1", value)])
    assert [line.split(" at ")[0] for line in found] == ["unexpected message without message_id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": b"2"}, "key"),
        ({"headers": ()}, "header ce_id"),
        ({"headers": (("ce_id", b"x"), ("ce_id", b"x"))}, "header ce_id"),
        ({"headers": (("more", b"x"),)}, "header more"),
    ],
)
def test_an_altered_message_is_found_by_key_and_header(change: dict[str, object], field: str) -> None:
    expected = seed_with_dead_letters()
    messages, cycles, letters = as_read(expected)
    messages[0] = replace(messages[0], **change)  # type: ignore[arg-type]  # one of the fields, of its own type
    found = comparer.differences(expected, messages, cycles, letters)
    assert all(line.startswith("altered message ") for line in found)
    assert any(f": {field} is " in line for line in found)


def test_a_header_that_comes_twice_is_found() -> None:
    expected = seed_with_dead_letters()
    message = as_read(expected)[0][0]
    twice = replace(message, headers=(*message.headers, message.headers[0]))
    assert len(comparer.message_differences(expected.messages[:1], [twice])) == 1


@pytest.mark.parametrize("field", ["type", "user_id", "content", "segment", "tone", "reason", "tick_id", "decided_at"])
def test_an_altered_or_absent_field_of_a_message_is_found(field: str) -> None:
    expected = seed_with_dead_letters()
    message = as_read(expected)[0][0]
    members = json.loads(message.value or b"")
    for changed in ({**members, field: 1}, {name: members[name] for name in members if name != field}):
        altered = replace(message, value=json.dumps(changed).encode())
        found = comparer.message_differences(expected.messages[:1], [altered])
        assert [line.split(": ")[1].split()[0] for line in found] == [f"value.{field}"]


def test_an_altered_figure_of_a_cycle_is_found_even_as_another_kind_of_number() -> None:
    expected = seed_with_dead_letters()
    cycle = as_read(expected)[1][1]
    members = json.loads(cycle.value or b"")
    members["detailed_stats"]["by_segment"]["normal"] = True
    members["shards"]["evaluated"] = 2.0
    altered = replace(cycle, value=json.dumps(members).encode())
    found = comparer.cycle_differences(expected.cycles[1:], [altered])
    assert [line.split(": ")[1] for line in found] == [
        "value.detailed_stats.by_segment.normal is true instead of 1",
        "value.shards.evaluated is 2.0 instead of 2",
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": b"2"}, "key"),
        ({"value": b""}, "value"),
        ({"timestamp_ms": 1}, "timestamp"),
        ({"reason": "bad_json"}, "header engagement.error.reason"),
        ({"timestamp": "1"}, "header engagement.error.timestamp"),
        ({"detail": ""}, "header engagement.error.detail"),
    ],
)
def test_an_altered_dead_letter_is_found(change: dict[str, object], field: str) -> None:
    letter = seed_with_dead_letters().dead_letters[0]
    headers = {name: text for name, text in change.items() if isinstance(text, str)}
    fields = {name: content for name, content in change.items() if name not in headers}
    record = replace(as_dead_letter(0, letter, **headers), **fields)  # type: ignore[arg-type]  # as above
    assert [line.split(": ")[1].split(" is ")[0] for line in comparer.dead_letter_differences([letter], [record])] == [
        field
    ]


def test_the_first_64_kib_of_a_dead_letter_stand_for_it_when_marked() -> None:
    letter = seed_with_dead_letters().dead_letters[1]
    head = (letter.record.value or b"")[:65536]
    marked = replace(as_dead_letter(0, letter, truncated="true", length="70000"), value=head)
    assert comparer.dead_letter_differences([letter], [marked]) == []
    for wrong in (
        replace(as_dead_letter(0, letter), value=head),
        replace(marked, value=head[1:]),
        replace(as_dead_letter(0, letter, truncated="true", length="65536"), value=head),
    ):
        assert comparer.dead_letter_differences([letter], [wrong])
    short = oracle.DeadLetter(replace(letter.record, value=b"{"), "bad_json")
    assert comparer.dead_letter_differences([short], [as_dead_letter(0, short, truncated="true", length="1")])


@pytest.mark.parametrize(
    ("text", "signed"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_keys_are_hashed_as_kafka_hashes_them(text: str, signed: int) -> None:
    """The figures of Kafka's own test of its hash."""
    assert comparer.murmur2(text.encode()) == signed % 2**32
    assert comparer.default_partition(text.encode(), 7) == signed % 2**31 % 7


def test_a_record_in_the_wrong_partition_is_found() -> None:
    right = comparer.default_partition(b"12", 4)
    records = [InputRecord("messages", partition, 0, 5, b"12", b"") for partition in range(4)]
    assert len(comparer.misplaced(records, 4)) == 3
    assert comparer.misplaced([records[right], InputRecord("messages", 3, 0, 5, None, b"")], 4) == []
