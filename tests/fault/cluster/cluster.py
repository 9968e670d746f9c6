"""Three brokers on one machine, of which any one may be away, and several ways to them."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.client import CoordinationType

from deploy.local.kafka import KafkaBroker
from tests.conditions import eventually
from tests.fault.cluster import asking
from tests.fault.cluster.links import Link
from tests.fault.cluster.proxy import Proxy
from tests.fault.cluster.settings import JVM_OPTIONS, Ports, broker_settings, voters
from tests.harness.restartable import Restartable

BROKERS = 3
LINKS = 3
# Elections, and a broker that catches up, on a machine that does other things too.
_SECONDS = 60.0
# Given settings replace all others of a topic.
_TRANSACTIONS = "__transaction_state"
_COMPACTED = {"cleanup.policy": "compact", "compression.type": "uncompressed"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Running brokers. A topic gets three replicas, of which two must be in sync, and four partitions.

    ``direct``: bootstrap servers for the tests' own clients, with nothing in between.
    ``links``: the other ways to the brokers; whoever begins there meets all brokers there.
    ``brokers``: by index; what is said of leaders and coordinators is such an index, too.
    """

    direct: str
    links: Sequence[Link]
    brokers: Sequence[Restartable]

    def through(self, link: int) -> str:
        """Bootstrap servers of that link."""
        return self.links[link].bootstrap_servers

    async def leader(self, topic: str, partition: int) -> int:
        """Which broker leads the partition; waits until one does."""
        return await self._node(lambda: asking.leader(self.direct, topic, partition))

    async def group_coordinator(self, group: str) -> int:
        """Which broker coordinates the consumer group."""
        return await self._node(lambda: asking.coordinator(self.direct, CoordinationType.GROUP, group))

    async def transaction_coordinator(self, transactional_id: str) -> int:
        """Which broker coordinates the transactions of this id."""
        return await self._node(lambda: asking.coordinator(self.direct, CoordinationType.TRANSACTION, transactional_id))

    async def wait_until_whole(self) -> None:
        """Wait until each partition has all its replicas in sync, so that the next broker may go away."""

        async def whole() -> None:
            missing = await asking.incomplete(self.direct, BROKERS)
            assert not missing, f"not yet whole: {', '.join(missing)}"

        await eventually(whole, _SECONDS)

    async def require_in_sync(self, replicas: int) -> None:
        """Let each write need so many replicas in sync, those of transactions too; two at first."""
        name, needed = "min.insync.replicas", str(replicas)
        await asking.alter(self.direct, ConfigResourceType.BROKER, "", {name: needed})
        await asking.alter(self.direct, ConfigResourceType.TOPIC, _TRANSACTIONS, {name: needed, **_COMPACTED})

    async def create_topic(self, topic: str) -> None:
        """One partition, on all brokers."""
        await asking.create(self.direct, topic, BROKERS)

    async def wait_for_refusal(self, topic: str, error: str) -> bool:
        """Wait until Kafka refuses a record of the topic with the error of this name; whether it did.

        Until the broker that is away has left the replicas in sync, Kafka says other things, and may keep the record.
        """

        async def refused() -> None:
            said = await asking.refusal(self.direct, topic)
            assert said == error, f"Kafka says {said or 'nothing'}"

        try:
            await eventually(refused, _SECONDS)
        except AssertionError:
            return False
        return True

    async def heal(self) -> None:
        """All brokers serve, and no link is hurt; nothing happens where that is so already."""
        for link in self.links:
            link.heal()
        await asyncio.gather(*(broker.start() for broker in self.brokers))

    async def _node(self, ask: Callable[[], Awaitable[int]]) -> int:
        nodes: list[int] = []

        async def known() -> None:
            nodes.append(await ask())

        await eventually(known, _SECONDS)
        return nodes[-1] - 1


@asynccontextmanager
async def three_brokers(folder: Path) -> AsyncIterator[Cluster]:
    """A cluster with its data in ``folder``; afterwards only the brokers' logs are left."""
    ports = [Ports.free(LINKS) for _ in range(BROKERS)]
    async with AsyncExitStack() as opened:
        links = [
            Link([await opened.enter_async_context(Proxy("127.0.0.1", own.links[number])) for own in ports])
            for number in range(LINKS)
        ]
        brokers = [
            await opened.enter_async_context(_broker(index, folder / f"broker-{index}", ports, links))
            for index in range(BROKERS)
        ]
        # Side by side: each waits until two of them form a quorum.
        await asyncio.gather(*(broker.start() for broker in brokers))
        yield Cluster(",".join(f"127.0.0.1:{own.direct}" for own in ports), links, brokers)


@asynccontextmanager
async def _broker(
    index: int, folder: Path, ports: Sequence[Ports], links: Sequence[Link]
) -> AsyncIterator[Restartable]:
    """One that does not run yet."""
    settings = broker_settings(index, ports, [link.proxies[index].port for link in links])
    options = ["--initial-controllers", voters(ports)]
    broker = await asyncio.to_thread(
        KafkaBroker, folder, settings=settings, format_options=options, jvm_options=JVM_OPTIONS
    )
    # Services end with the thread that started them.
    with ThreadPoolExecutor(max_workers=1) as thread:
        restartable = Restartable(broker, thread)
        try:
            yield restartable
        finally:
            # The last one of three would wait for the others before it stops in order.
            await restartable.kill()
            shutil.rmtree(folder / "data", ignore_errors=True)
