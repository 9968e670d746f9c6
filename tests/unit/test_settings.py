from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis.strategies import text
from pydantic import SecretStr, ValidationError

from adapters.codec import Limits
from consumer.settings import Settings
from domain.policy import LONGEST_THRESHOLD, Policy
from tests.unit.builders import DAY, HOUR, MICROSECOND, MINUTE, SECOND
from tests.unit.setting_places import DSN, PASSWORD, REQUIRED, Surroundings, with_only_what_is_required


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """Only what is required is set."""
    return with_only_what_is_required(tmp_path, monkeypatch)


# --- what is read ---


def test_the_defaults_are_the_documented_ones(surroundings: Surroundings) -> None:
    shown = surroundings.load().model_dump(
        mode="json", exclude={"kafka_bootstrap_servers", "postgres_dsn", "insecure_hosts"}
    )
    assert shown == {
        "kafka_security_protocol": "plaintext",
        "kafka_sasl_mechanism": "SCRAM-SHA-512",
        "kafka_username": None,
        "kafka_password": None,
        "kafka_ca_file": None,
        "kafka_certificate_file": None,
        "kafka_key_file": None,
        "activity_topic": "user-activity",
        "tick_topic": "engagement-ticks",
        "message_topic": "engagement-messages",
        "cycle_topic": "engagement-cycles",
        "dead_letter_topic": "engagement-dead-letters",
        "progress_topic": "engagement-progress",
        "topic_partitions": 8,
        "replication_factor": None,
        "consumer_group": "engagement-engine",
        "inactivity_threshold_seconds": "86400",
        "message_frequency_hours": "24",
        "dormant_threshold_days": "3",
        "new_user_threshold_days": "1",
        "max_future_skew_seconds": "300",
        "max_record_bytes": 65536,
        "session_timeout_seconds": 10,
        "stuck_exit_seconds": 300,
        "startup_timeout_seconds": 60,
        "history_days": "90",
        "event_source": "/engagement-decision-engine",
        "http_host": "127.0.0.1",
        "http_port": 8080,
        "http_token": None,
        "log_level": "info",
        "log_format": None,
        "log_messages_per_cycle": 100,
        "log_user_ids": "hashed",
        "log_hash_key": None,
    }


def test_policy_and_limits_of_the_defaults(surroundings: Surroundings) -> None:
    settings = surroundings.load()
    assert settings.policy == Policy(DAY, DAY, 3 * DAY, DAY)
    assert settings.limits == Limits(5 * MINUTE, 65536)
    assert settings.history == 90 * DAY


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if len(field.description or "") < 30] == []


@pytest.mark.parametrize(
    ("days", "threshold"),
    [
        ("0.1", timedelta(hours=2, minutes=24)),
        ("0.00000000001157407407407", MICROSECOND),
        ("365.000000000012", 365 * DAY + MICROSECOND),
        ("1e-6", timedelta(seconds=0.0864)),
        ("3660000", LONGEST_THRESHOLD),
    ],
)
def test_decimals_are_exact_to_the_microsecond(surroundings: Surroundings, days: str, threshold: timedelta) -> None:
    assert surroundings.set(DORMANT_THRESHOLD_DAYS=days).load().policy.dormant_threshold == threshold


def test_each_threshold_has_its_unit(surroundings: Surroundings) -> None:
    surroundings.set(INACTIVITY_THRESHOLD_SECONDS="1.5", MESSAGE_FREQUENCY_HOURS="1.5")
    surroundings.set(DORMANT_THRESHOLD_DAYS="1.5", NEW_USER_THRESHOLD_DAYS="0.5", MAX_FUTURE_SKEW_SECONDS="0.000001")
    settings = surroundings.load()
    assert settings.policy == Policy(1.5 * SECOND, 1.5 * HOUR, 1.5 * DAY, 0.5 * DAY)
    assert settings.limits.max_future_skew == MICROSECOND


def test_special_values(surroundings: Surroundings) -> None:
    settings = surroundings.set(HISTORY_DAYS="forever", HTTP_PORT="off", LOG_LEVEL="DEBUG", LOG_FORMAT="JSON").load()
    assert (settings.history_days, settings.history, settings.http_port) == (None, None, None)
    assert (settings.log_level, settings.log_format) == ("debug", "json")
    assert surroundings.set(HTTP_PORT="0", HISTORY_DAYS="0.5").load().http_port == 0


def test_the_dsn_can_be_a_secret_file_and_is_never_shown(surroundings: Surroundings) -> None:
    settings = surroundings.unset("POSTGRES_DSN").set_secret("engagement_postgres_dsn", DSN.encode()).load()
    assert settings.postgres_dsn.get_secret_value() == DSN
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert PASSWORD not in shown


def test_what_kubernetes_injects_is_ignored(surroundings: Surroundings) -> None:
    surroundings.set(
        SERVICE_HOST="10.0.0.7",
        SERVICE_PORT="8080",
        SERVICE_PORT_HTTP="8080",
        HTTP_SERVICE_HOST="10.0.0.7",
        PORT="tcp://10.0.0.7:8080",
        PORT_8080_TCP="tcp://10.0.0.7:8080",
        PORT_8080_TCP_PROTO="tcp",
        HTTP_PORT="tcp://10.0.0.7:8080",
    )
    assert surroundings.load().http_port == 8080


# --- what is refused ---


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", "must be a list of host:port, separated by commas"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092,", "must be a list of host:port, separated by commas"),
        ("POSTGRES_DSN", f"mysql://u:{PASSWORD}@db", "must start with postgresql://"),
        ("POSTGRES_DSN", f"postgresql://u:{PASSWORD}@/db", "must have the form postgresql://user:password@host:port"),
        ("POSTGRES_DSN", f"postgresql://u:{PASSWORD}@host:port/db", "must have the form"),
        ("POSTGRES_DSN", f"postgresql://u:{PASSWORD}@a b/db", "must have the form"),
        ("POSTGRES_DSN", f"postgresql://u:{PASSWORD}@[::1/db", "must have the form"),
        ("POSTGRES_DSN", f"postgresql://u:{PASSWORD}@db/db?port=x", "must have the form"),
        ("POSTGRES_DSN", f"postgresql://u:{PASSWORD}@db/db?password", "must have the form"),
        ("POSTGRES_DSN", f"postgresql://u:1/{PASSWORD}@db/db", "percent-encoded (@ as %40"),
        ("POSTGRES_DSN", f"postgresql://u:1#{PASSWORD}@db/db", "percent-encoded (@ as %40"),
        ("POSTGRES_DSN", f"postgresql://u:1?{PASSWORD}@db/db", "percent-encoded (@ as %40"),
        ("POSTGRES_DSN", f"postgresql://u:1@{PASSWORD}@db/db", "percent-encoded (@ as %40"),
        ("TICK_TOPIC", "a b", "must be a topic name"),
        ("TICK_TOPIC", "..", "must be a topic name"),
        ("TOPIC_PARTITIONS", "0", "should be greater than or equal to 1"),
        ("TOPIC_PARTITIONS", "many", "should be a valid integer"),
        ("REPLICATION_FACTOR", "0", "should be greater than or equal to 1"),
        ("CONSUMER_GROUP", "two words", "must be 1 to 200 visible ASCII characters"),
        ("INACTIVITY_THRESHOLD_SECONDS", "0", "must be positive"),
        ("INACTIVITY_THRESHOLD_SECONDS", "1 day", "should be a valid decimal"),
        ("MESSAGE_FREQUENCY_HOURS", "-1e999999", "must be positive"),
        ("DORMANT_THRESHOLD_DAYS", "1e-999999", "must be positive, a microsecond at least"),
        ("DORMANT_THRESHOLD_DAYS", "1e999999", "must not be longer than 3660000 days"),
        ("NEW_USER_THRESHOLD_DAYS", "nan", "should be a finite number"),
        ("NEW_USER_THRESHOLD_DAYS", "inf", "should be a finite number"),
        ("MAX_FUTURE_SKEW_SECONDS", "-1", "should be greater than or equal to 0"),
        ("MAX_FUTURE_SKEW_SECONDS", "1e999999", "should be less than or equal to"),
        ("MAX_RECORD_BYTES", "1", "should be greater than or equal to 256"),
        ("SESSION_TIMEOUT_SECONDS", "1", "should be greater than or equal to 3"),
        ("STUCK_EXIT_SECONDS", "0", "should be greater than 0"),
        ("STARTUP_TIMEOUT_SECONDS", "inf", "should be a finite number"),
        ("HISTORY_DAYS", "never", "should be a valid decimal"),
        ("HISTORY_DAYS", "0", "must be positive"),
        ("EVENT_SOURCE", "a b", "must be 1 to 200 visible ASCII characters"),
        ("HTTP_PORT", "65536", "should be less than or equal to 65535"),
        ("HTTP_PORT", "none", "should be a valid integer"),
        ("LOG_LEVEL", "verbose", "should be 'debug', 'info', 'warning', 'error' or 'critical'"),
        ("LOG_FORMAT", "xml", "should be 'json' or 'console'"),
        ("LOG_MESSAGES_PER_CYCLE", "-1", "should be greater than or equal to 0"),
    ],
)
def test_an_unusable_value_is_named_with_its_origin_and_the_remedy(
    surroundings: Surroundings, name: str, value: str, problem: str
) -> None:
    (complaint,) = surroundings.set(**{name: value}).complaints()
    assert complaint.startswith(f"ENGAGEMENT_{name} (from the environment): ")
    assert problem in complaint
    assert "Correct it, for example to " in complaint
    assert ("leave it out for the default" in complaint) is (name not in REQUIRED)


def test_what_is_required_and_missing_is_named_with_the_places_to_set_it(surroundings: Surroundings) -> None:
    servers, dsn = surroundings.unset("KAFKA_BOOTSTRAP_SERVERS").unset("POSTGRES_DSN").complaints()
    assert servers.startswith(
        "ENGAGEMENT_KAFKA_BOOTSTRAP_SERVERS: is required and not set, or empty. Set it in the env"
    )
    assert str(surroundings.env_file) in dsn
    assert str(surroundings.secrets / "engagement_postgres_dsn") in dsn
    assert "for example to postgresql://" in dsn


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("INACTIVITY_TRESHOLD_SECONDS", "INACTIVITY_THRESHOLD_SECONDS"),
        ("INACTIVITY_THRESHOLD", "INACTIVITY_THRESHOLD_SECONDS"),
        ("POSTGRES_URL", "POSTGRES_DSN"),
        ("PORT", "HTTP_PORT"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(
    surroundings: Surroundings, name: str, nearest: str
) -> None:
    (complaint,) = surroundings.set(**{name: PASSWORD}).complaints()
    assert complaint.startswith(f"ENGAGEMENT_{name} (from the environment): no setting has this name.")
    assert f"ENGAGEMENT_{nearest} is the nearest name" in complaint


def test_everything_wrong_is_told_at_once(surroundings: Surroundings) -> None:
    assert len(surroundings.set(HTP_PORT="1", HTTP_PORT="x", LOG_LEVEL="y").complaints()) == 3


def test_two_topics_of_one_name_are_refused(surroundings: Surroundings) -> None:
    (complaint,) = surroundings.set(TICK_TOPIC="user-activity").complaints()
    assert complaint == (
        "ENGAGEMENT_ACTIVITY_TOPIC (the default) and ENGAGEMENT_TICK_TOPIC (from the environment): name the same topic,"
        " 'user-activity'. Give each its own."
    )


def test_three_topics_of_one_name_are_two_complaints(surroundings: Surroundings) -> None:
    assert len(surroundings.set(TICK_TOPIC="user-activity", CYCLE_TOPIC="user-activity").complaints()) == 2


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres://u@db",
        "postgresql://db:5432",
        "postgresql://u:p%40%2F%23@db:5432,localhost:5433/x",
        "postgresql://u@[::1]:5432/x?sslmode=require&application_name=x",
        "postgresql://u:p@/x?host=/run/postgresql&port=5433",
    ],
)
def test_every_form_of_a_postgres_address_is_taken(surroundings: Surroundings, dsn: str) -> None:
    assert surroundings.set(POSTGRES_DSN=dsn).load().postgres_dsn.get_secret_value() == dsn


@given(password=text("@/#?%:[]&= 1x", min_size=1, max_size=8))
def test_whatever_a_password_is_made_of_it_is_taken_whole_or_refused_without_a_trace(password: str) -> None:
    """A password that isn't encoded shifts what comes after it; the driver's complaints would repeat parts of it."""
    dsn = f"postgresql://u:{PASSWORD}{password}{PASSWORD}@db:5432/x"
    try:
        settings = Settings(kafka_bootstrap_servers="k:1", postgres_dsn=SecretStr(dsn), insecure_hosts="k,db")
    except ValidationError as error:
        told = "".join(details["msg"] for details in error.errors(include_input=False, include_context=False))
        assert "must have the form" in told
        assert PASSWORD not in told
    else:
        url = urlsplit(settings.postgres_dsn.get_secret_value())
        assert (url.hostname, url.port, url.path, url.query, url.fragment) == ("db", 5432, "/x", "", "")
        assert url.password == f"{PASSWORD}{password}{PASSWORD}"


# --- remarks ---


@pytest.mark.parametrize(
    ("inactivity", "dormant", "new_user", "remark"),
    [
        # In microseconds. An eligible user has been silent for at least inactivity + 1.
        (10, 30, 10, "No message will go to the segment new_user"),
        (10, 30, 11, "No message will go to the segment new_user"),
        (10, 30, 12, None),
        (10, 11, 30, "Every message will go to the segment dormant"),
        (10, 5, 5, "Every message will go to the segment dormant"),
        (10, 12, 30, None),
    ],
)
def test_a_segment_that_can_never_occur_is_remarked(
    surroundings: Surroundings, inactivity: int, dormant: int, new_user: int, remark: str | None
) -> None:
    days = {name: str(Decimal(n) / 86_400_000_000) for name, n in (("DORMANT", dormant), ("NEW_USER", new_user))}
    surroundings.set(INACTIVITY_THRESHOLD_SECONDS=f"0.0000{inactivity}")
    surroundings.set(**{f"{name}_THRESHOLD_DAYS": value for name, value in days.items()})
    remarks = surroundings.load().remarks()
    assert [text.split(":")[0].split(",")[0] for text in remarks] == ([] if remark is None else [remark])


def test_the_defaults_are_remarked_on_for_new_users(surroundings: Surroundings) -> None:
    (remark,) = surroundings.load().remarks()
    assert "ENGAGEMENT_NEW_USER_THRESHOLD_DAYS leaves no room above ENGAGEMENT_INACTIVITY_THRESHOLD_SECONDS" in remark


def test_a_watchdog_faster_than_the_group_is_remarked(surroundings: Surroundings) -> None:
    surroundings.set(NEW_USER_THRESHOLD_DAYS="2", STUCK_EXIT_SECONDS="10")
    (remark,) = surroundings.load().remarks()
    assert "ENGAGEMENT_STUCK_EXIT_SECONDS" in remark
