"""Where the value of each setting came from, to be told beside its name.

Whoever meets a wrong value must know which of the places to change: the same setting may stand in several of them.
"""

import re
from pathlib import Path

from pydantic_settings import DotEnvSettingsSource, SecretsSettingsSource
from pydantic_settings.exceptions import SettingsError as SourceError

from consumer.settings import places
from consumer.settings.environment import PREFIX, Environment, variable
from consumer.settings.model import Settings
from consumer.settings.secret_files import SUFFIX, named_files

THE_ENVIRONMENT = "the environment"
_DEFAULT = "the default"
# A whole name that is neither assigned to, as in an example, nor followed by an origin already.
_NAMED = re.compile(rf"\b{PREFIX}[A-Z_]*[A-Z]\b(?!=| \((?:from |{_DEFAULT}\)))")


def origins(env_file: Path, secrets_folder: Path | None) -> dict[str, str]:
    """Of each setting that is not left at its default: where its value is. The first place that has one counts.

    Raises OSError, UnicodeDecodeError or pydantic-settings' SettingsError when a place can't be read.
    """
    found: dict[str, str] = {}
    if secrets_folder is not None:
        files = {path.name.lower(): path.absolute() for path in secrets_folder.iterdir()}
        secrets = SecretsSettingsSource(Settings, secrets_dir=secrets_folder)()
        found |= {field: str(files[variable(field).lower()]) for field in secrets if variable(field).lower() in files}
    for field, path in named_files(Settings, env_file).items():
        found[field] = f"{path.absolute()}, named by {variable(field)}{SUFFIX}"
    found |= dict.fromkeys(DotEnvSettingsSource(Settings, env_file=env_file)(), str(env_file.absolute()))
    found |= dict.fromkeys(Environment(Settings)(), THE_ENVIRONMENT)
    return found


def with_origins(text: str, env_file: Path | None = None, secrets_folder: Path | None = None) -> str:
    """The text, with the origin of its value after the first mention of each setting.

    The places are looked at anew, and hence as they are by now; where they can't be read any more, the text stays.
    """
    folder = secrets_folder or places.SECRETS_FOLDER
    try:
        found = origins(env_file or places.ENV_FILE, folder if folder.is_dir() else None)
    except (OSError, UnicodeDecodeError, SourceError):
        return text
    told: set[str] = set()

    def completed(match: re.Match[str]) -> str:
        name = match.group()
        field = name.removeprefix(PREFIX).lower()
        if name in told or field not in Settings.model_fields:
            return name
        told.add(name)
        return f"{name} (from {found[field]})" if field in found else f"{name} ({_DEFAULT})"

    return _NAMED.sub(completed, text)
