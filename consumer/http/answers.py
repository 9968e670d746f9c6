"""What the HTTP port is asked and answers: the JSON Schemas are made from this. A cycle is that of the cycles topic."""

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from adapters.codec import examples
from adapters.codec.patterns import COUNT, LABEL, TIME_IN, TIME_OUT, UUID_5
from adapters.codec.payloads import Count, CyclePayload, TickIdOut

_AT: Final = "2026-11-22T10:00:00.000000Z"
_USER: Final[dict[str, Any]] = {
    "user_id": "12",
    "name": "Ghost Gary",
    "shard": 3,
    "created_at": "2026-10-01T08:00:00.000000Z",
    "last_active": "2026-11-17T10:00:00.000000Z",
    "last_messaged": _AT,
    "last_tick": {
        "tick_id": "2026-11-22T10:00:00Z",
        "at": _AT,
        "outcome": "messaged",
        "reason": "eligible",
        "segment": "dormant",
        "tone": "playful",
        "message_id": "201e8619-5dab-57ea-8562-40423e86f443",
        "content": "Hey Ghost Gary, we miss you! 😉",
        "status": "sent",
    },
    "next_possible_at": "2026-11-23T10:00:00.000000Z",
    "explanation": "At the last tick, 2026-11-22 10:00:00 UTC, user 12 (Ghost Gary) got"
    " “Hey Ghost Gary, we miss you! 😉” (dormant, playful): silent for 5 days, and the threshold is 24 h."
    " If they stay silent, the first tick from 2026-11-23 10:00:00 UTC on messages them.",
}
_READY: Final[dict[str, Any]] = {
    "ready": True,
    "problems": [],
    "assigned_shards": [0, 1, 2],
    "owned_shards": [0, 1],
    "halted_shards": {"2": "its marker is lost"},
}


def _answer(title: str, example: dict[str, Any], **schema: Any) -> ConfigDict:
    return ConfigDict(title=title, extra="forbid", json_schema_extra={**schema, "examples": [example]})


_TimeOut = Annotated[str, Field(json_schema_extra=TIME_OUT)]
_Segment = Literal["dormant", "new_user", "normal"]
_Tone = Literal["playful", "warm", "neutral"]


@with_config(
    ConfigDict(
        title="A request for a cycle",
        extra="allow",
        json_schema_extra={
            # Without a label, the time as written is the label.
            "anyOf": [{"required": ["tick_id"]}, {"properties": {"at": {"maxLength": 128}}}],
            "examples": [{"at": "2026-11-22T10:00:00Z", "tick_id": "by hand"}],
        },
    )
)
class CycleRequest(TypedDict):
    """The body of `POST /run-engagement-cycle/`, which may be missing: a tick, of which every field may be absent.

    Fields other than these are ignored, whatever they hold.
    """

    type: NotRequired[Annotated[Literal["engagement.tick"], Field(description="What is asked for.")]]
    tick_id: NotRequired[
        Annotated[
            str,
            Field(
                description="A label for people, 1 to 128 characters, no control characters; `at` as written where it"
                " is absent, which then may not be longer either.",
                json_schema_extra=LABEL,
            ),
        ]
    ]
    at: NotRequired[
        Annotated[
            str,
            Field(
                description="The tick's time, this moment where it is absent: RFC 3339 with upper-case T, seconds, and"
                " Z or an offset; digits beyond the microseconds are cut off. No leap second, no hour 24. Once in UTC"
                " it must lie within the years 0001 to 9999 (the pattern can't say that), and it may not be later than"
                " now plus the allowed skew.",
                json_schema_extra=TIME_IN,
            ),
        ]
    ]


@with_config(_answer("A tick whose cycle has not ended", {"tick_id": "by hand", "at": _AT}))
class AcceptedAnswer(TypedDict):
    """The tick was produced, and its cycle did not end within the time that the request gave it."""

    tick_id: TickIdOut
    at: Annotated[_TimeOut, Field(description="The tick's time: UTC with six decimals.")]


@with_config(_answer("An error", {"error": "no cycle has ended yet"}))
class ErrorAnswer(TypedDict):
    """The body of an error, with a status from 400 on; that of `/readyz` and `/livez` has more to say."""

    error: Annotated[str, Field(min_length=1, description="What is wrong, for people.")]


@with_config(ConfigDict(title="A user at the last tick", extra="forbid"))
class UserTick(TypedDict):
    """What became of the user at the tick of the latest ended cycle."""

    tick_id: TickIdOut
    at: Annotated[_TimeOut, Field(description="The tick's time: UTC with six decimals.")]
    outcome: Annotated[
        Literal["messaged", "skipped", "not_seen_yet", "left_out", "undetermined"],
        Field(
            description="`not_seen_yet`: the user's first event is later than the tick. `left_out`: all shards left the"
            " tick out for a newer one. `undetermined`: no message, though by what is known today the rules gave one."
        ),
    ]
    reason: Annotated[
        Literal["eligible", "active", "recently_messaged"] | None,
        Field(description="Why the user was messaged or skipped; null at other outcomes."),
    ]
    segment: Annotated[
        _Segment | None,
        Field(description="Of the message; null, as tone, content and status are, where the log has none."),
    ]
    tone: Annotated[_Tone | None, Field(description="Of the message.")]
    message_id: Annotated[
        Annotated[str, Field(json_schema_extra=UUID_5)] | None,
        Field(description="Of the message, even if the log holds it no more; null where the user got none."),
    ]
    content: Annotated[
        Annotated[str, Field(min_length=1)] | None, Field(description="The message's text, with the user's name.")
    ]
    status: Annotated[
        Literal["decided", "sent"] | None,
        Field(description="Of the message: `sent` once it is committed to Kafka, `decided` before."),
    ]


@with_config(_answer("A user", _USER))
class UserAnswer(TypedDict):
    """What the state says of one user: what the last tick did, why, and when they can next be messaged."""

    user_id: Annotated[str, Field(description="Who.", json_schema_extra=LABEL)]
    name: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | None,
        Field(description="What messages call the user; null without a registration: they say “there”."),
    ]
    shard: Annotated[Count, Field(description="The shard that evaluates the user: a partition of the activity topic.")]
    created_at: Annotated[
        _TimeOut, Field(description="The earliest registration or, while there is none, the earliest event.")
    ]
    last_active: Annotated[_TimeOut, Field(description="The latest time of any event of the user.")]
    last_messaged: Annotated[
        _TimeOut | None, Field(description="The time of the tick that gave the user their last message; null if none.")
    ]
    last_tick: Annotated[
        UserTick | None,
        Field(description="The user at the tick of the latest ended cycle; null before the first one."),
    ]
    next_possible_at: Annotated[
        _TimeOut | None,
        Field(
            description="The earliest time of a tick that messages the user if they stay silent; where it is past, the"
            " next tick does. Null: none before the year 10000."
        ),
    ]
    explanation: Annotated[str, Field(min_length=1, description="The same in a few sentences, for people.")]


@with_config(
    _answer(
        "Whether a worker is ready",
        _READY,
        oneOf=[
            {"properties": {"ready": {"const": True}, "problems": {"maxItems": 0}}},
            {"properties": {"ready": {"const": False}, "problems": {"minItems": 1}}},
        ],
    )
)
class ReadyAnswer(TypedDict):
    """The answer of `/readyz`, with status 200 or 503; `problems` is empty exactly when the worker is ready.

    Halted shards wait for an operator's decision. They keep no worker from being ready, for the others go on.
    """

    ready: Annotated[bool, Field(description="Whether the worker can do its work now.")]
    problems: Annotated[
        list[Annotated[str, Field(min_length=1)]], Field(description="What keeps the worker from it, for people.")
    ]
    assigned_shards: Annotated[
        list[Count], Field(description="Shards that Kafka gave this worker. Without any it stands by.")
    ]
    owned_shards: Annotated[list[Count], Field(description="Shards that the worker has taken over.")]
    halted_shards: Annotated[
        dict[str, str],
        Field(
            description="Shards of any worker that wait for an operator, and why: the shard's number is the name of"
            " the member.",
            json_schema_extra={"propertyNames": COUNT},
        ),
    ]


@with_config(_answer("Whether a worker is alive", {"alive": True}))
class AliveAnswer(TypedDict):
    """The answer of `/livez`, with status 200 or 503."""

    alive: Annotated[bool, Field(description="Whether the worker gets on, be it in waiting for Kafka or Postgres.")]


CyclesAnswer = Annotated[
    list[CyclePayload],
    Field(
        title="Cycles",
        description="The answer of `GET /cycles`: what ended cycles did, the latest time first.",
        examples=[[examples.CYCLE]],
    ),
]
