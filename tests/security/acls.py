"""Rights in Kafka: what the shipped script grants, and granting and taking away single ones by Kafka's own protocol."""

import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import (
    CreateAclsRequest_v1,
    DeleteAclsRequest_v1,
    DescribeAclsRequest_v1,
)
from aiokafka.protocol.api import Request

from adapters.kafka.connection import KafkaConnection, KafkaSecurity
from tests.conditions import until
from tests.security.broker import ADMIN, password_of

_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10}
_RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_ANY, _MATCH_ANY, _ALLOW = 1, 1, 3


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One right of one user, in the words of kafka-acls.sh."""

    user: str
    operation: str
    resource: str
    name: str
    pattern: str = "literal"

    def of(self, user: str) -> "Acl":
        """The same right for another user."""
        return replace(self, user=user)

    def _creation(self) -> tuple[Any, ...]:
        place = (_RESOURCES[self.resource], self.name, _PATTERNS[self.pattern])
        return (*place, f"User:{self.user}", "*", _OPERATIONS[self.operation], _ALLOW)


def parsed(arguments: Sequence[str]) -> set[Acl]:
    """What one call of kafka-acls.sh grants: each operation on each resource."""
    options = list(pairwise(arguments))

    def given(option: str) -> list[str]:
        return [value for name, value in options if name == option]

    ((principal,), pattern) = given("--allow-principal"), (given("--resource-pattern-type") or ["literal"])[0]
    user = principal.removeprefix("User:")
    return {
        Acl(user, operation, resource, name, pattern)
        for operation in given("--operation")
        for resource in _RESOURCES
        for name in given(f"--{resource}")
    }


@asynccontextmanager
async def opened_acls(servers: str, tls: ssl.SSLContext) -> AsyncIterator["Acls"]:
    """Rights of the broker, as its administrator."""
    security = KafkaSecurity("SASL_SSL", tls, "SCRAM-SHA-512", ADMIN, password_of(ADMIN))
    admin = AIOKafkaAdminClient(**KafkaConnection(servers, security=security).arguments())
    await admin.start()
    try:
        yield Acls(admin)
    finally:
        await admin.close()


class Acls:
    """Each change is in force when its call returns: the broker is asked until it says so."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def grant(self, acls: Iterable[Acl]) -> None:
        """Grant them all."""
        granted = set(acls)
        if not granted:
            return
        response = await self._send(_Creations([acl._creation() for acl in granted]))
        assert {code for code, _ in response.creation_responses} == {0}, response

        async def in_force() -> bool:
            return granted <= {acl for user in {acl.user for acl in granted} for acl in await self.of(user)}

        await until(in_force)

    async def revoke(self, acls: Iterable[Acl]) -> None:
        """Take away exactly these."""
        taken = set(acls)
        response = await self._send(_Deletions([acl._creation() for acl in taken]))
        for code, message, matching in response.filter_responses:
            assert code == 0, message
            assert len(matching) == 1, "the right was not granted"

        async def gone() -> bool:
            return not taken & {acl for user in {acl.user for acl in taken} for acl in await self.of(user)}

        await until(gone)

    async def of(self, user: str) -> set[Acl]:
        """The rights that the user has been granted."""
        response = await self._send(_Description((_ANY, None, _MATCH_ANY, f"User:{user}", None, _ANY, _ALLOW)))
        return {
            Acl(user, _word(_OPERATIONS, operation), _word(_RESOURCES, kind), name, _word(_PATTERNS, pattern))
            for kind, name, pattern, granted in response.resources
            for _, _, operation, _ in granted
        }

    async def _send(self, request: Request[Any]) -> Any:
        client = self._admin._client
        return await client.send(client.get_random_node(), request)


def _word(numbers: dict[str, int], number: int) -> str:
    return next(word for word, known in numbers.items() if known == number)


class _Creations(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 30

    def __init__(self, creations: list[tuple[Any, ...]]) -> None:
        self._creations = creations

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._creations)


class _Deletions(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 31

    def __init__(self, filters: list[tuple[Any, ...]]) -> None:
        self._filters = filters

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return request_struct_class(self._filters)


class _Description(Request[DescribeAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 29

    def __init__(self, wanted: tuple[Any, ...]) -> None:
        self._wanted = wanted

    def build(self, request_struct_class: type[DescribeAclsRequest_v1]) -> DescribeAclsRequest_v1:
        return request_struct_class(*self._wanted)
