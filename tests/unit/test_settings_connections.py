"""Which connections the settings accept: encrypted ones to servers that prove who they are, or what is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from consumer.settings.hosts import is_loopback, kafka_hosts, postgres_hosts
from tests.unit.setting_places import DSN, Surroundings, with_only_what_is_required

REMOTE_DSN = DSN
VERIFIED = f"{DSN}?sslmode=verify-full"
LOGIN = {"KAFKA_USERNAME": "engine", "KAFKA_PASSWORD": "hunter2"}


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """Both services on this machine, and no other host named."""
    around = with_only_what_is_required(tmp_path, monkeypatch).unset("INSECURE_HOSTS")
    return around.set(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9092", POSTGRES_DSN="postgresql://u@localhost/x")


# --- encryption ---


@pytest.mark.parametrize("servers", ["kafka:9092", "localhost:9092,10.0.0.7:9092", "[2001:db8::1]:9092"])
@pytest.mark.parametrize("protocol", ["plaintext", "sasl_plaintext"])
def test_kafka_on_another_machine_needs_encryption(surroundings: Surroundings, servers: str, protocol: str) -> None:
    login = LOGIN if protocol.startswith("sasl") else {}
    surroundings.set(KAFKA_BOOTSTRAP_SERVERS=servers, KAFKA_SECURITY_PROTOCOL=protocol, **login)
    (complaint,) = surroundings.complaints()
    host = kafka_hosts(servers)[-1]
    assert complaint.startswith(f"ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS (from the environment): {host} is another machine")
    assert f"{protocol} doesn't encrypt" in complaint
    surroundings.set(INSECURE_HOSTS=f"other, {host.upper()}").load()


def test_kafka_with_encryption_may_be_anywhere(surroundings: Surroundings) -> None:
    surroundings.set(KAFKA_BOOTSTRAP_SERVERS="kafka:9092", KAFKA_SECURITY_PROTOCOL="SASL_SSL", **LOGIN)
    security = surroundings.load().kafka_security
    assert (security.protocol, security.mechanism, security.username, security.password) == (
        "SASL_SSL",
        "SCRAM-SHA-512",
        "engine",
        "hunter2",
    )
    assert security.tls is not None
    assert security.tls.check_hostname
    assert "hunter2" not in repr(security)


@pytest.mark.parametrize("mode", ["", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=prefer"])
def test_postgres_on_another_machine_must_prove_who_it_is(surroundings: Surroundings, mode: str) -> None:
    (complaint,) = surroundings.set(POSTGRES_DSN=REMOTE_DSN + mode).complaints()
    assert complaint.startswith("ENGAGEMENT_POSTGRES_DSN (from the environment): db is another machine")
    surroundings.set(INSECURE_HOSTS="db").load()


def test_a_postgres_that_is_verified_may_be_anywhere(surroundings: Surroundings) -> None:
    assert surroundings.set(POSTGRES_DSN=VERIFIED).load().postgres_dsn.get_secret_value() == VERIFIED


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://u:p@db-1:5432,db-2:5433/x", ["db-1", "db-2"]),
        ("postgresql://u:p@[::1]:5432/x", ["::1"]),
        ("postgresql://[2001:db8::1]/x", ["2001:db8::1"]),
        ("postgresql://u@/x?host=/run/postgresql", ["/run/postgresql"]),
        ("postgresql://u@/x?host=db-1,db-2&port=1,2", ["db-1", "db-2"]),
        ("postgresql://db", ["db"]),
        ("postgresql:///x?host=%2Frun", ["/run"]),
    ],
)
def test_the_hosts_of_a_postgres_address(dsn: str, hosts: list[str]) -> None:
    assert postgres_hosts(dsn) == hosts


@given(address=ip_addresses())
def test_an_address_is_loopback_when_its_network_says_so(address: object) -> None:
    assert is_loopback(str(address)) == getattr(address, "is_loopback")  # noqa: B009  (of either version)


def test_names_of_this_machine() -> None:
    assert [
        name
        for name in ("localhost", "LOCALHOST.", "kafka.localhost", "/run/x", "127.8.9.10", "::1")
        if is_loopback(name)
    ] == ["localhost", "LOCALHOST.", "kafka.localhost", "/run/x", "127.8.9.10", "::1"]
    assert not any(is_loopback(name) for name in ("localhost.example.org", "notlocalhost", "127.evil.org", "10.0.0.1"))


# --- logging in ---


@pytest.mark.parametrize("missing", list(LOGIN))
def test_a_protocol_with_sasl_needs_who_and_password(surroundings: Surroundings, missing: str) -> None:
    surroundings.set(KAFKA_SECURITY_PROTOCOL="sasl_ssl", **LOGIN).unset(missing)
    (complaint,) = surroundings.complaints()
    assert complaint.startswith(f"ENGAGEMENT_{missing} (the default): is not set")


def test_a_login_that_nothing_would_use_is_refused(surroundings: Surroundings) -> None:
    """Whoever sets a password believes to be protected."""
    assert len(surroundings.set(**LOGIN).complaints()) == 2


# --- certificates ---


@pytest.mark.parametrize("name", ["KAFKA_CA_FILE", "KAFKA_CERTIFICATE_FILE", "KAFKA_KEY_FILE"])
def test_certificates_that_nothing_would_use_are_refused(surroundings: Surroundings, name: str) -> None:
    (complaint,) = surroundings.set(**{name: "/nowhere"}).complaints()
    assert complaint.startswith(f"ENGAGEMENT_{name} (from the environment): is set, and")


def test_a_certificate_needs_its_key(surroundings: Surroundings) -> None:
    surroundings.set(KAFKA_SECURITY_PROTOCOL="ssl", KAFKA_CERTIFICATE_FILE="/nowhere")
    (complaint,) = surroundings.complaints()
    assert "belong together" in complaint


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"no certificate", "NO_CERTIFICATE")])
def test_a_file_of_certificates_must_be_usable(
    surroundings: Surroundings, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    (complaint,) = surroundings.set(KAFKA_SECURITY_PROTOCOL="ssl", KAFKA_CA_FILE=str(path)).complaints()
    assert complaint.startswith("ENGAGEMENT_KAFKA_CA_FILE (from the environment): can't be used (")
    assert reason in complaint


# --- files that variables name ---


def test_a_variable_may_name_the_file_of_a_secret(surroundings: Surroundings, tmp_path: Path) -> None:
    path = tmp_path / "anywhere"
    path.write_text("postgresql://u:hunter2@localhost/y\n")
    settings = surroundings.unset("POSTGRES_DSN").set(POSTGRES_DSN_FILE=str(path)).load()
    assert settings.postgres_dsn.get_secret_value() == "postgresql://u:hunter2@localhost/y"


def test_the_env_file_may_name_the_file_of_a_secret(surroundings: Surroundings, tmp_path: Path) -> None:
    path = tmp_path / "anywhere"
    path.write_text("hunter2hunter2hunter2")
    surroundings.env_file.write_text(f"ENGAGEMENT_HTTP_TOKEN_FILE={path}\n")
    token = surroundings.load().http_token
    assert token is not None
    assert token.get_secret_value() == "hunter2hunter2hunter2"


def test_a_named_file_is_the_origin_of_its_value(surroundings: Surroundings, tmp_path: Path) -> None:
    path = tmp_path / "anywhere"
    path.write_text("hunter2")
    (complaint,) = surroundings.unset("POSTGRES_DSN").set(POSTGRES_DSN_FILE=str(path)).complaints()
    assert complaint.startswith(f"ENGAGEMENT_POSTGRES_DSN (from {path}, named by ENGAGEMENT_POSTGRES_DSN_FILE): must")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "can't be read (No such file or directory)"), (b" \n", "is empty"), (b"\xff", "can't be read (not UTF-8)")],
)
def test_a_named_file_must_be_readable(
    surroundings: Surroundings, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "anywhere"
    if content is not None:
        path.write_bytes(content)
    (complaint,) = surroundings.unset("POSTGRES_DSN").set(POSTGRES_DSN_FILE=str(path)).complaints()
    assert complaint.startswith(f"ENGAGEMENT_POSTGRES_DSN_FILE: the file {path} {problem}")


def test_a_secret_and_a_file_for_it_are_one_too_many(surroundings: Surroundings, tmp_path: Path) -> None:
    path = tmp_path / "anywhere"
    path.write_text("hunter2")
    (complaint,) = surroundings.set(HTTP_TOKEN="hunter2hunter2hunter2", HTTP_TOKEN_FILE=str(path)).complaints()
    assert complaint == "ENGAGEMENT_HTTP_TOKEN_FILE: ENGAGEMENT_HTTP_TOKEN is set too. Remove one of them."


def test_only_secrets_have_such_files(surroundings: Surroundings) -> None:
    (complaint,) = surroundings.set(TICK_TOPIC_FILE="/anywhere").complaints()
    assert "no setting has this name" in complaint


def test_files_that_the_postgres_address_names_must_be_readable(surroundings: Surroundings) -> None:
    (complaint,) = surroundings.set(POSTGRES_DSN=f"{VERIFIED}&sslrootcert=/nowhere/ca.pem").complaints()
    assert complaint == (
        "ENGAGEMENT_POSTGRES_DSN (from the environment): the file of its sslrootcert, /nowhere/ca.pem, can't be read"
        " (No such file or directory). Name a readable PEM file."
    )
