"""The network between the service and the fakes: perfect, unless a test has it lose something."""


class Wire:
    """Every call of a fake goes over one. A test overrides both methods to delay calls and to lose them."""

    async def request(self, call: str) -> None:
        """Comes before the other side acts. Raises TransientError where the request is lost."""

    async def answer(self, call: str) -> None:
        """Comes after the other side acted. Raises TransientError where the answer is lost."""
