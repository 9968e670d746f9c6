"""Where the files are, and the one way to start a tool of Prometheus."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
ALERTS_TEST = ROOT / "deploy" / "prometheus" / "alerts_test.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
CATALOGUE = ROOT / "docs" / "metrics.md"


def tool(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; both come with Debian's package prometheus."""
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed: make system-deps"
    return found


def promtool(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool, with ``text`` as its input."""
    command = [tool("promtool"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
