"""Records of waiting entries stay in memory where there is room: to unpack them again costs a twelfth of a tick."""

from weakref import WeakSet

from domain.ownership import OutboxEntry

# Of a chunk of usual messages they take 1.5 MB. More than these, a process with many shards can't afford; each further
# entry is unpacked when its turn comes.
ENTRIES_KEPT = 12


class KeptRecords:
    """Shared by all shards of a process. Who lets go of an entry makes room."""

    def __init__(self, most: int = ENTRIES_KEPT) -> None:
        self._most = most
        self._entries: WeakSet[OutboxEntry] = WeakSet()

    def kept(self, entry: OutboxEntry) -> OutboxEntry:
        """The entry, or, where there is no room for its records, one without them."""
        if entry.records is None:
            return entry
        if len(self._entries) >= self._most:
            return OutboxEntry(entry.sequence, entry.payload)
        self._entries.add(entry)
        return entry
