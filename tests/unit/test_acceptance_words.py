"""What an operator is told before a halted shard goes on."""

import pytest

from consumer.accepting import Accepted
from consumer.commands.acceptance_words import explanation
from consumer.tick_gap import TickGap
from domain.acceptance import Account, Contents, HaltedShard, acceptance
from tests.unit.builders import halted_shard

NOTHING = Account(Contents(), Contents(), unmarked=0, lost=0)


NO_GAP = TickGap("engagement-ticks", position=7, end=7)


def told(shard: HaltedShard, account: Account = NOTHING, gap: TickGap = NO_GAP) -> str:
    return "\n".join(explanation(Accepted(shard, acceptance(shard), account), gap))


@pytest.mark.parametrize(("end", "records"), [(6, 1), (0, 7), (7, 0), (9, 0)])
def test_a_tick_topic_that_ends_too_early_is_filled_up(end: int, records: int) -> None:
    text = told(halted_shard(), gap=TickGap("engagement-ticks", position=7, end=end))
    assert ("Ticks: " in text) == (records > 0)
    assert (f"Empty records, {records} of them" in text) == (records > 0)


def test_where_all_fits_nothing_is_called_lost_or_repeated() -> None:
    text = told(halted_shard(position=120, beginning=100, end=150, confirmed=3, decided=3, marker=3))
    assert "LOST" not in text
    assert "REPEATED" not in text
    assert "publishing goes on after sequence 3, reading goes on at offset 120" in text


def test_what_waits_behind_a_marker_that_fits_is_sent_once() -> None:
    shard = halted_shard(confirmed=3, decided=5, outbox=frozenset({4, 5}), marker=4)
    text = told(shard, Account(Contents(messages=37, cycles=1), Contents(), unmarked=0, lost=0))
    assert "1 entry with 37 messages, 1 cycle record will be sent, once" in text
    assert "REPEATED" not in text


def test_records_that_are_gone_are_named_and_counted() -> None:
    text = told(halted_shard(position=100, beginning=105, end=200))
    assert "LOST: the activity records at offsets 100 to 104, at most 5," in text
    assert "reading goes on at offset 105" in text


def test_a_recreated_topic_loses_what_was_not_read_and_is_read_whole() -> None:
    text = told(halted_shard(position=500, beginning=2, end=30))
    assert "LOST: whatever the former topic held" in text
    assert "REPEATED: what is in the topic now is read from its beginning, at most 28 records" in text


def test_markers_that_kafka_lost_put_their_messages_in_doubt() -> None:
    shard = halted_shard(shard=2, confirmed=17, decided=17, marker=3)
    text = told(shard, Account(Contents(), Contents(), unmarked=12, lost=0))
    assert "LOST, if Kafka lost the messages along with the markers: 12 messages" in text
    assert "shard = 2 AND sequence BETWEEN 4 AND 17" in text
    uncounted = told(shard, Account(Contents(), Contents(), unmarked=None, lost=0))
    assert "markers: messages, too many to be counted here," in uncounted


def test_entries_behind_a_lost_marker_may_be_repeated_under_the_same_ids() -> None:
    shard = halted_shard(confirmed=3, decided=4, outbox=frozenset({4}), marker=0)
    text = told(shard, Account(Contents(dead_letters=2), Contents(), unmarked=5, lost=0))
    assert "REPEATED, perhaps: 1 entry with 2 dead letters will be sent" in text
    assert "the same message_id both times" in text


def test_a_marker_ahead_tells_of_a_backup_and_of_users_who_may_be_messaged_again() -> None:
    shard = halted_shard(confirmed=3, decided=4, outbox=frozenset({4}), marker=9)
    text = told(shard, Account(Contents(messages=1), Contents(), unmarked=0, lost=0))
    assert "Postgres was restored from an older backup" in text
    assert "Postgres has forgotten 5 entries that Kafka holds" in text
    assert "REPEATED: 1 entry with 1 message will be sent, and Kafka holds them already" in text


def test_a_marker_that_somebody_else_wrote_gives_way_to_what_is_confirmed() -> None:
    text = told(halted_shard(confirmed=3, decided=3, marker=None))
    assert "somebody else wrote to the progress topic" in text
    assert "publishing goes on after sequence 3" in text


def test_lost_entries_are_named_with_what_they_held() -> None:
    shard = halted_shard(shard=1, confirmed=3, decided=6, outbox=frozenset({5}), marker=3)
    text = told(shard, Account(Contents(messages=2), Contents(), unmarked=0, lost=7))
    assert "entries that should wait there are missing: 4, 6. LOST: 7 messages in them" in text
    assert "shard = 1 AND sequence IN (4, 6)" in text


def test_a_lost_entry_that_kafka_holds_is_no_loss() -> None:
    assert "LOST" not in told(halted_shard(confirmed=3, decided=4, outbox=frozenset(), marker=4))


def test_entries_beyond_what_is_decided_are_dropped_and_named() -> None:
    shard = halted_shard(confirmed=3, decided=3, outbox=frozenset({4}), marker=3)
    text = told(shard, Account(Contents(), Contents(messages=8), unmarked=0, lost=0))
    assert "entries beyond the decided sequence are deleted: 4. LOST: 8 messages in them" in text
