"""`alya-mcp serve`: the stdio server.

Imports nothing but the standard streams' module until they are claimed, so that no import can write into the
protocol.
"""

import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from alya_mcp.server.stdio import claim_standard_streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from alya_mcp.gate import Gate
    from alya_mcp.server.opening import Opening
    from alya_mcp.settings import Settings
    from alya_mcp.tools import Catalogue

USAGE = """\
Usage: alya-mcp serve [--policy FILE]

Serve MCP over standard input and output; a client starts this. With no arguments alya-mcp does the same.

Options:
  --policy FILE  The policy to obey (default: ALYA_POLICY, policy.json in ALYA_HOME, then the packaged one).
  --help         Show this and exit.

Exit status: 0 at the end of input or after a signal, 1 when the end had to be forced (the client left answers
unread, or a call didn't stop), 2 when an option or a setting is wrong.
"""
_ON_A_TERMINAL = (
    "alya-mcp: this is an MCP server waiting for a client on standard input. Try instead:\n"
    '  alya-mcp call image_gen prompt="a red circle"   make one call from here\n'
    "  alya-mcp doctor                                  see what works on this machine\n"
    "  alya-mcp --help                                  all commands\n"
    "Press Ctrl-C to end."
)


def main(arguments: list[str], load: "Callable[[], Catalogue] | None" = None) -> NoReturn:
    """Serve until the client closes standard input; ends the process.

    `load` brings other tools than the catalogue's; the first answers are then the SDK's too.
    """
    policy = _parse(arguments)
    terminal = sys.stdin is not None and sys.stdin.isatty()
    incoming, outgoing = claim_standard_streams()
    if terminal:
        sys.stderr.write(_ON_A_TERMINAL + "\n")
    status = _serve(incoming, outgoing, policy, load)
    sys.stderr.flush()
    os._exit(status)


def _serve(incoming: int, outgoing: int, policy: str | None, load: "Callable[[], Catalogue] | None") -> int:
    gc.disable()  # what is imported stays; looking through it again and again took a seventh of the start
    from contextlib import suppress
    from dataclasses import replace

    from alya_mcp.runtime.paths import expanded
    from alya_mcp.settings import Settings, SettingsError, secret_words

    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"alya-mcp: {error}\n")
        return 2
    if policy is not None:
        settings = replace(settings, policy=expanded(policy).absolute())

    from alya_mcp.app.gate import open_gate
    from alya_mcp.server.stdio import is_event_driven

    with suppress(OSError):  # an unusable folder denies every call, in words that name it
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    gate = open_gate(settings, None if load is None else tuple(load()))
    opening = None
    if load is None and is_event_driven(incoming, outgoing):
        opening = _open(incoming, outgoing, settings, gate)
    beside = _go_on(opening)

    import anyio

    from alya_mcp.runtime import logs
    from alya_mcp.server.session import serve
    from alya_mcp.server.stdio import open_wire
    from alya_mcp.toolkit.services import Hub
    from alya_mcp.tools import load_catalogue

    logs.set_up(settings.home, secret_words())

    async def run() -> int:
        beside()
        unread, unsent = (opening.unread, opening.unsent) if opening else (b"", b"")
        wire = await open_wire(incoming, outgoing, _report_oversized, unread, unsent)
        gc.freeze()
        gc.enable()
        return await serve(Hub(settings, gate), wire, load or load_catalogue, opening)

    try:
        return anyio.run(run)
    except KeyboardInterrupt:
        return 130


def _open(incoming: int, outgoing: int, settings: "Settings", gate: "Gate") -> "Opening":
    """Give the first answers; returns when the client has its list of tools, or waits for the SDK."""
    from alya_mcp.gate import StateError
    from alya_mcp.server.opening import Opening
    from alya_mcp.toolkit.caller import Caller

    def visible(tools: list[str]) -> list[str]:
        caller = Caller(settings)
        try:
            label = caller.label()
        except StateError:
            label = None
        finally:
            caller.close()
        return [tool for tool in tools if not gate.hidden(tool, label)]

    opening = Opening(incoming, outgoing, visible)
    opening.run(until_idle=True)
    return opening


def _go_on(opening: "Opening | None") -> "Callable[[], None]":
    """Go on answering beside the import of the SDK; returns what ends that."""
    if opening is None or opening.finished:
        return lambda: None
    import threading

    thread = threading.Thread(target=opening.run, kwargs={"until_idle": False}, daemon=True)
    thread.start()

    def end() -> None:
        opening.stop()
        thread.join()

    return end


def _report_oversized() -> None:
    import logging

    logging.getLogger(__name__).warning("a line of more than 16 MiB was skipped")


def _parse(arguments: list[str]) -> str | None:
    policy: str | None = None
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if option in {"--help", "-h"}:
            sys.stdout.write(USAGE)
            sys.exit(0)
        if option == "--policy" and rest:
            policy = rest.pop(0)
        elif option.startswith("--policy="):
            policy = option.removeprefix("--policy=")
        else:
            sys.stderr.write(
                f"alya-mcp serve: {option!r} is not an option of serve, or lacks its value\n\n{USAGE}"
            )
            sys.exit(2)
    return policy
