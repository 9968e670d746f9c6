"""Every setting, with what its operator must know."""

from datetime import timedelta
from decimal import Decimal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.codec import Limits
from consumer.settings.environment import PREFIX, Environment, variable
from consumer.settings.kinds import (
    DAY,
    HOUR,
    SECOND,
    DaysOrForever,
    LogFormat,
    LogLevel,
    PortOrOff,
    PostgresDsn,
    Servers,
    ThresholdDays,
    ThresholdHours,
    ThresholdSeconds,
    TimeoutSeconds,
    Topic,
    Visible,
    duration,
)
from domain.policy import LONGEST_THRESHOLD, Policy

_TOPICS = ("activity_topic", "tick_topic", "message_topic", "cycle_topic", "dead_letter_topic", "progress_topic")
_MICROSECOND = timedelta(microseconds=1)


class Settings(BaseSettings):
    """The settings, each checked by itself and the topics against each other."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka_bootstrap_servers: Servers = Field(
        description="Some brokers of the Kafka cluster, as host:port separated by commas; the others are found through"
        " them. Name at least two, so that one may be away at the start.",
        examples=["kafka-1:9092,kafka-2:9092"],
    )
    postgres_dsn: PostgresDsn = Field(
        description="The Postgres database, as a URL. It may hold a password: better a secret file than a variable.",
        examples=["postgresql://user:password@host:5432/database"],
    )
    activity_topic: Topic = Field("user-activity", description="Topic of what users do; each partition is a shard.")
    tick_topic: Topic = Field("engagement-ticks", description="Topic of the ticks, with exactly one partition.")
    message_topic: Topic = Field("engagement-messages", description="Topic that the messages are published to.")
    cycle_topic: Topic = Field("engagement-cycles", description="Topic of one record per tick: what the cycle did.")
    dead_letter_topic: Topic = Field(
        "engagement-dead-letters", description="Topic of the records that can't be used, bytes unchanged."
    )
    progress_topic: Topic = Field(
        "engagement-progress",
        description="Compacted topic of the engine's own: how far each shard has published. Never delete or share it.",
    )
    topic_partitions: int = Field(
        8,
        ge=1,
        le=10_000,
        description="Partitions of the activity topic when `engage init` creates it: so many workers can share the"
        " load. More cost a producer and a few connections each; they can be added later, never taken away.",
    )
    replication_factor: int | None = Field(
        None,
        ge=1,
        le=32_767,
        description="Copies of each topic that `engage init` creates; by default what the broker says. Below 3, the"
        " loss of a broker can lose acknowledged records, and with them the promises.",
        examples=["3"],
    )
    consumer_group: Visible = Field(
        "engagement-engine",
        description="The consumer group, and the prefix of the transactional ids. All workers of one deployment share"
        " it, two deployments never do. Changed while workers run, it takes away what keeps old and new ones apart.",
    )
    inactivity_threshold_seconds: ThresholdSeconds = Field(
        Decimal(86_400),
        description="Seconds of silence, decimals allowed, up to and including which a user counts as active and gets"
        " no message. Lower: more users get messages, and sooner.",
    )
    message_frequency_hours: ThresholdHours = Field(
        Decimal(24),
        description="Hours, decimals allowed, that pass between a user's messages at least. Lower: more messages to"
        " those who stay silent.",
    )
    dormant_threshold_days: ThresholdDays = Field(
        Decimal(3),
        description="Days of silence, decimals allowed, from which on a user is dormant and addressed playfully. Not"
        " above the inactivity threshold, it makes every message one of this kind.",
    )
    new_user_threshold_days: ThresholdDays = Field(
        Decimal(1),
        description="Age of the account in days, decimals allowed, below which a user is new and welcomed warmly. Not"
        " above the inactivity threshold, it makes no message one of this kind.",
    )
    max_future_skew_seconds: Decimal = Field(
        Decimal(300),
        ge=0,
        le=LONGEST_THRESHOLD // SECOND,
        description="Seconds, decimals allowed, by which the time in an event or tick may lie after its Kafka"
        " timestamp; beyond, it is a dead letter. Higher tolerates worse clocks, and lets one silence a user longer.",
    )
    max_record_bytes: int = Field(
        65_536,
        ge=256,
        le=4_194_304,
        description="Bytes that the value of an input record may have; a larger one becomes a dead letter unread."
        " Higher costs time and memory for records that can't be of much use.",
    )
    session_timeout_seconds: float = Field(
        10.0,
        ge=3,
        le=1_800,
        allow_inf_nan=False,
        description="Seconds without a heartbeat (sent each second) after which Kafka gives a worker's shards to"
        " others. Lower: the shards of a killed worker move sooner, but those of a slow one move too. The broker's"
        " group.min.session.timeout.ms and group.max.session.timeout.ms must allow it.",
    )
    stuck_exit_seconds: TimeoutSeconds = Field(
        300.0,
        description="Seconds without progress, while there is work to do and Kafka and Postgres answer, after which"
        " the worker exits with code 4, to be started again. Lower repairs sooner, and may take slowness for a fault.",
    )
    startup_timeout_seconds: TimeoutSeconds = Field(
        60.0,
        description="Seconds that Kafka or Postgres may be unreachable at the start before a command exits with code"
        " 3. Higher suits platforms that start everything at once; lower tells of a wrong address sooner.",
    )
    history_days: DaysOrForever = Field(
        Decimal(90),
        description="Days, decimals allowed, that the message log and the cycles stay in Postgres after they were"
        " written; `forever` keeps them. Higher costs disk, a row per message. It has no effect on who gets one.",
        examples=["90", "forever"],
    )
    event_source: Visible = Field(
        "/engagement-decision-engine",
        description="The header `ce_source` of every message: a URI reference that tells deployments apart.",
    )
    http_host: Visible = Field(
        "127.0.0.1",
        description="Address that the HTTP port listens on; 0.0.0.0 opens it to other machines. It asks for no"
        " password, so let a network policy or a proxy guard it then.",
    )
    http_port: PortOrOff = Field(
        8080,
        description="The service's own HTTP port. 0 takes any free one and names it in the log event `http_listening`;"
        " `off` opens none, and leaves no health checks and metrics.",
        examples=["8080", "0", "off"],
    )
    log_level: LogLevel = Field(
        "info", description="The least severe log lines to write: debug, info, warning, error or critical."
    )
    log_format: LogFormat = Field(
        None,
        description="How log lines look, `json` or `console`; by default console on a terminal, else json.",
        examples=["json", "console"],
    )
    log_messages_per_cycle: int = Field(
        100,
        ge=0,
        description="Log lines `message_sent` that a shard writes in one cycle; the rest are counted in one line."
        " Higher costs time and disk when many users get a message.",
    )

    @model_validator(mode="after")
    def _topics_differ(self) -> "Settings":
        fields: dict[str, str] = {}
        problems = []
        for field in _TOPICS:
            topic = getattr(self, field)
            first = fields.setdefault(topic, field)
            if first != field:
                problems.append(
                    f"{variable(first)} and {variable(field)}: name the same topic, {topic!r}. Give each its own."
                )
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - Environment stands in for it
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first source that has a value counts."""
        return init_settings, Environment(settings_cls), dotenv_settings, file_secret_settings

    @property
    def policy(self) -> Policy:
        """The thresholds of the rules."""
        return Policy(
            inactivity_threshold=duration(self.inactivity_threshold_seconds, SECOND),
            message_frequency=duration(self.message_frequency_hours, HOUR),
            dormant_threshold=duration(self.dormant_threshold_days, DAY),
            new_user_threshold=duration(self.new_user_threshold_days, DAY),
        )

    @property
    def limits(self) -> Limits:
        """What input records may ask for."""
        return Limits(duration(self.max_future_skew_seconds, SECOND), self.max_record_bytes)

    @property
    def history(self) -> timedelta | None:
        """How long the message log and the cycles are kept; None means for ever."""
        return None if self.history_days is None else duration(self.history_days, DAY)

    def remarks(self) -> list[str]:
        """What is allowed and perhaps not meant: a text each."""
        policy = self.policy
        above_inactivity = f"leaves no room above {variable('inactivity_threshold_seconds')}"
        remarks = []
        # An eligible user has been silent for at least a microsecond more than the inactivity threshold, and the
        # account is at least as old as the silence is long. A segment needs a length of silence between the two.
        shortest_silence = policy.inactivity_threshold + _MICROSECOND
        if policy.dormant_threshold <= shortest_silence:
            remarks.append(
                f"Every message will go to the segment dormant, none to new_user and normal:"
                f" {variable('dormant_threshold_days')} {above_inactivity}."
            )
        elif policy.new_user_threshold <= shortest_silence:
            remarks.append(
                f"No message will go to the segment new_user: {variable('new_user_threshold_days')} {above_inactivity}."
            )
        if self.stuck_exit_seconds <= self.session_timeout_seconds:
            remarks.append(
                f"A worker may exit while the group merely waits for a dead member:"
                f" {variable('stuck_exit_seconds')} is not above {variable('session_timeout_seconds')}."
            )
        return remarks
