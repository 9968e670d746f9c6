"""Reads the settings, and tells the operator everything that is wrong with them at once."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource, SecretsSettingsSource
from pydantic_settings.exceptions import SettingsError as SourceError

from consumer.settings.environment import PREFIX, Environment, is_injected, variable
from consumer.settings.model import Settings
from domain.errors import EngagementError

ENV_FILE = Path(".env")
SECRETS_FOLDER = Path("/run/secrets")
_THE_ENVIRONMENT = "the environment"


class SettingsError(EngagementError):
    """The settings can't be used: the text names each variable, where it was set, what is wrong and the remedy."""


def load_settings(env_file: Path = ENV_FILE, secrets_folder: Path = SECRETS_FOLDER) -> Settings:
    """The settings. Either file or folder may be missing. Raises SettingsError; no secret is ever in its text."""
    secrets = secrets_folder if secrets_folder.is_dir() else None
    settings = None
    try:
        problems = _unknown_names(env_file, secrets)
        try:
            settings = Settings(_env_file=env_file, _secrets_dir=secrets)
        except ValidationError as error:
            problems += _problems(error, env_file, secrets)
    except (OSError, UnicodeDecodeError, SourceError) as error:
        # The chain is cut: the bytes of a file that isn't UTF-8 stand in the error.
        raise SettingsError(_unreadable(error, env_file, secrets_folder)) from None
    if settings is None or problems:
        raise SettingsError("\n".join(["The settings can't be used:", *problems]))
    return settings


def _unreadable(error: Exception, env_file: Path, secrets_folder: Path) -> str:
    cause = error.__cause__ if isinstance(error, SourceError) else error
    what = f"{cause.strerror}: {cause.filename}" if isinstance(cause, OSError) else "not UTF-8"
    return f"The settings in {env_file} or a file in {secrets_folder} can't be read ({what}): make it a readable text."


def _unknown_names(env_file: Path, secrets: Path | None) -> list[str]:
    known = [field.upper() for field in Settings.model_fields]
    problems = []
    for origin, names in _names(env_file, secrets):
        for name, value in names.items():
            upper = name.upper()
            if _is_unknown(upper, known) and not is_injected(upper, value):
                nearest = difflib.get_close_matches(upper.removeprefix(PREFIX), known, n=1, cutoff=0)[0]
                hint = f"Remove it, or correct it: {PREFIX}{nearest} is the nearest name."
                problems.append(f"{name} (from {origin}): no setting has this name. {hint}")
    return problems


def _is_unknown(name: str, known: list[str]) -> bool:
    return name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known


def _names(env_file: Path, secrets: Path | None) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    yield _THE_ENVIRONMENT, os.environ
    yield str(env_file), dotenv_values(env_file) if env_file.is_file() else {}
    yield str(secrets), {path.name: None for path in sorted(secrets.iterdir())} if secrets else {}


def _problems(error: ValidationError, env_file: Path, secrets: Path | None) -> list[str]:
    sources = [
        (_THE_ENVIRONMENT, Environment(Settings)()),
        (str(env_file), DotEnvSettingsSource(Settings, env_file=env_file)()),
        (f"the secret files in {secrets}", SecretsSettingsSource(Settings, secrets_dir=secrets)()),
    ]
    problems = []
    for details in error.errors(include_input=False, include_context=False, include_url=False):
        text = details["msg"].removeprefix("Value error, ")
        if not details["loc"]:
            problems.append(text)
        elif details["type"] == "missing":
            problems.append(_missing(str(details["loc"][0]), env_file))
        else:
            problems.append(_unusable(str(details["loc"][0]), text, sources))
    return problems


def _missing(field: str, env_file: Path) -> str:
    places = f"{_THE_ENVIRONMENT}, {env_file} or the file {SECRETS_FOLDER / variable(field).lower()}"
    return f"{variable(field)}: is required and not set. Set it in {places}, {_example(field)}."


def _unusable(field: str, problem: str, sources: list[tuple[str, dict[str, Any]]]) -> str:
    origin = next(origin for origin, values in sources if field in values)
    problem = problem[0].lower() + problem[1:]
    return f"{variable(field)} (from {origin}): {problem}. Correct it, {_example(field)}{_default(field)}."


def _example(field: str) -> str:
    info = Settings.model_fields[field]
    return "for example to " + " or ".join(info.examples or [str(info.default)])


def _default(field: str) -> str:
    return "" if Settings.model_fields[field].is_required() else ", or leave it out for the default"
