"""Every setting, with what its operator must know."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from adapters.codec import Limits
from consumer.settings.connections import Connections
from consumer.settings.environment import variable
from consumer.settings.hosts import is_loopback
from consumer.settings.kinds import (
    DAY,
    HOUR,
    SECOND,
    DaysOrForever,
    LogFormat,
    LogLevel,
    LogUserIds,
    PortOrOff,
    Secret,
    ThresholdDays,
    ThresholdHours,
    ThresholdSeconds,
    TimeoutSeconds,
    Token,
    Topic,
    Visible,
    duration,
)
from domain.policy import LONGEST_THRESHOLD, Policy

_TOPICS = ("activity_topic", "tick_topic", "message_topic", "cycle_topic", "dead_letter_topic", "progress_topic")
_MICROSECOND = timedelta(microseconds=1)


class Settings(Connections):
    """The settings, each checked by itself, and where several must fit, against each other."""

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
        description="Address that the HTTP port listens on; 0.0.0.0 opens it to other machines. Requests that act or"
        " tell of a user then need the token of `ENGAGEMENT_HTTP_TOKEN`.",
    )
    http_port: PortOrOff = Field(
        8080,
        description="The service's own HTTP port. 0 takes any free one and names it in the log event `http_listening`;"
        " `off` opens none, and leaves no health checks and metrics.",
        examples=["8080", "0", "off"],
    )
    http_token: Token | None = Field(
        None,
        description="Bearer token for HTTP requests that act or tell of a user. Without one these are answered on a"
        " loopback address only.",
        examples=["3f1c9d0e5b7a48f2a6c4d8e0b1975f32"],
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

    log_user_ids: LogUserIds = Field(
        "hashed",
        description="How log lines name a user: `hashed`, by a digest that tells users apart, or `plain`, by the id.",
        examples=["hashed", "plain"],
    )
    log_hash_key: Secret | None = Field(
        None,
        description="Key of the digests that stand for users in log lines. Without one, whoever can guess an id can"
        " find its lines. The same key on all workers gives the same digests.",
        examples=["a long random text"],
    )

    def misfits(self) -> Iterator[str]:
        """What doesn't fit together, a text each."""
        yield from super().misfits()
        fields: dict[str, str] = {}
        for field in _TOPICS:
            topic = getattr(self, field)
            first = fields.setdefault(topic, field)
            if first != field:
                yield f"{variable(first)} and {variable(field)}: name the same topic, {topic!r}. Give each its own."

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
        if self.http_port is not None and self.http_token is None and not is_loopback(self.http_host):
            remarks.append(
                f"Nobody can ask for a cycle or a user over HTTP: {variable('http_host')} is no loopback address, and"
                f" {variable('http_token')} is not set."
            )
        if self.stuck_exit_seconds <= self.session_timeout_seconds:
            remarks.append(
                f"A worker may exit while the group merely waits for a dead member:"
                f" {variable('stuck_exit_seconds')} is not above {variable('session_timeout_seconds')}."
            )
        return remarks
