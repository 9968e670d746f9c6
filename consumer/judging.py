"""Which ticks count: one shard's owner judges for all, in the order of the tick topic.

Nobody else inserts tick rows: verdicts by several would race, and cycles hang.
"""

import structlog

from adapters.codec import Limits, decode_tick
from consumer import metrics
from consumer.dead_letters import DeadLetters, add_letters
from consumer.publish import Publisher
from consumer.shard import OwnedShard
from consumer.steps import StepHook, step
from domain.events import Tick
from domain.records import OutgoingRecord, RecordBatch
from domain.ticks import judge_ticks

log = structlog.get_logger()


class Judging:
    """Judges records of the tick topic in the name of one owned shard."""

    def __init__(
        self, shard: OwnedShard, publisher: Publisher, *, limits: Limits, dead_letters: DeadLetters, hook: StepHook
    ) -> None:
        self.hook = hook
        self._shard = shard
        self._publisher = publisher
        self._limits = limits
        self._dead_letters = dead_letters

    async def judge(self, batch: RecordBatch) -> int:
        """Store the verdicts on a batch, unless others judged beyond its start meanwhile.

        Returns the offset from which the tick topic is to be judged now.
        """
        records = [batch.input_record(raw) for raw in batch.records]
        decoded, dead = await self._dead_letters.sort_out(records, lambda record: decode_tick(record, self._limits))
        ticks = [(record.offset, tick) for record, tick in zip(records, decoded, strict=True)]
        if dead:
            await self._publisher.ready()
        return await self._store_verdicts(batch, ticks, dead)

    @step("judging")
    async def _store_verdicts(
        self, batch: RecordBatch, ticks: list[tuple[int, Tick | None]], dead_letters: list[OutgoingRecord]
    ) -> int:
        async with self._shard.transaction() as write:
            tick_next, latest = await write.lock_tick_log()
            if tick_next != batch.position:
                return tick_next
            verdicts, latest = judge_ticks(ticks, latest)
            await add_letters(write, dead_letters)
            await write.write_verdicts(verdicts, batch.next_position, latest)
            await self._shard.commit(write)
        metrics.count_dead_letters("ticks", dead_letters)
        metrics.records.labels("ticks", "accepted").inc(len(ticks) - len(dead_letters))
        for verdict in verdicts:
            metrics.ticks.labels(verdict.verdict).inc()
            log.info("tick_judged", offset=verdict.offset, verdict=verdict.verdict, tick_id=_label(verdict.tick))
        return batch.next_position


def _label(tick: Tick | None) -> str | None:
    return None if tick is None else tick.tick_id
