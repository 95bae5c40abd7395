"""Points in time as commands show them."""

from datetime import UTC, datetime


def moment(time_ns: int) -> str:
    """Nanoseconds since 1970 as UTC to the second: `2026-11-26T21:29:00Z`."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_record(time: object, digits: int = 19) -> str:
    """The time of an audit record, whose zone is UTC, to the second, or with more `digits` below it."""
    return f"{str(time)[:digits]}Z" if time else "?"
