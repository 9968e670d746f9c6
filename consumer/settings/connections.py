"""The settings of the connections to Kafka and Postgres, and whether they may be used as they are.

What is sent and received there decides who gets a message and names users. So nothing but encrypted connections to
servers that prove who they are is accepted, except within this machine and to hosts that the operator names.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.kafka.connection import KafkaSecurity, tls_context
from consumer.settings.environment import PREFIX, Environment, variable
from consumer.settings.hosts import files_of_dsn, is_loopback, kafka_hosts, postgres_hosts, verifies_server
from consumer.settings.kinds import (
    Hosts,
    PemFile,
    PostgresDsn,
    SaslMechanism,
    Secret,
    SecurityProtocol,
    Servers,
    Visible,
)
from consumer.settings.secret_files import SecretFiles

_INSECURE_HOSTS = variable("insecure_hosts")


class Connections(BaseSettings):
    """Where Kafka and Postgres are, and how the engine and they prove to each other who they are."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka_bootstrap_servers: Servers = Field(
        description="Some brokers of the Kafka cluster, as host:port separated by commas; the others are found through"
        " them. Name at least two, so that one may be away at the start.",
        examples=["kafka-1:9092,kafka-2:9092"],
    )
    postgres_dsn: PostgresDsn = Field(
        description="The Postgres database, as a URL. It may hold a password: better a secret file than a variable.",
        examples=["postgresql://user:password@host:5432/database"],
    )
    kafka_security_protocol: SecurityProtocol = Field(
        "plaintext",
        description="How to talk to Kafka: `sasl_ssl` encrypts and logs in; `ssl` encrypts, and logs in where there is"
        " a client certificate; `plaintext` and `sasl_plaintext` don't encrypt.",
        examples=["sasl_ssl"],
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        "SCRAM-SHA-512",
        description="How to log in to Kafka. `PLAIN` shows the password to the broker.",
        examples=["SCRAM-SHA-512"],
    )
    kafka_username: Visible | None = Field(
        None, description="Who to log in to Kafka as, where the protocol is one of SASL.", examples=["engine"]
    )
    kafka_password: Secret | None = Field(
        None,
        description="The password to log in to Kafka with: better a secret file than a variable.",
        examples=["a long random text"],
    )
    kafka_ca_file: PemFile | None = Field(
        None,
        description="PEM file with the certificates of those who may vouch for a broker's; by default the system's.",
        examples=["/etc/kafka/ca.pem"],
    )
    kafka_certificate_file: PemFile | None = Field(
        None,
        description="PEM file with the client's own certificate, for brokers that ask for one.",
        examples=["/etc/kafka/client.pem"],
    )
    kafka_key_file: PemFile | None = Field(
        None,
        description="PEM file with the key of the client's certificate, not encrypted.",
        examples=["/etc/kafka/client.key"],
    )
    insecure_hosts: Hosts | None = Field(
        None,
        description="Hosts, separated by commas, that may be talked to without verified encryption: Kafka's"
        " without TLS, Postgres' without `sslmode=verify-full`. This machine always may. Whoever can reach the network"
        " in between can read and change everything then.",
        examples=["kafka,postgres"],
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        problems = list(self.misfits())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def misfits(self) -> Iterator[str]:
        """What doesn't fit together, a text each."""
        yield from self._login()
        yield from self._certificates()
        yield from self._files_of_postgres()
        yield from self._encryption()

    def _login(self) -> Iterator[str]:
        uses_sasl = self.kafka_security_protocol.startswith("sasl")
        for field in ("kafka_username", "kafka_password"):
            given = getattr(self, field) is not None
            protocol = f"{variable('kafka_security_protocol')} is {self.kafka_security_protocol}"
            if uses_sasl and not given:
                yield f"{variable(field)}: is not set, and {protocol}. Set it, or let the protocol be without SASL."
            if given and not uses_sasl:
                yield f"{variable(field)}: is set, and {protocol}. Remove it, or let the protocol be sasl_ssl."

    def _certificates(self) -> Iterator[str]:
        files = ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file")
        if not self._kafka_encrypted:
            for field in files:
                if getattr(self, field) is not None:
                    yield (
                        f"{variable(field)}: is set, and {variable('kafka_security_protocol')} is"
                        f" {self.kafka_security_protocol}. Remove it, or let the protocol be sasl_ssl or ssl."
                    )
            return
        if (self.kafka_certificate_file is None) != (self.kafka_key_file is None):
            yield f"{variable(files[1])} and {variable(files[2])}: belong together. Set both or none."
            return
        try:
            tls_context(self.kafka_ca_file, self.kafka_certificate_file, self.kafka_key_file)
        except OSError as error:  # which that of certificates is, too
            named = [variable(field) for field in files if getattr(self, field) is not None]
            reason = error.strerror or str(error)
            yield (
                f"{' or '.join(named) or 'the system'}: can't be used ({reason}). Each must be a readable PEM file, and"
                " the key that of the certificate."
            )

    def _files_of_postgres(self) -> Iterator[str]:
        for name, path in files_of_dsn(self.postgres_dsn.get_secret_value()):
            try:
                path.open("rb").close()
            except OSError as error:
                yield (
                    f"{variable('postgres_dsn')}: the file of its {name}, {path}, can't be read ({error.strerror})."
                    " Name a readable PEM file."
                )

    def _encryption(self) -> Iterator[str]:
        allowed = {host.strip().lower() for host in (self.insecure_hosts or "").split(",")}
        for host in () if self._kafka_encrypted else self._remote(kafka_hosts(self.kafka_bootstrap_servers), allowed):
            yield (
                f"{variable('kafka_bootstrap_servers')}: {host} is another machine, and"
                f" {variable('kafka_security_protocol')} {self.kafka_security_protocol} doesn't encrypt. Let it be"
                f" sasl_ssl or ssl, or name the host in {_INSECURE_HOSTS}."
            )
        dsn = self.postgres_dsn.get_secret_value()
        for host in () if verifies_server(dsn) else self._remote(postgres_hosts(dsn), allowed):
            yield (
                f"{variable('postgres_dsn')}: {host} is another machine, and nothing makes sure that the connection is"
                f" encrypted and leads there. Add ?sslmode=verify-full&sslrootcert=FILE, or name the host in"
                f" {_INSECURE_HOSTS}."
            )

    @staticmethod
    def _remote(hosts: list[str], allowed: set[str]) -> list[str]:
        return [host for host in hosts if not is_loopback(host) and host.lower() not in allowed]

    @property
    def _kafka_encrypted(self) -> bool:
        return self.kafka_security_protocol in ("ssl", "sasl_ssl")

    @cached_property
    def kafka_security(self) -> KafkaSecurity:
        """How the clients of Kafka encrypt and log in."""
        files = self.kafka_ca_file, self.kafka_certificate_file, self.kafka_key_file
        return KafkaSecurity(
            protocol=self.kafka_security_protocol.upper(),
            tls=tls_context(*files) if self._kafka_encrypted else None,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_username,
            password=self.kafka_password.get_secret_value() if self.kafka_password else None,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - Environment stands in for it
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first source that has a value counts."""
        env_file = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        named = SecretFiles(settings_cls, env_file if isinstance(env_file, Path) else None)
        return init_settings, Environment(settings_cls), dotenv_settings, named, file_secret_settings
