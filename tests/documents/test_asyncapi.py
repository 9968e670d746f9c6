import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from consumer.settings import Settings
from deploy.documents.asyncapi import ASYNCAPI_VERSION
from deploy.documents.files import ROOT
from deploy.documents.schemas import SCHEMAS
from tests.documents.published import published_schema

FOLDER = ROOT / "schemas"


@pytest.fixture
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def specification() -> Draft7Validator:
    return Draft7Validator(published_schema(ASYNCAPI_VERSION))


def pointed_at(whole: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        whole = whole[step]
    return whole


def resolved(part: Any, whole: Any) -> Any:
    """The part with what it refers to in the place of each reference; raises where there is no such thing."""
    if isinstance(part, list):
        return [resolved(item, whole) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" not in part:
        return {name: resolved(value, whole) for name, value in part.items()}
    file, _, pointer = part["$ref"].partition("#")
    if file:
        whole = json.loads((FOLDER / file).read_text("utf-8"))
    return resolved(pointed_at(whole, pointer), whole)


def problems(specification: Draft7Validator, document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in specification.iter_errors(document)]


def test_the_document_is_valid_by_the_published_specification(
    document: dict[str, Any], specification: Draft7Validator
) -> None:
    assert document["asyncapi"] == ASYNCAPI_VERSION
    assert problems(specification, document) == []


def test_with_its_references_resolved_it_is_valid_too(document: dict[str, Any], specification: Draft7Validator) -> None:
    # The channels of operations and their messages must stay references, so only what they refer to is looked into.
    components = resolved(document["components"], document)
    assert problems(specification, document | {"components": components}) == []
    payload = components["messages"]["engagementMessage"]["payload"]
    assert payload["$id"] == "urn:engagement-decision-engine:schema:engagement.message"
    for part in (document["channels"], document["operations"]):
        resolved(part, document)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("/operations/sendMessages/action", "publish"),
        ("/channels/userActivity/address", 5),
        ("/channels/engagementTicks/bindings/kafka/partitions", 0),
        ("/components/messages/engagementMessage/correlationId/location", "message_id"),
        ("/info/title", None),
    ],
)
def test_the_published_specification_refuses_a_wrong_document(
    document: dict[str, Any], specification: Draft7Validator, where: str, value: object
) -> None:
    parent, _, name = where.rpartition("/")
    pointed_at(document, parent)[name] = value
    assert problems(specification, document) != []


def test_the_topics_are_those_of_the_settings_but_for_the_internal_one(document: dict[str, Any]) -> None:
    topics = {field.default for name, field in Settings.model_fields.items() if name.endswith("_topic")}
    assert {channel["address"] for channel in document["channels"].values()} == topics - {"engagement-progress"}
    assert "engagement-progress" in document["info"]["description"]


def test_every_channel_has_one_operation_and_every_message_a_channel(document: dict[str, Any]) -> None:
    operations = [operation["channel"]["$ref"] for operation in document["operations"].values()]
    assert sorted(operations) == sorted(f"#/channels/{channel}" for channel in document["channels"])
    used = {one["$ref"] for channel in document["channels"].values() for one in channel["messages"].values()}
    assert used == {f"#/components/messages/{message}" for message in document["components"]["messages"]}


def test_every_schema_of_a_record_is_in_the_document() -> None:
    text = (FOLDER / "asyncapi.yaml").read_text("utf-8")
    records = [schema.file for schema in SCHEMAS if schema.name.startswith(("user.", "engagement."))]
    assert [file for file in records if f"./{file}" not in text] == []
