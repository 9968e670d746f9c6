"""One engine of its own on the shared services: its topics, its database, its worker processes."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20.0


@dataclass
class Worker:
    """A worker process, its log, and where it says which crash point ended it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    crash_file: Path

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    @property
    def crashed_at(self) -> str | None:
        """The crash point that ended it, such as ``publish 2|after|3``."""
        return self.crash_file.read_text(encoding="utf-8") if self.crash_file.exists() else None

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines of this event, in order."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        # The last line may not be complete yet; what isn't JSON is a traceback.
        whole = (line for line in lines if line.startswith("{") and line.endswith("\n"))
        return [event for line in whole if (event := json.loads(line)).get("event") == name]

    def tail(self, lines: int = 25) -> str:
        """The end of its log, for a person who looks for a fault."""
        end = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join([f"--- {self.name}, crash point {self.crashed_at}:", *end])

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """SIGSTOP: it stops in the middle of whatever it does, and keeps its connections."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; returns the exit code, -9 when it had to be killed."""
        if self.running:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                return self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()


@dataclass
class Deployment:
    """Topics with the prefix ``name`` on ``kafka``, state in the database of ``dsn``, logs in ``folder``.

    ``variables`` are settings beyond those, without their prefix: thresholds, say.
    """

    name: str
    kafka: str
    dsn: str
    folder: Path
    partitions: int = 4
    variables: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    def topic(self, role: str) -> str:
        """The topic of a role, such as ``messages``."""
        return f"{self.name}-{role}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this deployment needs to know."""
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "POSTGRES_DSN": self.dsn,
            "ACTIVITY_TOPIC": self.topic("activity"),
            "TICK_TOPIC": self.topic("ticks"),
            "MESSAGE_TOPIC": self.topic("messages"),
            "CYCLE_TOPIC": self.topic("cycles"),
            "DEAD_LETTER_TOPIC": self.topic("dead-letters"),
            "PROGRESS_TOPIC": self.topic("progress"),
            "CONSUMER_GROUP": self.name,
            "TOPIC_PARTITIONS": str(self.partitions),
            "SESSION_TIMEOUT_SECONDS": "6",
            "LOG_FORMAT": "json",
            "LOG_MESSAGES_PER_CYCLE": "0",
            "HTTP_PORT": "off",
            **self.variables,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENGAGEMENT_", "ENGAGE_"))}
        return kept | {f"ENGAGEMENT_{name}": value for name, value in settings.items()}

    def engage(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the installed command in this deployment."""
        command = [str(Path(sys.executable).parent / "engage"), *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def init(self) -> None:
        """`engage init`."""
        done = self.engage("init")
        assert done.returncode == 0, done.stderr

    def start_worker(
        self,
        *,
        crash: str = "",
        chunk_users: int | None = None,
        poll_interval_seconds: float | None = None,
        mutant: str = "none",
        module: str = "tests.harness.worker",
    ) -> Worker:
        """Start one more worker, which ``module`` is; see ``tests.harness.worker`` for what the others mean."""
        name = f"worker-{len(self.workers)}"
        crash_file = self.folder / f"{name}.crash"
        environment = self.environment | {
            "ENGAGE_TEST_CRASH": crash,
            "ENGAGE_TEST_CRASH_FILE": str(crash_file),
            "ENGAGE_TEST_MUTANT": mutant,
        }
        if chunk_users is not None:
            environment["ENGAGE_TEST_CHUNK_USERS"] = str(chunk_users)
        if poll_interval_seconds is not None:
            environment["ENGAGE_TEST_POLL_INTERVAL_SECONDS"] = str(poll_interval_seconds)
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        worker = Worker(name, process, log, crash_file)
        self.workers.append(worker)
        return worker

    def stop(self) -> dict[str, int]:
        """Stop all workers; returns their exit codes."""
        return {worker.name: worker.stop() for worker in self.workers}
