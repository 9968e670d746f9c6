"""Deployments on the secured servers, and who is who there."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.harness.deployment import Deployment
from tests.security.broker import SecuredKafka, password_of
from tests.security.certificates import Certificates
from tests.security.database import SecuredPostgres
from tests.security.scripts import run_sql

PARTS = {"engine": "engine", "init": "owner", "notify": "notifier", "operator": "operator"}
"""The parts that the script knows, each with the user of Kafka that plays it here."""


@dataclass(frozen=True, slots=True)
class Secured:
    """Both servers, and a folder for files."""

    kafka: SecuredKafka
    postgres: SecuredPostgres
    certificates: Certificates
    folder: Path

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client asks of the servers."""
        return ssl.create_default_context(cafile=self.certificates.ca)

    def deployment(self, name: str, folder: Path, variables: Mapping[str, str] | None = None) -> "SecuredDeployment":
        """One whose database does not exist yet."""
        return SecuredDeployment(self, name, folder, dict(variables or {}))


@dataclass(frozen=True, slots=True)
class SecuredDeployment:
    """Settings of one deployment for each of its users."""

    secured: Secured
    name: str
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.name.replace("-", "_")

    @property
    def roles(self) -> dict[str, str]:
        """Its roles in Postgres, which belong to the server, by what they are for."""
        return {role: f"{self.database}_{role}" for role in ("owner", "engine", "reader")}

    def of(self, user: str, role: str, **variables: str) -> Deployment:
        """The settings of somebody: a user of Kafka, and a role of Postgres (owner, engine, reader or any other)."""
        postgres = self.secured.postgres
        dsn = postgres.dsn(self.roles.get(role, role), password_of(role), database=self.database)
        settings = {
            "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
            "KAFKA_USERNAME": user,
            "KAFKA_PASSWORD": password_of(user),
            "KAFKA_CA_FILE": str(self.secured.certificates.ca),
            "INACTIVITY_THRESHOLD_SECONDS": "60",
            "STARTUP_TIMEOUT_SECONDS": "30",
        }
        return Deployment(
            self.name, self.secured.kafka.secured, dsn, self.folder, 2, settings | self.variables | variables
        )

    async def create_database(self) -> None:
        """The database with its roles, by the script that ships."""
        connection = await asyncpg.connect(self.secured.postgres.dsn())
        try:
            await connection.execute(f'CREATE DATABASE "{self.database}"')
            run_sql("postgres-roles.sql", self.secured.postgres.dsn(database=self.database), **self.roles)
            for role, name in self.roles.items():
                await connection.execute(f"ALTER ROLE {name} PASSWORD '{password_of(role)}'")
        finally:
            await connection.close()

    def grant_tables(self) -> None:
        """What the owner does after `engage init`, by the script that ships."""
        run_sql(
            "postgres-grants.sql",
            self.of("owner", "owner").dsn,
            engine=self.roles["engine"],
            reader=self.roles["reader"],
        )
