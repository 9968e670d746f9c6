import re
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field, TypeAdapter, create_model
from pydantic.fields import FieldInfo

from consumer.settings import Settings
from deploy.documents.files import ROOT
from deploy.documents.settings_page import limits
from domain.policy import LONGEST_THRESHOLD

PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## `ENGAGEMENT_(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_setting_has_a_section_and_a_line_in_the_table() -> None:
    names = [name.upper() for name in Settings.model_fields]
    assert list(SECTIONS) == names
    assert re.findall(r"^\| \[`ENGAGEMENT_(\w+)`\]", PAGE, re.MULTILINE) == names


def test_every_link_of_the_table_leads_to_a_section() -> None:
    links = re.findall(r"\(#(\w+)\)", PAGE)
    assert links == [f"engagement_{name.lower()}" for name in SECTIONS]


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_a_section_has_description_default_limits_and_examples_that_can_be_used(name: str) -> None:
    field = Settings.model_fields[name]
    section = " ".join(SECTIONS[name.upper()].split())
    assert " ".join((field.description or "").split()) in section
    assert "- Default: " in section
    assert "- It must " in section
    examples = re.findall(rf"`ENGAGEMENT_{name.upper()}=([^`]+)`", section)
    assert examples
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    for example in examples:
        TypeAdapter(kind).validate_python(example)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("topic_partitions", "be a whole number, be at least 1, be at most 10000"),
        ("stuck_exit_seconds", "be a number, be above 0, be at most 86400"),
        ("http_port", "be a whole number, be at least 0, be at most 65535, or be `off`"),
        (
            "dormant_threshold_days",
            f"be a number, be positive, a microsecond at least, not be longer than {LONGEST_THRESHOLD.days} days",
        ),
        ("log_format", "be `json` or `console`"),
    ],
)
def test_limits_are_those_that_the_settings_enforce(name: str, words: str) -> None:
    assert limits(Settings.model_fields[name]) == words


def test_limits_of_any_setting_are_told_by_its_own_refusals() -> None:
    def even(number: Decimal) -> Decimal:
        if number % 2:
            raise ValueError("must be even")
        return number

    model = create_model("Model", one=(Annotated[Decimal, AfterValidator(even)], Field(le=10, examples=["2"])))
    field: FieldInfo = model.model_fields["one"]
    assert limits(field) == "be a number, be even, be at most 10"
