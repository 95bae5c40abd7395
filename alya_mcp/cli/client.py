"""One call to a server that is started for it, by pipe and with the SDK's client: as any MCP client does."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TextIO

import anyio
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.session import ElicitationFnT
from mcp.client.stdio import stdio_client

from alya_mcp.cli.arguments import UnknownTool
from alya_mcp.runtime.python_process import own_command

_WAIT = 600
"""Seconds that a call for unfinished work waits: the most that a tool takes."""

ReadArguments = Callable[[Mapping[str, Any]], dict[str, Any]]


class ShowProgress(Protocol):
    """Shows the user the progress of the call."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Show that `progress` of `total` (same unit) is reached; `message` says what is going on."""
        ...


class NoAnswer(Exception):
    """The call ended without a result; the text says why, for the user."""


def server_command(policy: Path | None) -> list[str]:
    """How to start the server: this Python and this copy of alya_mcp, whatever the current folder holds."""
    words = own_command("serve")
    return words if policy is None else [*words, "--policy", str(policy)]


async def call_tool(
    tool: str, read: ReadArguments, *, policy: Path | None, seconds: float | None, progress: ShowProgress,
    words: TextIO, person: ElicitationFnT | None = None,
) -> types.CallToolResult:  # fmt: skip
    """Start a server, call `tool` with what `read` makes of its input schema, end the server.

    The server inherits the whole environment and writes its standard error to `words`. `seconds` is how
    long the call alone may take, the answers of a `person` that the server may ask for included.

    Raises:
        UnknownTool: before anything was called.
        NoAnswer: when the server ended, refused the message, or took longer than `seconds`.
    """
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    command, *arguments = server_command(policy)
    server = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    outcome: types.CallToolResult | Exception | None = None
    try:
        async with Client(stdio_client(server, words), elicitation_callback=person) as client:
            try:
                outcome = await _call(client, tool, read, seconds, progress)
            except (UnknownTool, NoAnswer, MCPError, RuntimeError) as error:
                outcome = error
    except* MCPError as group:
        outcome = outcome or _first(group)
    if isinstance(outcome, types.CallToolResult):
        return outcome
    if isinstance(outcome, UnknownTool | NoAnswer):
        raise outcome
    if isinstance(outcome, MCPError) and outcome.code != types.CONNECTION_CLOSED:
        raise NoAnswer(f"The server refused the call: {outcome}")
    if isinstance(outcome, RuntimeError):
        raise NoAnswer(f"The server's answer can't be used: {outcome}")
    raise NoAnswer("The server ended before it answered; what it said stands above. Try `alya-mcp doctor`.")


async def _call(
    client: Client, tool: str, read: ReadArguments, seconds: float | None, progress: ShowProgress
) -> types.CallToolResult:
    listed = {each.name: each for each in (await client.list_tools()).tools}
    if tool not in listed:
        raise UnknownTool(tool, listed)
    arguments = read(listed[tool].input_schema)
    with anyio.move_on_after(seconds):
        result = await client.call_tool(tool, arguments, progress_callback=progress)
        while job := _unfinished(result):
            arguments = {**arguments, "job": job, "wait": _WAIT}
            result = await client.call_tool(tool, arguments, progress_callback=progress)
        return result
    raise NoAnswer(f"{tool} didn't answer within {seconds:g} s and was cancelled.")


def _unfinished(result: types.CallToolResult) -> str | None:
    """The job that an answer names when the work goes on; the server would end with its client."""
    answer: Mapping[str, Any] = result.structured_content or {}
    return answer["job"] if answer.get("state") == "drawing" else None


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first exception in a group of groups."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
