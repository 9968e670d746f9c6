"""Values that are made for every event, user or message."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass that the type checker takes for frozen and that is made as fast as one that isn't.

    To create a frozen one takes three times as long (measured: 0.8 µs against 0.3 µs with three fields), since each
    field is set by a call around its own guard.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
