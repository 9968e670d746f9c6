"""The settings of the service and its commands.

Each is read from the environment variable of its name with the prefix ``ENGAGEMENT_``, else from the file ``.env`` in
the working directory, else from a file of that name (such as ``engagement_postgres_dsn``) in ``/run/secrets``, where
container platforms put secrets; else it has its default. An empty variable counts as absent.
"""

from consumer.settings.loading import SettingsError, load_settings
from consumer.settings.model import Settings
from consumer.settings.origins import with_origins

__all__ = ["Settings", "SettingsError", "load_settings", "with_origins"]
