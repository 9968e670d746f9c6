"""What the headers of published records hold, as texts by name: the JSON Schemas are made from this.

In Kafka they are UTF-8 bytes. A header's name may occur more than once; of those the last counts.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from adapters.codec import examples
from adapters.codec.patterns import COUNT, NUMBER, TIME_OUT, UUID_5
from domain.errors import Reason


def _text(description: str, **schema: Any) -> Any:
    return Field(description=description, json_schema_extra=schema)


_MessageHeaders = TypedDict(
    "_MessageHeaders",
    {
        "ce_specversion": Annotated[Literal["1.0"], Field(description="The version of CloudEvents.")],
        "ce_id": Annotated[str, _text("The message's `message_id`.", **UUID_5)],
        "ce_type": Annotated[Literal["CLIENT_ENGAGEMENT_BRAND"], Field(description="The message's `type`.")],
        "ce_source": Annotated[
            str,
            _text(
                "Which deployment sent it, a URI reference: the setting `ENGAGEMENT_EVENT_SOURCE`.",
                minLength=1,
                maxLength=200,
            ),
        ],
        "ce_time": Annotated[str, _text("The message's `decided_at`.", **TIME_OUT)],
        "content-type": Annotated[Literal["application/json"], Field(description="What the value is.")],
    },
)


@with_config(
    ConfigDict(title="Headers of a message", extra="forbid", json_schema_extra={"examples": [examples.MESSAGE_HEADERS]})
)
class MessageHeaders(_MessageHeaders):
    """The CloudEvents attributes of a message (Kafka binding, binary mode): it can be routed without being read."""


_DeadLetterHeaders = TypedDict(
    "_DeadLetterHeaders",
    {
        "engagement.error.reason": Annotated[
            Reason, Field(description="What was wrong; where several apply, the first in this order.")
        ],
        "engagement.error.detail": Annotated[
            str, _text("Which field and what was wrong with it, never the input itself.", minLength=1)
        ],
        "engagement.error.topic": Annotated[
            str, _text("The topic that the record came from.", minLength=1, maxLength=249)
        ],
        "engagement.error.partition": Annotated[str, _text("The partition that it came from.", **COUNT)],
        "engagement.error.offset": Annotated[str, _text("Its offset there.", **COUNT)],
        "engagement.error.timestamp": Annotated[
            str, _text("Its Kafka timestamp, in milliseconds since 1970.", **NUMBER)
        ],
        "engagement.error.truncated": NotRequired[
            Annotated[
                Literal["true"],
                Field(
                    description="Present where the record was too large for the topic. Of the value only the beginning"
                    " is here, 64 KiB or as much as there was room for; what else is missing, the detail tells."
                ),
            ]
        ],
        "engagement.error.length": NotRequired[
            Annotated[str, _text("Then, how many bytes the value had, if it had one.", **COUNT)]
        ],
    },
)


@with_config(
    ConfigDict(
        title="Headers of a dead letter", extra="allow", json_schema_extra={"examples": [examples.DEAD_LETTER_HEADERS]}
    )
)
class DeadLetterHeaders(_DeadLetterHeaders):
    """Why a record can't be used and where it came from. They follow the record's own headers, which stay."""
