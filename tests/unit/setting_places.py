"""Environment, .env file and secret files of one test."""

import os
from pathlib import Path

import pytest

from consumer.settings import Settings, SettingsError, load_settings, with_origins

PASSWORD = "hunter2"
DSN = f"postgresql://engine:{PASSWORD}@db:5432/engagement"
REQUIRED = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092,kafka-2:9092",
    "POSTGRES_DSN": DSN,
    "INSECURE_HOSTS": "kafka-1,kafka-2,db",
}


class Surroundings:
    """An environment, a .env file and a folder of secret files for one test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.env_file = folder / ".env"
        self.secrets = folder / "secrets"
        self._monkeypatch = monkeypatch

    def set(self, **variables: str) -> "Surroundings":
        for name, value in variables.items():
            self._monkeypatch.setenv(f"ENGAGEMENT_{name}", value)
        return self

    def unset(self, name: str) -> "Surroundings":
        self._monkeypatch.delenv(f"ENGAGEMENT_{name}")
        return self

    def set_secret(self, name: str, value: bytes) -> "Surroundings":
        self.secrets.mkdir(exist_ok=True)
        (self.secrets / name).write_bytes(value)
        return self

    def load(self) -> Settings:
        return load_settings(self.env_file, self.secrets)

    def complaints(self) -> list[str]:
        """What is wrong, a line each."""
        with pytest.raises(SettingsError) as refusal:
            self.load()
        text = str(refusal.value)
        assert PASSWORD not in text
        assert refusal.value.__cause__ is None
        return text.splitlines()

    def completed(self, text: str) -> str:
        return with_origins(text, self.env_file, self.secrets)


def with_only_what_is_required(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """Where nothing else is set."""
    for name in os.environ:
        if name.upper().startswith("ENGAGEMENT_"):
            monkeypatch.delenv(name)
    return Surroundings(folder, monkeypatch).set(**REQUIRED)
