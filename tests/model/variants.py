"""The protocol in several sizes, and wrong variants of it: one rule left out of each, and the promise that breaks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.model import choosing, ingest, judging, publishing, publishing_state
from tests.model.explore import Model


@dataclass(frozen=True, slots=True)
class Variant:
    """A model with a rule left out. ``breaks`` is part of what the exploration must find."""

    wrong: str
    breaks: str
    model: Callable[[], Model[Any]]


def _publishing(rules: publishing_state.Rules) -> Callable[[], Model[Any]]:
    # A halted shard would be the shorter history of most; repeated and lost messages are worse.
    return lambda: publishing.Publishing(rules, progress_matters=False)


def _ingest(rules: ingest.Rules) -> Callable[[], Model[Any]]:
    return lambda: ingest.Ingest(rules, records=2, progress_matters=False)


def _judging(rules: judging.Rules, ticks: int, growth: int) -> Callable[[], Model[Any]]:
    topic = judging.TOPIC[:ticks]
    return lambda: judging.Judging(rules, topic=topic, growth=growth, progress_matters=False)


_Publishing, _Ingest, _Judging = publishing_state.Rules, ingest.Rules, judging.Rules

VARIANTS = (
    Variant("the fence is left out of chunks and confirms", "figures", _publishing(_Publishing(fence=False))),
    Variant(
        "the fence compares the position only, not the epoch",
        "different states",
        _ingest(_Ingest(fence=False)),
    ),
    Variant(
        "the marker is read before the producer is initialised",
        "published twice",
        _publishing(_Publishing(marker_read="before start")),
    ),
    Variant(
        "no marker is read: what Postgres has confirmed is believed",
        "published twice",
        _publishing(_Publishing(marker_read="never")),
    ),
    Variant(
        "the marker is read for the first producer of an ownership only, and the epoch not asked after the start",
        "published twice",
        _publishing(_Publishing(marker_read="once", epoch_asked_after_start=False)),
    ),
    Variant(
        "futures of deliveries are not checked",
        "without their marker",
        _publishing(_Publishing(deliveries_checked=False)),
    ),
    Variant(
        "a producer is kept after a commit that was sent twice",
        "without their marker",
        _publishing(_Publishing(slow_commit_spends_producer=False)),
    ),
    Variant(
        "the shard is counted done before confirmation",
        "before all its messages",
        _publishing(_Publishing(done_waits_for_confirmation=False)),
    ),
    Variant(
        "the outbox is read in the statement that raises the epoch",
        "the shard is halted",
        lambda: publishing.Publishing(_Publishing(outbox_read_after_bump=False)),
    ),
    Variant("the fence does not compare the position", "not in the state", _ingest(_Ingest(position_compared="none"))),
    Variant(
        "only the fence of batches compares the position",
        "the tick does not see",
        _ingest(_Ingest(position_compared="batches")),
    ),
    Variant(
        "the barrier is asked for before the tick is known",
        "the tick does not see",
        _ingest(_Ingest(barrier_after_choice=False)),
    ),
    Variant(
        "activity is taken in between the chunks of a tick",
        "different states",
        _ingest(_Ingest(activity_waits_for_last_chunk=False)),
    ),
    Variant(
        "tick verdicts are not shared: each shard judges by its owner's settings",
        "the cycle never ends",
        _judging(_Judging(verdicts_shared=False), ticks=3, growth=0),
    ),
    Variant(
        "judging does not compare its position",
        "judged twice",
        _judging(_Judging(judging_compares_position=False), ticks=2, growth=0),
    ),
    Variant(
        "growth does not lock the deployment row",
        "3 of 2 shards",
        _judging(_Judging(growth_locks_deployment=False), ticks=1, growth=1),
    ),
    Variant(
        "shards choose among what is judged so far, not up to an end asked for before",
        "has been waiting",
        lambda: choosing.Choosing(choosing.Rules(choice_waits_for_end=False)),
    ),
)

SOUND: dict[str, Callable[[], Model[Any]]] = {
    "publishing, nothing to send": lambda: publishing.Publishing(chunks=(0,)),
    "publishing, an empty last chunk": lambda: publishing.Publishing(chunks=(1, 0)),
    "publishing, two chunks": lambda: publishing.Publishing(chunks=(1, 1)),
    "ingest, two records": lambda: ingest.Ingest(records=2),
    "judging, three ticks": lambda: judging.Judging(growth=0),
    "judging, two ticks and growth": lambda: judging.Judging(topic=judging.TOPIC[:2]),
    "choosing, three ticks": choosing.Choosing,
}
"""The protocol as it is, in sizes for every run of the tests."""

DEEP: dict[str, Callable[[], Model[Any]]] = {
    **SOUND,
    "publishing, three chunks": lambda: publishing.Publishing(chunks=(1, 1, 0)),
    "ingest, three records": lambda: ingest.Ingest(records=3),
    "choosing, five ticks": lambda: choosing.Choosing(ticks=5),
}
"""Larger ones, which take a few minutes."""
