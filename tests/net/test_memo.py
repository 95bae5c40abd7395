"""Values kept in memory: which go first, and how much they take."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

from alya_mcp.net.answers import Body
from alya_mcp.net.memo import Memo, size_of
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.earth.sources.fdsn import read_text
from alya_mcp.tools.earth.sources.usgs import OfficialForecast

HEADER = "EventID|Time|Latitude|Longitude|Depth|MagType|Magnitude|EventLocationName"
LINE = "us{0:08d}|2024-01-01T00:00:00.{1:03d}|35.{0}|139.{0}|{2}.5|mb|4.{3}|{1} km ESE of Tokyo, Japan"
MIB = 1 << 20


def catalogue(length: int) -> Body:
    lines = (LINE.format(number, number % 1000, number % 700, number % 10) for number in range(length))
    return Body(SOURCES["usgs"], "\n".join([HEADER, *lines]).encode(), "text/plain")


def counting(made: list[str], name: str, value: object) -> Callable[[], object]:
    def make() -> object:
        made.append(name)
        return value

    return make


def test_the_value_not_asked_for_longest_goes_first() -> None:
    memo, made = Memo(most=2), list[str]()
    for name in ("a", "b", "a", "c", "a", "b"):
        memo.get(name, counting(made, name, name))
    assert made == ["a", "b", "c", "b"]


def test_values_take_no_more_than_their_room_however_few_they_are() -> None:
    memo, made = Memo(size=5 * MIB // 2), list[str]()
    for name in ("a", "b", "c", "b", "a"):
        memo.get(name, counting(made, name, bytes(MIB)))
    assert made == ["a", "b", "c", "a"]


def test_a_value_larger_than_all_room_is_kept_until_the_next_one_comes() -> None:
    memo, made = Memo(size=MIB), list[str]()
    for name in ("large", "large", "small", "large"):
        memo.get(name, counting(made, name, bytes(2 * MIB if name == "large" else 1)))
    assert made == ["large", "small", "large"]


def test_what_a_long_list_takes_is_told_from_a_few_of_its_items() -> None:
    body = catalogue(5000)
    read_text(body)
    tracemalloc.start()
    quakes = read_text(body)
    takes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.8 * takes < size_of(quakes) < 1.25 * takes


def test_what_a_value_shares_with_the_program_isnt_counted_as_its_own() -> None:
    forecast = OfficialForecast.model_construct(windows=[])
    assert size_of([forecast, datetime.now(UTC), counting]) < 3000
