"""What docs/threat-model.md leans on is there."""

import re

from consumer.settings.model import Settings
from tests.harness.deployment import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def test_every_test_and_script_that_it_names_exists() -> None:
    named = set(re.findall(r"`((?:tests|deploy)/[\w/.-]+)`", TEXT))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_setting_that_it_names_exists() -> None:
    named = {name.lower() for name in re.findall(r"ENGAGEMENT_([A-Z_]+)", TEXT)}
    assert len(named) > 5
    assert named <= Settings.model_fields.keys()


def test_each_row_says_what_stops_it_or_that_nothing_does() -> None:
    rows = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
    answers = [cells[1] for cells in rows if len(cells) == 2 and cells[0] not in ("could", "what")]
    assert len(answers) == len(rows) - TEXT.count("| could | what stops them |") - 1
    assert min(map(len, answers)) > 20
