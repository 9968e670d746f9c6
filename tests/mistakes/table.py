"""What operators get wrong, and what breaks around an engine: the settings, the exit codes and the words of each.

The words in braces are filled in by ``tests.mistakes.scene``; what they stand for is listed there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.mistakes.words import CANARY, ENCODED

ENVIRONMENT, DEFAULT, ENV_FILE, SECRET = (
    "(from the environment)",
    "(the default)",
    "(from {env_file})",
    "(from {secret})",
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that is made for the row and named by the setting, unlike those of `engage init`."""

    setting: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One row.

    ``run``, ``check``: the exit codes; 0 for `engage run` means that it works, and warns.
    ``setting`` is named with ``origin``, and ``remedy`` is among the words, all in the one line about it.
    ``settings``: variables without their prefix, None for one that is not set; ``env_file``, ``secrets``: what is in
    the files, None for a folder in place of one. ``topic``: made before. ``sql``: run on a state of the row's own.
    """

    name: str
    run: int
    check: int
    setting: str
    remedy: str
    origin: str = ENVIRONMENT
    settings: Mapping[str, str | None] = field(default_factory=dict)
    env_file: bytes | None = None
    secrets: Mapping[str, bytes | None] = field(default_factory=dict)
    topic: Topic | None = None
    sql: str = ""


def _of_settings(name: str, setting: str, remedy: str, **settings: str | None) -> Mistake:
    return Mistake(name=name, run=2, check=2, setting=setting, remedy=remedy, settings=settings)


def _of_surroundings(name: str, setting: str, remedy: str, **settings: str | None) -> Mistake:
    return Mistake(name=name, run=3, check=3, setting=setting, remedy=remedy, settings=settings)


SETTINGS = [
    Mistake(
        name="a required setting is missing",
        run=2,
        check=2,
        setting="POSTGRES_DSN",
        origin=": is required and not set",
        remedy="Set it in the environment",
        settings={"POSTGRES_DSN": None},
    ),
    Mistake(
        name="a required setting is empty",
        run=2,
        check=2,
        setting="KAFKA_BOOTSTRAP_SERVERS",
        origin=": is required and not set, or empty",
        remedy="Set it in the environment",
        settings={"KAFKA_BOOTSTRAP_SERVERS": ""},
    ),
    _of_settings("a mistyped setting", "TICK_TOPICS", "ENGAGEMENT_TICK_TOPIC is the nearest name", TICK_TOPICS="x"),
    _of_settings(
        "a bad value", "MESSAGE_FREQUENCY_HOURS", "Correct it, for example to 24", MESSAGE_FREQUENCY_HOURS="-1"
    ),
    _of_settings("a unit in a number", "HISTORY_DAYS", "for example to 90 or forever", HISTORY_DAYS="90d"),
    _of_settings("Kafka without a port", "KAFKA_BOOTSTRAP_SERVERS", "kafka-1:9092", KAFKA_BOOTSTRAP_SERVERS="kafka"),
    _of_settings("another database", "POSTGRES_DSN", "postgresql://", POSTGRES_DSN=f"mysql://u:{ENCODED}@db/x"),
    _of_settings(
        "a bad port of Postgres", "POSTGRES_DSN", "host:port", POSTGRES_DSN=f"postgresql://u:{ENCODED}@db:5x/x"
    ),
    _of_settings("no host of Postgres", "POSTGRES_DSN", "host:port", POSTGRES_DSN=f"postgresql://u:{ENCODED}@/x"),
    _of_settings("a password not encoded", "POSTGRES_DSN", "%40", POSTGRES_DSN=f"postgresql://u:{CANARY}@db/x"),
    _of_settings("one topic twice", "TICK_TOPIC", "Give each its own", TICK_TOPIC="twice", CYCLE_TOPIC="twice"),
    Mistake(
        name="one topic twice, once by default",
        run=2,
        check=2,
        setting="ACTIVITY_TOPIC",
        origin=DEFAULT,
        remedy="Give each its own",
        settings={"ACTIVITY_TOPIC": None, "TICK_TOPIC": "user-activity"},
    ),
]

FILES = [
    Mistake(
        name="a bad value in .env",
        run=2,
        check=2,
        setting="HTTP_PORT",
        origin=ENV_FILE,
        remedy="Correct it",
        settings={"HTTP_PORT": None},
        env_file=b"ENGAGEMENT_HTTP_PORT=http\n",
    ),
    Mistake(
        name="a mistyped setting in .env",
        run=2,
        check=2,
        setting="HTTP_PROT",
        origin=ENV_FILE,
        remedy="ENGAGEMENT_HTTP_PORT is the nearest name",
        env_file=b"ENGAGEMENT_HTTP_PROT=80\n",
    ),
    Mistake(
        name="a line of .env without a value",
        run=2,
        check=2,
        setting="",
        origin="{env_file}: line 2",
        remedy="Correct or remove it",
        env_file=f"ENGAGEMENT_HTTP_PORT=off\nENGAGEMENT_POSTGRES_DSN {CANARY}\n".encode(),
    ),
    Mistake(
        name=".env is not UTF-8",
        run=2,
        check=2,
        setting="",
        origin="{env_file}: ",
        remedy="Make it a readable UTF-8 text",
        env_file=b"ENGAGEMENT_EVENT_SOURCE=\xff" + CANARY.encode(),
    ),
    Mistake(
        name="a secret file can't be read",
        run=2,
        check=2,
        setting="POSTGRES_DSN",
        origin=SECRET,
        remedy="Make it a readable UTF-8 text",
        settings={"POSTGRES_DSN": None},
        # What a container platform makes of a file that isn't there: unreadable for the superuser too.
        secrets={"engagement_postgres_dsn": None},
    ),
    Mistake(
        name="a secret file is not UTF-8",
        run=2,
        check=2,
        setting="POSTGRES_DSN",
        origin=SECRET,
        remedy="Make it a readable UTF-8 text",
        settings={"POSTGRES_DSN": None},
        secrets={"engagement_postgres_dsn": b"postgresql://u:\xff" + ENCODED.encode() + b"@db/x"},
    ),
    Mistake(
        name="a secret file is empty",
        run=2,
        check=2,
        setting="POSTGRES_DSN",
        origin=SECRET,
        remedy="Write the value into it",
        settings={"POSTGRES_DSN": None},
        secrets={"engagement_postgres_dsn": b"\n"},
    ),
    Mistake(
        name="a bad value in a secret file",
        run=2,
        check=2,
        setting="POSTGRES_DSN",
        origin=SECRET,
        remedy="host:port",
        settings={"POSTGRES_DSN": None},
        secrets={"engagement_postgres_dsn": f"postgresql://u:{ENCODED}@db:port/x".encode()},
    ),
    Mistake(
        name="a mistyped secret file",
        run=2,
        check=2,
        setting="",
        origin="engagement_postgres_dns (from {secrets}/engagement_postgres_dns)",
        remedy="ENGAGEMENT_POSTGRES_DSN is the nearest name",
        secrets={"engagement_postgres_dns": ENCODED.encode()},
    ),
]

_START_KAFKA, _START_POSTGRES = "start Kafka, or correct", "or correct ENGAGEMENT_POSTGRES_DSN"
KAFKA = [
    _of_surroundings("Kafka is down", "KAFKA_BOOTSTRAP_SERVERS", _START_KAFKA, KAFKA_BOOTSTRAP_SERVERS="{nobody}"),
    _of_surroundings("Kafka says nothing", "KAFKA_BOOTSTRAP_SERVERS", _START_KAFKA, KAFKA_BOOTSTRAP_SERVERS="{silent}"),
    _of_surroundings("Kafka is a web server", "KAFKA_BOOTSTRAP_SERVERS", _START_KAFKA, KAFKA_BOOTSTRAP_SERVERS="{web}"),
    *(
        _of_surroundings(
            f"no {setting}", setting, "`engage init` creates what is missing", **{setting: "{name}-not-made"}
        )
        for setting in (
            "ACTIVITY_TOPIC",
            "TICK_TOPIC",
            "MESSAGE_TOPIC",
            "CYCLE_TOPIC",
            "DEAD_LETTER_TOPIC",
            "PROGRESS_TOPIC",
        )
    ),
    Mistake(
        name="two tick partitions",
        run=3,
        check=3,
        setting="TICK_TOPIC",
        remedy="recreate it",
        topic=Topic("TICK_TOPIC", 2, {"message.timestamp.type": "LogAppendTime"}),
    ),
    Mistake(
        name="progress topic not compacted",
        run=3,
        check=3,
        setting="PROGRESS_TOPIC",
        remedy="set it to compact",
        topic=Topic("PROGRESS_TOPIC", 4, {"cleanup.policy": "delete"}),
    ),
    Mistake(
        name="progress topic too small",
        run=0,
        check=3,
        setting="PROGRESS_TOPIC",
        remedy="`engage init` extends the progress topic",
        topic=Topic("ACTIVITY_TOPIC", 6, {"message.timestamp.type": "LogAppendTime"}),
        sql="SELECT 1",
    ),
    _of_surroundings(
        "session timeout below the broker's", "SESSION_TIMEOUT_SECONDS", "must lie within", SESSION_TIMEOUT_SECONDS="3"
    ),
]

POSTGRES = [
    _of_surroundings(
        "Postgres is down", "POSTGRES_DSN", _START_POSTGRES, POSTGRES_DSN=f"postgresql://u:{ENCODED}@{{nobody}}/x"
    ),
    _of_surroundings(
        "Postgres says nothing", "POSTGRES_DSN", _START_POSTGRES, POSTGRES_DSN=f"postgresql://u:{ENCODED}@{{silent}}/x"
    ),
    _of_surroundings(
        "Postgres is a web server", "POSTGRES_DSN", _START_POSTGRES, POSTGRES_DSN=f"postgresql://u:{ENCODED}@{{web}}/x"
    ),
    _of_surroundings("a wrong password", "POSTGRES_DSN", "put it right", POSTGRES_DSN="{wrong_password}"),
    _of_surroundings("an unknown role", "POSTGRES_DSN", "put it right", POSTGRES_DSN="{unknown_role}"),
    _of_surroundings("a missing database", "POSTGRES_DSN", "put it right", POSTGRES_DSN="{missing_database}"),
    _of_surroundings("an unknown parameter", "POSTGRES_DSN", "put it right", POSTGRES_DSN="{dsn}?pgbouncer=true"),
    _of_surroundings("a bad sslmode", "POSTGRES_DSN", "put it right", POSTGRES_DSN="{dsn}?sslmode=always"),
    Mistake(
        name="no schema",
        run=3,
        check=3,
        setting="POSTGRES_DSN",
        remedy="`engage init`",
        sql="DROP SCHEMA engagement CASCADE",
    ),
    Mistake(
        name="schema older",
        run=3,
        check=3,
        setting="POSTGRES_DSN",
        remedy="run `engage init`",
        sql="DELETE FROM engagement.schema_version AS v WHERE NOT EXISTS"
        " (SELECT FROM engagement.schema_version WHERE version > v.version)",
    ),
    Mistake(
        name="schema newer",
        run=3,
        check=3,
        setting="POSTGRES_DSN",
        remedy="run that one",
        sql="INSERT INTO engagement.schema_version (version, name, checksum) VALUES (9999, 'later', 'x')",
    ),
    Mistake(
        name="schema edited",
        run=3,
        check=3,
        setting="POSTGRES_DSN",
        remedy="run the engine that applied it",
        sql="UPDATE engagement.schema_version SET checksum = 'edited' WHERE version = 1",
    ),
    Mistake(
        name="a missing right",
        run=3,
        check=3,
        setting="POSTGRES_DSN",
        remedy="grant",
        settings={"POSTGRES_DSN": "{weak_role}"},
        sql="REVOKE UPDATE ON engagement.shard FROM {role}",
    ),
]

NOTICES = [
    Mistake(
        name="a segment that can't occur",
        run=0,
        check=0,
        setting="NEW_USER_THRESHOLD_DAYS",
        remedy="leaves no room above ENGAGEMENT_INACTIVITY_THRESHOLD_SECONDS (from the environment)",
        settings={"NEW_USER_THRESHOLD_DAYS": "0.0001"},
        sql="SELECT 1",
    ),
    Mistake(
        name="the HTTP port is taken",
        run=3,
        check=0,
        setting="HTTP_PORT",
        remedy="free it",
        settings={"HTTP_PORT": "{taken_port}"},
    ),
]

MISTAKES = [*SETTINGS, *FILES, *KAFKA, *POSTGRES, *NOTICES]
