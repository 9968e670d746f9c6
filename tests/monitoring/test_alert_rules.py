"""The alert rules, as Prometheus' own tool reads and plays them."""

import re
from collections import defaultdict
from typing import Any

import yaml

from tests.monitoring.expressions import alert_rules
from tests.monitoring.places import ALERTS, ALERTS_TEST, ROOT, promtool

_FIRING = re.compile(r'^ALERTS\{alertname="(\w+)", alertstate="firing"\}$')


def test_promtool_accepts_the_rules() -> None:
    done = promtool("check", "rules", str(ALERTS))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alert_rules())} rules found" in done.stdout


def test_each_rule_says_of_made_up_series_what_it_should() -> None:
    done = promtool("test", "rules", str(ALERTS_TEST))

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fires, silent = _cases()

    names = {rule["alert"] for rule in alert_rules()}
    assert (fires, silent) == (names, names)


def test_each_alert_tells_how_urgent_it_is_what_it_means_and_where_to_read_on() -> None:
    for rule in alert_rules():
        assert set(rule["labels"]) == {"severity"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]
        assert not rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["description"].endswith("."), rule["alert"]


def test_each_alert_has_a_section_of_the_operations_guide_and_each_section_an_alert() -> None:
    sections = defaultdict(set)
    for rule in alert_rules():
        file, anchor = rule["annotations"]["runbook_url"].split("#")
        assert anchor == rule["alert"].lower()
        sections[file].add(rule["alert"])

    for file, expected in sections.items():
        headings = re.findall(r"^#+ (Engagement\w+)$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(headings) == sorted(expected)


def test_each_section_says_what_to_look_at_and_what_to_do() -> None:
    for file in {rule["annotations"]["runbook_url"].split("#")[0] for rule in alert_rules()}:
        text = (ROOT / file).read_text(encoding="utf-8")
        for section in re.split(r"^#+ (?=Engagement)", text, flags=re.MULTILINE)[1:]:
            words = re.findall(r"^\*\*(\w[\w ]*)\.\*\*", section, re.MULTILINE)
            assert words[:4] == ["Meaning", "Likely causes", "Look at", "Do"], section.splitlines()[0]


def _cases() -> tuple[set[str], set[str]]:
    """The alerts that fire somewhere, and those that are expected not to."""
    tests: list[dict[str, Any]] = yaml.safe_load(ALERTS_TEST.read_text(encoding="utf-8"))["tests"]
    fires = {
        found[1]
        for test in tests
        for case in test.get("promql_expr_test", [])
        if case["exp_samples"] and (found := _FIRING.match(case["expr"]))
    }
    silent = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if not case["exp_alerts"]}
    return fires, silent
