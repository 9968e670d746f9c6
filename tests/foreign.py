"""A reader of topics that shares nothing with the engine: kcat, on top of librdkafka.

What the engine writes is read back here by another implementation of Kafka's protocol, so that an error that our own
client makes both ways can't hide.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Isolation = Literal["read_committed", "read_uncommitted"]
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """One record as kcat saw it. None is Kafka's null and differs from empty bytes."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    timestamp_type: Literal["create", "logappend", "unknown"]
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    """In the order of the record; names may repeat."""


def read_topic(
    bootstrap_servers: str,
    topic: str,
    *,
    partition: int | None = None,
    isolation: Isolation = "read_committed",
    seconds: float = _SECONDS,
) -> list[ForeignRecord]:
    """Read a topic (or one partition) from its beginning to its present end, sorted by partition and offset.

    With read_committed the end is that of the last ended transaction. Blocks: in a test whose loop must go on, call it
    through `asyncio.to_thread`. Raises AssertionError when kcat fails or takes longer than `seconds`.
    """
    arguments = ["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", "-X", f"isolation.level={isolation}"]
    if partition is not None:
        arguments += ["-p", str(partition)]
    lines = _kcat(bootstrap_servers, [*arguments, "-X", "check.crcs=true"], seconds).splitlines()
    return sorted((parse_record(line) for line in lines), key=lambda record: (record.partition, record.offset))


def produce(
    bootstrap_servers: str,
    topic: str,
    value: bytes,
    *,
    key: str | None = None,
    partition: int | None = None,
    headers: Sequence[tuple[str, str]] = (),
    seconds: float = _SECONDS,
) -> None:
    """Produce one record with a non-empty value through kcat and wait until it is acknowledged by all replicas."""
    arguments = ["-P", "-t", topic, "-X", "acks=all"]
    arguments += [] if key is None else ["-k", key]
    arguments += [] if partition is None else ["-p", str(partition)]
    for name, text in headers:
        arguments += ["-H", f"{name}={text}"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "value"  # kcat sends a file as one record, whatever bytes are in it
        file.write_bytes(value)
        _kcat(bootstrap_servers, [*arguments, str(file)], seconds)


def parse_record(line: bytes) -> ForeignRecord:
    """Read one line of kcat's JSON envelope.

    kcat escapes control characters, quotes and backslashes in its strings and passes all other bytes as they are, valid
    UTF-8 or not. Latin-1 maps each byte to one character and back, so every byte survives.
    """
    fields: dict[str, Any] = json.loads(line.decode("latin-1"))
    headers: list[str | None] = fields.get("headers", [])  # name, value, name, value, …
    return ForeignRecord(
        topic=fields["topic"],
        partition=fields["partition"],
        offset=fields["offset"],
        timestamp_ms=fields["ts"],
        timestamp_type=fields["tstype"],
        key=_bytes(fields["key"]),
        value=_bytes(fields["payload"]),
        headers=tuple((_text(name), _bytes(value)) for name, value in zip(headers[::2], headers[1::2], strict=True)),
    )


def _kcat(bootstrap_servers: str, arguments: Sequence[str], seconds: float) -> bytes:
    kcat = shutil.which("kcat") or shutil.which("kafkacat")
    assert kcat is not None, "kcat is not installed: `make system-deps` installs it"
    command = [kcat, "-b", bootstrap_servers, *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"kcat did not end within {seconds} s: {' '.join(command)}") from error
    assert done.returncode == 0, f"kcat failed ({done.returncode}): {done.stderr.decode(errors='replace')}"
    return done.stdout


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")


def _text(name: str | None) -> str:
    assert name is not None, "a header without a name"
    return name.encode("latin-1").decode()
