"""Starting aiokafka's clients, which say of whatever keeps them from connecting only that they could not.

So the connection is tried once more by itself, where the reason can be seen. Only what is certain is told as a
mistake: a connection that merely ends may be a broker that restarts.
"""

import asyncio
import socket
import ssl
import struct
from typing import Any, Protocol

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from adapters.kafka.connection import KafkaConnection
from domain.errors import MisconfiguredError

# For each step of a look at a server that has just ended a connection.
_LOOK_SECONDS = 1.0
_PROTOCOL = "ENGAGEMENT_KAFKA_SECURITY_PROTOCOL"
# Kafka's first question, for the versions that a broker speaks: length, ApiVersions, version 0, number 7, no name.
_QUESTION_NUMBER = 7
_QUESTION = struct.pack(">ihhih", 10, 18, 0, _QUESTION_NUMBER, -1)
# What a single connection is not told.
_OF_CLUSTER = ("bootstrap_servers", "metadata_max_age_ms")


class Client(Protocol):
    """A consumer, producer or admin client of aiokafka."""

    async def start(self) -> None:
        """Connect."""


async def start_client(client: Client, connection: KafkaConnection) -> None:
    """Start the client; to be used inside ``within``.

    Raises aiokafka's errors, ssl.SSLCertVerificationError, and MisconfiguredError for what no repetition helps with.
    """
    try:
        await client.start()
    except KafkaConnectionError as error:
        for host, port, _ in collect_hosts(connection.bootstrap_servers):
            await _connect(connection, host, port)
        raise error from None


async def _connect(connection: KafkaConnection, host: str, port: int) -> None:
    """Raises what is certainly wrong with this server, or with what it is told."""
    arguments = {name: value for name, value in connection.arguments().items() if name not in _OF_CLUSTER}
    try:
        (await create_conn(host, port, **arguments)).close()
    except ssl.SSLCertVerificationError:
        raise
    except (KafkaConnectionError, OSError) as error:  # a TimeoutError is an OSError
        reason = await asyncio.to_thread(_mismatch, host, port, connection.security.tls)
        if reason is not None:
            raise MisconfiguredError(f"could not connect to {host}:{port}: {reason}") from error
    except KafkaError as error:
        if not error.retriable:
            raise


def _mismatch(host: str, port: int, tls: ssl.SSLContext | None) -> str | None:
    """What the server expects and does not get; None where that can't be told."""
    try:
        if tls is None:
            return f"it speaks TLS: let {_PROTOCOL} be sasl_ssl or ssl" if _speaks_tls(host, port) else None
        if _asks_for_certificate(host, port, tls):
            return (
                "it asks for a certificate that it knows: name one in ENGAGEMENT_KAFKA_CERTIFICATE_FILE and"
                " ENGAGEMENT_KAFKA_KEY_FILE"
            )
        return f"it does not speak TLS: correct the port, or {_PROTOCOL}" if _speaks_plainly(host, port) else None
    except OSError:
        return None


def _speaks_tls(host: str, port: int) -> bool:
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with _opened(host, port) as plain:
        try:
            with anybody.wrap_socket(plain):
                return True
        except ssl.SSLError as error:
            # An alert is an answer in TLS, too.
            return "ALERT" in (error.reason or "")


def _asks_for_certificate(host: str, port: int, tls: ssl.SSLContext) -> bool:
    """Whether the handshake is refused for it, which TLS 1.3 tells with what is read next."""
    try:
        with _opened(host, port) as plain, tls.wrap_socket(plain, server_hostname=host) as encrypted:
            encrypted.recv(1)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "") and "CERTIFICATE" in (error.reason or "")
    except OSError:
        pass
    return False


def _speaks_plainly(host: str, port: int) -> bool:
    with _opened(host, port) as plain:
        plain.sendall(_QUESTION)
        answer = plain.recv(8)
    return len(answer) == 8 and struct.unpack(">ii", answer)[1] == _QUESTION_NUMBER


def _opened(host: str, port: int) -> Any:
    return socket.create_connection((host, port), timeout=_LOOK_SECONDS)
