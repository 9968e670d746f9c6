"""A Kafka that encrypts, asks who is there, and lets nobody do anything that was not granted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.kafka import KafkaBroker
from deploy.local.ports import free_port
from tests.security.certificates import ADDRESS, Certificates, Pair

ADMIN = "admin"
USERS = ("engine", "owner", "notifier", "operator", "rotated", *(f"lacking-{number}" for number in range(50)))
"""Who may log in and, at first, do nothing."""
SECRET = "s3cret"
_LOGIN = "org.apache.kafka.common.security"
_INTERNAL = "internal-only"


def password_of(user: str) -> str:
    """The password that the user has from the beginning."""
    return f"{SECRET}-of-{user}"


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """Addresses of one broker: ``secured`` for SCRAM-SHA-512 over TLS, the others each with something about them."""

    secured: str
    expired: str
    """With a certificate that was valid until yesterday."""
    older: str
    """Takes SCRAM-SHA-256 only."""
    mutual: str
    """TLS without a login, for those who show a certificate."""
    unencrypted: str
    """SASL without TLS."""


@contextmanager
def secured_kafka(folder: Path, certificates: Certificates) -> Iterator[SecuredKafka]:
    """The broker, with its data in ``folder``."""
    expired, older, mutual, internal = (free_port() for _ in range(4))
    users = [f"SCRAM-SHA-512=[name={user},password={password_of(user)}]" for user in (ADMIN, *USERS)]
    options = ["--standalone", *(word for user in users for word in ("--add-scram", user))]
    broker = KafkaBroker(
        folder, settings=_settings(certificates, expired, older, mutual, internal), format_options=options
    )
    try:
        broker.start()
        at = (f"{ADDRESS}:{port}" for port in (expired, older, mutual, internal))
        yield SecuredKafka(broker.bootstrap_servers, *at)
    finally:
        broker.stop()


def _settings(certificates: Certificates, expired: int, older: int, mutual: int, internal: int) -> dict[str, str]:
    listeners = {
        "SECURED": "SASL_SSL://127.0.0.1:{port}",
        "EXPIRED": f"SASL_SSL://127.0.0.1:{expired}",
        "OLDER": f"SASL_SSL://127.0.0.1:{older}",
        "MUTUAL": f"SSL://127.0.0.1:{mutual}",
        "INTERNAL": f"SASL_PLAINTEXT://127.0.0.1:{internal}",
        "CONTROLLER": "SASL_PLAINTEXT://127.0.0.1:{controller_port}",
    }
    addresses = {name: f"{name}://{address.partition('://')[2]}" for name, address in listeners.items()}
    protocols = [f"{name}:{address.partition('://')[0]}" for name, address in listeners.items()]
    return {
        "listeners": ",".join(addresses.values()),
        "advertised.listeners": ",".join(address for name, address in addresses.items() if name != "CONTROLLER"),
        "listener.security.protocol.map": ",".join(protocols),
        "inter.broker.listener.name": "INTERNAL",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{ADMIN};User:{_INTERNAL}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        **_login("secured", "SCRAM-SHA-512"),
        **_login("expired", "SCRAM-SHA-512"),
        **_login("older", "SCRAM-SHA-256"),
        **_internal_login("internal"),
        **_internal_login("controller"),
        **_shown("secured", certificates.server),
        **_shown("expired", certificates.expired),
        **_shown("older", certificates.server),
        **_shown("mutual", certificates.server),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.truststore.type": "PEM",
        "listener.name.mutual.ssl.truststore.location": str(certificates.ca),
    }


def _login(listener: str, mechanism: str) -> dict[str, str]:
    prefix = f"listener.name.{listener}"
    module = f"{_LOGIN}.scram.ScramLoginModule required;"
    return {
        f"{prefix}.sasl.enabled.mechanisms": mechanism,
        f"{prefix}.{mechanism.lower()}.sasl.jaas.config": module,
    }


def _internal_login(listener: str) -> dict[str, str]:
    """The broker's own login to itself."""
    prefix = f"listener.name.{listener}"
    word = password_of(_INTERNAL)
    known = f'username="{_INTERNAL}" password="{word}" user_{_INTERNAL}="{word}"'
    return {
        f"{prefix}.sasl.enabled.mechanisms": "PLAIN",
        f"{prefix}.plain.sasl.jaas.config": f"{_LOGIN}.plain.PlainLoginModule required {known};",
    }


def _shown(listener: str, pair: Pair) -> dict[str, str]:
    prefix = f"listener.name.{listener}.ssl.keystore"
    return {f"{prefix}.type": "PEM", f"{prefix}.location": str(pair.both)}
