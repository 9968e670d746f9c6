"""Kinds of input that can't be used, and of odd input that can, as data: what is done to a good record.

docs/bad-input.md shows this table to readers, and tests/bad_input plays all of it to real deployments. ``label`` stands
for the user_id of activity and the tick_id of ticks, ``time`` for ``occurred_at`` and ``at``. Some of the records are
wrong in more than one way: the first reason counts.
"""

from dataclasses import replace
from datetime import timedelta

from tests.bad_input.changes import (
    again,
    at_offset,
    both,
    extra,
    is_now,
    kafka_time,
    key,
    later,
    made,
    padded,
    preceded,
    registered,
    registered_as,
    value,
    with_odd_header,
)
from tests.bad_input.kinds import CODECS, MAX_RECORD_BYTES, SKEW, Kind, Rows, Topic, compressed, on, on_both

_ODD_KEY = b"\xff\xfe\x00 key"
_LONGEST_NUMBER = b"7" * 100_000
_MICROSECOND, _SECOND, _DAY = timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=1)
_END_OF_TIME = "9999-12-31T23:59:59.999999Z"
_CONTROLS_AND_SPACE = " \u202e\x00\t\u2066\x85\u3000 "


_NO_VALUE = value(lambda _: None)
NULL_VALUE: Rows = [
    ("no value", "value", _NO_VALUE),
    ("neither value nor key", "value", both(_NO_VALUE, key(None))),
    ("no value, and a key that is not UTF-8", "value", both(_NO_VALUE, key(_ODD_KEY))),
]
TOO_LARGE: Rows = [
    ("one byte more than allowed", "value", padded(MAX_RECORD_BYTES + 1)),
    ("too large, and not JSON", "value", value(lambda good: b"[" + good * 2_000)),
    ("too large, not UTF-8, and without a key", "value", both(value(lambda good: good * 2_000 + b"\xff"), key(None))),
]
BAD_JSON: Rows = [
    ("empty value", "value", value(lambda _: b"")),
    ("only white space", "value", value(lambda good: b" \t\r\n" * 9)),
    ("plain text", "value", lambda draft: replace(draft, value=draft.canary.encode())),
    ("a string", "value", lambda draft: replace(draft, value=b'"%s"' % draft.canary.encode())),
    ("a bare number", "value", value(lambda _: b"12")),
    ("an array with the object in it", "value", value(lambda good: b"[" + good + b"]")),
    ("byte order mark", "value", value(lambda good: b"\xef\xbb\xbf" + good)),
    ("UTF-16 with byte order mark", "value", value(lambda good: good.decode().encode("utf-16"))),
    ("UTF-16 without byte order mark", "value", value(lambda good: good.decode().encode("utf-16-le"))),
    ("NUL before the object", "value", value(lambda good: b"\x00" + good)),
    ("NUL after the object", "value", value(lambda good: good + b"\x00")),
    ("NUL in a string, not escaped", "value", extra(b'"\x00"')),
    ("tab in a string, not escaped", "value", extra(b'"\t"')),
    ("cut off", "value", value(lambda good: good[:-1])),
    ("two objects", "value", value(lambda good: good + good)),
    ("a comment after it", "value", value(lambda good: good + b" // done")),
    ("single quotes", "value", value(lambda good: good.replace(b'"', b"'"))),
    ("trailing comma", "value", value(lambda good: good[:-1] + b",}")),
    ("number with a leading zero in an ignored field", "value", extra(b"007")),
    ("NaN in an ignored field", "value", extra(b"NaN")),
    ("Infinity in an ignored field", "value", extra(b"Infinity")),
    ("-Infinity, nested in an ignored field", "value", extra(b'[{"a": -Infinity}]')),
    ("not UTF-8 in an ignored field", "value", extra(b'"\xff"')),
    ("overlong UTF-8 in an ignored field", "value", extra(b'"\xc0\xaf"')),
    ("lone surrogate as UTF-8", "value", extra(b'"\xed\xa0\x80"')),
    ("lone surrogate, escaped, in the field that counts", "value", again("label", b'"\\ud800"')),
    ("lone surrogate, escaped, nested in an ignored field", "value", extra(b'[[{"a": ["\\udc00"]}]]')),
    ("lone surrogate, escaped, in a nested key", "value", extra(b'[{"\\ud83d\\ud83d": 1}]')),
    ("100,000 open arrays in an ignored field", "value", extra(b"[" * 100_000)),
    (
        "NaN, no field that is needed, and a key that is not UTF-8",
        "value",
        both(value(lambda _: b'{"a": NaN}'), key(_ODD_KEY)),
    ),
    ("header whose name is not UTF-8, and no JSON", "value", with_odd_header(value(lambda good: good[1:]))),
]
MISSING_FIELD: Rows = [
    ("empty object", "type", value(lambda _: b"{}")),
    ("no type", "type", is_now(type=...)),
    ("type with a capital", "type", both(is_now(Type="user.active"), is_now(type=...))),
    ("no time", "time", is_now(time=...)),
    ("no time, and a type that is no string", "time", is_now(time=..., type=5)),
    ("no time, and a label that can't be used", "time", is_now(time=..., label="")),
    ("no time, and an unknown type", "time", is_now(time=..., type="nobody.knows")),
]
MISSING_FIELD_OF_ACTIVITY: Rows = [
    ("no user_id", "user_id", is_now(label=...)),
    ("no user_id, an unknown type, and no key", "user_id", both(is_now(label=..., type="nobody.knows"), key(None))),
    ("registration without a name", "name", is_now(type="user.registered")),
    ("registration without a name, in the year 9999", "name", is_now(type="user.registered", time=_END_OF_TIME)),
]
INVALID_TIMES: dict[str, object] = {
    "hour 24": "2026-11-21T24:00:00Z",
    "leap second": "2016-12-31T23:59:60Z",
    "lower-case t": "2026-11-21t10:00:00Z",
    "lower-case z": "2026-11-21T10:00:00z",
    "space instead of T": "2026-11-21 10:00:00Z",
    "no offset": "2026-11-21T10:00:00",
    "no seconds": "2026-11-21T10:00Z",
    "date only": "2026-11-21",
    "basic format": "20261121T100000Z",
    "week date": "2026-W47-6T10:00:00Z",
    "comma before the fraction": "2026-11-21T10:00:00,5Z",
    "point without a fraction": "2026-11-21T10:00:00.Z",
    "offset of 24 hours": "2026-11-21T10:00:00+24:00",
    "offset without a colon": "2026-11-21T10:00:00+0200",
    "month 13": "2026-13-01T10:00:00Z",
    "29 February of no leap year": "2026-02-29T10:00:00Z",
    "year 0000": "0000-06-01T10:00:00Z",
    "year 10000": "10000-01-01T00:00:00Z",
    "before the year 1 in UTC": "0001-01-01T00:00:59+00:01",
    "after the year 9999 in UTC": "9999-12-31T23:59:59-00:01",
    "digits that are not ASCII": "٢٠٢٦-11-21T10:00:00Z",
    "white space around the time": " 2026-11-21T10:00:00Z ",
    "line end after the time": "2026-11-21T10:00:00Z\n",
    "empty time": "",
    "bare number as time": 1795341600,
    "number in a string as time": "1795341600",
    "time null": None,
}
INVALID_FIELD: Rows = [
    *((name, "time", is_now(time=time)) for name, time in INVALID_TIMES.items()),
    ("words as time", "time", made(lambda draft: draft.canary, "time")),
    ("array with the time", "time", made(lambda draft: [draft.moment.isoformat()], "time")),
    ("type null", "type", is_now(type=None)),
    ("type is a number, and no key", "type", both(is_now(type=1.5), key(None))),
    ("type in an array", "type", made(lambda draft: [draft.members["type"]], "type")),
    ("type repeated, at last as null", "type", again("type", b"null")),
    ("label is a number", "label", is_now(label=12)),
    ("label is a number of 100,000 digits", "label", again("label", _LONGEST_NUMBER)),
    ("label null", "label", is_now(label=None)),
    ("label empty", "label", is_now(label="")),
    ("label of 129 characters", "label", lambda draft: draft.labelled(draft.canary.ljust(129, "x"))),
    ("label of 129 characters beyond U+FFFF", "label", lambda draft: draft.labelled("😉" * 129)),
    ("label with NUL", "label", lambda draft: draft.labelled(draft.canary + "\x00")),
    ("label with a line end", "label", lambda draft: draft.labelled(draft.canary + "\n")),
    ("label with DEL", "label", lambda draft: draft.labelled(draft.canary + "\x7f")),
    ("label with the control character U+0085", "label", lambda draft: draft.labelled("\x85" + draft.canary)),
    ("label in an object", "label", made(lambda draft: {"id": draft.canary}, "label")),
    ("label repeated, at last as a number", "label", again("label", b"12")),
    ("label can't be used, unknown type, year 9999", "label", is_now(label="", type="nobody.knows", time=_END_OF_TIME)),
]
INVALID_FIELD_OF_ACTIVITY: Rows = [
    ("name null", "name", registered(None)),
    ("name is a number", "name", registered(7)),
    ("name empty", "name", registered("")),
    ("name with nothing but control characters and white space", "name", registered(_CONTROLS_AND_SPACE)),
    ("name of 201 characters", "name", registered_as(lambda draft: draft.canary.ljust(201, "x"))),
    ("name in an array", "name", registered_as(lambda draft: [draft.canary])),
    ("name of 201 characters beyond U+FFFF", "name", registered("😉" * 201)),
]
INVALID_FIELD_OF_TICKS: Rows = [
    (
        "no tick_id, and an at that is too long for one",
        "tick_id",
        is_now(label=..., time=f"2026-11-21T10:00:00.{'0' * 110}Z"),
    ),
]
UNKNOWN_TYPE: Rows = [
    ("another type", "type", made(lambda draft: f"user.{draft.canary}", "type")),
    ("type in capitals", "type", made(lambda draft: draft.members["type"].upper(), "type")),
    ("type with white space", "type", made(lambda draft: draft.members["type"] + " ", "type")),
    ("type with a zero-width space", "type", made(lambda draft: draft.members["type"] + "\u200b", "type")),
    ("type empty", "type", is_now(type="")),
    ("unknown type, no key, year 9999", "type", both(is_now(type="nobody.knows", time=_END_OF_TIME), key(None))),
]
UNKNOWN_TYPE_OF_ACTIVITY: Rows = [("type of a tick", "type", is_now(type="engagement.tick"))]
UNKNOWN_TYPE_OF_TICKS: Rows = [("type of activity", "type", is_now(type="user.active"))]
KEY_MISMATCH: Rows = [
    ("no key", "record key", key(None)),
    ("empty key", "record key", key(b"")),
    ("key that is not UTF-8", "record key", key(_ODD_KEY)),
    ("key of another user", "record key", lambda draft: replace(draft, key=f"x{draft.canary}".encode())),
    ("key in capitals", "record key", lambda draft: replace(draft, key=draft.canary.upper().encode())),
    ("key in UTF-16", "record key", lambda draft: replace(draft, key=draft.canary.encode("utf-16-le"))),
    ("key with white space", "record key", lambda draft: replace(draft, key=draft.canary.encode() + b" ")),
    ("key of another normal form", "record key", lambda draft: replace(draft.labelled("é"), key="e\u0301".encode())),
    ("no key, and the year 9999", "record key", both(is_now(time=_END_OF_TIME), key(None))),
]
FUTURE_TIME: Rows = [
    ("year 9999", "time", is_now(time=_END_OF_TIME)),
    ("in a year", "time", later(370 * _DAY)),
    ("in ten days, written with an offset", "time", lambda draft: at_offset(draft, 10 * _DAY)),
]
FUTURE_OF_ITS_TIMESTAMP: Rows = [
    ("a second more than the allowed skew", "time", later(SKEW + _SECOND)),
    ("a microsecond more than the allowed skew", "time", later(SKEW + _MICROSECOND)),
    ("Kafka timestamp of 1970", "time", kafka_time(0)),
    ("Kafka timestamp of before 1970", "time", kafka_time(-(10**15))),
    ("no Kafka timestamp (-1)", "time", kafka_time(-1)),
]
GOOD: Rows = [
    ("as large as allowed", "", padded(MAX_RECORD_BYTES)),
    ("100,000 nested arrays in an ignored field", "", extra(b"[" * 100_000 + b"]" * 100_000)),
    ("number of 100,000 digits in an ignored field", "", extra(_LONGEST_NUMBER)),
    ("number far beyond a double in an ignored field", "", extra(b"-1e999999")),
    ("the words NaN and Infinity in a string", "", extra(b'"NaN, -Infinity"')),
    ("escaped surrogate pair", "", extra(b'{"\\ud83d\\ude09": "\\u0000"}')),
    ("repeated keys, of which the last can be used", "", lambda draft: preceded(draft, "type", "label", "time")),
    ("white space around the object", "", value(lambda good: b"\r\n\t " + good + b" \n")),
    ("label of 128 characters", "", lambda draft: draft.labelled(draft.canary.ljust(128, "x"))),
    ("label of 128 characters beyond U+FFFF", "", lambda draft: draft.labelled("😉" * 128)),
    ("label with bidirectional controls", "", lambda draft: draft.labelled(f"\u202e{draft.canary}\u2069")),
    ("time with an offset", "", lambda draft: at_offset(draft, timedelta(0))),
    (
        "time with nine digits of fraction",
        "",
        made(lambda draft: f"{draft.moment:%Y-%m-%dT%H:%M:%S}.000000999Z", "time"),
    ),
]
GOOD_OF_ACTIVITY: Rows = [
    ("name is ignored where nobody registers", "", is_now(name=7)),
    ("name of 200 characters after cleaning", "", registered("\x00\u202e" + "😉" * 200 + "\n")),
    ("year 0000 that is the year 1 in UTC", "", is_now(time="0000-12-31T23:30:00-01:00")),
]
GOOD_OF_TICKS: Rows = [
    ("no key", "", key(None)),
    ("empty key", "", key(b"")),
    ("key that is not UTF-8", "", key(_ODD_KEY)),
    ("no tick_id", "", is_now(label=...)),
]
GOOD_OF_ITS_TIMESTAMP: Rows = [
    ("just within the allowed skew", "", lambda draft: replace(draft, timestamp_ms=draft.timestamp_ms - 300_000)),
    ("latest Kafka timestamp that there is", "", kafka_time(2**63 - 1)),
]


def _too_large_once_unpacked(topic: Topic) -> list[Kind]:
    rows = [(f"megabyte, compressed with {codec}", codec, padded(1_000_000)) for codec in CODECS]
    rows.append(("five megabytes, compressed with gzip", "gzip", padded(5_000_000)))
    return [compressed(name, topic, "too_large", "value", change, codec) for name, codec, change in rows]


KINDS: list[Kind] = [
    *on_both("null_value", NULL_VALUE),
    *on_both("too_large", TOO_LARGE),
    *_too_large_once_unpacked("activity"),
    *_too_large_once_unpacked("ticks"),
    *on_both("bad_json", BAD_JSON),
    *on_both("missing_field", MISSING_FIELD),
    *on("activity", "missing_field", MISSING_FIELD_OF_ACTIVITY),
    *on_both("invalid_field", INVALID_FIELD),
    *on("activity", "invalid_field", INVALID_FIELD_OF_ACTIVITY),
    *on("ticks", "invalid_field", INVALID_FIELD_OF_TICKS),
    *on_both("unknown_type", UNKNOWN_TYPE),
    *on("activity", "unknown_type", UNKNOWN_TYPE_OF_ACTIVITY),
    *on("ticks", "unknown_type", UNKNOWN_TYPE_OF_TICKS),
    *on("activity", "key_mismatch", KEY_MISMATCH),
    *on_both("future_time", FUTURE_TIME),
    *on_both("future_time", FUTURE_OF_ITS_TIMESTAMP, timed=True),
    *on_both(None, GOOD),
    *on("activity", None, GOOD_OF_ACTIVITY),
    *on("ticks", None, GOOD_OF_TICKS),
    *on_both(None, GOOD_OF_ITS_TIMESTAMP, timed=True),
    *(
        compressed(f"compressed with {codec}", topic, None, "", padded(100_000), codec)
        for topic in ("activity", "ticks")
        for codec in CODECS
    ),
]
"""All kinds, those that can't be used in the order of their reasons."""
