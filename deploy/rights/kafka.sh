#!/bin/sh
# Grants one user of Kafka what a part of the engine needs, and nothing else, by Kafka's own kafka-acls.sh.
#
#   BOOTSTRAP_SERVERS=kafka-1:9093 COMMAND_CONFIG=admin.properties deploy/rights/kafka.sh engine User:engine
#
# The parts: engine (`engage run` and `engage check`), init (`engage init`), notify (the notification service, or
# `engage notify`), operator (every other command). Several may be granted to one user. Safe to repeat.
#
# Variables:
#   BOOTSTRAP_SERVERS   where Kafka is (needed)
#   COMMAND_CONFIG      properties file with the login of somebody who may grant (security.protocol and so on)
#   KAFKA_ACLS          the tool, by default the kafka-acls.sh on the path
#   ACTION              --add, or --remove to take the same rights away
#   NOTIFICATION_GROUP  with notify: consumer group of a notification service that has one (`engage notify` has none)
#   ENGAGEMENT_…_TOPIC, ENGAGEMENT_CONSUMER_GROUP   as in the engine's own settings
set -eu

part=${1:?"which part? engine, init, notify or operator"}
principal=${2:?"to whom? User:engine, say"}
: "${BOOTSTRAP_SERVERS:?"where is Kafka? Set it to host:port"}"

activity=${ENGAGEMENT_ACTIVITY_TOPIC:-user-activity}
ticks=${ENGAGEMENT_TICK_TOPIC:-engagement-ticks}
messages=${ENGAGEMENT_MESSAGE_TOPIC:-engagement-messages}
cycles=${ENGAGEMENT_CYCLE_TOPIC:-engagement-cycles}
dead_letters=${ENGAGEMENT_DEAD_LETTER_TOPIC:-engagement-dead-letters}
progress=${ENGAGEMENT_PROGRESS_TOPIC:-engagement-progress}
group=${ENGAGEMENT_CONSUMER_GROUP:-engagement-engine}

acl() {
    action=${ACTION:---add}
    test "$action" = --add || action="$action --force"
    # shellcheck disable=SC2086 - the action may be two words
    "${KAFKA_ACLS:-kafka-acls.sh}" --bootstrap-server "$BOOTSTRAP_SERVERS" \
        ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"} $action --allow-principal "$principal" "$@"
}

# Read, Write and Alter include Describe. The transactional ids are the group's name, a hyphen and the shard.
case $part in
engine)
    acl --operation Read --operation DescribeConfigs --topic "$activity" --topic "$ticks" --topic "$progress"
    acl --operation Write --operation DescribeConfigs --topic "$messages" --topic "$cycles" --topic "$dead_letters"
    # Its own markers; and ticks that are asked for over HTTP.
    acl --operation Write --topic "$progress" --topic "$ticks"
    acl --operation Read --group "$group"
    acl --operation Write --transactional-id "$group-" --resource-pattern-type prefixed
    ;;
init)
    acl --operation Create --operation Describe --topic "$activity" --topic "$ticks" --topic "$messages" \
        --topic "$cycles" --topic "$dead_letters"
    # It grows with the activity topic.
    acl --operation Create --operation Alter --topic "$progress"
    # The dead-letter topic takes larger records than these.
    acl --operation DescribeConfigs --topic "$activity" --topic "$ticks"
    ;;
notify)
    acl --operation Read --topic "$messages"
    test -z "${NOTIFICATION_GROUP:-}" || acl --operation Read --group "$NOTIFICATION_GROUP"
    ;;
operator)
    # tick, ticker, produce, replay, demo
    acl --operation Write --topic "$activity" --topic "$ticks"
    acl --operation Read --topic "$cycles"
    # dlq list, dlq replay, shard accept
    acl --operation Read --topic "$dead_letters" --topic "$progress"
    acl --operation Write --topic "$progress"
    acl --operation DescribeConfigs --topic "$activity" --topic "$ticks"
    acl --operation Write --transactional-id "$group-" --resource-pattern-type prefixed
    # shard list
    acl --operation Describe --group "$group"
    ;;
*)
    echo "no such part: $part. It is engine, init, notify or operator" >&2
    exit 2
    ;;
esac
