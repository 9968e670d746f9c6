"""The files that settings are read from: whether each can be read."""

from collections.abc import Iterator
from pathlib import Path

from dotenv.parser import parse_stream

from consumer.settings.environment import variable
from consumer.settings.model import Settings
from consumer.settings.secret_files import SUFFIX, named_files, variables


def unreadable_files(env_file: Path, secrets: Path | None) -> list[str]:
    """What can't be read, a text each with the remedy. Nothing of what is in the files is in the texts."""
    # Which other files there are can only be told once these two can be read.
    return [*_env_file(env_file), *([] if secrets is None else _secrets(secrets))] or list(_named(env_file))


def _env_file(path: Path) -> Iterator[str]:
    try:
        # A folder may bear the name too: virtual environments do.
        if not path.is_file():
            return
        with path.open(encoding="utf-8") as lines:
            for binding in parse_stream(lines):
                if binding.error:
                    yield f"{path.absolute()}: line {binding.original.line} is not NAME=value. Correct or remove it."
    except (OSError, UnicodeDecodeError) as error:
        yield f"{path.absolute()}: can't be read ({_reason(error)}). Make it a readable UTF-8 text, or remove it."


def _secrets(folder: Path) -> Iterator[str]:
    names = {variable(field).lower(): variable(field) for field in Settings.model_fields}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        yield f"{folder.absolute()}: can't be read ({_reason(error)}). Let the user of this process list the folder."
        return
    for path in paths:
        name = names.get(path.name.lower())
        if name is not None:
            yield from _secret(name, path, folder)


def _secret(name: str, path: Path, folder: Path) -> Iterator[str]:
    where = f"{name} (from {path.absolute()})"
    try:
        empty = not path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        yield f"{where}: the file can't be read ({_reason(error)}). Make it a readable UTF-8 text, or remove it."
        return
    if folder.resolve() not in path.resolve().parents:
        yield f"{where}: the file is a link that leaves its folder. Put the file itself there."
    elif empty:
        yield f"{where}: the file is empty. Write the value into it, or remove it."


def _named(env_file: Path) -> Iterator[str]:
    given = variables(env_file)
    for field, path in named_files(Settings, env_file).items():
        name = variable(field) + SUFFIX
        if given.get(variable(field)):
            yield f"{name}: {variable(field)} is set too. Remove one of them."
        try:
            if not path.read_text(encoding="utf-8").strip():
                yield f"{name}: the file {path} is empty. Write the value into it, or remove the variable."
        except (OSError, UnicodeDecodeError) as error:
            yield f"{name}: the file {path} can't be read ({_reason(error)}). Name a readable UTF-8 text."


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or type(error).__name__
