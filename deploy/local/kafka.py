"""A real Apache Kafka broker on loopback: one process, KRaft mode."""

import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.child import Child, run_to_end
from deploy.local.errors import PlatformError
from deploy.local.folders import locked
from deploy.local.jars import find_java, kafka_jars
from deploy.local.ports import free_port

_LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")
_CLUSTER_ID = "ZW5nYWdlbWVudC1sb2NhbA"  # any 16 bytes in base64
_READY_LINE = b"Kafka Server started"
_READY_SECONDS = 60.0  # ready in about 2 s; the rest is for a machine under load
_STOP_SECONDS = 60.0  # in about 0.5 s; the recording of the class archive takes some seconds more

# One broker can't replicate. Four partitions instead of fifty keep internal topics quick to create and to load.
# After a kill the controller takes the former registration for alive until its session ends (9 s by default), and the
# broker waits for that; much below 5 s a starved machine would fence a healthy broker.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listeners": "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
    "advertised.listeners": "PLAINTEXT://127.0.0.1:{port}",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": "127.0.0.1:{controller_port}",
    "log.dirs": "{data}",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "500",
}


class KafkaBroker:
    """A broker on fixed ports that can be started, stopped and killed as often as a test wants; its data stays."""

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        format_options: Sequence[str] = ("--standalone",),
        jvm_options: Sequence[str] = (),
        record_classes_in: Path | None = None,
    ) -> None:
        """Prepare a broker with its data, settings and log in `data_dir`, which is created; nothing runs yet.

        `settings` are added to the usual ones, or replace them; in their values `{port}`, `{controller_port}` and
        `{data}` stand for the broker's own. `format_options` go to the storage tool, `jvm_options` to Java.
        `record_classes_in` is for the making of the class archive. Raises UnavailableError when Java or the jars are
        not there and can't be fetched.
        """
        self._more_settings = dict(settings or {})
        self._format_options = list(format_options)
        self._folder = data_dir.resolve()
        self._log = self._folder / "broker.log"
        self._settings = self._folder / "server.properties"
        self._port = free_port()
        self._child: Child | None = None
        # Without the optimising compiler: what lives for minutes doesn't earn its cost, which is half of all processor
        # time of a cluster that is hurt for two minutes (111 s against 60 s).
        jvm = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *jvm_options]
        jvm.append(f"-Dlog4j2.configurationFile={_LOG_SETTINGS}")
        self._java = [find_java(), *jvm, "-cp", f"{kafka_jars()}/*"]
        self._recording: list[str] = []
        if record_classes_in is None:
            self._java.append(f"-XX:SharedArchiveFile={_class_archive()}")
        else:
            self._recording.append(f"-XX:ArchiveClassesAtExit={record_classes_in}")

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        if self._child is None:
            raise PlatformError("the broker does not run")
        return self._child.pid

    def start(self) -> None:
        """Start the broker and return when it serves clients; raise StartFailedError when it does not."""
        if not self._settings.exists():
            self._format()
        start_of_log = self._log.stat().st_size if self._log.exists() else 0
        command = [*self._java, *self._recording, "kafka.Kafka", str(self._settings)]
        self._child = Child(command, self._log, death_signal=signal.SIGKILL)
        self._child.wait_until_ready("Kafka", lambda: self._ready_since(start_of_log), _READY_SECONDS)

    def stop(self) -> None:
        """Stop the broker in order; nothing happens if it does not run."""
        if self._child is not None:
            self._child.stop(signal.SIGTERM, _STOP_SECONDS)
            self._child = None

    def kill(self) -> None:
        """Kill the broker like a power cut would; nothing happens if it does not run."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _format(self) -> None:
        data = self._folder / "data"
        data.mkdir(parents=True)
        own = {"port": self._port, "controller_port": free_port(), "data": data}
        lines = [f"{name}={value.format(**own)}\n" for name, value in (_SETTINGS | self._more_settings).items()]
        self._settings.write_text("".join(lines))
        tool = ["kafka.tools.StorageTool", "format", *self._format_options, "-t", _CLUSTER_ID]
        run_to_end([*self._java, *tool, "-c", str(self._settings)], cwd=self._folder, seconds=_READY_SECONDS)

    def _ready_since(self, offset: int) -> bool:
        with self._log.open("rb") as log:
            log.seek(offset)
            return _READY_LINE in log.read()


def _class_archive() -> Path:
    """Return the JVM's memory of the broker's loaded classes, recorded once: it cuts the start to a third."""
    jars = kafka_jars()
    archive = jars / "broker.jsa"
    with locked(jars / "broker.jsa.lock"):
        if not archive.exists():
            with tempfile.TemporaryDirectory(prefix="record-", dir=jars) as folder:
                recorded = Path(folder) / archive.name
                broker = KafkaBroker(Path(folder) / "broker", record_classes_in=recorded)
                try:
                    broker.start()
                finally:
                    broker.stop()
                recorded.rename(archive)
    return archive
