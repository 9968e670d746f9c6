"""The whole table, played to `engage run` between good records; some of it while workers are killed."""

import pytest

from domain.errors import REASONS
from tests.bad_input.deployments import Surroundings
from tests.bad_input.judging import dead_letter_differences, good_differences
from tests.bad_input.kinds import TOPICS
from tests.bad_input.playing import Sent
from tests.bad_input.runs import CRASH_POINTS, Played
from tests.bad_records import KINDS

# Of topics that `engage init` creates on a broker with Kafka's defaults: the inputs' 1,048,588 and 64 KiB more.
MAX_MESSAGE_BYTES = 1_114_124


def test_each_bad_record_has_one_dead_letter_with_all_that_it_had(table: Played) -> None:
    assert dead_letter_differences(table.deployment, table.sent, table.found, MAX_MESSAGE_BYTES) == []


def test_good_records_before_and_after_bad_ones_get_through(table: Played) -> None:
    assert good_differences(table.sent, table.found) == []


def test_workers_killed_among_bad_records_leave_one_dead_letter_each(kills: Played) -> None:
    assert kills.killed_at == list(CRASH_POINTS)
    assert dead_letter_differences(kills.deployment, kills.sent, kills.found, MAX_MESSAGE_BYTES) == []
    assert good_differences(kills.sent, kills.found) == []


def test_nothing_of_a_bad_record_is_logged_even_at_debug_level(table: Played, kills: Played) -> None:
    assert '"level": "debug"' in table.log
    assert "batch_committed" in table.log
    assert leaks(table.sent, table.log) == []
    for worker in kills.deployment.workers:
        assert leaks(kills.sent, worker.log.read_text()) == []


def test_the_clients_lines_that_hold_whole_requests_are_not_logged(table: Played) -> None:
    assert '"logger": "aiokafka.conn"' not in table.log


def test_nothing_of_a_bad_record_is_in_the_log_of_postgres(
    table: Played, kills: Played, narrow: Played, around: Surroundings
) -> None:
    log = around.postgres_log.read_text()
    assert "INSERT INTO outbox" in log
    assert "duration: " in log
    assert leaks([*table.sent, *kills.sent, *narrow.sent], log) == []


def leaks(sent: list[Sent], log: str) -> list[str]:
    """The bad records whose canary is in the log, as it is or as the hexadecimal digits of its bytes."""
    bad = [one for one in sent if one.bad]
    return [f"{one}" for one in bad if one.draft.canary in log or one.draft.canary.encode().hex() in log]


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("reason", REASONS)
def test_the_table_has_three_kinds_for_each_reason(topic: str, reason: str) -> None:
    found = [kind for kind in KINDS if (kind.topic, kind.reason) == (topic, reason)]
    # The key of a tick is free.
    assert len(found) >= 3 or (topic, reason) == ("ticks", "key_mismatch")


def test_no_two_kinds_have_the_same_name() -> None:
    assert len({str(kind) for kind in KINDS}) == len(KINDS)
