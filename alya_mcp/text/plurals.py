"""Numbers with their nouns."""


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 record`, `1,200 records`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
