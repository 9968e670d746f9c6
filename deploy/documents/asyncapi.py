"""The AsyncAPI document: which topics there are, what is sent and received, and what identifies a record."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import yaml

from adapters.codec import examples
from consumer.settings import Settings
from consumer.settings.environment import variable
from deploy.documents.schemas import SCHEMAS, json_schema

ASYNCAPI_VERSION = "3.1.0"
_KAFKA_BINDING = {"bindingVersion": "0.5.0"}
_JSON = "application/json"

_INFO = """\
Decides on each tick which idle users get a message, and publishes each of those messages exactly once.

Operations are those of the engine: what it receives others send, and what it sends others receive. Names of topics are
the defaults of the settings. Whoever reads should read committed records only (`isolation.level=read_committed`).

One more topic, `{progress_topic}`, is the engine's own and internal: how far each shard has published.
"""


def asyncapi_document() -> str:
    """The document as YAML; payloads and headers are references to the files beside it."""
    document = {
        "asyncapi": ASYNCAPI_VERSION,
        "id": "urn:engagement-decision-engine",
        "info": {
            "title": "Engagement decision engine",
            "version": version("engagement-engine"),
            "description": _INFO.format(progress_topic=_default("progress_topic")),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {"kafka": _server()},
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages()},
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, and nothing by alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - nothing is shared, whatever it is
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _server() -> dict[str, Any]:
    setting = "kafka_bootstrap_servers"
    return {
        "host": "{bootstrap_servers}",
        "protocol": "kafka",
        "description": "The Kafka cluster.",
        "variables": {"bootstrap_servers": {"description": f"The setting `{variable(setting)}`."}},
    }


def _channels() -> dict[str, Any]:
    clock = {"message.timestamp.type": "LogAppendTime"}
    return {
        "userActivity": _channel(
            "activity_topic",
            "What users do. Each partition is a shard of the engine.",
            ("userActive", "userRegistered"),
            {"topicConfiguration": clock},
        ),
        "engagementTicks": _channel(
            "tick_topic",
            "Requests to evaluate all users as of a time.",
            ("engagementTick",),
            {"partitions": 1, "topicConfiguration": clock},
        ),
        "engagementMessages": _channel(
            "message_topic", "One record per engagement message.", ("engagementMessage",), {}
        ),
        "engagementCycles": _channel(
            "cycle_topic", "One record per tick: what the cycle did.", ("engagementCycle",), {"partitions": 1}
        ),
        "engagementDeadLetters": _channel(
            "dead_letter_topic", "Records that can't be used, bytes unchanged.", ("deadLetter",), {}
        ),
    }


def _channel(setting: str, description: str, messages: tuple[str, ...], binding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "address": _default(setting),
        "description": f"{description} The topic is the setting `{variable(setting)}`.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
        "bindings": {"kafka": {**binding, **_KAFKA_BINDING}},
    }


def _operations() -> dict[str, Any]:
    group = {"groupId": {"type": "string", "const": _default("consumer_group")}, **_KAFKA_BINDING}
    return {
        "receiveActivity": {
            **_operation("receive", "userActivity", "Take in what users do."),
            "bindings": {"kafka": group},
        },
        "receiveTicks": _operation("receive", "engagementTicks", "Evaluate every user as of the tick's time."),
        "sendMessages": _operation("send", "engagementMessages", "Publish a message to a user, exactly once."),
        "sendCycles": _operation("send", "engagementCycles", "Tell what a tick did, once all shards are done."),
        "sendDeadLetters": _operation(
            "send", "engagementDeadLetters", "Set a record aside that can't be used, exactly once."
        ),
    }


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _messages() -> dict[str, Any]:
    return {
        "userActive": _message("user.active", "user_id"),
        "userRegistered": _message("user.registered", "user_id"),
        "engagementTick": _message("engagement.tick", None),
        "engagementMessage": {
            **_message("engagement.message", "user_id"),
            "headers": {"$ref": "./engagement.message.headers.json"},
            "correlationId": {
                "description": "The same decision always has the same id.",
                "location": "$message.payload#/message_id",
            },
            "examples": [{"headers": examples.MESSAGE_HEADERS, "payload": examples.MESSAGE}],
        },
        "engagementCycle": {
            **_message("engagement.cycle", "tick_id"),
            "headers": {
                "type": "object",
                "required": ["content-type"],
                "properties": {"content-type": {"type": "string", "const": _JSON}},
            },
        },
        "deadLetter": {
            "name": "dead-letter",
            "title": "A record that can't be used",
            "summary": "Key, value, headers and timestamp as they came, and headers that say why and where from.",
            "contentType": "application/octet-stream",
            "headers": {"$ref": "./engagement.dead-letter.headers.json"},
            "payload": {
                "description": "The value's bytes as they came, or their beginning where the record was too"
                " large; none where there were none."
            },
            "bindings": _key({"description": "The record's own key, or none."}),
        },
    }


def _message(name: str, key: str | None) -> dict[str, Any]:
    """A message whose payload is the schema of that name, and whose key is one of its fields, if any in particular."""
    schema = json_schema(next(schema for schema in SCHEMAS if schema.name == name))
    return {
        "name": name,
        "title": schema["title"],
        "summary": schema["description"].split("\n\n")[0],
        "contentType": _JSON,
        "payload": {"$ref": f"./{name}.json"},
        "bindings": _key(schema["properties"][key] if key else {"description": "Anything, or none."}),
    }


def _key(schema: dict[str, Any]) -> dict[str, Any]:
    # As it is, not by reference: the published specification takes a reference for two things at once here.
    return {"kafka": {"key": schema, **_KAFKA_BINDING}}


def _default(setting: str) -> str:
    return str(Settings.model_fields[setting].default)
