"""The broker's jars, fetched once by Maven from what `pom.xml` names."""

import os
import shutil
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from deploy.local.child import run_to_end
from deploy.local.errors import PlatformError, UnavailableError
from deploy.local.folders import LOCAL_FOLDER, locked

_POM = Path(__file__).with_name("pom.xml")
_DOWNLOAD_SECONDS = 570.0  # 43 MB and Maven's own plugins; on an ordinary line less than a minute


def kafka_version() -> str:
    """Return the version that `pom.xml` names."""
    version = ET.parse(_POM).findtext(".//{*}kafka.version")  # noqa: S314  (our own file)
    if version is None:
        raise PlatformError(f"{_POM} names no kafka.version")
    return version


def find_java() -> str:
    """Return the path of `java`; raise UnavailableError when there is none."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise UnavailableError("no `java` found (17 or later is needed; `make system-deps` installs it)")
    return java


def kafka_jars() -> Path:
    """Return the folder with the broker's jars, fetched if needed; raise UnavailableError when that can't be done."""
    folder = LOCAL_FOLDER / f"kafka-{kafka_version()}"
    with locked(LOCAL_FOLDER / f"{folder.name}.lock"):
        if not folder.is_dir():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("no `mvn` found to fetch the broker's jars (`make system-deps` installs it)")
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder.parent) as temporary:
        jars = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        try:
            run_to_end([maven, "-q", "-B", "-f", str(_POM), *goal], cwd=folder.parent, seconds=_DOWNLOAD_SECONDS)
        except PlatformError as error:
            raise UnavailableError(f"the broker's jars could not be fetched: {error}") from error
        jars.rename(folder)  # atomic: the folder exists only when it is complete
