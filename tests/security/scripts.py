"""Runs the scripts that ship, as a person would."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.harness.deployment import ROOT, Deployment
from tests.security.acls import Acl, parsed

RIGHTS = ROOT / "deploy" / "rights"
# Prints its arguments as a shell reads them, in a line of the file that a variable names.
_RECORDER = f"""#!{sys.executable}
import os, shlex, sys
with open(os.environ["RECORD"], "a", encoding="utf-8") as record:
    print(shlex.join(sys.argv[1:]), file=record)
"""


def run_kafka_script(deployment: Deployment, part: str, user: str, variables: Mapping[str, str]) -> str:
    """Run the script for one part; gives what it printed."""
    names = {name: value for name, value in deployment.environment.items() if name.endswith(("_TOPIC", "_GROUP"))}
    environment = {"PATH": os.environ["PATH"], "BOOTSTRAP_SERVERS": deployment.kafka} | names | dict(variables)
    command = [str(RIGHTS / "kafka.sh"), part, f"User:{user}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def granted_by_script(deployment: Deployment, part: str, user: str, folder: Path, **variables: str) -> list[Acl]:
    """The rights that the script gives the part, found by letting it call something that only takes notes."""
    tool, record = folder / "kafka-acls.sh", folder / "calls"
    tool.write_text(_RECORDER)
    tool.chmod(0o755)
    record.unlink(missing_ok=True)
    run_kafka_script(deployment, part, user, {"KAFKA_ACLS": str(tool), "RECORD": str(record)} | variables)
    return sorted({acl for line in record.read_text().splitlines() for acl in parsed(shlex.split(line))})


def run_sql(script: str, dsn: str, **names: str) -> None:
    """Run a script of Postgres roles by psql."""
    psql = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
    variables = [word for name, value in names.items() for word in ("-v", f"{name}={value}")]
    command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", *variables, "-f", str(RIGHTS / script), dsn]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
