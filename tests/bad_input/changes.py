"""What is done to a good record to make one of a kind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone

from tests.bad_input.kinds import Change, Draft


def is_now(**changes: object) -> Change:
    """With these members; ``...`` leaves one out."""
    return lambda draft: draft.with_members(**changes)


def made(write: Callable[[Draft], object], member: str) -> Change:
    return lambda draft: draft.with_members(**{member: write(draft)})


def extra(raw: bytes) -> Change:
    """With an ignored field whose JSON is given."""
    return lambda draft: draft.ending(b'"extra": ' + raw)


def again(member: str, raw: bytes) -> Change:
    """With a member repeated, whose JSON is given."""
    return lambda draft: draft.ending(b'"%s": %s' % (draft.own_name(member).encode(), raw))


def value(change: Callable[[bytes], bytes | None]) -> Change:
    return lambda draft: replace(draft, value=change(draft.value or b""))


def key(key: bytes | None) -> Change:
    return lambda draft: replace(draft, key=key)


def both(*changes: Change) -> Change:
    def change(draft: Draft) -> Draft:
        for each in changes:
            draft = each(draft)
        return draft

    return change


def later(by: timedelta) -> Change:
    """So much later than the record's Kafka timestamp."""
    return lambda draft: draft.with_members(time=(draft.moment + by).isoformat())


def kafka_time(timestamp_ms: int) -> Change:
    return lambda draft: replace(draft, timestamp_ms=timestamp_ms)


def padded(size: int) -> Change:
    return lambda draft: draft.padded(size)


def registered(name: object) -> Change:
    return is_now(type="user.registered", name=name)


def registered_as(write: Callable[[Draft], object]) -> Change:
    return both(is_now(type="user.registered"), made(write, "name"))


def at_offset(draft: Draft, by: timedelta) -> Draft:
    at = (draft.moment + by).astimezone(timezone(timedelta(hours=5, minutes=30)))
    return draft.with_members(time=at.isoformat())


def preceded(draft: Draft, *members: str) -> Draft:
    """With members before it that can't be used."""
    wrong = "".join(f'"{draft.own_name(member)}": [0], ' for member in members)
    return replace(draft, value=b"{" + wrong.encode() + (draft.value or b"")[1:])


def with_odd_header(change: Change) -> Change:
    """With a header whose name is no text; see ``Draft.arriving_headers``."""
    return lambda draft: replace(change(draft), headers=(("odd\udcff", draft.canary.encode()),))
