"""Secrets in files of any path: a variable such as ENGAGEMENT_KAFKA_PASSWORD_FILE names the file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from dotenv import dotenv_values
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from consumer.settings.environment import variable

SUFFIX = "_FILE"


def secret_fields(settings: type[BaseSettings]) -> list[str]:
    """The settings that may stand in such a file."""
    return [name for name, info in settings.model_fields.items() if _is_secret(info.annotation)]


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def named_files(settings: type[BaseSettings], env_file: Path | None) -> dict[str, Path]:
    """The file of each setting that has one named, by the environment or else by the .env file."""
    given = variables(env_file)
    paths = {field: given.get(variable(field) + SUFFIX) for field in secret_fields(settings)}
    return {field: Path(path) for field, path in paths.items() if path}


class SecretFiles(PydanticBaseSettingsSource):
    """The values in the files that variables name. Those files are known to be readable."""

    def __init__(self, settings_cls: type[BaseSettings], env_file: Path | None) -> None:
        super().__init__(settings_cls)
        self._env_file = env_file

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Asked by nobody: ``__call__`` gives all values at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """The values by field, as text without the white space around it."""
        files = named_files(self.settings_cls, self._env_file)
        return {field: path.read_text(encoding="utf-8").strip() for field, path in files.items()}


def variables(env_file: Path | None) -> Mapping[str, str | None]:
    """Those of the environment and, where it has none of the name, of the .env file; names are in upper case."""
    from_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    return {name.upper(): value for name, value in (*from_file.items(), *os.environ.items())}
