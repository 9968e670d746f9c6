"""Each number of users gets the same ticks, and a row."""

from benchmarks.results import size_table
from benchmarks.services import Services
from benchmarks.sizes import Sizes, measure_sizes


async def test_each_number_of_users_gets_the_same_ticks(benched: Services) -> None:
    runs = await measure_sizes(benched, Sizes(users=(150, 300), ticks=2, due=10))
    assert [(run.users, run.due) for run in runs] == [
        *[(150, 0), (150, 0), (150, 10), (150, 10), (150, 150)],
        *[(300, 0), (300, 0), (300, 10), (300, 10), (300, 300)],
    ]
    header, _, *rows = size_table(runs)
    assert [row.split(" | ")[0] for row in rows] == ["| 150", "| 300"]
    assert {row.count("|") for row in rows} == {header.count("|")} == {6}
