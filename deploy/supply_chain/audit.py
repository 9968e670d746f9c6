"""`python -m deploy.supply_chain.audit`: whether a pinned package is known to be vulnerable, as PyPI tells.

pip-audit passes over what the service doesn't know, and then finds "no known vulnerabilities" in it: a mirror without
that part of PyPI's interface makes it pass over everything. Here that is a failure of its own.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
PINS = _ROOT / "constraints.txt"
_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Audit:
    """A line for each vulnerable package, and how many packages were, and were not, looked up."""

    vulnerable: Sequence[str]
    looked_up: int
    passed_over: int

    @property
    def code(self) -> int:
        """1: something is vulnerable; 3: not everything was looked up; else 0."""
        return 1 if self.vulnerable else 3 if self.passed_over else 0

    @property
    def lines(self) -> list[str]:
        """What to tell."""
        if not self.passed_over:
            found = f"{len(self.vulnerable)} of {self.looked_up} packages have known vulnerabilities"
        else:
            found = f"the vulnerability service told nothing of {self.passed_over} of"
            found += (
                f" {self.looked_up + self.passed_over} packages: it is PyPI's JSON interface, which must be reachable"
            )
        return [*self.vulnerable, found]


def judged(report: dict[str, Any]) -> Audit:
    """What pip-audit's JSON report amounts to."""
    dependencies = report["dependencies"]
    passed_over = [each for each in dependencies if "skip_reason" in each]
    vulnerable = [_line(each) for each in dependencies if each.get("vulns")]
    return Audit(vulnerable, len(dependencies) - len(passed_over), len(passed_over))


def _line(dependency: dict[str, Any]) -> str:
    found = ", ".join(f"{each['id']} (mended in {_versions(each)})" for each in dependency["vulns"])
    return f"{dependency['name']} {dependency['version']}: {found}"


def _versions(vulnerability: dict[str, Any]) -> str:
    return " or ".join(vulnerability["fix_versions"]) or "no version"


def main() -> int:
    """0: nothing is known; 1: something is, and is listed; 3: the service could not be asked about everything."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINS), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", str(_SECONDS)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        audit = judged(json.loads(done.stdout))
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"the vulnerability service can't be asked: {last}", file=sys.stderr)
        return 3
    for line in audit.lines:
        print(line, file=sys.stderr if audit.code == 3 else sys.stdout)
    return audit.code


if __name__ == "__main__":
    sys.exit(main())
