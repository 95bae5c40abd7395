"""Text tables that fit the terminal's width."""

import re
import shutil
from collections.abc import Iterator, Sequence

GAP = "  "
NARROWEST = 12
# A command to run is never broken: pasted, its second line would be a command of its own.
_UNITS = re.compile(r"(\s*)(`[^`]*`\S*|run: [^;]*\S*|\S+)")

Row = Sequence[str]


def width_of(stream: object) -> int | None:
    """The columns of the terminal that `stream` is; None when it isn't one, and nothing is wrapped."""
    isatty = getattr(stream, "isatty", None)
    return shutil.get_terminal_size().columns if isatty is not None and isatty() else None


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`; longer words, addresses and commands stay whole."""
    return [line for paragraph in text.split("\n") for line in _broken(paragraph, width)]


def _broken(paragraph: str, width: int) -> Iterator[str]:
    line = ""
    for found in _UNITS.finditer(paragraph):
        blanks, unit = found.groups()
        if line and len(line) + len(blanks) + len(unit) > width:
            yield line
            line, blanks = "", ""
        line += blanks + unit
    yield line


def fitted(rows: Sequence[Row], width: int | None) -> list[int] | None:
    """The columns' widths, the widest ones narrowed to fit `width`; None when there are too many columns."""
    columns = list(zip(*rows, strict=True))
    found = [max(map(len, column)) for column in columns]
    if width is None:
        return found
    room = width - len(GAP) * (len(found) - 1)
    needed = [*(max(NARROWEST, _longest(column)) for column in columns[:-1]), NARROWEST]
    least = [min(wide, need) for wide, need in zip(found, needed, strict=True)]
    if sum(least) > room:
        return None
    while sum(found) > room:
        wide = [number for number in range(len(found)) if found[number] > least[number]]
        found[max(wide, key=found.__getitem__)] -= 1
    return found


def in_lines(row: Row, widths: Sequence[int]) -> Iterator[list[str]]:
    """A row as lines of padded cells, the last one as long as it is."""
    cells = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        line = [cell[number] if number < len(cell) else "" for cell in cells]
        yield [*(cell.ljust(width) for cell, width in zip(line[:-1], widths[:-1], strict=True)), line[-1]]


def one_by_one(headings: Row, rows: Sequence[Row], width: int) -> Iterator[list[str]]:
    """Each row as a list of its cells, a line or more for each behind its heading, and a blank line below."""
    side = max(map(len, headings))
    for row in rows:
        for pair in zip(headings, row, strict=True):
            yield from in_lines(pair, (side, max(NARROWEST, width - side - len(GAP))))
        yield [""]


def joined(line: Row) -> str:
    """The cells of a line as text."""
    return GAP.join(line).rstrip()


def _longest(column: Sequence[str]) -> int:
    """The longest part of a column's cells that can't be broken."""
    return max((len(unit) for cell in column for _, unit in _UNITS.findall(cell)), default=0)
