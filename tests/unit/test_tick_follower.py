"""How far shards may choose ticks, while more may be coming."""

from consumer.tick_follower import JudgedTo


def test_nothing_may_be_chosen_before_all_that_waits_is_judged() -> None:
    judged = JudgedTo()
    judged.note(1_000, 2_500)
    judged.note(2_000, 2_500)
    assert judged.offset == 0
    judged.note(2_500, 2_500)
    assert judged.offset == 2_500


def test_ticks_that_come_faster_than_they_are_judged_are_chosen_from_all_the_same() -> None:
    judged = JudgedTo()
    offsets = []
    for step in range(10):
        judged.note(100 * step, 100 * step + 150)
        offsets.append(judged.offset)
    assert offsets == [0, 0, 200, 200, 200, 500, 500, 500, 800, 800]


def test_one_tick_after_the_other_may_be_chosen_at_once() -> None:
    judged = JudgedTo()
    for end in (5, 5, 6, 7):
        judged.note(end, end)
        assert judged.offset == end


def test_what_gathered_during_a_pause_is_judged_whole_before_any_of_it_may_be_chosen() -> None:
    judged = JudgedTo()
    judged.note(5, 5)
    for position, end in ((6, 9), (8, 9)):
        judged.note(position, end)
        assert judged.offset == 5
    judged.note(9, 9)
    assert judged.offset == 9
