"""What can go wrong while the local platform starts."""


class PlatformError(Exception):
    """The local platform can't be started; the message says why and what to do."""


class UnavailableError(PlatformError):
    """One of the ways to get a service doesn't exist on this machine; another may."""


class StartFailedError(PlatformError):
    """A service was started and did not become ready; the message ends with the last lines of its log."""
