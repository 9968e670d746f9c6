"""The bill of materials is CycloneDX, and lists what is installed with the engine."""

import json
import tomllib
from importlib.metadata import distribution

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.supply_chain.distribution import installed_dependencies
from deploy.supply_chain.sbom import Bill, bill_of_materials
from tests.harness.deployment import ROOT


@pytest.fixture(scope="module")
def bill() -> Bill:
    return bill_of_materials()


def required(table: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    return {canonicalize_name(Requirement(line).name) for line in lists[table]}


def test_it_is_valid_cyclonedx(bill: Bill) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_it_lists_each_package_of_the_distribution_as_installed_and_its_licence(bill: Bill) -> None:
    listed = {canonicalize_name(each["name"]): each for each in bill["components"]}
    assert {name: each["version"] for name, each in listed.items()} == installed_dependencies()
    assert len(bill["components"]) == len(listed)
    assert [name for name, each in listed.items() if not each.get("licenses")] == []
    assert [name for name, each in listed.items() if not each["purl"].startswith("pkg:pypi/")] == []


def test_it_is_of_the_engine_and_knows_what_needs_what(bill: Bill) -> None:
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("engagement-engine", distribution("engagement-engine").version)
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    direct = {canonicalize_name(ref.partition("==")[0]) for ref in needs[root["bom-ref"]]}
    assert direct == required("dependencies")
    refs = {each["bom-ref"] for each in bill["components"]}
    assert {ref for needed in needs.values() for ref in needed} <= refs


def test_the_distribution_has_what_it_needs_and_no_tools() -> None:
    installed = set(installed_dependencies())
    assert required("dependencies") <= installed
    # Needed through others only: an extra of aiokafka, and what starlette stands on.
    assert {"cramjam", "anyio"} <= installed
    assert not installed & (required("dev") | required("local"))


def test_every_package_of_the_distribution_is_pinned_as_installed() -> None:
    pins = (Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1].isalnum())
    pinned = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    assert {name: pinned.get(name) for name in installed_dependencies()} == installed_dependencies()
