"""The catalogue of faults: what may happen, what the engine does then, and the tests that show it.

A test is named by its file and function; one that runs for several cases is named once. `test_catalogue.py` holds that
each of them exists.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. ``tests``: such as ``tests/fault/test_outages.py::test_an_outage_makes_no_difference``."""

    number: int
    fault: str
    expected: str
    tests: tuple[str, ...]


CATALOGUE = (
    Row(
        1,
        "A worker is killed right before or right after any numbered step.",
        "Its successor finishes what it had begun; nothing is lost, repeated or decided otherwise.",
        (
            "tests/fault/test_crash_points.py::test_workers_killed_at_a_step_leave_no_difference",
            "tests/fault/test_crash_points.py::test_there_is_a_situation_for_every_numbered_step",
            "tests/fault/test_campaign_kills.py::test_killed_and_paused_workers_leave_no_difference",
            "tests/bad_input/test_table.py::test_workers_killed_among_bad_records_leave_one_dead_letter_each",
        ),
    ),
    Row(
        2,
        "A worker is asked to stop: idle, at work, twice, while Kafka does not answer, before it has started.",
        "It ends what is under way within ten seconds, leaves the group and exits with 0.",
        (
            "tests/e2e/test_ticks.py::test_a_service_stops_in_order",
            "tests/e2e/test_ticks.py::test_a_service_that_is_still_looking_for_its_surroundings_stops_too",
            "tests/e2e/test_stopping.py::test_a_service_stops_in_order_while_kafka_is_frozen",
            "tests/fault/test_campaign_storm.py::test_workers_that_come_and_go_leave_no_difference",
            "tests/fault/test_lost_connection.py::test_a_cancellation_comes_through_when_the_connection_is_gone",
            "tests/fault/kafka/test_stopping.py::test_a_worker_that_is_stopped_at_work_leaves_the_group_and_no_difference",
            "tests/fault/kafka/test_stopping.py::test_a_second_signal_ends_the_worker_at_once_and_another_one_goes_on",
        ),
    ),
    Row(
        3,
        "A broker is stopped or killed: the leader, the group's coordinator, the transactions' coordinator.",
        "The same processes go on when it, or another broker in its place, answers again.",
        (
            "tests/fault/test_outages.py::test_an_outage_makes_no_difference",
            "tests/fault/test_start_in_outage.py::test_kafka_that_goes_while_workers_start_is_waited_for_by_all_of_them",
            "tests/fault/test_watchdog.py::test_a_worker_in_the_middle_of_a_tick_waits_for_kafka",
            "tests/fault/test_broker_faults.py::test_the_same_workers_go_on_after_a_strike",
            "tests/fault/test_broker_faults.py::test_all_strikes_together_leave_no_difference",
            "tests/contract/kafka/test_errors_told.py::test_an_error_that_a_broker_answers_with_becomes_the_domains_and_all_works_afterwards",
            "tests/contract/kafka/test_errors_of_the_group.py::test_a_member_of_the_group_gets_over_what_passes",
        ),
    ),
    Row(
        4,
        "The way to a broker is cut, half open, slow, or closed slowly; or the broker is frozen.",
        "No call waits for ever; what was under way is given up and done again with a new producer.",
        (
            "tests/fault/test_deposed_leader.py::test_the_end_of_a_shard_is_not_what_a_deposed_leader_takes_for_it",
            "tests/contract/kafka/test_frozen_broker.py::test_a_transaction_is_given_up_and_its_producer_can_be_let_go",
            "tests/contract/kafka/test_frozen_broker.py::test_a_commit_that_may_have_been_sent_twice_uses_the_producer_up",
            "tests/fault/test_outages.py::test_an_outage_makes_no_difference",
            "tests/fault/test_readiness.py::test_a_worker_is_ready_again_after_an_outage",
            "tests/fault/test_broker_faults.py::test_the_same_workers_go_on_after_a_strike",
            "tests/contract/kafka/test_errors_let_go.py::test_a_stream_of_ticks_whose_broker_has_gone_can_be_let_go",
        ),
    ),
    Row(
        5,
        "Postgres restarts, fails over to a standby, or takes no writes.",
        "Work is repeated from what is stored, with growing pauses; the worker is not ready meanwhile.",
        (
            "tests/fault/test_outages.py::test_an_outage_makes_no_difference",
            "tests/fault/test_watchdog.py::test_a_worker_with_records_and_a_tick_to_take_in_waits_for_postgres",
            "tests/fault/test_start_in_outage.py::test_a_worker_that_starts_without_postgres_begins_when_that_comes",
            "tests/unit/test_postgres_errors.py::test_what_may_pass_is_to_be_tried_again",
            "tests/fault/postgres/test_postgres_faults.py::test_it_makes_no_difference",
        ),
    ),
    Row(
        6,
        "Deadlocks, serialization failures, locks and statements that take too long.",
        "The whole unit of work is repeated; users are locked by id, so shards do not deadlock each other.",
        (
            "tests/contract/store/test_users.py::test_two_shards_that_take_the_same_users_do_not_deadlock",
            "tests/fault/test_watchdog.py::test_a_lock_that_nobody_gives_back_ends_the_worker_once_there_is_work",
            "tests/unit/test_postgres_errors.py::test_what_may_pass_is_to_be_tried_again",
            "tests/fault/postgres/test_postgres_faults.py::test_it_makes_no_difference",
        ),
    ),
    Row(
        7,
        "A backend of Postgres, or all of it, is frozen.",
        "The statement's deadline ends the wait, and the connection is thrown away.",
        (
            "tests/fault/test_outages.py::test_an_outage_makes_no_difference",
            "tests/fault/test_frozen_owner.py::test_the_lock_of_an_owner_frozen_while_it_prepares_a_statement_falls",
            "tests/fault/test_readiness.py::test_a_worker_is_ready_again_after_an_outage",
            "tests/fault/postgres/test_postgres_faults.py::test_it_makes_no_difference",
        ),
    ),
    Row(
        8,
        "Workers come and go every few seconds; one stops polling.",
        "Every generation gets on, and nothing is repeated.",
        (
            "tests/fault/test_campaign_storm.py::test_workers_that_come_and_go_leave_no_difference",
            "tests/fault/test_standby.py::test_a_standby_that_was_idle_for_longer_than_the_poll_interval_takes_over",
            "tests/fault/test_giving_up.py::test_a_shard_that_is_lost_while_it_is_given_up_is_not_taken_again",
        ),
    ),
    Row(
        9,
        "A worker sleeps for longer than the session timeout at any numbered step, loses its shards, and wakes up.",
        "What it still writes is refused, by Postgres and by Kafka; it joins the group again.",
        (
            "tests/fault/test_paused_owners.py::test_an_owner_that_slept_too_long_makes_no_difference",
            "tests/fault/test_campaign_kills.py::test_killed_and_paused_workers_leave_no_difference",
            "tests/integration/test_publishing.py::test_a_former_owner_that_initialises_late_fails_before_it_can_publish",
            "tests/contract/store/test_fence.py::test_a_former_owner_can_write_nothing",
            "tests/contract/kafka/test_fencing.py::test_a_fenced_producer_can_not_send_either",
            "tests/fault/kafka/test_zombies.py::test_sleepers_at_every_step_make_no_difference_when_they_wake_up",
            "tests/fault/kafka/test_zombies.py::test_both_postgres_and_kafka_refuse_what_sleepers_write",
        ),
    ),
    Row(
        10,
        "Events come twice, late, and in any order.",
        "The state afterwards is the same.",
        (
            "tests/unit/test_users.py::test_order_repetition_and_batches_of_events_do_not_matter",
            "tests/integration/test_cycles_property.py::test_every_tick_does_what_the_plain_rules_say",
            "tests/fault/test_trace_slice.py::test_a_trace_gives_exactly_what_the_oracle_expects",
        ),
    ),
    Row(
        11,
        "Clocks are wrong: events of the future and of the year 9999, ticks of the future, clocks that jump back.",
        "Only the tick's own time decides; what is too far in the future is a dead letter.",
        (
            "tests/unit/test_decoding.py::test_the_future_begins_after_the_allowed_skew",
            "tests/unit/test_decision_logic.py::test_the_ends_of_time_overflow_nowhere",
            "tests/contract/store/test_users.py::test_times_at_the_edges_of_the_calendar_come_back_as_they_were",
            "tests/bad_input/test_table.py::test_each_bad_record_has_one_dead_letter_with_all_that_it_had",
        ),
    ),
    Row(
        12,
        "Records that nobody can use: no JSON, no UTF-8, nested deeply, wrong types, no value, NUL in a string.",
        "Each is one dead letter with all that it had, and its shard goes on.",
        (
            "tests/bad_input/test_table.py::test_each_bad_record_has_one_dead_letter_with_all_that_it_had",
            "tests/bad_input/test_table.py::test_good_records_before_and_after_bad_ones_get_through",
            "tests/bad_input/test_properties.py::test_any_bytes_are_read_or_rejected_without_being_repeated",
            "tests/contract/kafka/test_activity_stream.py::test_a_header_name_that_is_not_utf8_does_not_stop_its_shard",
            "tests/contract/kafka/test_tick_stream.py::test_a_header_name_that_is_not_utf8_does_not_stop_the_ticks",
        ),
    ),
    Row(
        13,
        "A rule has a defect that some users bring to light: it raises.",
        "Those users stay as stored and wait for a sound rule; a metric and a line tell; everybody else is decided.",
        (
            "tests/fault/kafka/test_rules.py::test_users_for_whom_a_rule_raises_wait_for_a_sound_one_and_the_others_do_not",
            "tests/unit/test_chunks.py::test_everybody_else_is_decided_as_if_the_failing_users_were_not_there",
        ),
    ),
    Row(
        14,
        "Fields are added or missing, types are unknown, payloads are old.",
        "Unknown fields are ignored, unknown types are dead letters, and the examples of the schemas always parse.",
        (
            "tests/unit/test_decoding.py::test_other_fields_are_ignored_whatever_they_hold",
            "tests/unit/test_decoding.py::test_an_unknown_type_needs_the_fields_that_every_event_has",
            "tests/documents/test_inputs.py::test_activity_is_taken_exactly_if_a_schema_allows_it",
            "tests/documents/test_inputs.py::test_ticks_are_taken_exactly_if_the_schema_allows_them",
        ),
    ),
    Row(
        15,
        "Records of up to 20 MiB, an object of a million keys, a batch that grows a thousandfold when it is read.",
        "Each is one dead letter; memory stays bounded, and no partition is stuck.",
        (
            "tests/fault/kafka/test_huge_records.py::test_huge_records_and_a_compression_bomb_are_dead_letters_and_memory_stays_bounded",
            "tests/bad_input/test_narrow_topic.py::test_every_record_has_one_dead_letter_and_the_shard_goes_on",
        ),
    ),
    Row(
        16,
        "The disk of Postgres or of the broker is full.",
        "The worker waits, not ready, and goes on when there is room again.",
        (
            "tests/fault/postgres/test_postgres_faults.py::test_it_makes_no_difference",
            "tests/fault/kafka/test_full_disk.py::test_a_worker_in_the_middle_of_a_tick_outlives_a_broker_whose_disk_is_full",
        ),
    ),
    Row(
        17,
        "Postgres is much slower than Kafka.",
        "Reading waits, so memory stays bounded; the worker stays in the group.",
        (
            "tests/fault/test_standby.py::test_a_worker_without_postgres_for_longer_than_the_poll_interval_stays_in_the_group",
            "tests/fault/postgres/test_slow_postgres.py::test_memory_stays_bounded_the_membership_lasts_and_all_is_taken_in",
        ),
    ),
    Row(
        18,
        "Ticks come much faster than they can be evaluated, twice, and backwards in time.",
        "Waiting ticks are coalesced, repeats and earlier ones are stale, and every cycle adds up.",
        (
            "tests/fault/test_ticks.py::test_of_two_tickers_that_run_at_once_the_repeats_are_stale",
            "tests/unit/test_ticks.py::test_a_tick_is_stale_unless_it_is_later_than_every_usable_one_before",
            "tests/unit/test_tick_follower.py::test_ticks_that_come_faster_than_they_are_judged_are_chosen_from_all_the_same",
            "tests/fault/kafka/test_tick_storm.py::test_a_storm_of_ticks_is_coalesced_and_every_cycle_adds_up",
        ),
    ),
    Row(
        19,
        "Ticks and activity of days wait for the first worker.",
        "The newest tick is evaluated, the others are coalesced: at most one message for each user.",
        (
            "tests/fault/test_campaigns.py::test_of_hundreds_of_waiting_ticks_each_shard_evaluates_the_newest_and_every_cycle_adds_up",
            "tests/fault/test_ticks.py::test_ticks_that_are_gone_before_they_were_read_are_skipped_with_a_warning",
        ),
    ),
    Row(
        20,
        "The message topic is missing, denied, or has too few replicas.",
        "Nothing is taken for published; what is missing is named, and afterwards everything is published once.",
        (
            "tests/contract/kafka/test_topics.py::test_missing_topics_are_fatal_and_all_named",
            "tests/contract/kafka/test_shard_producer.py::test_a_missing_topic_is_named",
            "tests/e2e/test_surroundings.py::test_a_deployment_that_is_not_initialised_is_told_how_to_be",
            "tests/fault/kafka/test_topics.py::test_without_its_message_topic_a_worker_ends_and_names_it_and_publishes_all_later",
            "tests/contract/kafka/test_errors_told.py::test_an_error_that_a_broker_answers_with_becomes_the_domains_and_all_works_afterwards",
            "tests/security/test_kafka_rights.py::test_a_missing_right_is_named_in_one_line",
        ),
    ),
    Row(
        21,
        "The dead-letter topic is gone or denied.",
        "The worker stops rather than drops, and names it; afterwards each letter is sent once.",
        (
            "tests/fault/kafka/test_topics.py::test_without_its_dead_letter_topic_a_worker_stops_rather_than_drops",
            "tests/security/test_lost_rights.py::test_a_right_lost_at_work_ends_the_worker_and_loses_nothing",
        ),
    ),
    Row(
        22,
        "The version before and this one run side by side, and the schema changes under them.",
        "The older one goes on until it is replaced.",
        (
            "tests/fault/test_rolling_upgrade.py::test_old_and_new_workers_share_the_shards_while_the_schema_changes_under_them",
            "tests/fault/test_campaigns.py::test_everybody_is_judged_by_the_new_thresholds_from_the_next_tick_on",
            "tests/contract/postgres/test_migrations.py::test_a_schema_behind_the_engine_passes_the_check_of_what_is_applied",
        ),
    ),
    Row(
        23,
        "Partitions are added; a topic is deleted and made anew; markers or records are lost; Kafka is another one.",
        "Users move to their new shard. What can't be right halts the shard, and nothing is skipped in silence.",
        (
            "tests/fault/test_campaigns.py::test_new_partitions_are_taken_and_users_move_there_without_a_second_message",
            "tests/fault/test_campaign_moves.py::test_users_who_move_get_no_second_message_and_the_figures_are_exact_once_the_moves_are_over",
            "tests/fault/test_halted_shards.py::test_a_shard_whose_records_are_gone_before_they_were_read_is_halted_and_the_others_go_on",
            "tests/fault/test_ticks.py::test_beyond_the_end_of_a_recreated_tick_topic_nothing_is_evaluated_and_the_worker_says_so",
            "tests/fault/test_accepting.py::test_lost_markers_cost_nothing_while_the_messages_are_still_there",
            "tests/fault/test_accepting.py::test_a_recreated_topic_is_read_from_its_beginning",
            "tests/integration/test_publishing.py::test_a_marker_that_can_not_be_right_halts_the_shard",
            "tests/fault/kafka/test_topics.py::test_an_activity_topic_made_anew_with_fewer_records_halts_its_shards_and_skips_nothing",
            "tests/fault/kafka/test_topics.py::test_markers_that_are_lost_under_a_running_worker_make_no_difference_to_it",
            "tests/fault/test_restoring.py::test_an_empty_kafka_takes_the_place_of_a_lost_one_without_a_second_message",
            "tests/fault/test_restoring.py::test_after_a_restore_of_postgres_only_what_it_forgot_is_repeated_with_the_same_ids",
        ),
    ),
    Row(
        24,
        "Credentials are changed, wrong or expired.",
        "One clear line without any secret, and the exit code of surroundings that don't fit.",
        (
            "tests/e2e/test_surroundings.py::test_services_that_are_away_end_it_with_3_and_the_settings_that_name_them",
            "tests/security/test_credentials.py::test_what_is_refused_is_told_in_one_line",
            "tests/security/test_credentials.py::test_an_expired_certificate_of_postgres_is_told_in_one_line",
            "tests/security/test_credentials.py::test_a_new_password_in_the_file_is_used_at_the_next_start",
        ),
    ),
    Row(
        25,
        "Faults of all kinds, in a random order, with quiet times in between.",
        "Nothing is lost, repeated or wrong, and nothing grows.",
        ("tests/fault/test_soak_slice.py::test_a_mix_of_faults_loses_repeats_and_wrongs_nothing",),
    ),
)
"""In the order of their numbers."""
