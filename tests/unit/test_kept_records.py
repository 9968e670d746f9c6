"""How many waiting entries keep their records in memory."""

from consumer.kept_records import KeptRecords
from domain.ownership import OutboxEntry
from domain.records import OutgoingRecord

RECORDS = [OutgoingRecord("messages", b"key", b"value")]


def entry(sequence: int) -> OutboxEntry:
    return OutboxEntry(sequence, b"packed", RECORDS)


def test_beyond_so_many_an_entry_goes_on_without_its_records() -> None:
    records = KeptRecords(2)
    entries = [records.kept(entry(sequence)) for sequence in range(3)]
    assert [each.records for each in entries] == [RECORDS, RECORDS, None]
    assert [(each.sequence, each.payload) for each in entries] == [(0, b"packed"), (1, b"packed"), (2, b"packed")]


def test_who_lets_go_of_an_entry_makes_room() -> None:
    records = KeptRecords(1)
    for sequence in range(3):
        assert records.kept(entry(sequence)).records == RECORDS


def test_an_entry_that_was_read_takes_no_room() -> None:
    records = KeptRecords(1)
    read = OutboxEntry(1, b"packed")
    assert records.kept(read) is read
    assert records.kept(entry(2)).records == RECORDS
