"""`python -m deploy.supply_chain.sbom [FILE]`: the bill of materials of the engine as installed here, in CycloneDX.

It lists what is installed with the engine, with versions and licences: not the tools that it is developed with.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from deploy.supply_chain.distribution import installed_dependencies

_ROOT = Path(__file__).parents[2]
_SPECIFICATION = "1.6"

Bill = dict[str, Any]


class NoBillError(Exception):
    """The tool that reads the environment failed; its own words say why."""


def bill_of_materials() -> Bill:
    """The bill. Raises NoBillError."""
    return only_shipped(_whole_environment(), set(installed_dependencies()))


def only_shipped(bill: Bill, names: set[str]) -> Bill:
    """The bill without packages other than those named."""
    components = [each for each in bill["components"] if canonicalize_name(each["name"]) in names]
    kept = {each["bom-ref"] for each in components} | {bill["metadata"]["component"]["bom-ref"]}
    dependencies = [
        {**each, "dependsOn": [ref for ref in each.get("dependsOn", ()) if ref in kept]}
        for each in bill["dependencies"]
        if each["ref"] in kept
    ]
    return {**bill, "components": components, "dependencies": dependencies}


def _whole_environment() -> Bill:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(_ROOT / "pyproject.toml")]
    command += [
        "--output-format",
        "JSON",
        "--spec-version",
        _SPECIFICATION,
        "--output-reproducible",
        "--no-validate",
        sys.executable,
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBillError(f"cyclonedx-py ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    bill: Bill = json.loads(done.stdout)
    return bill


def main() -> int:
    """0: it is written; 3: it can't be made."""
    parser = argparse.ArgumentParser(prog="python -m deploy.supply_chain.sbom", description=__doc__.split("\n\n")[0])
    parser.add_argument("file", nargs="?", type=Path, help="where to write it; by default to stdout")
    file: Path | None = parser.parse_args().file
    try:
        text = json.dumps(bill_of_materials(), indent=2) + "\n"
    except NoBillError as error:
        print(error, file=sys.stderr)
        return 3
    if file is None:
        print(text, end="")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"written: {file}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
