"""Ports and settings of the three brokers."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from deploy.local.ports import free_port

JVM_OPTIONS = ("-Xmx192m",)

# One thread for each of the five listeners: four cores' worth of threads would only wait. The cleaner's buffer lies in
# the heap, and is 128 MB by default. Few internal partitions are quick to create and to move; six give each broker two.
_SETTINGS = {
    "inter.broker.listener.name": "DIRECT",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "num.partitions": "4",
    "offsets.topic.replication.factor": "3",
    "offsets.topic.num.partitions": "6",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "transaction.state.log.num.partitions": "6",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "share.coordinator.state.topic.num.partitions": "3",
    "group.min.session.timeout.ms": "3000",
    "num.network.threads": "1",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "4194304",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """What one broker listens on: for everybody, for the other controllers, and behind the proxy of each link."""

    direct: int
    controller: int
    links: Sequence[int]

    @classmethod
    def free(cls, links: int) -> Self:
        """Any that are free."""
        return cls(free_port(), free_port(), [free_port() for _ in range(links)])


def voters(ports: Sequence[Ports]) -> str:
    """The controllers, one in each broker, as the storage tool wants them: node, address, id of its folder."""
    return ",".join(f"{node}@127.0.0.1:{own.controller}:{_folder_id(node)}" for node, own in enumerate(ports, 1))


def broker_settings(index: int, ports: Sequence[Ports], proxies: Sequence[int]) -> dict[str, str]:
    """Of the broker with this index, whose links lead through proxies on these ports."""
    own = ports[index]
    link_names = [f"LINK{number}" for number in range(len(own.links))]
    listeners = {"DIRECT": own.direct} | dict(zip(link_names, own.links, strict=True))
    advertised = {"DIRECT": own.direct} | dict(zip(link_names, proxies, strict=True))
    return _SETTINGS | {
        "node.id": str(index + 1),
        "listeners": _addresses(listeners | {"CONTROLLER": own.controller}),
        "advertised.listeners": _addresses(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in [*listeners, "CONTROLLER"]),
        "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{each.controller}" for each in ports),
    }


def _addresses(listeners: dict[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())


def _folder_id(node: int) -> str:
    """Sixteen bytes in Kafka's base64, which has no padding."""
    return base64.urlsafe_b64encode(bytes([node]) * 16).decode().rstrip("=")
