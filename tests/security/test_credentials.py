"""Credentials and certificates that are refused: each one clear line, without repetitions, and without a secret."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.harness.temporary import side_by_side
from tests.mistakes.forked import Ended
from tests.security.broker import ADMIN, SECRET
from tests.security.playing import play, told
from tests.security.scene import Secured, SecuredDeployment

Settings = dict[str, str | None]
AT_ONCE = 4
_PLAIN: Settings = {"KAFKA_SECURITY_PROTOCOL": "sasl_plaintext", "KAFKA_CA_FILE": None}
_NO_SASL: Settings = {"KAFKA_USERNAME": None, "KAFKA_PASSWORD": None}


@dataclass(frozen=True, slots=True)
class Refused:
    """Settings that are refused, with words for addresses and files in braces, and what the line says."""

    name: str
    settings: Settings
    told: tuple[str, ...]
    code: int = 3
    asks: str = "tick"


KAFKA = [
    Refused("wrong password", {"KAFKA_PASSWORD": f"{SECRET}-wrong"}, ("credentials", "ENGAGEMENT_KAFKA_PASSWORD")),
    Refused("unknown user", {"KAFKA_USERNAME": "nobody"}, ("credentials", "ENGAGEMENT_KAFKA_USERNAME")),
    Refused("expired certificate", {"KAFKA_BOOTSTRAP_SERVERS": "{expired}"}, ("has expired", "renew the certificate")),
    Refused("other host", {"KAFKA_BOOTSTRAP_SERVERS": "{localhost}"}, ("not valid for 'localhost'",)),
    Refused("unknown authority", {"KAFKA_CA_FILE": "{other_ca}"}, ("local issuer", "ENGAGEMENT_KAFKA_CA_FILE")),
    Refused("other mechanism", {"KAFKA_BOOTSTRAP_SERVERS": "{older}"}, ("ENGAGEMENT_KAFKA_SASL_MECHANISM",)),
    Refused("plaintext to TLS", _PLAIN, ("speaks TLS", "ENGAGEMENT_KAFKA_SECURITY_PROTOCOL")),
    Refused("TLS to plaintext", {"KAFKA_BOOTSTRAP_SERVERS": "{unencrypted}"}, ("does not speak TLS",)),
    Refused(
        "no client certificate",
        {"KAFKA_BOOTSTRAP_SERVERS": "{mutual}", "KAFKA_SECURITY_PROTOCOL": "ssl", **_NO_SASL},
        ("asks for a certificate", "ENGAGEMENT_KAFKA_CERTIFICATE_FILE"),
    ),
    Refused(
        "plaintext to another machine",
        {"KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092", **_PLAIN},
        ("doesn't encrypt", "ENGAGEMENT_INSECURE_HOSTS"),
        code=2,
    ),
    Refused("missing file", {"KAFKA_CA_FILE": "{missing}"}, ("ENGAGEMENT_KAFKA_CA_FILE", "No such file"), code=2),
    Refused("no certificates in the file", {"KAFKA_CA_FILE": "{nonsense}"}, ("ENGAGEMENT_KAFKA_CA_FILE",), code=2),
]
POSTGRES = [
    Refused("wrong password of Postgres", {"POSTGRES_DSN": "{wrong_password}"}, ("password authentication failed",)),
    Refused("unknown role", {"POSTGRES_DSN": "{unknown_role}"}, ("password authentication failed",)),
    Refused("Postgres on another host", {"POSTGRES_DSN": "{dsn_localhost}"}, ("not valid for 'localhost'",)),
    Refused("Postgres of another authority", {"POSTGRES_DSN": "{dsn_other_ca}"}, ("local issuer",)),
    Refused("unencrypted Postgres", {"POSTGRES_DSN": "{dsn_unencrypted}"}, ("no encryption",)),
    Refused("missing file of Postgres", {"POSTGRES_DSN": "{dsn_missing}"}, ("ENGAGEMENT_POSTGRES_DSN",), code=2),
    Refused(
        "unencrypted Postgres on another machine",
        {"POSTGRES_DSN": f"postgresql://engine:{SECRET}@db.example/db?sslmode=require"},
        ("ENGAGEMENT_POSTGRES_DSN", "verify-full"),
        code=2,
    ),
]
CASES = [*KAFKA, *(Refused(case.name, case.settings, case.told, case.code, asks="stats") for case in POSTGRES)]
Tasks = dict[str, "asyncio.Task[Ended]"]


@pytest.fixture(scope="module")
async def deployment(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> SecuredDeployment:
    """One that was never initialised: nobody gets so far."""
    made = secured.deployment("credentials", tmp_path_factory.mktemp("credentials"))
    await made.create_database()
    return made


@pytest.fixture(scope="module")
async def outcomes(deployment: SecuredDeployment) -> AsyncIterator[Tasks]:
    words = _words(deployment)
    settings = deployment.of(ADMIN, "engine", STARTUP_TIMEOUT_SECONDS="60", LOG_LEVEL="debug")
    jobs = {}
    for number, case in enumerate(CASES):
        given = {name: value and value.format_map(words) for name, value in case.settings.items()}
        folder = deployment.folder / f"case-{number}"
        jobs[case.name] = partial(play, settings, case.asks, folder, **given)
    async with side_by_side(jobs, AT_ONCE) as tasks:
        yield tasks


def _words(deployment: SecuredDeployment) -> dict[str, str]:
    secured = deployment.secured
    kafka, postgres, certificates = secured.kafka, secured.postgres, secured.certificates
    nonsense = deployment.folder / "nonsense.pem"
    nonsense.write_text("not a certificate")
    role, database = deployment.roles["engine"], deployment.database
    dsn = partial(postgres.dsn, role, f"{SECRET}-of-engine", database=database)
    return {
        "expired": kafka.expired,
        "older": kafka.older,
        "mutual": kafka.mutual,
        "unencrypted": kafka.unencrypted,
        "localhost": kafka.secured.replace("127.0.0.1", "localhost"),
        "other_ca": str(certificates.other_ca),
        "missing": str(deployment.folder / "missing.pem"),
        "nonsense": str(nonsense),
        "wrong_password": postgres.dsn(role, f"{SECRET}-wrong", database=database),
        "unknown_role": postgres.dsn("nobody", f"{SECRET}-wrong", database=database),
        "dsn_localhost": dsn(host="localhost"),
        "dsn_other_ca": dsn(ca=certificates.other_ca),
        "dsn_unencrypted": dsn(sslmode="disable"),
        "dsn_missing": dsn(ca=deployment.folder / "missing.pem"),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_is_refused_is_told_in_one_line(case: Refused, outcomes: Tasks) -> None:
    ended = await outcomes[case.name]
    assert ended.code == case.code, ended
    (line,) = told(ended)
    for words in case.told:
        assert words in line
    assert "was tried for" not in line, "a repetition can't help"


async def test_an_expired_certificate_of_postgres_is_told_in_one_line(
    deployment: SecuredDeployment, outcomes: Tasks
) -> None:
    await asyncio.gather(*outcomes.values())
    postgres, certificates = deployment.secured.postgres, deployment.secured.certificates
    async with postgres.showing(certificates.expired):
        ended = await play(deployment.of(ADMIN, "engine"), "stats", deployment.folder / "expired")
    assert ended.code == 3
    (line,) = told(ended)
    assert "has expired" in line


async def test_a_client_certificate_lets_in(deployment: SecuredDeployment) -> None:
    certificates, kafka = deployment.secured.certificates, deployment.secured.kafka
    ended = await play(
        deployment.of(ADMIN, "engine"),
        "tick",
        deployment.folder / "mutual",
        KAFKA_BOOTSTRAP_SERVERS=kafka.mutual,
        KAFKA_SECURITY_PROTOCOL="ssl",
        KAFKA_USERNAME=None,
        KAFKA_PASSWORD=None,
        KAFKA_CERTIFICATE_FILE=str(certificates.client.certificate),
        KAFKA_KEY_FILE=str(certificates.client.key),
    )
    # It is somebody, who may do nothing.
    assert ended.code == 3
    (line,) = told(ended)
    assert "Kafka denies IdempotentWrite on the cluster, which Write on any topic includes: grant it" in line


async def test_a_new_password_in_the_file_is_used_at_the_next_start(deployment: SecuredDeployment) -> None:
    file = deployment.folder / "password"
    settings = deployment.of("rotated", "engine")
    outcome = []
    for number, password in enumerate((f"{SECRET}-of-yesterday", f"{SECRET}-of-rotated")):
        file.write_text(f"{password}\n")
        folder = deployment.folder / f"rotated-{number}"
        ended = await play(settings, "tick", folder, KAFKA_PASSWORD=None, KAFKA_PASSWORD_FILE=str(file))
        (line,) = told(ended)
        outcome.append("credentials" in line)
    assert outcome == [True, False], "the second is let in, and lacks the right only"
