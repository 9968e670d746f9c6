"""What an audit says: nothing known, something known, and nothing asked are three different things."""

from typing import Any

from deploy.supply_chain.audit import judged

SOUND: dict[str, Any] = {"name": "msgspec", "version": "0.22.0", "vulns": []}
VULNERABLE: dict[str, Any] = {
    "name": "starlette",
    "version": "0.1",
    "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["0.2", "1.0"], "aliases": [], "description": "long"},
        {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": "long"},
    ],
}
PASSED_OVER: dict[str, Any] = {"name": "aiokafka", "skip_reason": "Dependency not found on PyPI"}


def report(*dependencies: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(dependencies), "fixes": []}


def test_nothing_known_is_success() -> None:
    audit = judged(report(SOUND, SOUND))
    assert (audit.code, audit.lines) == (0, ["0 of 2 packages have known vulnerabilities"])


def test_something_known_is_listed_with_its_remedy() -> None:
    audit = judged(report(SOUND, VULNERABLE))
    assert audit.code == 1
    assert audit.lines == [
        "starlette 0.1: PYSEC-1 (mended in 0.2 or 1.0), PYSEC-2 (mended in no version)",
        "1 of 2 packages have known vulnerabilities",
    ]


def test_what_the_service_does_not_know_is_not_taken_for_sound() -> None:
    audit = judged(report(SOUND, PASSED_OVER, PASSED_OVER))
    assert audit.code == 3
    assert "nothing of 2 of 3 packages" in audit.lines[-1]


def test_something_known_counts_even_where_not_everything_could_be_asked() -> None:
    audit = judged(report(VULNERABLE, PASSED_OVER))
    assert audit.code == 1
    assert len(audit.lines) == 2
