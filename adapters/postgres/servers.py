"""The servers that an address names, of which one is the primary."""

from typing import Any
from urllib.parse import urlsplit

import asyncpg

# What makes the next server worth a question: nobody is there, it isn't up yet, or it is a standby.
_ELSEWHERE = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


class Servers:
    """Connects to the first server that takes the connection, beginning with the one that did last time.

    asyncpg gives all servers of an address one limit together, so a first one that is silent (frozen, or cut off) would
    use it up for ever, and the standby that took its place would never be asked. Here each has its share.
    """

    def __init__(self, dsn: str) -> None:
        url = urlsplit(dsn)
        login, at, servers = url.netloc.rpartition("@")
        self._dsns = [url._replace(netloc=f"{login}{at}{server}").geturl() for server in servers.split(",")]

    async def connect(self, _dsn: str | None = None, /, **arguments: Any) -> asyncpg.Connection:
        """As ``asyncpg.connect``, in the place of which a pool calls it, with its own address and arguments."""
        share = arguments.pop("timeout") / len(self._dsns)
        first: Exception | None = None
        for dsn in list(self._dsns):
            try:
                connection: asyncpg.Connection = await asyncpg.connect(dsn, timeout=share, **arguments)
            except _ELSEWHERE as error:
                first = first or error
            else:
                self._dsns.sort(key=lambda other: other != dsn)
                return connection
        raise first or ValueError("the address names no server")
