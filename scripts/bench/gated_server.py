"""alya-mcp's own server with 32 small tools in its catalogue: the same work as the bare server does.

Everything else is the product's: the wire, the dispatcher, the gate with its SQLite state, the audit log.
"""

import gc
import os
import sys
from typing import Literal

gc.disable()  # as `alya-mcp serve` does while it loads

from alya_mcp.server.stdio import claim_standard_streams  # noqa: E402

INCOMING, OUTGOING = claim_standard_streams()

import anyio  # noqa: E402
from pydantic import Field  # noqa: E402

from alya_mcp.app.gate import open_gate  # noqa: E402
from alya_mcp.runtime import logs  # noqa: E402
from alya_mcp.server import session  # noqa: E402
from alya_mcp.server.stdio import open_wire  # noqa: E402
from alya_mcp.settings import Settings  # noqa: E402
from alya_mcp.toolkit.models import Input, Output  # noqa: E402
from alya_mcp.toolkit.services import Hub  # noqa: E402
from alya_mcp.toolkit.tool import Context, Tool  # noqa: E402
from alya_mcp.tools import Catalogue  # noqa: E402


class Arguments(Input):
    window: Literal["session", "day", "month"] = Field("session", description="Span to sum up.")
    limit: int = Field(10, ge=1, le=50, description="Rows at most.")


class Answer(Output):
    value: float = Field(description="The number.")
    tool: str = Field(description="The tool that answered.")


NAMES = tuple(f"tool_{number:02}" for number in range(32))


def make(number: int) -> Tool:
    name = NAMES[number]

    async def handler(arguments: Arguments, context: Context) -> Answer:  # noqa: ARG001
        return Answer(value=1.0, tool=name)

    handler.__name__ = name
    handler.__doc__ = (
        "Report one number of this server. " + "It says what it is for and what it returns. " * 12
    )
    return Tool(
        handler, title=f"Tool {number}", category="Read", risk="Low", price=0.001,
        read_only=True, destructive=False, idempotent=True, open_world=False,
    )  # fmt: skip


async def main() -> None:
    settings = Settings.from_environment()
    logs.set_up(settings.home)
    wire = await open_wire(INCOMING, OUTGOING, lambda: None)
    gc.freeze()
    gc.enable()
    await session.serve(
        Hub(settings, open_gate(settings, NAMES)), wire, lambda: Catalogue(list(map(make, range(32))))
    )


if __name__ == "__main__":
    anyio.run(main)
    sys.stderr.flush()
    os._exit(0)
