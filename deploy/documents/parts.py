"""Fills the generated parts of pages that are written by hand otherwise: tables of fields, and examples."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deploy.documents.schemas import SCHEMAS, json_schema

_PART = re.compile(r"<!-- (?P<kind>fields|example): (?P<schema>\S+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str) -> str:
    """The page with each generated part made anew. Raises KeyError for a part of a schema that there is not.

    A part goes from `<!-- fields: SCHEMA -->` or `<!-- example: SCHEMA -->` to the next `<!-- end -->`.
    """
    schemas = {schema.name: json_schema(schema) for schema in SCHEMAS}
    return _PART.sub(lambda part: _part(part, schemas), page)


def _part(part: re.Match[str], schemas: Mapping[str, Any]) -> str:
    kind, schema = part["kind"], part["schema"]
    makers: dict[str, Callable[[dict[str, Any]], str]] = {"fields": _fields, "example": _example}
    return f"<!-- {kind}: {schema} -->\n{makers[kind](schemas[schema])}\n<!-- end -->"


def _fields(schema: dict[str, Any]) -> str:
    return "\n".join(["| field | what it holds | meaning |", "|---|---|---|", *_rows(schema, "")])


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        optional = "" if name in required else ", may be absent"
        meaning = field.get("description", "").replace("|", "\\|")
        yield f"| `{prefix}{name}` | {_kind(field)}{optional} | {meaning} |"
        for alternative in field.get("anyOf", [field]):
            if "properties" in alternative:
                yield from _rows(alternative, f"{prefix}{name}.")


def _kind(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(map(_kind, field["anyOf"]))
    if "const" in field:
        return f"always `{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"array, each: {_kind(field['items'])}"
    kind: str = {"integer": "whole number", "boolean": "`true` or `false`", "null": "`null`"}.get(
        field["type"], field["type"]
    )
    return {"date-time": "time", "uuid": "UUID"}.get(field.get("format", ""), kind)


def _example(schema: dict[str, Any]) -> str:
    return "\n".join(["```json", json.dumps(schema["examples"][0], ensure_ascii=False, indent=2), "```"])
