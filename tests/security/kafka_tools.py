"""Kafka's own kafka-acls.sh, from the jars that `tools/pom.xml` names, fetched once by Maven."""

import shlex
import shutil
import tempfile
from pathlib import Path

from deploy.local.child import run_to_end
from deploy.local.folders import LOCAL_FOLDER, locked
from deploy.local.jars import find_java

_POM = Path(__file__).with_name("tools") / "pom.xml"
_FOLDER = LOCAL_FOLDER / "kafka-tools-4.3.1"
_FETCH_SECONDS = 300.0


def kafka_acls(folder: Path) -> Path:
    """The tool as a file to be run, made in the folder."""
    script = folder / "kafka-acls.sh"
    java = f"{find_java()} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp {shlex.quote(f'{_jars()}/*')}"
    script.write_text(f'#!/bin/sh\nexec {java} org.apache.kafka.tools.AclCommand "$@"\n')
    script.chmod(0o755)
    return script


def _jars() -> Path:
    with locked(LOCAL_FOLDER / f"{_FOLDER.name}.lock"):
        if not _FOLDER.is_dir():
            maven = shutil.which("mvn")
            assert maven is not None, "`make system-deps` installs Maven"
            with tempfile.TemporaryDirectory(prefix="fetch-", dir=LOCAL_FOLDER) as temporary:
                jars = Path(temporary) / "jars"
                goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
                run_to_end([maven, "-q", "-B", "-f", str(_POM), *goal], cwd=LOCAL_FOLDER, seconds=_FETCH_SECONDS)
                jars.rename(_FOLDER)
    return _FOLDER
