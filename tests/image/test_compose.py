"""What holds of deploy/compose.yaml without starting it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from consumer.cli import app
from consumer.settings import Settings
from deploy.local.jars import kafka_version
from tests.image import compose

VALUES = compose.example()
SERVICES = compose.services(VALUES)
OURS = compose.our_services(VALUES)
ENGINES = [name for name in OURS if name.startswith("engine-")]
OTHERS = sorted(SERVICES.keys() - OURS.keys())
PREFIX = "ENGAGEMENT_"
KNOWN = {PREFIX + field.upper() for field in Settings.model_fields}
DRAIN_SECONDS = 10
COMMANDS_WITHOUT_HTTP = {"init", "ticker", "notify"}

of_ours = pytest.mark.parametrize("name", sorted(OURS))
of_all = pytest.mark.parametrize("name", sorted(SERVICES))


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_there_are_two_engines_and_everything_around_them() -> None:
    assert set(OURS) == {"init", "engine-1", "engine-2", "ticker", "notify"}
    assert OTHERS == ["grafana", "kafka", "postgres", "prometheus"]


@of_ours
def test_our_services_are_one_image_built_from_the_dockerfile(name: str) -> None:
    version = tomllib.loads((compose.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert OURS[name]["image"] == f"{compose.OURS}:{version}"
    assert (compose.FOLDER / OURS[name]["build"]["context"]).resolve() == compose.ROOT
    assert (compose.ROOT / OURS[name]["build"]["dockerfile"]).is_file()


@of_ours
def test_commands_are_those_of_engage(name: str) -> None:
    commands = getattr(typer.main.get_command(app), "commands")  # noqa: B009 - the type doesn't say that it is a group
    command, *arguments = OURS[name]["command"]
    context = commands[command].make_context(command, list(arguments))
    assert not context.args


@of_ours
def test_settings_are_known(name: str) -> None:
    assert OURS[name]["environment"].keys() <= KNOWN
    assert {f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS", f"{PREFIX}POSTGRES_DSN"} <= OURS[name]["environment"].keys()


@of_all
def test_variables_of_containers_are_text(name: str) -> None:
    assert all(isinstance(value, str) for value in SERVICES[name].get("environment", {}).values())


@of_ours
def test_our_services_can_change_nothing_but_what_they_are_for(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert not service.keys() & {"privileged", "cap_add", "user", "volumes"}


@of_ours
def test_a_stop_in_order_has_time_to_end(name: str) -> None:
    assert seconds(OURS[name]["stop_grace_period"]) > DRAIN_SECONDS


@of_ours
def test_the_image_asks_for_health_just_where_http_is_served(name: str) -> None:
    without = OURS[name]["command"][0] in COMMANDS_WITHOUT_HTTP
    assert OURS[name].get("healthcheck") == ({"disable": True} if without else None)


@of_all
def test_images_are_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?", SERVICES[name]["image"])


def test_kafka_is_the_release_that_the_tests_run_on_and_postgres_is_supported() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"
    assert float(SERVICES["postgres"]["image"].removeprefix("postgres:")) >= 15


@of_all
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:[0-9]+:[0-9]+", port)


def test_no_two_services_publish_the_same_port() -> None:
    ports = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == len(set(ports)) > 0


@of_all
def test_what_is_mounted_is_in_the_repository_and_read_only(name: str) -> None:
    named = load(compose.FOLDER / "compose.yaml")["volumes"]
    for mount in SERVICES[name].get("volumes", []):
        source, _target, *options = mount.split(":")
        if source in named:
            continue
        assert options == ["ro"]
        assert any((compose.FOLDER / source).rglob("*")), f"{source} isn't there, or empty"


@of_all
def test_every_service_comes_back_after_a_fault(name: str) -> None:
    assert SERVICES[name]["restart"] in ({"on-failure:3"} if name == "init" else {"unless-stopped"})


@pytest.mark.parametrize("name", OTHERS)
def test_other_services_are_asked_for_health_without_a_shell(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_nothing_starts_before_what_it_needs() -> None:
    healthy = {name: {"condition": "service_healthy"} for name in ("kafka", "postgres")}
    assert SERVICES["init"]["depends_on"] == healthy
    for name in OURS.keys() - {"init"}:
        assert SERVICES[name]["depends_on"] == {**healthy, "init": {"condition": "service_completed_successfully"}}


def test_prometheus_asks_every_engine_and_raises_the_alerts() -> None:
    config = load(compose.FOLDER / "prometheus" / "prometheus.yaml")
    (job,) = config["scrape_configs"]
    engines = [f"{name}:{OURS[name]['environment'][f'{PREFIX}HTTP_PORT']}" for name in ENGINES]
    assert job["static_configs"] == [{"targets": engines}]
    for name in config["rule_files"]:
        assert (compose.FOLDER / "prometheus" / name).is_file()
    assert "--config.file=/etc/prometheus/prometheus.yaml" in SERVICES["prometheus"]["command"]


def test_grafana_finds_its_dashboard_and_prometheus() -> None:
    provisioning = compose.FOLDER / "grafana" / "provisioning"
    (source,) = load(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    (provider,) = load(provisioning / "dashboards" / "engagement.yaml")["providers"]
    mounted = f"./grafana:{provider['options']['path']}:ro"
    assert mounted in SERVICES["grafana"]["volumes"]
    assert SERVICES["grafana"]["environment"]["GF_PATHS_PROVISIONING"] == f"{provider['options']['path']}/provisioning"
    assert (compose.FOLDER / "grafana" / "dashboard.json").is_file()


def test_the_example_has_each_variable_once_and_no_other() -> None:
    lines = (compose.FOLDER / ".env.example").read_text(encoding="utf-8").splitlines()
    names = [line.split("=")[0] for line in lines if line and not line.startswith("#")]
    assert sorted(names) == sorted({variable.name for variable in compose.variables()})


def test_the_example_says_what_holds_without_it() -> None:
    for variable in compose.variables():
        assert variable.default in (None, VALUES[variable.name]), variable.name


def test_passwords_have_no_default() -> None:
    assert {variable.name for variable in compose.variables() if variable.default is None} == {
        "POSTGRES_PASSWORD",
        "HTTP_TOKEN",
        "GRAFANA_PASSWORD",
    }
    with pytest.raises(LookupError, match=r"\.env\.example"):
        compose.services({})


def test_the_example_explains_every_variable_or_group() -> None:
    for group in (compose.FOLDER / ".env.example").read_text(encoding="utf-8").split("\n\n"):
        assert group.startswith("# ")


def test_the_demos_threshold_is_the_only_rule_that_differs_from_the_engines_own() -> None:
    environment = OURS["engine-1"]["environment"]
    rules = [name for name in Settings.model_fields if name.endswith(("_threshold_seconds", "_hours", "_days"))]
    changed = [
        name
        for name in rules
        if (given := environment.get(PREFIX + name.upper())) is not None
        and float(given) != float(Settings.model_fields[name].default)
    ]
    assert changed == ["inactivity_threshold_seconds"]
