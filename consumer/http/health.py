"""Is the worker alive, is it ready: what ``/livez`` and ``/readyz`` say.

Alive tells nothing of Kafka and Postgres: to start a worker again because these are away would help nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from adapters.postgres.reports import Reports
from consumer.http.answers import ReadyAnswer
from consumer.service import Service, Standing
from domain.errors import EngagementError, MisconfiguredError, TransientError

# Probes of usual platforms give up after a second or a few; what is up answers within milliseconds.
PATIENCE_SECONDS = 3.0


class Health:
    """Knows the service as long as there is one: it is missing while Kafka or Postgres is waited for at the start."""

    def __init__(self, reports: Reports, check_schema: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        self.service: Service | None = None
        self._check_schema = check_schema
        self._stop = stop
        self._reports = reports

    @property
    def alive(self) -> bool:
        """Whether the worker gets on, be it in waiting for others."""
        return self.service is None or self.service.polls

    async def ready(self) -> ReadyAnswer:
        """Look at all that the worker needs. Raises nothing of the surroundings."""
        service = self.service
        if service is None or self._stop.is_set():
            problems = ["the worker is starting, or stopping: Kafka and Postgres must answer and fit first"]
            return ReadyAnswer(ready=False, problems=problems, assigned_shards=[], owned_shards=[], halted_shards={})
        (postgres, shards, halted), kafka = await asyncio.gather(self._ask_postgres(), _ask_kafka(service))
        standing = service.standing
        problems = [*postgres, *kafka, *_group_problems(standing, shards, halted)]
        return ReadyAnswer(
            ready=not problems,
            problems=problems,
            assigned_shards=sorted(standing.assigned),
            owned_shards=sorted(standing.owned),
            halted_shards={str(shard): reason for shard, reason in halted.items()},
        )

    async def _ask_postgres(self) -> tuple[list[str], int, dict[int, str]]:
        """What is wrong; how many shards there are; which are halted, and why."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._check_schema()
                deployment = await self._reports.deployment()
                problems = ["Postgres is read-only"] if deployment.read_only else []
                return problems, deployment.shards, await self._reports.halted_shards()
        except TimeoutError:
            return [f"Postgres does not answer within {PATIENCE_SECONDS:g} s"], 0, {}
        except (TransientError, MisconfiguredError) as error:
            return [str(error)], 0, {}


async def _ask_kafka(service: Service) -> list[str]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await service.ask_kafka()
    except TimeoutError:
        return [f"Kafka does not answer within {PATIENCE_SECONDS:g} s"]
    except EngagementError as error:
        return [str(error)]
    return []


def _group_problems(standing: Standing, shards: int, halted: dict[int, str]) -> Iterator[str]:
    if standing.hindrance is not None:
        yield f"nothing can be written: {standing.hindrance}"
    if not standing.member:
        yield "the worker is not a member of the consumer group yet, or can't read the activity topic"
    # A partition without a shard yet, for want of a progress partition, is nobody's.
    waiting = [number for number in sorted(standing.assigned - standing.owned - halted.keys()) if number < shards]
    if waiting:
        yield f"shards are being taken over: {', '.join(map(str, waiting))}"
