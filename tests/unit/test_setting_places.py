"""The places that settings are read from: which counts, what can't be read, and where a value came from."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.setting_places import DSN, PASSWORD, Surroundings, with_only_what_is_required


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """Only what is required is set."""
    return with_only_what_is_required(tmp_path, monkeypatch)


def test_the_environment_counts_before_the_env_file_before_secret_files(surroundings: Surroundings) -> None:
    surroundings.env_file.write_text("ENGAGEMENT_TICK_TOPIC=from-file\nENGAGEMENT_CYCLE_TOPIC=from-file\n")
    for name in ("tick", "cycle", "message"):
        surroundings.set_secret(f"engagement_{name}_topic", b"from-secret\n")
    settings = surroundings.set(TICK_TOPIC="from-environment").load()
    topics = (settings.tick_topic, settings.cycle_topic, settings.message_topic)
    assert topics == ("from-environment", "from-file", "from-secret")


def test_an_empty_variable_counts_as_absent(surroundings: Surroundings) -> None:
    assert surroundings.set(LOG_FORMAT="", HISTORY_DAYS="").load().history_days == Decimal(90)


def test_the_env_file_may_hold_variables_of_others(surroundings: Surroundings) -> None:
    surroundings.env_file.write_text("POSTGRES_PASSWORD=x\nBENCH_ENGAGEMENT_USERS=5\nENGAGEMENT_HTTP_PORT=81\n")
    assert surroundings.load().http_port == 81


def test_the_origin_can_be_the_env_file_or_a_secret_file(surroundings: Surroundings) -> None:
    surroundings.env_file.write_text("ENGAGEMENT_HTTP_PORT=x\n")
    surroundings.unset("POSTGRES_DSN").set_secret("engagement_postgres_dsn", PASSWORD.encode())
    dsn, port = surroundings.complaints()
    assert dsn.startswith(f"ENGAGEMENT_POSTGRES_DSN (from {surroundings.secrets / 'engagement_postgres_dsn'}): ")
    assert port.startswith(f"ENGAGEMENT_HTTP_PORT (from {surroundings.env_file}): ")


def test_unknown_names_in_files_are_refused_too(surroundings: Surroundings) -> None:
    surroundings.env_file.write_text("ENGAGEMENT_HTTP_PROT=80\n")
    surroundings.set_secret("engagement_postgres_dns", b"x").set_secret("others", b"x")
    in_file, in_secrets = surroundings.complaints()
    assert in_file.startswith(f"ENGAGEMENT_HTTP_PROT (from {surroundings.env_file}): ")
    path = surroundings.secrets / "engagement_postgres_dns"
    assert in_secrets.startswith(f"engagement_postgres_dns (from {path}): ")


@pytest.mark.parametrize("name", [".env", "secrets/engagement_postgres_dsn"])
def test_a_file_that_is_no_text_is_refused_by_its_path(surroundings: Surroundings, name: str) -> None:
    surroundings.unset("POSTGRES_DSN").secrets.mkdir()
    path = surroundings.env_file.parent / name
    path.write_bytes(b"\xff" + PASSWORD.encode())
    (complaint,) = surroundings.complaints()
    assert str(path) in complaint
    assert "can't be read (not UTF-8)" in complaint


def test_every_file_that_cannot_be_read_is_told_at_once(surroundings: Surroundings) -> None:
    surroundings.env_file.write_text(f"ENGAGEMENT_HTTP_PORT=80\n{PASSWORD} is no setting\n")
    surroundings.set_secret("engagement_tick_topic", b" ")
    for name in ("engagement_postgres_dsn", "engagement_cycle_topic", "others"):
        (surroundings.secrets / name).mkdir()
    line, topic, dsn, empty = surroundings.complaints()
    assert line.startswith(f"{surroundings.env_file}: line 2 is not NAME=value")
    folder = surroundings.secrets
    assert topic.startswith(f"ENGAGEMENT_CYCLE_TOPIC (from {folder}/engagement_cycle_topic): the file can't be read")
    assert dsn.startswith(f"ENGAGEMENT_POSTGRES_DSN (from {folder}/engagement_postgres_dsn): the file can't be read")
    assert empty.startswith(f"ENGAGEMENT_TICK_TOPIC (from {folder}/engagement_tick_topic): the file is empty")


def test_a_secret_that_is_a_link_must_stay_in_its_folder(surroundings: Surroundings) -> None:
    surroundings.unset("POSTGRES_DSN").set_secret("..data", DSN.encode())
    link = surroundings.secrets / "engagement_postgres_dsn"
    link.symlink_to("..data")
    assert surroundings.load().postgres_dsn.get_secret_value() == DSN, "as Kubernetes links them"
    link.unlink()
    (surroundings.env_file.parent / "elsewhere").write_text(DSN)
    link.symlink_to(surroundings.env_file.parent / "elsewhere")
    (complaint,) = surroundings.complaints()
    assert "is a link that leaves its folder" in complaint


def test_a_folder_named_like_the_env_file_is_none(surroundings: Surroundings) -> None:
    surroundings.env_file.mkdir()
    assert surroundings.load().http_port == 8080


def test_each_setting_that_a_text_names_is_told_with_its_origin(surroundings: Surroundings) -> None:
    surroundings.env_file.write_text("ENGAGEMENT_HTTP_PORT=81\nENGAGEMENT_TICK_TOPIC=x\nENGAGEMENT_LOG_LEVEL=\n")
    surroundings.set_secret("ENGAGEMENT_Postgres_DSN", DSN.encode()).unset("POSTGRES_DSN").set(TICK_TOPIC="y")
    surroundings.set_secret("engagement_http_port", b"82")
    assert surroundings.completed(
        "correct ENGAGEMENT_TICK_TOPIC, ENGAGEMENT_HTTP_PORT, ENGAGEMENT_POSTGRES_DSN or ENGAGEMENT_LOG_LEVEL."
    ) == (
        "correct ENGAGEMENT_TICK_TOPIC (from the environment),"
        f" ENGAGEMENT_HTTP_PORT (from {surroundings.env_file}),"
        f" ENGAGEMENT_POSTGRES_DSN (from {surroundings.secrets / 'ENGAGEMENT_Postgres_DSN'}) or"
        " ENGAGEMENT_LOG_LEVEL (the default)."
    )


@pytest.mark.parametrize(
    "text",
    [
        "set ENGAGEMENT_HTTP_PORT=80",
        "ENGAGEMENT_HTTP_PORT (from the environment) is wrong",
        "ENGAGEMENT_HTTP_PORT (the default) is wrong",
        "ENGAGEMENT_HTTP_PROT and ENGAGEMENT_HTTP are no settings",
    ],
)
def test_examples_what_has_an_origin_and_what_is_no_setting_stay_as_they_are(
    surroundings: Surroundings, text: str
) -> None:
    assert surroundings.completed(text) == text


def test_an_origin_is_told_once(surroundings: Surroundings) -> None:
    text = surroundings.completed("ENGAGEMENT_HTTP_PORT, and ENGAGEMENT_HTTP_PORT again")
    assert text == "ENGAGEMENT_HTTP_PORT (the default), and ENGAGEMENT_HTTP_PORT again"


def test_a_text_stays_where_the_places_cannot_be_read_any_more(surroundings: Surroundings) -> None:
    surroundings.env_file.write_bytes(b"\xff")
    assert surroundings.completed("ENGAGEMENT_HTTP_PORT") == "ENGAGEMENT_HTTP_PORT"
