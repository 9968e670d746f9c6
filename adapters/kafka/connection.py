"""What every Kafka client of the engine has in common."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.codec import has_lz4, has_snappy, has_zstd
from aiokafka.record import default_records

from adapters.kafka.broken_connections import notice_broken_connections
from domain.errors import MisconfiguredError

# A request outlives aiokafka's longest fetch wait (500 ms) in any case, or an idle topic would look like a dead broker.
_SHORTEST_REQUEST_TIMEOUT_MS = 1_000


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How a connection to Kafka is protected, in Kafka's own words; by default not at all.

    ``tls``: needed by the protocols SSL and SASL_SSL. ``mechanism``, ``username`` and ``password`` count with the
    protocols that have SASL in their names.
    """

    protocol: str = "PLAINTEXT"
    tls: ssl.SSLContext | None = None
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments that all aiokafka clients take."""
        return {
            "security_protocol": self.protocol,
            "ssl_context": self.tls,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """What a TLS connection asks of the broker, and shows of itself: PEM files; without ``ca``, the system's.

    The broker's name is always compared with its certificate. Raises OSError (which ssl.SSLError is) when a file can't
    be used.
    """
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        # An empty password, so that nobody is asked for one on a terminal: a key that is encrypted fails.
        context.load_cert_chain(certificate, key, password="")
    return context


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where Kafka is, and how long one call may take before it counts as failed.

    ``bootstrap_servers``: ``host:port``, several separated by commas.
    ``timeout_seconds`` bounds each call of an adapter. A single request gets half of it, so that one that was lost
    with its connection can be repeated within the call.
    ``metadata_max_age_seconds``: how old the knowledge of leaders and partition counts may get. New partitions are to
    be taken within a minute, and it takes both this and a rebalance.
    """

    bootstrap_servers: str
    client_id: str = "engagement-engine"
    timeout_seconds: float = 10.0
    metadata_max_age_seconds: float = 30.0
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    @property
    def request_timeout_ms(self) -> int:
        """How long one request waits for its answer."""
        return max(_SHORTEST_REQUEST_TIMEOUT_MS, round(self.timeout_seconds * 500))

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments that all aiokafka clients take. Raises MisconfiguredError, see ``check_client``."""
        check_client()
        notice_broken_connections()
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
            "metadata_max_age_ms": round(self.metadata_max_age_seconds * 1_000),
            **self.security.arguments(),
        }


def check_client() -> None:
    """Raise MisconfiguredError when this installation of aiokafka lacks a part that the engine relies on.

    Without the C extensions reading is twenty times slower (measured: 49,000 records a second). Without a codec one
    compressed record would stop its shard.
    """
    if not default_records.DefaultRecordBatch.__module__.endswith("_crecords.default_records"):
        raise MisconfiguredError(
            "aiokafka runs without its C extensions: install a wheel of it, and unset AIOKAFKA_NO_EXTENSIONS"
        )
    codecs = {"lz4": has_lz4, "snappy": has_snappy, "zstd": has_zstd}
    missing = [name for name, present in codecs.items() if not present()]
    if missing:
        raise MisconfiguredError(f"aiokafka can't read {', '.join(missing)}: install the package cramjam")
