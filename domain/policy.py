"""The thresholds that the rules compare with."""

from dataclasses import dataclass
from datetime import timedelta

# Any two representable times are less than 10,000 years apart, so a longer threshold means "never" just as well,
# and sums with it stay far inside what a timedelta holds (999,999,999 days).
LONGEST_THRESHOLD = timedelta(days=3_660_000)
SHORTEST_THRESHOLD = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """The four thresholds of the rules, exact to the microsecond and positive.

    Raises ValueError when one is below a microsecond or above 3,660,000 days (longer ones can't be told apart).
    """

    inactivity_threshold: timedelta
    message_frequency: timedelta
    dormant_threshold: timedelta
    new_user_threshold: timedelta

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: timedelta = getattr(self, name)
            if not SHORTEST_THRESHOLD <= value <= LONGEST_THRESHOLD:
                raise ValueError(f"{name} must be between 1 microsecond and 3,660,000 days, is {value}")
