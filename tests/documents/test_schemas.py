from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from deploy.documents.schemas import SCHEMAS
from tests.documents.schemas import FOLDER, schema_of

NAMES = [schema.name for schema in SCHEMAS]
EVERY_SCHEMA = pytest.mark.parametrize("name", NAMES)


@EVERY_SCHEMA
def test_it_is_a_schema_by_its_meta_schema_and_by_that_of_draft_7(name: str) -> None:
    schema = schema_of(name)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]
    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema(schema)


@EVERY_SCHEMA
def test_no_word_means_something_else_in_draft_7_which_asyncapi_reads(name: str) -> None:
    words = "$defs $ref $anchor $dynamicRef prefixItems unevaluatedProperties dependentRequired dependencies"
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    assert [word for word in words.split() if f'"{word}":' in text] == []


@EVERY_SCHEMA
def test_it_has_title_description_id_and_valid_examples(name: str) -> None:
    schema = schema_of(name)
    assert schema["title"]
    assert schema["description"]
    assert schema["$id"] == f"urn:engagement-decision-engine:schema:{name}"
    assert schema["examples"]
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)
        Draft7Validator(schema).validate(example)


@EVERY_SCHEMA
def test_every_field_says_what_it_means(name: str) -> None:
    assert [field for field, description in fields_of(schema_of(name)) if not description] == []


def fields_of(schema: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    for name, field in schema.get("properties", {}).items():
        yield name, field.get("description")
        for alternative in field.get("anyOf", [field]):
            yield from fields_of(alternative)
    if "items" in schema:
        yield from fields_of(schema["items"])


@EVERY_SCHEMA
def test_no_file_holds_characters_that_nobody_sees(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    assert {character for character in text if not character.isprintable()} <= {"\n"}
