"""Reads the settings, and tells the operator everything that is wrong with them at once."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from consumer.settings import places
from consumer.settings.environment import PREFIX, is_injected, variable
from consumer.settings.files import unreadable_files
from consumer.settings.model import Settings
from consumer.settings.origins import THE_ENVIRONMENT, origins, with_origins
from consumer.settings.secret_files import SUFFIX, secret_fields
from domain.errors import EngagementError


class SettingsError(EngagementError):
    """The settings can't be used: a line for each problem, with variable, origin of the value, and remedy."""


def load_settings(env_file: Path | None = None, secrets_folder: Path | None = None) -> Settings:
    """The settings, by default from the usual places; file and folder may be missing.

    Raises SettingsError; no secret is ever in its text.
    """
    env_file, folder = env_file or places.ENV_FILE, secrets_folder or places.SECRETS_FOLDER
    secrets = folder if folder.is_dir() else None
    problems = unreadable_files(env_file, secrets)
    if problems:
        raise SettingsError("\n".join(problems))
    problems = _unknown_names(env_file, secrets)
    try:
        settings = Settings(_env_file=env_file, _secrets_dir=secrets)
    except ValidationError as error:
        # The chain is cut: the error holds the values.
        raise SettingsError("\n".join(problems + _problems(error, env_file, folder))) from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown_names(env_file: Path, secrets: Path | None) -> list[str]:
    known = [field.upper() for field in Settings.model_fields]
    known += [field.upper() + SUFFIX for field in secret_fields(Settings)]
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
    yield THE_ENVIRONMENT, os.environ
    yield str(env_file.absolute()), dotenv_values(env_file) if env_file.is_file() else {}
    for path in sorted(secrets.iterdir()) if secrets else ():
        yield str(path.absolute()), {path.name: None}


def _problems(error: ValidationError, env_file: Path, folder: Path) -> list[str]:
    found = origins(env_file, folder if folder.is_dir() else None)
    problems = []
    for details in error.errors(include_input=False, include_context=False, include_url=False):
        text = details["msg"].removeprefix("Value error, ")
        if not details["loc"]:
            problems.append(with_origins(text, env_file, folder))
        elif details["type"] == "missing":
            problems.append(_missing(str(details["loc"][0]), env_file, folder))
        else:
            problems.append(_unusable(str(details["loc"][0]), text, found))
    return problems


def _missing(field: str, env_file: Path, folder: Path) -> str:
    secret = (folder / variable(field).lower()).absolute()
    where = f"{THE_ENVIRONMENT}, {env_file.absolute()} or the file {secret}"
    return f"{variable(field)}: is required and not set, or empty. Set it in {where}, {_example(field)}."


def _unusable(field: str, problem: str, found: Mapping[str, str]) -> str:
    problem = problem[0].lower() + problem[1:]
    return f"{variable(field)} (from {found[field]}): {problem}. Correct it, {_example(field)}{_default(field)}."


def _example(field: str) -> str:
    info = Settings.model_fields[field]
    return "for example to " + " or ".join(info.examples or [str(info.default)])


def _default(field: str) -> str:
    return "" if Settings.model_fields[field].is_required() else ", or leave it out for the default"
