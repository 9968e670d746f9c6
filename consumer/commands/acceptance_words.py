"""What accepting a halted shard means, in an operator's words: what was found, what is lost, what is repeated."""

from collections.abc import Iterator, Sequence

from consumer.accepting import Accepted
from consumer.tick_gap import TickGap
from domain.acceptance import Contents, MarkerFinding, PositionFinding

_IDS = (
    "A message that is sent twice has the same message_id both times, so whoever drops repeats by it is not affected."
)


def explanation(accepted: Accepted, gap: TickGap) -> list[str]:
    """The lines of an account: position, marker, outbox, ticks, afterwards. Nothing lost is left unsaid."""
    return [
        *_of_position(accepted),
        *_of_marker(accepted),
        *_of_holes(accepted),
        *_of_waiting(accepted),
        *_of_dropped(accepted),
        *_of_ticks(gap),
        _afterwards(accepted),
    ]


def _of_position(accepted: Accepted) -> Iterator[str]:
    halted = accepted.halted
    where = f"offsets {halted.beginning} to {halted.end}"
    if halted.position_finding is PositionFinding.GONE:
        yield (
            f"Position: {halted.position} lies below the log ({where}). LOST: the activity records at offsets"
            f" {halted.position} to {halted.beginning - 1}, at most {halted.beginning - halted.position}, were removed"
            " from the topic before they were read. Who was active only there seems to have been silent since before,"
            " and may get a message for it."
        )
    elif halted.position_finding is PositionFinding.BEYOND:
        yield (
            f"Position: {halted.position} lies beyond the log ({where}): the activity topic was recreated or restored."
            " LOST: whatever the former topic held and was not read; nobody can tell how much. REPEATED: what is in"
            f" the topic now is read from its beginning, at most {halted.end - halted.beginning} records. Activity that"
            " was read before changes nothing the second time; records that can't be used become dead letters again."
        )
    elif halted.position < 0:
        yield f"Position: nothing was read yet, and reading begins where the log ({where}) does. Nothing is lost."
    else:
        yield f"Position: {halted.position} lies within the log ({where}). Nothing is lost, and nothing read again."


def _of_marker(accepted: Accepted) -> Iterator[str]:
    halted = accepted.halted
    states = f"Postgres has {halted.confirmed} confirmed and {halted.decided} decided"
    if halted.marker_finding is MarkerFinding.FITS:
        yield f"Marker: Kafka says that sequence {halted.marker} is published, which fits ({states})."
    elif halted.marker_finding is MarkerFinding.UNREADABLE:
        yield (
            f"Marker: the last one in Kafka is no sequence, so somebody else wrote to the progress topic ({states})."
            f" What Postgres has confirmed counts as published."
        )
    elif halted.marker_finding is MarkerFinding.AHEAD and halted.marker is not None:
        yield (
            f"Marker: Kafka says that sequence {halted.marker} is published ({states}): Postgres was restored from an"
            f" older backup. REPEATED, perhaps: Postgres has forgotten {_entries(halted.marker - halted.decided)} that"
            " Kafka holds (a chunk of messages, a cycle record or some dead letters each). The state doesn't know that"
            " those users were messaged: they are evaluated again and may get another message. It has the same"
            " message_id only where the same tick is evaluated again."
        )
    elif halted.marker is not None:
        first, last = halted.marker + 1, halted.confirmed
        yield (
            f"Marker: Kafka says that sequence {halted.marker} is published ({states}): markers were lost, as when the"
            f" progress topic was recreated or restored. Sequences {first} to {last} count as published, and nothing of"
            f" them is sent again. LOST, if Kafka lost the messages along with the markers:"
            f" {_many(accepted.account.unmarked)} (engagement.message_log lists them: shard ="
            f" {halted.shard} AND sequence BETWEEN {first} AND {last})."
        )


def _of_holes(accepted: Accepted) -> Iterator[str]:
    uncovered = [hole for hole in accepted.acceptance.holes if hole > accepted.acceptance.marker]
    if uncovered:
        yield (
            f"Outbox: entries that should wait there are missing: {_list(uncovered)}. LOST:"
            f" {_many(accepted.account.lost)} in them (engagement.message_log lists them: shard ="
            f" {accepted.halted.shard} AND sequence IN ({_list(uncovered)}), and will call them sent), and any cycle"
            " record or dead letter in them. Empty entries take their places, so that no sequence changes."
        )


def _of_waiting(accepted: Accepted) -> Iterator[str]:
    halted, marker = accepted.halted, accepted.acceptance.marker
    waiting = [sequence for sequence in halted.outbox if marker < sequence <= halted.decided]
    if not waiting:
        yield "Outbox: nothing waits to be published."
        return
    what = f"{_entries(len(waiting))} with {_contents(accepted.account.waiting)}"
    if halted.marker_finding is MarkerFinding.FITS:
        yield f"Outbox: {what} will be sent, once."
    elif halted.marker_finding is MarkerFinding.AHEAD:
        yield f"Outbox: REPEATED: {what} will be sent, and Kafka holds them already. {_IDS}"
    else:
        yield (
            f"Outbox: REPEATED, perhaps: {what} will be sent; nobody can tell whether Kafka holds them already. {_IDS}"
        )


def _of_dropped(accepted: Accepted) -> Iterator[str]:
    beyond = [stray for stray in accepted.acceptance.strays if stray > accepted.halted.decided]
    if beyond:
        yield (
            f"Outbox: entries beyond the decided sequence are deleted: {_list(beyond)}. LOST:"
            f" {_contents(accepted.account.dropped)} in them, unless Kafka holds them already."
        )


def _of_ticks(gap: TickGap) -> Iterator[str]:
    if gap.records:
        yield (
            f"Ticks: the tick topic ends at {gap.end}, and ticks are judged up to {gap.position}: it was recreated or"
            f" restored. Empty records, {gap.records} of them, are written into it, so that the next tick lies where"
            " ticks are read. LOST: ticks that are in the new topic already are not evaluated; stop whoever produces"
            " ticks until this is done."
        )


def _afterwards(accepted: Accepted) -> str:
    change = accepted.acceptance
    place = "where the log begins" if change.position < 0 else f"at offset {change.position}"
    return (
        f"Afterwards: publishing goes on after sequence {change.marker}, reading goes on {place}, and a worker takes"
        " the shard within a few seconds. Cycles that waited for it end then."
    )


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _many(messages: int | None) -> str:
    if messages is None:
        return "messages, too many to be counted here,"
    return f"{messages} {'message' if messages == 1 else 'messages'}"


def _list(sequences: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(sequences)))


def _contents(contents: Contents) -> str:
    counts = (
        (contents.messages, "message"),
        (contents.cycles, "cycle record"),
        (contents.dead_letters, "dead letter"),
    )
    named = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count]
    return ", ".join(named) or "nothing"
