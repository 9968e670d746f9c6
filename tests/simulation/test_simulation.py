"""Whatever happens to a deployment, readers see what the plain rules say, once; `make simulate` plays more of it."""

from collections import Counter

import pytest

from tests.fakes.store import FakeStore
from tests.simulation.coverage import missing
from tests.simulation.mutants import MUTANTS
from tests.simulation.playing import HistoryFailedError, play

# A slice that every run repeats: about 25 s of one core.
SEEDS = range(1, 501)
# The most that a defect may survive. Most are noticed within ten histories, the rarest in one of a hundred.
MUTANT_SEEDS = range(1, 1001)

# A minute at most where nothing else runs; the limit is for machines that are busy.
pytestmark = pytest.mark.timeout(1200)


def test_every_history_does_what_the_plain_rules_say() -> None:
    print(f"seeds {SEEDS.start} to {SEEDS.stop - 1}")
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        seen += play(seed).seen
    assert missing(seen, len(SEEDS)) == {}


def test_a_seed_decides_everything() -> None:
    first, again = play(7, with_log=True), play(7)
    assert [action for action in first.actions if not action.startswith(" ")] == again.actions
    assert first.seen == again.seen
    assert play(8).actions != again.actions


@pytest.mark.parametrize("store_type", MUTANTS, ids=lambda store_type: store_type.__name__)
def test_a_store_with_a_defect_is_noticed(store_type: type[FakeStore]) -> None:
    assert any(fails(seed, store_type) for seed in MUTANT_SEEDS)


def fails(seed: int, store_type: type[FakeStore]) -> bool:
    try:
        play(seed, store_type)
    except HistoryFailedError:
        return True
    return False
