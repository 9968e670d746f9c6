"""An activity log whose extent a test sets by hand."""

from collections.abc import Collection

from tests.fakes.wire import Wire


class FakeActivityLog:
    """Implements ``ActivityLog``; ``ends`` holds the high watermark of each shard."""

    def __init__(self, shards: int, wire: Wire | None = None) -> None:
        self.ends = dict.fromkeys(range(shards), 0)
        self._wire = wire or Wire()

    async def shards(self) -> int:
        await self._wire.request("shards")
        return len(self.ends)

    async def beginning(self, shard: int) -> int:
        await self._wire.request("beginning")
        return 0 * self.ends[shard]

    async def end(self, shard: int) -> int:
        await self._wire.request("end")
        return self.ends[shard]

    async def both_ends(self, shards: Collection[int]) -> dict[int, tuple[int, int]]:
        await self._wire.request("both ends")
        return {shard: (self.ends[shard], self.ends[shard]) for shard in shards}
