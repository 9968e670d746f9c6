"""Where settings are looked for, beside the environment."""

from pathlib import Path

ENV_FILE = Path(".env")
SECRETS_FOLDER = Path("/run/secrets")
