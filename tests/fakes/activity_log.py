"""An activity log whose extent a test sets by hand."""


class FakeActivityLog:
    """Implements ``ActivityLog``; ``ends`` holds the high watermark of each shard."""

    def __init__(self, shards: int) -> None:
        self.ends = dict.fromkeys(range(shards), 0)

    async def shards(self) -> int:
        return len(self.ends)

    async def beginning(self, shard: int) -> int:
        return 0 * self.ends[shard]

    async def end(self, shard: int) -> int:
        return self.ends[shard]
