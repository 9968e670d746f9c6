"""JSON Schemas of everything that is published, read or answered."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from adapters.codec.header_texts import DeadLetterHeaders, MessageHeaders
from adapters.codec.payloads import CyclePayload, EngagementTick, MessagePayload, UserActive, UserRegistered
from consumer.http.answers import (
    AcceptedAnswer,
    AliveAnswer,
    CycleRequest,
    CyclesAnswer,
    ErrorAnswer,
    ReadyAnswer,
    UserAnswer,
)

_IDENTITY = "urn:engagement-decision-engine:schema:"
# Invisible in an editor, or reversing what stands beside them.
_UNPRINTABLE = re.compile("[\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000]")


@dataclass(frozen=True, slots=True)
class Schema:
    """One file in `schemas`: its name without ``.json``, and the type that it is made from."""

    name: str
    source: Any

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.json"


SCHEMAS: Sequence[Schema] = (
    Schema("user.active", UserActive),
    Schema("user.registered", UserRegistered),
    Schema("engagement.tick", EngagementTick),
    Schema("engagement.message", MessagePayload),
    Schema("engagement.message.headers", MessageHeaders),
    Schema("engagement.cycle", CyclePayload),
    Schema("engagement.dead-letter.headers", DeadLetterHeaders),
    Schema("http.run-engagement-cycle", CycleRequest),
    Schema("http.accepted", AcceptedAnswer),
    Schema("http.error", ErrorAnswer),
    Schema("http.user", UserAnswer),
    Schema("http.ready", ReadyAnswer),
    Schema("http.alive", AliveAnswer),
    Schema("http.cycles", CyclesAnswer),
)
"""One entry for each file. Whoever adds a payload adds it here."""


class _Plain(GenerateJsonSchema):
    """Schemas in the order of the types, and without titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - for no field
        return False

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        return value


def json_schema(schema: Schema) -> dict[str, Any]:
    """The schema of draft 2020-12.

    It refers to nothing and uses only words that draft 7 has too, since AsyncAPI reads it as such.
    """
    made = TypeAdapter(schema.source).json_schema(schema_generator=_Plain)
    made = _inlined(made, made.pop("$defs", {}))
    head = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": _IDENTITY + schema.name,
        "title": made["title"],
        "description": _unwrapped(made["description"]),
    }
    return head | {word: value for word, value in made.items() if word not in head}


def as_text(schema: dict[str, Any]) -> str:
    """The schema as it stands in its file."""
    text = json.dumps(schema, ensure_ascii=False, indent=2)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def _unwrapped(docstring: str) -> str:
    """The text with one line per paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with each reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inlined = {word: _inlined(value, definitions) for word, value in schema.items() if word != "$ref"}
    if "$ref" in schema:
        definition = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return _inlined(definition, definitions) | inlined
    return inlined
