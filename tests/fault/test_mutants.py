"""What the stories of mutants find: nothing in the engine as it is, and a difference in each engine with a defect.

Workers, Kafka and Postgres are real, and the oracle judges the output. Each story is told of the sound engine too.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial

import pytest

from consumer.publish import Publisher
from tests.harness.mutants import HARMLESS, MUTANTS
from tests.harness.mutants.patching import rewrite
from tests.harness.mutants.stage import SOUND, Result
from tests.harness.mutants.stories_crowd import woken_owner
from tests.harness.mutants.table import CAUGHT, GUARDED, STORIES, Caught, Guarded, markdown
from tests.harness.temporary import Services, side_by_side

# A story mostly waits, and now and then starts a process.
AT_ONCE = 6
TOLD = [
    *((row.story.__name__, row.mutant) for row in CAUGHT),
    *((name, SOUND) for name in STORIES),
    *((row.story.__name__, row.defect) for row in GUARDED),
]
"""Each story with the sound engine, and with each mutant that it is about."""

Results = dict[str, "asyncio.Task[Result]"]


def of(story: str, mutant: str) -> str:
    """The name of a result, and the id of the test about it."""
    return f"{story}-{mutant}"


@pytest.fixture(scope="module")
async def results(services: Services, request: pytest.FixtureRequest) -> AsyncIterator[Results]:
    """What becomes of each engine that was selected."""
    selected = " ".join(item.name for item in request.session.items if item.path == request.path)
    jobs = {
        of(story, mutant): partial(STORIES[story], services, mutant)
        for story, mutant in TOLD
        if f"[{of(story, mutant)}]" in selected
    }
    async with side_by_side(jobs, AT_ONCE) as tasks:
        yield tasks


@pytest.mark.parametrize("story", STORIES, ids=lambda story: of(story, SOUND))
async def test_the_sound_engine_makes_no_difference(story: str, results: Results) -> None:
    result = await results[of(story, SOUND)]
    assert result.differences == []
    if story == woken_owner.__name__:
        assert any("epoch 1 is over" in reason for reason in result.lost)


@pytest.mark.parametrize("row", CAUGHT, ids=lambda row: of(row.story.__name__, row.mutant))
async def test_a_defect_makes_a_difference(row: Caught, results: Results, services: Services) -> None:
    result = await results[of(row.story.__name__, row.mutant)]
    if not result.has(*row.differences):
        # Once more, alone: what a stopped owner has left open in Kafka is aborted after 15 s, and that ends the story.
        await asyncio.gather(*results.values(), return_exceptions=True)
        result = await STORIES[row.story.__name__](services, row.mutant)
    assert result.has(*row.differences), result.differences


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: of(row.story.__name__, row.defect))
async def test_a_defect_that_another_guard_covers_makes_no_difference(row: Guarded, results: Results) -> None:
    result = await results[of(row.story.__name__, row.defect)]
    assert result.differences == []
    # Without that guard too, the same story finds it.
    assert (row.without_both, row.story) in {(caught.mutant, caught.story) for caught in CAUGHT}


def test_every_mutant_is_found() -> None:
    assert {SOUND, *(row.mutant for row in CAUGHT)} == set(MUTANTS)
    assert {row.defect for row in GUARDED} == set(HARMLESS)


def test_the_table_has_a_row_for_every_defect() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == (set(MUTANTS) | set(HARMLESS)) - {SOUND}


def test_every_mutant_can_still_be_made() -> None:
    # One that can't is a worker that doesn't start, which some of the stories would take for its defect.
    made = subprocess.run([sys.executable, "-m", "tests.harness.mutants", "--apply"], capture_output=True, check=False)
    assert (made.returncode, made.stdout) == (0, b""), made.stdout.decode()


def test_a_patch_of_what_is_written_otherwise_now_fails() -> None:
    with pytest.raises(LookupError, match=r"Publisher\.run is written otherwise now"):
        rewrite(Publisher, "run", ("while True:", "while False:"))
