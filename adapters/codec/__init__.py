"""Kafka's bytes on one side, the domain's values on the other: the only place that knows the payloads."""

from adapters.codec.dead_letters import dead_letter
from adapters.codec.decoding import Limits, decode_activity, decode_tick
from adapters.codec.encoding import encode_activity, encode_cycle, encode_message, encode_tick
from adapters.codec.fields import parse_time
from adapters.codec.ordinary import read_ordinary
from adapters.codec.outbox import pack_records, unpack_records

__all__ = [
    "Limits",
    "dead_letter",
    "decode_activity",
    "decode_tick",
    "encode_activity",
    "encode_cycle",
    "encode_message",
    "encode_tick",
    "pack_records",
    "parse_time",
    "read_ordinary",
    "unpack_records",
]
