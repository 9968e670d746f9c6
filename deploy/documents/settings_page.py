"""The reference of the settings, made from the settings themselves."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from consumer.settings import Settings
from consumer.settings.environment import PREFIX, variable
from consumer.settings.places import ENV_FILE, SECRETS_FOLDER
from consumer.settings.secret_files import SUFFIX, secret_fields

# No setting takes all of these. How they are refused tells what a setting does take: the same rules that apply at the
# start, wherever they are written.
_HOPELESS = (" ", "-1", "9" * 30)
_WORDS = {
    "int_parsing": "be a whole number",
    "decimal_parsing": "be a number",
    "float_parsing": "be a number",
    "greater_than": "be above {gt}",
    "greater_than_equal": "be at least {ge}",
    "less_than_equal": "be at most {le}",
    "literal_error": "be {expected}",
    "value_error": "{error}",
}

_SECRETS = "\n".join(f"- `{variable(field)}{SUFFIX}`" for field in secret_fields(Settings))
_HEAD = f"""\
<!-- Made by `python -m deploy.documents` from consumer/settings/{{connections,model}}.py: change those. -->

# Settings

Each setting is read from the first of these that has it:

1. the environment variable of its name,
2. the file `{ENV_FILE}` in the working directory, with lines such as `{PREFIX}LOG_LEVEL=debug`,
3. a file of its name in lower case in `{SECRETS_FOLDER}`, such as `{SECRETS_FOLDER}/engagement_postgres_dsn`: where
   container platforms put secrets,
4. its default.

A secret may lie in a file anywhere, which a variable or a line of the `.env` file names:

{_SECRETS}

An empty variable counts as absent. A variable with the prefix `{PREFIX}` that no setting knows stops the start, with
the nearest known name; those that Kubernetes puts there for a service are ignored (`…_SERVICE_HOST`,
`…_SERVICE_PORT…`, `…_PORT_…`, and `…_PORT` with a `tcp://` value). Everything wrong is told at once, and the exit code
is 2. `engage check` says what is allowed and perhaps not meant. Passwords are never shown.

A changed setting takes effect when a worker starts with it; a threshold, from that worker's next tick on, for every
user.
"""


def settings_page() -> str:
    """The page: where values come from, a table of all settings, and a section for each."""
    fields = Settings.model_fields
    return "\n".join([_HEAD, *_table(fields), "", *(_section(name, field) for name, field in fields.items())])


def _table(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    yield "| setting | default |"
    yield "|---|---|"
    for name, field in fields.items():
        yield f"| [`{variable(name)}`](#{variable(name).lower()}) | {_default(field)} |"


def _section(name: str, field: FieldInfo) -> str:
    examples = [f"`{variable(name)}={_plain(example)}`" for example in field.examples or [field.default]]
    facts = (f"Default: {_default(field)}.", f"It must {limits(field)}.", f"Example: {' or '.join(examples)}")
    description = textwrap.fill(field.description or "", 120, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"## `{variable(name)}`", "", description, "", *(f"- {fact}" for fact in facts), ""])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none, it is required"
    return "none" if field.default is None else f"`{_plain(field.default)}`"


def limits(field: FieldInfo) -> str:
    """What the setting takes, in words. Raises KeyError for a kind of limit that has no words yet."""
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    reader: TypeAdapter[Any] = TypeAdapter(kind)
    words: dict[str, None] = {}  # in their order, each once
    for value in _HOPELESS:
        try:
            reader.validate_python(value)
        except ValidationError as refusal:
            words |= dict.fromkeys(_word(error) for error in refusal.errors(include_url=False))
    special = [f"or be `{example}`" for example in field.examples or [] if reader.validate_python(example) is None]
    return ", ".join([*words, *special])


def _word(error: Any) -> str:
    details = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    return _WORDS[error["type"]].format(**details).removeprefix("must ").replace("'", "`")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and value < 1_000_000 else str(value)
