"""The JSON Schemas as they lie in the repository."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from deploy.documents.files import ROOT

FOLDER = ROOT / "schemas"


def schema_of(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return schema


def validator_of(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(name))
