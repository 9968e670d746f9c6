"""What must be in the output topics after a table was played, compared with what is."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.records import Headers
from tests.bad_input.kinds import Draft
from tests.bad_input.playing import Sent
from tests.foreign import ForeignRecord, read_topic
from tests.harness.deployment import Deployment

PREFIX = "engagement.error."
BYTES_KEPT = 65_536
_ALWAYS = ("reason", "detail", "topic", "partition", "offset", "timestamp")
_OF_CUT = ("truncated", "length")
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Read:
    """The output topics of a deployment, read by a client that isn't ours."""

    letters: list[ForeignRecord]
    messages: list[ForeignRecord]
    cycles: list[ForeignRecord]


def read(deployment: Deployment) -> Read:
    """Blocks."""
    letters, messages, cycles = (
        read_topic(deployment.kafka, deployment.topic(role)) for role in ("dead-letters", "messages", "cycles")
    )
    return Read(letters, messages, cycles)


def added_headers(letter: ForeignRecord) -> Headers:
    """What the engine added: all from the last reason on."""
    names = [name for name, _ in letter.headers]
    start = len(names) - 1 - names[::-1].index(f"{PREFIX}reason")
    return letter.headers[start:]


def told(letter: ForeignRecord) -> dict[str, str]:
    """The added headers as texts, without the prefix."""
    return {name.removeprefix(PREFIX): (text or b"").decode() for name, text in added_headers(letter)}


def source(letter: ForeignRecord) -> Place:
    """Where the record came from, as the dead letter says."""
    says = told(letter)
    return says["topic"], int(says["partition"]), int(says["offset"])


def dead_letter_differences(
    deployment: Deployment, sent: Sequence[Sent], found: Read, max_message_bytes: int
) -> list[str]:
    """Every difference between the dead letters and what the bad records must have become."""
    expected = {(deployment.topic(one.draft.topic), one.partition, one.offset): one for one in sent if one.bad}
    times = Counter(source(letter) for letter in found.letters)
    differences = [f"{one}: {times[place]} dead letters" for place, one in expected.items() if times[place] != 1]
    differences += [f"a dead letter of {place}, which is none" for place in times if place not in expected]
    for letter in found.letters:
        one = expected.get(source(letter))
        if one is not None:
            differences += [f"{one}: {what}" for what in _differences(one, letter, max_message_bytes)]
    return differences


def _differences(one: Sent, letter: ForeignRecord, max_message_bytes: int) -> Iterator[str]:
    yield from _differences_of_the_record(one, letter, max_message_bytes)
    added, says = added_headers(letter), told(letter)
    assert one.kind is not None
    names = [PREFIX + name for name in (*_ALWAYS, *(_OF_CUT if _is_cut(one.draft, max_message_bytes) else ()))]
    if [name for name, _ in added] != names or says["timestamp"] != str(letter.timestamp_ms):
        yield f"added headers {added}"
    if says.get("truncated", "true") != "true" or says.get("length", str(len(one.draft.value or b""))) != str(
        len(one.draft.value or b"")
    ):
        yield f"added headers {added}"
    if says["reason"] != one.kind.reason or not says["detail"].startswith(f"{one.kind.field}: "):
        yield f"{says['reason']}, {says['detail']}; expected {one.kind.reason} of {one.kind.field}"
    if one.draft.canary in str(added) or len(says["detail"]) > 200:
        yield f"the input is in the added headers, or they are too long: {added}"


def _differences_of_the_record(one: Sent, letter: ForeignRecord, max_message_bytes: int) -> Iterator[str]:
    draft = one.draft
    if letter.key != draft.key:
        yield f"key {letter.key!r}"
    cut = _is_cut(draft, max_message_bytes) and draft.value is not None
    if letter.value != (draft.value[:BYTES_KEPT] if cut and draft.value else draft.value):
        yield f"value {(letter.value or b'')[:100]!r} of {len(letter.value or b'')} bytes"
    if letter.timestamp_ms != one.timestamp_ms and one.timestamp_ms is not None:
        yield f"timestamp {letter.timestamp_ms}, not {one.timestamp_ms}"
    if letter.headers[: -len(added_headers(letter))] != draft.arriving_headers:
        yield f"headers {letter.headers}"


def _is_cut(draft: Draft, max_message_bytes: int) -> bool:
    return len(draft.value or b"") > max_message_bytes


def good_differences(sent: Sequence[Sent], found: Read) -> list[str]:
    """Every difference between what became of the good records and what must: a message a user, a cycle a tick."""
    good = [one.draft for one in sent if not one.bad]
    users = Counter(draft.members["user_id"] for draft in good if draft.topic == "activity")
    messaged = Counter((message.key or b"").decode() for message in found.messages)
    ticks = Counter(_moment(draft) for draft in good if draft.topic == "ticks")
    cycles = Counter(_at(cycle.value) for cycle in found.cycles)
    return [
        *(f"{user} got {messaged[user]} messages" for user in users if messaged[user] != 1),
        *(f"a message to {user}, whom nobody knows" for user in messaged if user not in users),
        *(f"the tick of {at} has {cycles[at]} cycles" for at in ticks if cycles[at] != 1),
        *(f"a cycle of {at}, which is no tick" for at in cycles if at not in ticks),
    ]


def _moment(draft: Draft) -> datetime:
    return draft.moment


def _at(value: bytes | None) -> datetime:
    cycle: Mapping[str, str] = json.loads(value or b"")
    return datetime.fromisoformat(cycle["at"])
