"""What holds of deploy/Dockerfile without building it."""

import json
import re
import tomllib

from tests.image.compose import FOLDER, ROOT

TEXT = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
FINAL = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def value(instruction: str) -> str:
    """What the final stage's only line of this instruction says."""
    (line,) = [line for line in FINAL if line.startswith(f"{instruction} ")]
    return line.removeprefix(f"{instruction} ")


def test_both_stages_stand_on_one_base_pinned_to_a_release() -> None:
    assert re.fullmatch(r"ARG BASE_IMAGE=python:3\.[0-9]+\.[0-9]+-slim-bookworm", LINES[0])
    stages = [line for line in LINES if line.startswith("FROM ")]
    assert stages == ["FROM ${BASE_IMAGE} AS builder", "FROM ${BASE_IMAGE}"]


def test_the_base_has_a_python_that_the_project_supports() -> None:
    found = re.search(r"python:3\.([0-9]+)", LINES[0])
    oldest = re.fullmatch(r">=3\.([0-9]+)", PROJECT["project"]["requires-python"])
    assert found
    assert oldest
    assert int(found[1]) >= int(oldest[1])


def test_the_user_is_an_ordinary_one_by_number() -> None:
    assert value("USER") == "10001:10001"


def test_the_image_runs_engage_without_a_shell() -> None:
    assert json.loads(value("ENTRYPOINT")) == ["engage"]
    assert json.loads(value("CMD")) == ["run"]
    assert value("STOPSIGNAL") == "SIGTERM"
    assert json.loads(value("HEALTHCHECK").partition(" CMD ")[2]) == ["engage", "health"]


def test_labels_tell_licence_and_version_of_the_project() -> None:
    assert f'licenses="{PROJECT["project"]["license"]}"' in value("LABEL")
    assert value("ARG") == f"VERSION={PROJECT['project']['version']}"
    assert 'image.version="${VERSION}"' in value("LABEL")


def test_versions_come_from_the_constraints_and_development_tools_stay_out() -> None:
    (installation,) = [line for line in LINES if "pip" in line and " install " in line]
    assert "--constraint constraints.txt wheels/*.whl" in installation
    assert "[" not in installation
    assert "--editable" not in installation


def test_no_host_is_named() -> None:
    assert "://" not in TEXT


def test_the_context_holds_what_the_build_copies_and_nothing_else() -> None:
    ignored, *rules = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    admitted = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert ignored == "*"
    copied = {
        source
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for source in line.removeprefix("COPY ").split()[:-1]
    }
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert copied == admitted == {*packages, "LICENSE", "constraints.txt", "pyproject.toml"}
    assert "**/__pycache__" in rules
