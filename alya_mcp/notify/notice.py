"""The content of a notification."""

from dataclasses import dataclass

from alya_mcp.gate.approvals import KeptQuestion
from alya_mcp.gate.approvals.question import STANDS_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One question for one channel; `yes` and `no` are the tokens that answer it.

    `text` is the whole question, or, where the user withholds arguments, all of it but them. `expires` is in
    seconds since 1970.
    """

    id: str
    title: str
    text: str
    tool: str
    caller: str
    rule: str
    expires: float
    yes: str
    no: str
    withheld: bool

    @property
    def elsewhere(self) -> str:
        """What to do if the question can't be shown in full, or can't be answered in the channel."""
        return f"Look at it and answer in alya-mcp dashboard, or: alya-mcp approvals show {self.id}"


def notice(asked: KeptQuestion, yes: str, no: str, *, arguments: bool) -> Notice:
    """The notice of `asked`, with or without its arguments."""
    lines = asked.message.splitlines()
    text = asked.message if arguments else "\n".join([*_without_arguments(lines), "(arguments withheld)"])
    return Notice(
        id=asked.id,
        title=f"{asked.tool}: approve?",
        text=f"{text}\nAsked by {asked.grant}.",
        tool=asked.tool,
        caller=asked.grant,
        rule=asked.rule,
        expires=asked.expires_ns / 1e9,
        yes=yes,
        no=no,
        withheld=not arguments,
    )


def _without_arguments(lines: list[str]) -> list[str]:
    """The question's own lines; those of arguments, and of what they stand for, are indented."""
    return [line for line in lines if not line.startswith("  ") and line != STANDS_FOR]
