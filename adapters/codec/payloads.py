"""What the records of the topics hold, for everybody who writes or reads them: the JSON Schemas are made from this.

These types describe and don't check: `decoding.py` judges what comes in, `encoding.py` and the cycle's record make what
goes out, and tests hold both to the schemas. What comes in may have more fields, which are ignored; what goes out has
no others.
"""

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from adapters.codec import examples
from adapters.codec.patterns import LABEL, NAME, TIME_IN, TIME_OUT, UUID_5

_OPEN: Final = "allow"
_CLOSED: Final = "forbid"


def _text(description: str, schema: dict[str, Any]) -> Any:
    return Field(description=description, json_schema_extra=schema)


def _of(title: str, extra: Literal["allow", "forbid"], **schema: Any) -> ConfigDict:
    return ConfigDict(title=title, extra=extra, json_schema_extra=schema)


Count = Annotated[int, Field(ge=0)]
UserIdIn = Annotated[
    str, _text("Who: 1 to 128 characters, no control characters. The record's key must be the same text.", LABEL)
]
OccurredAt = Annotated[
    str,
    _text(
        "When it happened: RFC 3339 with upper-case T, seconds, and Z or an offset; digits beyond the microseconds are"
        " cut off. No leap second, no hour 24. Once in UTC it must lie within the years 0001 to 9999 (the pattern can't"
        " say that), and it may not be later than the record's Kafka timestamp plus the allowed skew.",
        TIME_IN,
    ),
]
TickIdOut = Annotated[str, _text("The label of the tick.", LABEL)]


@with_config(_of("A user was active", _OPEN, examples=[examples.USER_ACTIVE]))
class UserActive(TypedDict):
    """A user did something. Order, repetition and delay don't matter: the latest time of any event of a user counts.

    Fields other than these are ignored, whatever they hold.
    """

    type: Annotated[Literal["user.active"], Field(description="What kind of event this is.")]
    user_id: UserIdIn
    occurred_at: OccurredAt


@with_config(_of("A user registered", _OPEN, examples=[examples.USER_REGISTERED]))
class UserRegistered(TypedDict):
    """A user registered, which is activity too.

    The earliest registration tells the age of the account, the latest one the name that messages use (of two at the
    same time, the greater name by code point).

    Fields other than these are ignored, whatever they hold.
    """

    type: Annotated[Literal["user.registered"], Field(description="What kind of event this is.")]
    user_id: UserIdIn
    name: Annotated[
        str,
        _text(
            "What messages call the user: 1 to 200 characters once control characters, bidirectional controls"
            " (U+202A to U+202E, U+2066 to U+2069) and surrounding white space are taken out.",
            NAME,
        ),
    ]
    occurred_at: OccurredAt


@with_config(
    _of(
        "A tick",
        _OPEN,
        # Without a label, the time as written is the label.
        anyOf=[{"required": ["tick_id"]}, {"properties": {"at": {"maxLength": 128}}}],
        examples=[examples.TICK],
    )
)
class EngagementTick(TypedDict):
    """Evaluate every user as of `at`. A tick whose `at` is not later than that of one before it is ignored.

    Fields other than these are ignored, whatever they hold.
    """

    type: Annotated[Literal["engagement.tick"], Field(description="What kind of record this is.")]
    tick_id: NotRequired[
        Annotated[
            str,
            _text(
                "A label for people, 1 to 128 characters, no control characters; `at` as written where it is absent,"
                " which then may not be longer either.",
                LABEL,
            ),
        ]
    ]
    at: Annotated[
        str,
        _text(
            'The only "now" that the rules see, and the identity of the tick: RFC 3339 with upper-case T, seconds, and'
            " Z or an offset; digits beyond the microseconds are cut off. No leap second, no hour 24. Once in UTC it"
            " must lie within the years 0001 to 9999 (the pattern can't say that), and it may not be later than the"
            " record's Kafka timestamp plus the allowed skew.",
            TIME_IN,
        ),
    ]


@with_config(_of("A message to a user", _CLOSED, examples=[examples.MESSAGE]))
class MessagePayload(TypedDict):
    """One message for one user, to be delivered by a notification service.

    It is published exactly once. Who reads uncommitted records too can drop repeats by `message_id`.
    """

    message_id: Annotated[
        str,
        _text(
            "Identity of the decision, a UUIDv5 of the text `decided_at/user_id`: the same decision always has the"
            " same.",
            UUID_5,
        ),
    ]
    type: Annotated[Literal["CLIENT_ENGAGEMENT_BRAND"], Field(description="What kind of message this is.")]
    user_id: Annotated[str, _text("To whom. It is the record's key too.", LABEL)]
    content: Annotated[str, Field(min_length=1, description="The text, ready to be shown. It holds the user's name.")]
    segment: Annotated[Literal["dormant", "new_user", "normal"], Field(description="What kind of user this is.")]
    tone: Annotated[
        Literal["playful", "warm", "neutral"],
        Field(description="How the text addresses the user: playful if dormant, warm if new, else neutral."),
    ]
    reason: Annotated[Literal["eligible"], Field(description="Why there is a message.")]
    tick_id: TickIdOut
    decided_at: Annotated[str, _text("The tick's `at`: UTC with six decimals.", TIME_OUT)]


@with_config(_of("Messages by segment", _CLOSED))
class SegmentBreakdown(TypedDict):
    """How many users of each segment got a message; each is present, with 0 where none."""

    dormant: Annotated[Count, Field(description="Silent for the dormant threshold or longer.")]
    new_user: Annotated[Count, Field(description="Not dormant, and the account is younger than the new-user age.")]
    normal: Annotated[Count, Field(description="All others who got a message.")]


@with_config(_of("Skipped users by reason", _CLOSED))
class SkipReasons(TypedDict):
    """How many users got no message, by the reason; each is present, with 0 where none."""

    active: Annotated[Count, Field(description="Silent for no longer than the inactivity threshold.")]
    recently_messaged: Annotated[Count, Field(description="Messaged less than the message frequency ago.")]


@with_config(_of("The statistics of a cycle", _CLOSED))
class DetailedStats(TypedDict):
    """The same figures once more, with the reasons for which users were skipped."""

    total_users: Annotated[Count, Field(description="All users who were evaluated.")]
    eligible: Annotated[Count, Field(description="Users who got a message.")]
    skipped: Annotated[Count, Field(description="Users who got none.")]
    by_segment: SegmentBreakdown
    skip_reasons: SkipReasons


@with_config(_of("The shards of a cycle", _CLOSED))
class CycleShards(TypedDict):
    """How many shards evaluated the tick, and how many went on to a newer one that was waiting too."""

    evaluated: Annotated[Count, Field(description="Shards whose users are in the figures.")]
    coalesced: Annotated[Count, Field(description="Shards that skipped this tick for a newer one.")]


@with_config(_of("What a cycle did", _CLOSED, examples=[examples.CYCLE]))
class CyclePayload(TypedDict):
    """One record per tick that was not ignored, written when every shard has dealt with it, after its messages.

    Records of different ticks may come out of order.
    """

    status: Annotated[
        Literal["Cycle complete", "Cycle partial", "Cycle coalesced"],
        Field(
            description="Complete; partial where some shards coalesced the tick, whose users are not in the figures;"
            " coalesced where all did, and the figures are 0."
        ),
    ]
    total_users: Annotated[Count, Field(description="All users who were evaluated.")]
    messages_sent: Annotated[Count, Field(description="Users who got a message.")]
    users_skipped: Annotated[Count, Field(description="Users who got none.")]
    segment_breakdown: SegmentBreakdown
    detailed_stats: DetailedStats
    tick_id: Annotated[str, _text("The label of the tick. It is the record's key too.", LABEL)]
    at: Annotated[str, _text("The tick's time: UTC with six decimals.", TIME_OUT)]
    shards: CycleShards
