"""Payloads written by hand, once and for all: what was valid when it was published stays so."""

import json
from typing import Any

import pytest

from adapters.codec import decode_activity, decode_tick
from deploy.documents.schemas import SCHEMAS
from domain.errors import RejectedRecordError
from tests.documents.schemas import FOLDER, validator_of
from tests.documents.taking import decode_request, take

DECODERS = {
    "user.active": decode_activity,
    "user.registered": decode_activity,
    "engagement.tick": decode_tick,
    "http.run-engagement-cycle": decode_request,
}


def examples(kind: str) -> list[Any]:
    return [
        pytest.param(path.stem, example, id=f"{path.stem}: {example['says']}")
        for path in sorted((FOLDER / "examples").glob("*.json"))
        for example in json.loads(path.read_text("utf-8"))[kind]
    ]


def test_there_are_examples_of_every_schema() -> None:
    names = {path.stem for path in (FOLDER / "examples").iterdir()}
    assert names == {schema.name for schema in SCHEMAS}


@pytest.mark.parametrize(("schema", "example"), examples("valid"))
def test_valid(schema: str, example: dict[str, Any]) -> None:
    validator_of(schema).validate(example["payload"])
    if schema in DECODERS:
        take(DECODERS[schema], example["payload"])


@pytest.mark.parametrize(("schema", "example"), examples("invalid"))
def test_invalid_for_the_field_that_is_named(schema: str, example: dict[str, Any]) -> None:
    errors = list(validator_of(schema).iter_errors(example["payload"]))
    # Errors in nested alternatives stand in their context.
    errors += [inner for error in errors for inner in error.context or []]
    # The outermost of them, in whichever item of an array.
    fields = {next((step for step in error.absolute_path if isinstance(step, str)), None) for error in errors}
    assert example["field"] in fields or any(f"'{example['field']}'" in error.message for error in errors)


@pytest.mark.parametrize(("schema", "example"), [one for one in examples("invalid") if str(one.values[0]) in DECODERS])
def test_the_engine_refuses_what_is_invalid_for_the_same_reason(schema: str, example: dict[str, Any]) -> None:
    with pytest.raises(RejectedRecordError) as rejection:
        take(DECODERS[schema], example["payload"])
    assert (rejection.value.reason, rejection.value.detail.split(":")[0]) == (example["reason"], example["field"])
