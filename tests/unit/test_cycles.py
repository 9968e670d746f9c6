import json

from domain.cycles import Cycle, Figures, cycle_record
from tests.unit.builders import NOW

PUBLISHED = (
    '{"status": "Cycle complete", "total_users": 15, "messages_sent": 8, "users_skipped": 7, "segment_breakdown": '
    '{"dormant": 5, "new_user": 2, "normal": 1}, "detailed_stats": {"total_users": 15, "eligible": 8, "skipped": 7, '
    '"by_segment": {"dormant": 5, "new_user": 2, "normal": 1}, "skip_reasons": {"active": 4, "recently_messaged": 3}}, '
    '"tick_id": "2026-11-22T10:00:00Z", "at": "2026-11-22T10:00:00.000000Z", '
    '"shards": {"evaluated": 4, "coalesced": 0}}'
)


def test_the_record_of_the_seeds_cycle_to_the_letter() -> None:
    cycle = Cycle("2026-11-22T10:00:00Z", NOW, 4, 0, Figures(4, 3, 5, 2, 1))
    assert json.dumps(cycle_record(cycle)) == PUBLISHED


def test_where_some_shards_coalesced_the_cycle_is_partial() -> None:
    record = cycle_record(Cycle("t", NOW, 1, 3, Figures(active=2)))
    assert (record["status"], record["shards"]) == ("Cycle partial", {"evaluated": 1, "coalesced": 3})
    assert record["total_users"] == 2


def test_where_all_shards_coalesced_every_figure_is_present_and_zero() -> None:
    record = cycle_record(Cycle("t", NOW, 0, 4, Figures()))
    assert record["status"] == "Cycle coalesced"
    assert record["detailed_stats"] == {
        "total_users": 0,
        "eligible": 0,
        "skipped": 0,
        "by_segment": {"dormant": 0, "new_user": 0, "normal": 0},
        "skip_reasons": {"active": 0, "recently_messaged": 0},
    }


def test_figures_change_only_where_named() -> None:
    assert Figures(1, 2, 3, 4, 5).plus(active=-1, normal=10) == Figures(0, 2, 3, 4, 15)
