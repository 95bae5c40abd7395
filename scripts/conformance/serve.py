"""Serve the conformance suite's fixtures over HTTP: python scripts/conformance/serve.py --port 3901.

Everything but the transport and the fixtures is the product's: catalogue, dispatcher, gate and audit log.
ALYA_HOME and ALYA_POLICY are obeyed; without the first the state is dropped at the end, without a policy
the one beside this file is in force.
"""

import argparse
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from fixtures import BROKEN, FIXTURES, NEEDS
from starlette.applications import Starlette
from wire import FixtureDispatcher

from alya_mcp.app.gate import open_gate
from alya_mcp.runtime import logs
from alya_mcp.server.dispatcher import build_server
from alya_mcp.settings import Settings, secret_words
from alya_mcp.toolkit.services import Hub

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--port", type=int, required=True, help="port of the loopback interface, 0 for a free one"
    )
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("ALYA_HOME", folder)
        settings = Settings.from_environment()
        if settings.policy is None and not (settings.home / "policy.json").exists():
            settings = replace(settings, policy=HERE / "policy.json")
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        logs.set_up(settings.home, secret_words())
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen()  # before the address is told
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            uvicorn.Server(uvicorn.Config(application(settings, url), log_level="warning")).run([listening])


def application(settings: Settings, url: str) -> Starlette:
    """The HTTP application, which prints `url` when it is ready; what the hub opened is closed with it."""
    hub = Hub(settings, open_gate(settings, tuple(FIXTURES)))
    server = build_server(FixtureDispatcher(hub, lambda: FIXTURES, needs=NEEDS, broken=BROKEN))
    app = server.streamable_http_app(host="127.0.0.1")
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: Starlette) -> AsyncIterator[Any]:
        async with inner(served) as state:
            print(url, flush=True)
            yield state
        await hub.aclose()

    app.router.lifespan_context = lifespan
    return app


if __name__ == "__main__":
    main()
