"""One way to all brokers, which can be hurt while others are fine."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.fault.cluster.proxy import Proxy, Silent


@dataclass(frozen=True, slots=True)
class Link:
    """The proxies to all brokers, in their order; each verb is that of ``Proxy``, on all of them.

    To hurt the way to one broker only: ``link.proxies[n].cut()``.
    """

    proxies: Sequence[Proxy]

    @property
    def bootstrap_servers(self) -> str:
        """For clients that take this way."""
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)

    def cut(self) -> None:
        """Reset all connections, and refuse new ones."""
        for proxy in self.proxies:
            proxy.cut()

    def half_open(self, silent: Silent = "both") -> None:
        """Keep and accept connections, and pass on nothing."""
        for proxy in self.proxies:
            proxy.half_open(silent)

    def delay(self, seconds: float) -> None:
        """Everything takes so much longer, each way."""
        for proxy in self.proxies:
            proxy.delay(seconds)

    def throttle(self, bytes_per_second: float) -> None:
        """No connection passes more than that, each way."""
        for proxy in self.proxies:
            proxy.throttle(bytes_per_second)

    def slow_close(self, seconds: float) -> None:
        """One side hears so much later that the other one has ended the connection."""
        for proxy in self.proxies:
            proxy.slow_close(seconds)

    def heal(self) -> None:
        """Nothing is wrong any more."""
        for proxy in self.proxies:
            proxy.heal()
