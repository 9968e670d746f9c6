"""Tick rows: judged once, counted once per shard, ended by the last."""

from dataclasses import replace

import pytest

from domain.cycles import Cycle, Figures
from domain.ownership import BegunTick, Ownership
from domain.ports import Store
from domain.ticks import JudgedTick, Verdict
from tests.builders import HOUR, NOON, PRODUCTION, tick
from tests.contract.store.owner import CONSTRAINT_ERRORS

TICKS = [tick(NOON + n * HOUR, offset=n) for n in range(4)]


async def judge(store: Store, ownership: Ownership) -> None:
    """Four usable ticks at offsets 0 to 3, and an unusable record at 4."""
    verdicts = [JudgedTick(given.offset, Verdict.USABLE, given.tick) for given in TICKS]
    async with store.transaction(ownership) as write:
        assert await write.lock_tick_log() == (0, None)
        await write.write_verdicts([*verdicts, JudgedTick(4, Verdict.UNUSABLE, None)], 6, TICKS[3].tick.at)
        await write.commit()


async def evaluate(store: Store, ownership: Ownership, offset: int, figures: Figures) -> Cycle | None:
    async with store.transaction(ownership) as write:
        begun = BegunTick(offset, TICKS[offset].tick, PRODUCTION, figures, last_sequence=0)
        write.state = replace(write.state, begun=begun, tick_cursor=offset + 1)
        cycle = await write.count_done()
        await write.commit()
        return cycle


async def coalesce(store: Store, ownership: Ownership, *offsets: int) -> list[Cycle]:
    async with store.transaction(ownership) as write:
        cycles = await write.count_coalesced([TICKS[offset] for offset in offsets])
        await write.commit()
        return cycles


async def test_verdicts_are_kept_and_judging_goes_on_behind_them(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await judge(store, ownership)
    assert await store.tick_next() == 6
    assert await store.usable_ticks(1, 3) == TICKS[1:3]
    assert await store.usable_ticks(0, 9) == TICKS
    async with store.transaction(ownership) as write:
        assert await write.lock_tick_log() == (6, TICKS[3].tick.at)


async def test_the_last_shard_ends_the_cycle_with_the_sums_of_all(store: Store) -> None:
    first, second, third = [(await store.take_over(number)).ownership for number in range(3)]
    await judge(store, first)
    assert await evaluate(store, first, 1, Figures(active=1, dormant=2)) is None
    assert await evaluate(store, second, 1, Figures(active=10, normal=5)) is None
    cycle = await evaluate(store, third, 1, Figures(recently_messaged=3, new_user=4))
    sums = Figures(active=11, recently_messaged=3, dormant=2, new_user=4, normal=5)
    assert cycle == Cycle(TICKS[1].tick.tick_id, TICKS[1].tick.at, evaluated=3, coalesced=0, figures=sums)


async def test_a_shard_is_not_done_before_its_last_sequence_is_confirmed(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await judge(store, ownership)
    async with store.transaction(ownership) as write:
        await write.add_entry([])
        begun = BegunTick(0, TICKS[0].tick, PRODUCTION, Figures(), last_sequence=1)
        write.state = replace(write.state, begun=begun, tick_cursor=1)
        assert await write.count_done() is None
        assert write.state.begun == begun
        await write.commit()
    async with store.transaction(ownership) as write:
        await write.confirm(1)
        await write.count_done()
        assert write.state.begun is None


async def test_coalescing_shards_end_cycles_too(store: Store) -> None:
    first, second, third = [(await store.take_over(number)).ownership for number in range(3)]
    await judge(store, first)
    assert await coalesce(store, first, 0, 1, 2) == []
    assert await coalesce(store, second, 0, 1) == []
    await evaluate(store, second, 2, Figures(active=7))
    ended = await coalesce(store, third, 0, 1, 2)
    assert [(cycle.status, cycle.figures.total) for cycle in ended] == [
        ("Cycle coalesced", 0),
        ("Cycle coalesced", 0),
        ("Cycle partial", 7),
    ]


async def test_a_shard_can_not_be_counted_done_more_often_than_there_are_shards(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await judge(store, ownership)
    for _ in range(3):
        await coalesce(store, ownership, 0)
    with pytest.raises(CONSTRAINT_ERRORS, match="tick_check"):
        await coalesce(store, ownership, 0)


async def test_a_begun_tick_survives_a_take_over_as_it_was(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    begun = BegunTick(2, TICKS[2].tick, PRODUCTION, Figures(1, 2, 3, 4, 5))
    async with store.transaction(ownership) as write:
        write.state = replace(write.state, begun=begun, tick_cursor=3, policy=PRODUCTION, position=44)
        await write.commit()
    state = await store.take_over(0)
    assert (state.begun, state.policy, state.tick_cursor, state.position) == (begun, PRODUCTION, 3, 44)


async def test_the_time_identifies_a_usable_tick(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    await judge(store, ownership)
    again = JudgedTick(7, Verdict.STALE, TICKS[2].tick)
    async with store.transaction(ownership) as write:
        await write.write_verdicts([again], 8, TICKS[3].tick.at)
        await write.commit()
    with pytest.raises(CONSTRAINT_ERRORS):
        async with store.transaction(ownership) as write:
            await write.write_verdicts([replace(again, offset=8, verdict=Verdict.USABLE)], 9, TICKS[3].tick.at)


async def test_a_tick_remembers_how_many_shards_there_were(store: Store) -> None:
    first, second, third = [(await store.take_over(number)).ownership for number in range(3)]
    await judge(store, first)
    await store.grow(4)
    assert [await coalesce(store, shard, 0) for shard in (first, second)] == [[], []]
    assert len(await coalesce(store, third, 0)) == 1


async def test_nothing_is_counted_while_no_tick_is_begun(store: Store) -> None:
    ownership = (await store.take_over(0)).ownership
    async with store.transaction(ownership) as write:
        assert await write.count_done() is None
        assert await write.count_coalesced([]) == []
